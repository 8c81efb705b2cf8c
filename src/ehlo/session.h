/* SPDX-License-Identifier: Apache-2.0 */
/* session: a dialogue with a mail server, as the subcommands of ehlo hold it:
 * the client engine (smtp/client.h) over a blocking connection with
 * deadlines. Everything a server does wrong comes back as a result and words;
 * nothing it sends can hang, crash or fill the memory.
 *
 *     session_new → session_open → session_hello → session_starttls →
 *     session_hello → session_auth → session_say … → session_quit → free
 */
#ifndef EHLO_SESSION_H
#define EHLO_SESSION_H

#include <stdint.h>
#include <stdio.h>

#include "base/span.h"
#include "net/tls_client.h"
#include "sasl/client.h"
#include "smtp/client.h"

struct session;

enum session_result {
	SESSION_OK,		/* an answer has come, whatever it says */
	SESSION_UNREACHED,	/* name not found, refused, no route, … */
	SESSION_TIMEOUT,	/* connected, but no answer in time */
	SESSION_CLOSED,		/* the server ended the connection */
	SESSION_BROKEN,		/* what came is no SMTP */
	SESSION_TLS_FAILED,	/* the handshake, or the verdict if that was
				 * demanded */
	SESSION_LOCAL		/* our own fault: a file, a mechanism that we
				 * have not, input too large */
};

/* What happens, for -v, --record, talk's screen: told as it happens. */
enum session_news {
	SESSION_NOTE,		/* "connected to 192.0.2.1 port 25", "TLS …" */
	SESSION_SAID,		/* a line of ours, without its end */
	SESSION_SAID_SECRET,	/* the same, with a secret in it */
	SESSION_HEARD		/* a line of the server's; any bytes */
};
typedef void session_tell(void *arg, enum session_news news,
    struct span text);

struct session_options {
	/* Where to: a name, an address ("192.0.2.1", "2001:db8::1") … */
	const char *host;
	uint16_t port;			/* 0: 25 */
	const char *unix_path;		/* … or a local socket instead */
	int family;			/* AF_UNSPEC, AF_INET, AF_INET6 */
	const char *source;		/* our address; NULL: any */
	unsigned source_port;
	bool is_implicit_tls;		/* TLS from the first byte */
	struct tls_client *tls;		/* NULL: made with the defaults when
					 * TLS is wanted */
	const char *tls_name;		/* asked for and checked; NULL: host */
	const struct tlsa *tlsa;	/* any: DANE judges (tls_client.h) */
	size_t tlsa_n;
	const char *hello;		/* name of ours; NULL: the machine's */
	bool is_lmtp;
	bool no_pipelining;
	bool is_stubborn;		/* see smtp/client.h */
	struct span proxy;		/* bytes sent before all else: a PROXY
					 * header (v1 or v2) */
	unsigned connect_ms;		/* 0: 30 s */
	unsigned answer_ms;		/* 0: as RFC 5321 4.5.3.2 says */
	session_tell *tell;		/* may be NULL */
	void *tell_arg;
};

/* Options are copied, but not what they point to. */
struct session *session_new(const struct session_options *options);
/* Ends the connection without a word if it is still there. */
void session_free(struct session *session);

/* Connects (each address in turn), TLS if implicit, hears the greeting. */
enum session_result session_open(struct session *session);
/* The two halves of session_open: without waiting for the greeting. */
enum session_result session_connect(struct session *session);
enum session_result session_greeting(struct session *session);

/* One command and its answer. `line` without CRLF; a line that holds CR or LF
 * is SESSION_LOCAL. session_answer() is what was heard. */
enum session_result session_say(struct session *session,
    enum smtp_step_type type, struct span line);
__attribute__((format(printf, 3, 4)))
enum session_result session_sayf(struct session *session,
    enum smtp_step_type type, const char *format, ...);
/* The same for a line with a secret in it. */
enum session_result session_say_secret(struct session *session,
    enum smtp_step_type type, struct span line);
/* EHLO (LHLO) with options.hello; if it is refused by 5xx, HELO. */
enum session_result session_hello(struct session *session);
/* Says STARTTLS; if it is answered 220, does the handshake. An answer other
 * than 220 is SESSION_OK: look at session_answer(). */
enum session_result session_starttls(struct session *session);
/* The handshake alone (implicit TLS is done by session_connect). */
enum session_result session_start_tls(struct session *session);
/* A whole AUTH exchange; random and channel bindings are filled in. `mech`
 * NULL: the strongest offered that `options` has what it needs for; in clear
 * text no mechanism that shows the password is chosen. The last answer is
 * session_answer(): 235, 535, … */
enum session_result session_auth(struct session *session,
    const struct sasl_client_mech *mech,
    const struct sasl_client_options *options, bool no_initial_response);
/* The same for an AUTH that was said without an initial response and answered
 * 334: all that comes then. */
enum session_result session_auth_rest(struct session *session,
    const struct sasl_client_mech *mech,
    const struct sasl_client_options *options);
/* The mechanism that session_auth took last, or NULL. */
const struct sasl_client_mech *session_mech(const struct session *session);
/* Sends what `read` gives (count, 0 at the end, -errno) as the text behind a
 * DATA that was answered 354; the answer to the end of data (LMTP: the last
 * one; each is told). */
typedef ssize_t session_read(void *arg, char *out, size_t len);
enum session_result session_send_text(struct session *session,
    session_read *read, void *arg);
/* QUIT and its answer; then closes. */
enum session_result session_quit(struct session *session);

/* Many steps at once, pipelined where the server can: the caller's steps stay
 * his (smtp/client.h); `each` is called for every event but MORE. TEXT steps
 * are fed by `read`. Returns when all are finished or the connection is over;
 * a STARTTLS among them is the last. */
typedef void session_each(void *arg, const struct smtp_client_event *event);
enum session_result session_run(struct session *session,
    struct smtp_step **steps, size_t n, session_read *read, void *read_arg,
    session_each *each, void *each_arg);

/* Exactly these bytes, slow or fast, whatever they are. */
enum session_result session_send_raw(struct session *session,
    struct span bytes);
/* Waits up to `wait_ms` (0: only looks) for an answer that may come or not:
 * SESSION_TIMEOUT if none did. */
enum session_result session_hear(struct session *session, unsigned wait_ms);
/* For poll(2) of whoever waits for a terminal, too; -1: closed. If
 * session_has_input() there is something to hear without it. */
int session_fd(const struct session *session);
bool session_has_input(const struct session *session);
void session_close(struct session *session);	/* without QUIT */
/* The same, but by RST. */
void session_reset(struct session *session);

/* --- looking */
/* The last answer; code 0 if none has come. Lives until the next one. */
const struct answer *session_answer(const struct session *session);
/* In words, for a person: why the last result was not SESSION_OK. */
const char *session_why(const struct session *session);
/* caps, auth, is_extended, is_tls. */
const struct smtp_client *session_engine(const struct session *session);
/* NULL without TLS (also after a failed handshake, if it came that far). */
const struct tls_facts *session_tls(const struct session *session);
struct ssl_st *session_ssl(struct session *session);
/* "192.0.2.1" and port of both ends; "" for a local socket. */
const char *session_peer(const struct session *session);
const char *session_local(const struct session *session);
/* The name that EHLO says. */
const char *session_own_name(const struct session *session);
/* ms from the beginning of session_connect to its end. */
unsigned session_connect_took(const struct session *session);

#endif
