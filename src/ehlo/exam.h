/* SPDX-License-Identifier: Apache-2.0 */
/* exam: what `ehlo check`, `relay`, `tls` and `mx` share: places (one server
 * at one port), sessions with them, and what was seen there. Looking comes
 * first (exam_look), judging after it (exam_judge), so that every judgement
 * can be tested without a server.
 *
 * 1. No message is delivered: a transaction ends behind RCPT by RSET. The one
 *    exception is asked for by name (--smuggling) and goes to the recipient
 *    given there.
 * 2. Whatever a server does, it is over in a bounded time: each answer has a
 *    deadline, and who missed two is asked nothing more. */
#ifndef EHLO_EXAM_H
#define EHLO_EXAM_H

#include <stdint.h>

#include "ehlo/login.h"
#include "ehlo/report.h"
#include "ehlo/session.h"
#include "net/dns.h"

struct relay;

/* What one command came to. */
struct exam_answer {
	bool is_tried;
	enum session_result result;
	unsigned code;		/* 0 unless result is SESSION_OK */
	uint16_t status[3];
	char text[512];		/* of the answer, raw; lines by '\n' */
	char why[256];		/* unless SESSION_OK; may hold raw bytes */
};

struct exam_hello {
	bool is_tried;
	bool is_extended;	/* EHLO, not HELO */
	unsigned code;
	struct cap_set caps;
	char auth[SMTP_CLIENT_AUTH_MAX];	/* upper case, one space */
	char text[2048];	/* raw */
};

enum exam_role {
	EXAM_MX,		/* port 25: mail from the world */
	EXAM_SUBMISSION,	/* 587, 465: mail of its own users */
	EXAM_OTHER		/* another port: judged mildly */
};

struct exam_place {
	char host[256];		/* the name that its certificate must have;
				 * an address, if that was typed */
	char address[64];	/* connected to; "" : the name itself */
	uint16_t port;
	bool is_implicit;	/* TLS from the first byte */
	enum exam_role role;
	char label[300];	/* "mail.example.org:25", quoted */
	const struct tlsa *tlsa;	/* got securely */
	size_t tlsa_n;
};

#define EXAM_VERSIONS 4
struct exam_version {
	enum exam_try { EXAM_UNTRIED, EXAM_ACCEPTED, EXAM_REFUSED } state;
	char cipher[64];
	char group[32];
	char why[160];
};

#define EXAM_FORMS 4
#define EXAM_REVERSE_MAX 4

struct exam_facts {
	struct exam_answer connect;	/* and the greeting's end */
	struct exam_answer greeting;
	struct exam_answer hello;	/* to the first EHLO */
	unsigned connect_ms;
	unsigned flaws;			/* enum answer_flaw of all answers */
	unsigned hangs;			/* deadlines missed */
	struct exam_hello clear, tls;	/* before and after STARTTLS */
	struct exam_answer nonsense;	/* a command that does not exist */
	struct exam_answer quit;
	struct exam_answer starttls;	/* and its handshake */
	bool has_tls;			/* `cert` is filled in */
	struct tls_facts cert;
	struct exam_answer clear_auth, clear_mail;
	struct exam_answer injection;	/* behind it: the answer to QUIT */
	struct exam_version version[EXAM_VERSIONS];
	struct exam_version weak;	/* ciphers that protect nothing */
	struct exam_version anonymous;	/* those without a certificate */
	const char *login_mech;
	struct exam_answer login, wrong, wrong_known;
	struct exam_answer vrfy, vrfy_none, expn;
	struct exam_answer rcpt, rcpt_none;
	struct exam_answer bare_lf;	/* behind it: the answer to QUIT */
	struct exam_answer smuggled[EXAM_FORMS];
	bool is_smuggled[EXAM_FORMS];	/* it came as far as the text */
	struct relay *relay;
	/* of the address: in DNS */
	char reverse[EXAM_REVERSE_MAX][256];
	size_t reverse_n;
	bool is_reverse_tried, is_reverse_failed, is_confirmed;
};

struct exam {
	/* set by the command; zero is a sensible default */
	struct session_options session;	/* host and port are replaced */
	struct login *login;		/* NULL: none */
	struct dns *dns;		/* NULL: no questions */
	struct report *report;
	char inside[256];		/* a domain of the server's; "" */
	char known[320];		/* an address there that exists */
	char outside[320];		/* an address of others */
	char sender[320];		/* what the login may send as; "" */
	bool trusts_anybody;		/* the password goes to a server with a
					 * wrong certificate, too */
	const char *smuggling;		/* recipient; NULL: not tried */
	unsigned smuggling_ms;		/* how long an answer may take */
	const struct args_list *skip;	/* steps by name */
	bool is_own_resolver;		/* dns asks others than the system's */
};

/* Fills label and role; false if `host` is too long. */
bool exam_place_set(struct exam_place *place, const char *host,
    const char *address, uint16_t port);

/* --- sessions */

enum exam_depth {
	EXAM_CONNECTED,		/* and TLS, if implicit */
	EXAM_GREETED,
	EXAM_HELLO,		/* in clear, or implicit TLS */
	EXAM_TLS		/* STARTTLS if need be, and EHLO again */
};

/* A session that came as far as `depth`, or NULL; `*out` is the last word in
 * both cases. `tls` NULL: the exam's own. A server that does not offer
 * STARTTLS is asked for it nevertheless. */
struct session *exam_dial(const struct exam *exam,
    const struct exam_place *place, enum exam_depth depth,
    struct tls_client *tls, struct exam_answer *out);
/* Is it TLS that the silent server at `place` waits for? Looked at only if
 * nobody said what to expect of the port. */
bool exam_waits_for_tls(const struct exam *exam,
    const struct exam_place *place, const struct exam_answer *silence);
/* One command, its answer kept in `*out`. */
__attribute__((format(printf, 4, 5)))
enum session_result exam_say(struct session *session,
    enum smtp_step_type type, struct exam_answer *out,
    const char *format, ...);
/* The session's last answer and result. */
void exam_keep(const struct session *session, enum session_result result,
    struct exam_answer *out);
void exam_keep_hello(const struct session *session, struct exam_hello *out);
/* QUIT if it is still there; frees. NULL is allowed. */
void exam_hang_up(struct session *session);
/* Logs in, but over TLS only if the certificate is right (or trusts_anybody):
 * else SESSION_LOCAL. The mechanism taken comes back in `*mech`. */
enum session_result exam_log_in(const struct exam *exam,
    struct session *session, struct exam_answer *out, const char **mech);

static inline bool
exam_is_ok(const struct exam_answer *answer)
{
	return answer->is_tried && answer->result == SESSION_OK &&
	    answer->code >= 200 && answer->code < 400;
}
/* Later, it says; nobody knows what it will say then (greylisting). 454 is what
 * Postfix says to mail for others, now and later. */
static inline bool
exam_is_put_off(const struct exam_answer *answer)
{
	return answer->code == 421 || (answer->code >= 450 &&
	    answer->code <= 452);
}
static inline bool
exam_is_refused(const struct exam_answer *answer)
{
	return answer->is_tried && answer->result == SESSION_OK &&
	    answer->code >= 400;
}

/* --- looking and judging */

/* One line that goes away again, on a terminal only; NULL: only away. */
__attribute__((format(printf, 1, 2)))
void exam_progress(const char *format, ...);
/* Goes through all steps at `place`; `facts` is zeroed first. */
void exam_look(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts);
void exam_facts_free(struct exam_facts *facts);
/* The names of the steps that may be left out, for --help: NULL at the end. */
const char *exam_step_name(size_t i);
/* Judges what was seen, into exam->report. */
void exam_judge(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts);

/* The wrong ends of data that were tried: "LF . LF". */
const char *exam_form_name(size_t i);
/* The versions and the weak ciphers alone. */
void exam_try_versions(const struct exam *exam,
    const struct exam_place *place, struct exam_facts *facts);
/* All ciphers that are accepted with one version, in the server's order;
 * returns how many. */
size_t exam_try_ciphers(const struct exam *exam,
    const struct exam_place *place, enum tls_version version,
    char out[][64], size_t max);
/* The names of the TLS versions, "1.0" first. */
const char *exam_version_name(size_t i);

/* "550 5.1.1 no such user", or why there was no answer; quoted, cut. */
const char *exam_words(const struct exam *exam,
    const struct exam_answer *answer);

#endif
