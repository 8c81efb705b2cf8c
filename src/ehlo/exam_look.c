/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an examination: each opens its own sessions, looks at one
 * thing, and leaves what it saw in the facts. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/exam.h"
#include "ehlo/relay.h"

typedef void look(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts);

static bool
has_cap(const struct exam_hello *hello, enum cap cap)
{
	return hello->is_tried && (hello->caps.bits & 1u << cap) != 0;
}

/* What can be had: TLS if it is offered. */
static enum exam_depth
best_depth(const struct exam_facts *facts)
{
	return facts->has_tls && facts->tls.is_tried ? EXAM_TLS : EXAM_HELLO;
}

static void
count_flaws(const struct session *session, struct exam_facts *facts)
{
	facts->flaws |= session_answer(session)->flaws;
}

/* --- the greeting, and all that EHLO tells */

static void
look_hello(struct session *session, struct exam_hello *hello,
    struct exam_facts *facts, struct exam_answer *last)
{
	enum session_result result = session_hello(session);

	exam_keep(session, result, last);
	if (result != SESSION_OK)
		return;
	exam_keep_hello(session, hello);
	count_flaws(session, facts);
}

static void
look_starttls(struct session *session, struct exam_facts *facts)
{
	struct exam_answer last;
	enum session_result result = session_starttls(session);

	exam_keep(session, result, &facts->starttls);
	if (session_tls(session) != NULL) {
		facts->cert = *session_tls(session);
		facts->has_tls = result == SESSION_OK;
	}
	if (result != SESSION_OK || facts->starttls.code != 220)
		return;
	look_hello(session, &facts->tls, facts, &last);
	if (last.result != SESSION_OK)
		facts->starttls = last;
}

static void
look_greeting(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct session *session = exam_dial(exam, place, EXAM_CONNECTED,
	    NULL, &facts->connect);

	if (session == NULL)
		return;
	facts->connect_ms = session_connect_took(session);
	if (place->is_implicit && session_tls(session) != NULL) {
		facts->cert = *session_tls(session);
		facts->has_tls = true;
	}
	exam_keep(session, session_greeting(session), &facts->greeting);
	if (facts->greeting.code != 220)
		goto out;
	count_flaws(session, facts);
	look_hello(session, place->is_implicit ? &facts->tls : &facts->clear,
	    facts, &facts->hello);
	if (facts->hello.result != SESSION_OK)
		goto out;
	if (exam_say(session, STEP_OTHER, &facts->nonsense, "XEHLOCHECK") !=
	    SESSION_OK)
		goto out;
	count_flaws(session, facts);
	if (!place->is_implicit && has_cap(&facts->clear, CAP_STARTTLS)) {
		look_starttls(session, facts);
		if (facts->starttls.result != SESSION_OK)
			goto out;
	}
	(void)exam_say(session, STEP_QUIT, &facts->quit, "QUIT");
out:
	session_free(session);
}

/* --- what is allowed before TLS */

static void
look_clear(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct exam_answer answer;
	struct session *session;

	if (place->is_implicit || !facts->clear.is_tried)
		return;
	session = exam_dial(exam, place, EXAM_HELLO, NULL, &answer);
	if (session == NULL)
		return;
	/* 334 would have been the beginning; nothing secret is said */
	if (exam_say(session, STEP_OTHER, &facts->clear_auth, "AUTH LOGIN") ==
	    SESSION_OK && facts->clear_auth.code == 334)
		(void)exam_say(session, STEP_OTHER, &answer, "*");
	if (session_fd(session) >= 0 && exam_say(session, STEP_MAIL,
	    &facts->clear_mail, "MAIL FROM:<%s>", exam->outside) == SESSION_OK)
		(void)exam_say(session, STEP_RSET, &answer, "RSET");
	exam_hang_up(session);
}

/* --- CVE-2011-0411: a command behind STARTTLS, in the same packet. If it is
 * obeyed inside of TLS, its answer comes first: then the one to QUIT is not
 * 221, but the one to EHLO. No clock is needed for that. */

static void
look_injection(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct exam_answer answer;
	struct session *session;

	if (!has_cap(&facts->clear, CAP_STARTTLS) || !facts->has_tls)
		return;
	session = exam_dial(exam, place, EXAM_HELLO, NULL, &answer);
	if (session == NULL)
		return;
	if (session_say(session, STEP_RAW, SPAN("STARTTLS\r\nNOOP\r\n")) !=
	    SESSION_OK || session_answer(session)->code != 220) {
		/* refused as a whole: as good as forgotten */
		facts->injection = (struct exam_answer){ .is_tried = true,
			.code = 221 };
		goto out;
	}
	if (session_start_tls(session) != SESSION_OK ||
	    session_hello(session) != SESSION_OK) {
		facts->injection = (struct exam_answer){ .is_tried = true,
			.code = 221 };
		goto out;
	}
	(void)exam_say(session, STEP_QUIT, &facts->injection, "QUIT");
out:
	session_free(session);
}

/* --- what a login may be */

/* AUTH with a made-up password; `user` must not be logged in by it. */
static void
try_wrong(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts, struct span user,
    struct exam_answer *out)
{
	const struct exam_hello *hello = facts->has_tls ? &facts->tls :
	    &facts->clear;
	const struct sasl_client_mech *mech = sasl_client_find(
	    strstr(hello->auth, "PLAIN") != NULL ? SPAN("PLAIN") :
	    SPAN("LOGIN"));
	char password[40];
	struct sasl_client_options options = { .authcid = user,
		.password = span_of(password, 0) };
	struct exam_answer answer;
	struct session *session = exam_dial(exam, place, best_depth(facts),
	    NULL, &answer);

	if (session == NULL)
		return;
	snprintf(password, sizeof password, "wrong-%08lx%08lx",
	    random() & 0xffffffff, random() & 0xffffffff);
	options.password = span_str(password);
	if (mech != NULL)
		exam_keep(session, session_auth(session, mech, &options,
		    false), out);
	exam_hang_up(session);
}

static void
look_wrong_password(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	const struct exam_hello *hello = facts->has_tls ? &facts->tls :
	    &facts->clear;
	char user[64];

	if (strstr(hello->auth, "PLAIN") == NULL &&
	    strstr(hello->auth, "LOGIN") == NULL)
		return;
	snprintf(user, sizeof user, "ehlo-check-%08lx",
	    random() & 0xffffffff);
	try_wrong(exam, place, facts, span_str(user), &facts->wrong);
	if (exam->login != NULL && exam->login->sasl.authcid.len > 0)
		try_wrong(exam, place, facts, exam->login->sasl.authcid,
		    &facts->wrong_known);
}

static void
look_login(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct exam_answer answer;
	struct session *session;

	if (exam->login == NULL ||
	    (facts->clear.auth[0] == '\0' && facts->tls.auth[0] == '\0'))
		return;
	session = exam_dial(exam, place, best_depth(facts), NULL, &answer);
	if (session == NULL)
		return;
	(void)exam_log_in(exam, session, &facts->login, &facts->login_mech);
	exam_hang_up(session);
}

/* --- who may send to whom */

static void
look_relay(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	bool has_tls = best_depth(facts) == EXAM_TLS;

	facts->relay = mem_new(sizeof *facts->relay);
	relay_look(exam, place, has_tls ? RELAY_TLS : RELAY_CLEAR, true,
	    facts->relay);
	if (exam->login != NULL && facts->login.code == 235)
		relay_look(exam, place, has_tls ? RELAY_TLS_LOGIN :
		    RELAY_CLEAR_LOGIN, false, facts->relay);
}

/* --- who lives there */

static void
look_names(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct exam_answer answer;
	char nobody[64];
	struct session *session = exam_dial(exam, place, best_depth(facts),
	    NULL, &answer);

	if (session == NULL)
		return;
	snprintf(nobody, sizeof nobody, "ehlo-check-%08lx",
	    random() & 0xffffffff);
	if (exam_say(session, STEP_OTHER, &facts->vrfy, "VRFY %s",
	    exam->known[0] != '\0' ? exam->known : "postmaster") !=
	    SESSION_OK || exam_say(session, STEP_OTHER, &facts->vrfy_none,
	    "VRFY %s", nobody) != SESSION_OK || exam_say(session, STEP_OTHER,
	    &facts->expn, "EXPN postmaster") != SESSION_OK)
		goto out;
	if (exam->inside[0] == '\0' || exam_say(session, STEP_MAIL, &answer,
	    "MAIL FROM:<>") != SESSION_OK || answer.code != 250)
		goto out;
	if (exam_say(session, STEP_RCPT, &facts->rcpt, "RCPT TO:<%s>",
	    exam->known) == SESSION_OK && exam_say(session, STEP_RCPT,
	    &facts->rcpt_none, "RCPT TO:<%s@%s>", nobody, exam->inside) ==
	    SESSION_OK)
		(void)exam_say(session, STEP_RSET, &answer, "RSET");
out:
	exam_hang_up(session);
}

/* --- bare LF */

/* Two commands if LF ends one, else one: the answer to QUIT tells. */
static void
look_bare_lf(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct exam_answer answer;
	struct session *session = exam_dial(exam, place, best_depth(facts),
	    NULL, &answer);

	if (session == NULL)
		return;
	if (session_say(session, STEP_RAW, SPAN("NOOP\nNOOP\r\n")) ==
	    SESSION_OK)
		(void)exam_say(session, STEP_QUIT, &facts->bare_lf, "QUIT");
	session_free(session);
}

static const struct {
	const char *words;
	struct span bytes;
} forms[EXAM_FORMS] = {
	{ "LF . LF", { "\n.\n", 3 } },
	{ "LF . CR LF", { "\n.\r\n", 4 } },
	{ "CR . CR", { "\r.\r", 3 } },
	{ "CR LF . LF", { "\r\n.\n", 4 } },
};

const char *
exam_form_name(size_t i)
{
	return forms[i].words;
}

/* As far as 354 and the text: that it has gone through a hundred servers
 * already is what should stop it, should it be taken (RFC 5321 6.3). */
static struct session *
begin_smuggling(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts, struct exam_answer *out)
{
	struct session *session = exam_dial(exam, place, best_depth(facts),
	    NULL, out);
	struct buf text;

	if (session == NULL)
		return NULL;
	if (exam_say(session, STEP_MAIL, out, "MAIL FROM:<>") != SESSION_OK ||
	    (out->code != 250 && exam_say(session, STEP_MAIL, out,
	    "MAIL FROM:<%s>", exam->smuggling) != SESSION_OK) ||
	    out->code != 250 || exam_say(session, STEP_RCPT, out,
	    "RCPT TO:<%s>", exam->smuggling) != SESSION_OK ||
	    out->code / 10 != 25 || exam_say(session, STEP_OTHER, out,
	    "DATA") != SESSION_OK || out->code != 354)
		goto fail;
	buf_init(&text, 65536);
	for (unsigned i = 0; i < 120; i++)
		(void)buf_printf(&text, "Received: from a by b; "
		    "Thu, 1 Jan 1970 00:00:%02u +0000\r\n", i % 60);
	(void)buf_printf(&text, "From: <>\r\nSubject: ehlo check: this should "
	    "never have been delivered\r\n\r\nA wrong end of data was taken "
	    "for the right one.");
	if (session_send_raw(session, buf_span(&text)) == SESSION_OK) {
		buf_free(&text);
		return session;
	}
	buf_free(&text);
fail:
	if (session_fd(session) >= 0)
		session_reset(session);
	session_free(session);
	return NULL;
}

/* All forms at once, one wait; then the connections are cut, so that no text
 * ever gets a right end. */
static void
look_smuggling(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct session *session[EXAM_FORMS];
	unsigned wait_ms = exam->smuggling_ms;

	if (exam->smuggling == NULL)
		return;
	for (size_t i = 0; i < EXAM_FORMS; i++) {
		session[i] = begin_smuggling(exam, place, facts,
		    &facts->smuggled[i]);
		if (session[i] != NULL)
			facts->is_smuggled[i] = session_send_raw(session[i],
			    forms[i].bytes) == SESSION_OK;
	}
	for (size_t i = 0; i < EXAM_FORMS; i++) {
		if (session[i] == NULL)
			continue;
		exam_keep(session[i], session_hear(session[i], wait_ms),
		    &facts->smuggled[i]);
		wait_ms = 200;	/* they all had the first one's time */
		session_reset(session[i]);
		session_free(session[i]);
	}
}

/* --- all of it */

static const struct {
	const char *name;
	const char *words;
	look *look;
} steps[] = {
	{ "greeting", "greeting, EHLO, STARTTLS", look_greeting },
	{ "clear", "what is allowed before TLS", look_clear },
	{ "injection", "commands behind STARTTLS", look_injection },
	{ "versions", "versions of TLS", exam_try_versions },
	{ "login", "the login", look_login },
	{ "wrong-password", "a wrong password", look_wrong_password },
	{ "relay", "relaying", look_relay },
	{ "names", "VRFY, EXPN, RCPT", look_names },
	{ "bare-lf", "bare LF", look_bare_lf },
	{ "smuggling", "wrong ends of data", look_smuggling },
};

const char *
exam_step_name(size_t i)
{
	return i < countof(steps) ? steps[i].name : NULL;
}

static bool
is_skipped(const struct exam *exam, const char *name)
{
	for (size_t i = 0; exam->skip != NULL && i < exam->skip->n; i++)
		if (strcmp(exam->skip->word[i], name) == 0)
			return true;
	return false;
}

static unsigned
count_hangs(const struct exam_facts *f)
{
	const struct exam_answer *const all[] = { &f->connect, &f->greeting,
		&f->hello, &f->nonsense, &f->quit, &f->starttls, &f->clear_auth,
		&f->clear_mail, &f->injection, &f->login, &f->wrong,
		&f->wrong_known, &f->vrfy, &f->vrfy_none, &f->expn, &f->rcpt,
		&f->rcpt_none, &f->bare_lf };
	unsigned n = 0;

	for (size_t i = 0; i < countof(all); i++)
		n += all[i]->is_tried && all[i]->result == SESSION_TIMEOUT;
	for (size_t i = 0; f->relay != NULL && i < RELAY_ROWS_MAX; i++)
		for (size_t c = 0; c < RELAY_COLUMNS; c++)
			n += f->relay->cell[i][c].is_tried &&
			    f->relay->cell[i][c].answer.result ==
			    SESSION_TIMEOUT;
	return n;
}

/* Without a greeting there is nothing more to see, and who misses deadlines
 * would miss the others, too. */
static bool
is_over(const struct exam_facts *facts)
{
	return facts->greeting.code != 220 ||
	    facts->hello.result != SESSION_OK || facts->hangs >= 2;
}

void
exam_look(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	*facts = (struct exam_facts){ .login_mech = "" };
	for (size_t i = 0; i < countof(steps); i++) {
		if (i > 0 && (is_over(facts) ||
		    is_skipped(exam, steps[i].name)))
			continue;
		exam_progress("%s: %s", place->label, steps[i].words);
		steps[i].look(exam, place, facts);
		facts->hangs = count_hangs(facts);
	}
	exam_progress(NULL);
}
