/* SPDX-License-Identifier: Apache-2.0 */
/* One loop, pump(), does everything: say what may be said, feed text, hear,
 * until every step is told. What is left over of the input stays for the next
 * call. */
#include "ehlo/session.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "ehlo/session_priv.h"

#define SILENCE_MS 5000		/* of a server; then it is remarked */

/* --- telling */

void
session_told(struct session *session, enum session_news news,
    struct span text)
{
	if (session->options.tell != NULL)
		session->options.tell(session->options.tell_arg, news, text);
}

void
session_note(struct session *session, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	session_told(session, SESSION_NOTE, span_str(line));
}

enum session_result
session_fail(struct session *session, enum session_result result,
    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(session->why, sizeof session->why, format, args);
	va_end(args);
	return result;
}

static void
on_line(void *arg, enum smtp_said by, struct span line, bool is_secret)
{
	struct session *session = arg;

	session_told(session, by == SAID_BY_SERVER ? SESSION_HEARD :
	    is_secret ? SESSION_SAID_SECRET : SESSION_SAID, line);
}

static void
on_note(void *arg, const char *text)
{
	session_told(arg, SESSION_NOTE, span_str(text));
}

/* --- birth and death */

struct session *
session_new(const struct session_options *options)
{
	struct session *session = mem_new(sizeof *session);
	const struct smtp_client_conf conf = {
		.is_lmtp = options->is_lmtp,
		.no_pipelining = options->no_pipelining,
		.is_stubborn = options->is_stubborn,
		.tell = on_line, .tell_arg = session };

	(void)signal(SIGPIPE, SIG_IGN);	/* OpenSSL writes without a flag */
	session->options = *options;
	if (session->options.port == 0)
		session->options.port = 25;
	if (session->options.connect_ms == 0)
		session->options.connect_ms = 30000;
	dial_init(&session->dial);
	buf_init(&session->in, 2 * ANSWER_OCTETS_MAX);
	smtp_client_init(&session->client, &conf);
	return session;
}

void
session_free(struct session *session)
{
	if (session == NULL)
		return;
	dial_close(&session->dial);
	buf_free(&session->in);
	tls_client_unref(session->own_tls);
	mem_wipe(session->line, sizeof session->line);
	free(session);
}

void
session_close(struct session *session)
{
	smtp_client_drop(&session->client);
	dial_close(&session->dial);
}

void
session_reset(struct session *session)
{
	smtp_client_drop(&session->client);
	dial_reset(&session->dial);
}

/* --- the loop */

static enum session_result
from_dial(struct session *session, enum dial_result result)
{
	static const enum session_result table[] = {
		[DIAL_OK] = SESSION_OK, [DIAL_UNREACHED] = SESSION_UNREACHED,
		[DIAL_TIMEOUT] = SESSION_TIMEOUT,
		[DIAL_CLOSED] = SESSION_CLOSED,
		[DIAL_TLS_FAILED] = SESSION_TLS_FAILED };

	if (result != DIAL_OK)
		snprintf(session->why, sizeof session->why, "%s",
		    session->dial.why);
	return table[result];
}

static unsigned
patience(const struct session *session)
{
	const struct smtp_step *step = smtp_client_waits(&session->client);

	if (session->options.answer_ms != 0)
		return session->options.answer_ms;
	return (unsigned)smtp_client_patience(step != NULL ? step :
	    &(const struct smtp_step){ .type = STEP_TEXT });
}

static enum session_result
hear_some(struct session *session, unsigned wait_ms)
{
	char *room = buf_room(&session->in, ANSWER_LINE_MAX * 4);
	enum dial_result result;
	size_t got;

	if (room == NULL)
		return session_fail(session, SESSION_BROKEN,
		    "the server sends more than anybody can want to hear");
	result = dial_read(&session->dial, room, ANSWER_LINE_MAX * 4,
	    wait_ms, &got);
	if (result == DIAL_OK)
		buf_grow(&session->in, got);
	return from_dial(session, result);
}

/* Tells what the engine makes of the input. `*told` counts events. */
static enum session_result
digest(struct session *session, const struct pump *pump, unsigned *told)
{
	for (;;) {
		struct smtp_client_event event;
		size_t used = smtp_client_input(&session->client,
		    buf_span(&session->in), &event);

		buf_consume(&session->in, used);
		if (event.type == CLIENT_MORE)
			return SESSION_OK;
		if (event.type == CLIENT_BROKEN)
			return session_fail(session, SESSION_BROKEN, "%s",
			    event.why);
		++*told;
		if (event.answer != NULL)
			session->answer = *event.answer;
		if (pump->each != NULL)
			pump->each(pump->each_arg, &event);
		/* what is behind the answer waits for whoever asks for it;
		 * behind that to STARTTLS nothing may be */
		else if (session->client.first == NULL &&
		    !session->client.is_tls_due)
			return SESSION_OK;
	}
}

/* What came unasked is no answer to what is said next. */
static void
settle(struct session *session)
{
	unsigned told;

	do
		told = 0;
	while (digest(session, &(const struct pump){ 0 }, &told) ==
	    SESSION_OK && told != 0);
}

/* The connection broke while we spoke: perhaps the server said why. */
static void
hear_last_words(struct session *session, const struct pump *pump)
{
	char why[sizeof session->why];
	unsigned told = 0;

	memcpy(why, session->why, sizeof why);
	while (hear_some(session, 200) == SESSION_OK &&
	    digest(session, pump, &told) == SESSION_OK)
		;
	(void)digest(session, pump, &told);
	memcpy(session->why, why, sizeof why);
}

static enum session_result
put_out(struct session *session, struct span bytes, const struct pump *pump)
{
	enum session_result result = from_dial(session,
	    dial_write(&session->dial, bytes, patience(session)));

	if (result == SESSION_CLOSED)
		hear_last_words(session, pump);
	return result;
}

/* One portion of the text. */
static enum session_result
feed_text(struct session *session, const struct pump *pump)
{
	char raw[16384], out[16384];
	ssize_t n = pump->read != NULL ? pump->read(pump->read_arg, raw,
	    sizeof raw) : 0;
	struct span text = span_of(raw, n > 0 ? (size_t)n : 0);
	enum session_result result = SESSION_OK;

	if (n < 0) {
		session_close(session);	/* without an end it is no message */
		return session_fail(session, SESSION_LOCAL,
		    "the text cannot be read: %s", strerror((int)-n));
	}
	while (text.len != 0 && result == SESSION_OK) {
		size_t len = smtp_client_text(&session->client, &text, out,
		    sizeof out);

		result = put_out(session, span_of(out, len), pump);
	}
	if (n == 0)
		result = put_out(session, span_of(out,
		    smtp_client_text_end(&session->client, out)), pump);
	return result;
}

/* Everything that may be said now; text, too. */
static enum session_result
say_all(struct session *session, const struct pump *pump)
{
	char out[16384];
	enum session_result result = SESSION_OK;

	while (result == SESSION_OK) {
		size_t len = smtp_client_output(&session->client, out,
		    sizeof out);

		if (len != 0)
			result = put_out(session, span_of(out, len), pump);
		else if (smtp_client_wants_text(&session->client) != NULL)
			result = feed_text(session, pump);
		else
			break;
	}
	mem_wipe(out, sizeof out);
	return result;
}

/* A server that waits for us to begin is usually one where TLS begins: that
 * should be known before minutes have gone by. */
static enum session_result
hear_patiently(struct session *session)
{
	const struct smtp_step *step = smtp_client_waits(&session->client);
	unsigned wait_ms = patience(session);
	enum session_result result;

	if (step->type != STEP_GREETING || wait_ms <= SILENCE_MS)
		return hear_some(session, wait_ms);
	result = hear_some(session, SILENCE_MS);
	if (result != SESSION_TIMEOUT)
		return result;
	session_note(session, "no greeting yet%s", session->dial.ssl != NULL ?
	    "" : "; where TLS begins with the first byte there will be none: "
	    "--tls-on-connect");
	return hear_some(session, wait_ms - SILENCE_MS);
}

static enum session_result
turn(struct session *session, const struct pump *pump)
{
	enum session_result result = say_all(session, pump);
	unsigned told = 0;

	if (result != SESSION_OK)
		return result;
	result = digest(session, pump, &told);
	if (result != SESSION_OK || told != 0 ||
	    session->client.first == NULL)
		return result;	/* perhaps more may be said now */
	if (smtp_client_waits(&session->client) == NULL)
		return session_fail(session, SESSION_LOCAL,
		    "nothing more can be said here");
	return hear_patiently(session);
}

enum session_result
session_pump(struct session *session, const struct pump *pump)
{
	enum session_result result;

	do
		result = turn(session, pump);
	while (result == SESSION_OK && session->client.first != NULL);
	/* if all is told, a text may still be due */
	if (result != SESSION_OK)
		smtp_client_drop(&session->client);
	if (result != SESSION_OK && result != SESSION_LOCAL)
		dial_close(&session->dial);
	return result;
}

/* --- connecting */

static void
find_own_name(struct session *session)
{
	char *name = session->own_name;
	size_t len = sizeof session->own_name;

	if (session->options.hello != NULL)
		snprintf(name, len, "%s", session->options.hello);
	else if (gethostname(name, len - 1) == 0 && strchr(name, '.') != NULL)
		name[len - 1] = '\0';
	else if (strchr(session->dial.local, ':') != NULL)
		snprintf(name, len, "[IPv6:%s]", session->dial.local);
	else if (session->dial.local[0] != '\0')	/* RFC 5321 4.1.3 */
		snprintf(name, len, "[%s]", session->dial.local);
	else
		snprintf(name, len, "localhost");
}

enum session_result
session_connect(struct session *session)
{
	const struct session_options *o = &session->options;
	const struct dial_options dial_options = { .host = o->host,
		.port = o->port, .unix_path = o->unix_path,
		.family = o->family, .source = o->source,
		.source_port = o->source_port, .wait_ms = o->connect_ms,
		.note = on_note, .note_arg = session };
	uint64_t begin = clock_mono_ms();
	enum session_result result = from_dial(session,
	    dial_open(&session->dial, &dial_options));

	session->connect_took = (unsigned)(clock_mono_ms() - begin);
	if (result != SESSION_OK)
		return result;
	find_own_name(session);
	if (o->unix_path != NULL)
		session_note(session, "connected to %s", o->unix_path);
	else
		session_note(session, "connected to %s port %u",
		    session->dial.peer, session->dial.peer_port);
	if (o->proxy.len != 0) {
		result = from_dial(session, dial_write(&session->dial,
		    o->proxy, o->connect_ms));
		if (result != SESSION_OK)
			return result;
	}
	return o->is_implicit_tls ? session_start_tls(session) : SESSION_OK;
}

enum session_result
session_greeting(struct session *session)
{
	return session_say(session, STEP_GREETING, SPAN(""));
}

enum session_result
session_open(struct session *session)
{
	enum session_result result = session_connect(session);

	return result == SESSION_OK ? session_greeting(session) : result;
}

/* --- TLS */

static bool
have_tls(struct session *session)
{
	struct tls_client_options options;

	if (session->options.tls != NULL || session->own_tls != NULL)
		return true;
	tls_client_defaults(&options);
	session->own_tls = tls_client_new(&options, session->why,
	    sizeof session->why);
	return session->own_tls != NULL;
}

enum session_result
session_start_tls(struct session *session)
{
	const struct session_options *o = &session->options;
	const struct tls_target target = {
		.name = o->tls_name != NULL ? o->tls_name : o->host,
		.tlsa = o->tlsa, .tlsa_n = o->tlsa_n };
	enum session_result result;

	if (!have_tls(session))
		return SESSION_LOCAL;
	if (session->dial.fd < 0)
		return session_fail(session, SESSION_CLOSED,
		    "the connection is closed");
	buf_clear(&session->in);	/* what came in clear is not believed */
	result = from_dial(session, dial_start_tls(&session->dial,
	    o->tls != NULL ? o->tls : session->own_tls, &target,
	    o->connect_ms));
	if (session->dial.ssl != NULL) {
		tls_facts_read(session->dial.ssl, &target, &session->facts);
		/* or it did not come as far as a certificate */
		session->has_facts = result == SESSION_OK ||
		    session->facts.cert_n != 0 ||
		    session->facts.verify_code != 0;
	}
	if (result != SESSION_OK) {
		dial_close(&session->dial);
		return result;
	}
	smtp_client_tls_up(&session->client);
	session_note(session, "%s %s, certificate %s",
	    session->facts.protocol, session->facts.cipher,
	    session->facts.verdict);
	return SESSION_OK;
}

enum session_result
session_starttls(struct session *session)
{
	enum session_result result = session_say(session, STEP_STARTTLS,
	    SPAN("STARTTLS"));

	if (result != SESSION_OK || session->answer.code != 220)
		return result;
	return session_start_tls(session);
}

/* --- commands */

static enum session_result
say(struct session *session, enum smtp_step_type type, struct span line,
    bool is_secret)
{
	struct smtp_step step = { .type = type, .line = line,
		.is_secret = is_secret };

	if (type != STEP_RAW && (span_find(line, '\r') != line.len ||
	    span_find(line, '\n') != line.len))
		return session_fail(session, SESSION_LOCAL,
		    "a command cannot hold a line end");
	settle(session);
	session->answer.code = 0;
	smtp_client_add(&session->client, &step);
	return session_pump(session, &(const struct pump){ 0 });
}

enum session_result
session_say(struct session *session, enum smtp_step_type type,
    struct span line)
{
	return say(session, type, line, false);
}

enum session_result
session_say_secret(struct session *session, enum smtp_step_type type,
    struct span line)
{
	return say(session, type, line, true);
}

enum session_result
session_sayf(struct session *session, enum smtp_step_type type,
    const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(session->line, sizeof session->line, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof session->line)
		return session_fail(session, SESSION_LOCAL,
		    "a command of more than %zu octets",
		    sizeof session->line - 1);
	return say(session, type, span_of(session->line, (size_t)n), false);
}

enum session_result
session_hello(struct session *session)
{
	enum session_result result = session_sayf(session, STEP_HELLO,
	    "%s %s", session->options.is_lmtp ? "LHLO" : "EHLO",
	    session->own_name);

	if (result != SESSION_OK || session->options.is_lmtp ||
	    answer_class(&session->answer) != 5)
		return result;
	return session_sayf(session, STEP_HELLO, "HELO %s",
	    session->own_name);	/* RFC 5321 3.2 */
}

enum session_result
session_send_text(struct session *session, session_read *read, void *arg)
{
	struct smtp_step step = { .type = STEP_TEXT };

	settle(session);
	session->answer.code = 0;
	smtp_client_add(&session->client, &step);
	return session_pump(session, &(const struct pump){ .read = read,
	    .read_arg = arg });
}

enum session_result
session_quit(struct session *session)
{
	enum session_result result = session_say(session, STEP_QUIT,
	    SPAN("QUIT"));

	session_close(session);
	return result;
}

enum session_result
session_run(struct session *session, struct smtp_step **steps, size_t n,
    session_read *read, void *read_arg, session_each *each, void *each_arg)
{
	settle(session);
	for (size_t i = 0; i < n; i++)
		smtp_client_add(&session->client, steps[i]);
	return session_pump(session, &(const struct pump){ read, read_arg,
	    each, each_arg });
}

enum session_result
session_send_raw(struct session *session, struct span bytes)
{
	return from_dial(session, dial_write(&session->dial, bytes,
	    patience(session)));
}

enum session_result
session_hear(struct session *session, unsigned wait_ms)
{
	uint64_t deadline = clock_mono_ms() + wait_ms;
	enum session_result result;
	unsigned told = 0;

	do {
		uint64_t now;

		result = digest(session, &(const struct pump){ 0 }, &told);
		if (result != SESSION_OK || told != 0)
			break;
		now = clock_mono_ms();
		result = hear_some(session, now < deadline ?
		    (unsigned)(deadline - now) : 0);
	} while (result == SESSION_OK);
	if (result != SESSION_OK && result != SESSION_TIMEOUT)
		dial_close(&session->dial);
	return result;
}
