/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/replay.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"

#define HEARD_MAX ((size_t)1 << 20)
#define SAID_MAX  ((size_t)8 << 20)

struct replay {
	const struct script *script;
	const struct replay_conf *conf;
	struct session *session;
	size_t at;			/* the next item */
	struct buf heard;		/* lines that nobody looked at yet */
	struct buf said;		/* of the exchange */
	struct buf shown;		/* of it, what may be shown */
	struct arena arena;		/* of the exchange */
	struct replay_exchange exchange;
	/* a command went out and its answer is not written down */
	bool is_unanswered;
	bool is_over;			/* stop playing */
	bool is_timeout;		/* of the last hear() */
	char *why;
	size_t why_len;
};

static void
on_news(void *arg, enum session_news news, struct span text)
{
	struct replay *replay = arg;

	if (news == SESSION_HEARD) {
		(void)buf_append(&replay->heard, text);	/* full: it differs */
		(void)buf_append(&replay->heard, SPAN("\n"));
	}
	if (replay->conf->session->tell != NULL)
		replay->conf->session->tell(replay->conf->session->tell_arg,
		    news, text);
}

/* --- text */

void
replay_map(const char *const *map, size_t n, struct span text,
    struct put *out)
{
	while (text.len != 0) {
		struct span new = span_first(text, 1);
		size_t taken = 1;

		for (size_t i = 0; i < n; i++) {
			struct span to = span_str(map[i]);
			struct span from = span_cut(&to, '=');

			if (from.len != 0 && span_starts(text, from)) {
				new = to;
				taken = from.len;
				break;
			}
		}
		put_bytes(out, new);
		text = span_skip(text, taken);
	}
}

/* `text` as the map makes it, in the arena. */
static struct span
mapped(struct replay *replay, struct span text)
{
	size_t room = text.len * 4 + 1024;
	char *memory;
	struct put out;

	if (replay->conf->map_n == 0)
		return text;
	memory = arena_alloc(&replay->arena, room);
	if (memory == NULL)
		return text;
	out = put_init(memory, room);
	replay_map(replay->conf->map, replay->conf->map_n, text, &out);
	return put_span(&out);
}

/* --- the server's side */

/* The next whole reply in `heard`, as lines; 0: there is none yet. */
static size_t
next_reply(const struct replay *replay, struct span lines[REPLAY_LINES_MAX],
    size_t *bytes)
{
	struct span text = buf_span(&replay->heard);
	size_t n = 0, len = text.len;

	while (text.len != 0 && n < REPLAY_LINES_MAX) {
		struct span line = span_cut(&text, '\n');

		lines[n++] = line;
		if (line.len <= 3 || line.p[3] != '-') {
			*bytes = len - text.len;
			return n;
		}
	}
	*bytes = len;
	return n == REPLAY_LINES_MAX ? n : 0;
}

/* Waits for a reply and takes it: into exchange.got. */
static bool
hear(struct replay *replay)
{
	struct replay_exchange *exchange = &replay->exchange;
	struct span lines[REPLAY_LINES_MAX];
	size_t bytes, n;

	while ((n = next_reply(replay, lines, &bytes)) == 0) {
		enum session_result result = session_hear(replay->session,
		    replay->conf->answer_ms);

		/* last words may have come with the end */
		if (result != SESSION_OK &&
		    next_reply(replay, lines, &bytes) == 0) {
			replay->is_timeout = result == SESSION_TIMEOUT;
			exchange->why = replay->is_timeout ?
			    "no answer in time" : "the connection is over";
			return false;
		}
	}
	for (size_t i = 0; i < n && exchange->n_got < REPLAY_LINES_MAX; i++)
		exchange->got[exchange->n_got++] = arena_copy(&replay->arena,
		    lines[i]);
	buf_consume(&replay->heard, bytes);
	return true;
}

/* --- exchanges */

static void
begin_exchange(struct replay *replay, unsigned line)
{
	arena_reset(&replay->arena);
	buf_clear(&replay->said);
	buf_clear(&replay->shown);
	memset(&replay->exchange, 0, sizeof replay->exchange);
	replay->exchange.line = line;
}

static void
end_exchange(struct replay *replay, enum replay_verdict verdict)
{
	struct replay_exchange *exchange = &replay->exchange;

	exchange->verdict = verdict;
	exchange->said = buf_span(&replay->shown);
	replay->conf->each(replay->conf->arg, exchange);
	if (verdict == REPLAY_NO_ANSWER ||
	    (verdict == REPLAY_DIFFERS && replay->conf->stops))
		replay->is_over = true;
	begin_exchange(replay, 0);
}

static const struct script_item *
item_at(const struct replay *replay, size_t i)
{
	return i < replay->script->n ? &replay->script->item[i] : NULL;
}

/* Do more lines of the same reply follow `item`, the i-th? */
static bool
goes_on(const struct replay *replay, size_t i)
{
	const struct script_item *item = item_at(replay, i);
	const struct script_item *next = item_at(replay, i + 1);

	if (next == NULL)
		return false;
	if (item->kind == SCRIPT_ELIDED)
		return next->kind == SCRIPT_HEARS;
	/* the author left something out behind what would be the last line */
	if (next->kind == SCRIPT_ELIDED)
		return true;
	/* behind "S: 250-…", "S+ 250" is the rest of it */
	return item->kind == SCRIPT_HEARS && item->text.len > 3 &&
	    item->text.p[3] == '-' && (next->kind == SCRIPT_HEARS ||
	    (next->kind == SCRIPT_REPLY &&
	    script_code(next) == script_code(item)));
}

/* "334 Username:" as the server says it. */
static struct span
encoded(struct replay *replay, struct span text, size_t skip)
{
	size_t room = BASE64_LEN(text.len) + 8;
	char *memory = arena_alloc(&replay->arena, room);
	struct put out = put_init(memory, room);

	if (memory == NULL)
		return text;
	put_bytes(&out, span_first(text, skip));
	base64_encode(span_skip(text, skip), &out);
	return put_span(&out);
}

/* The reply that begins at the next item: into exchange.expected. */
static void
take_expected(struct replay *replay)
{
	struct replay_exchange *exchange = &replay->exchange;
	bool is_more = true;

	if (exchange->line == 0)
		exchange->line = item_at(replay, replay->at)->line;
	for (; is_more; replay->at++) {
		const struct script_item *item = item_at(replay,
		    replay->at);
		struct span text = item->is_decoded ?
		    encoded(replay, item->text, 4) :
		    mapped(replay, item->text);

		if (item->kind == SCRIPT_ELIDED ||
		    (item->kind == SCRIPT_REPLY && exchange->n_expected != 0))
			text = (struct span){ NULL, 0 };
		if (exchange->n_expected < REPLAY_LINES_MAX)
			exchange->expected[exchange->n_expected++] = text;
		is_more = goes_on(replay, replay->at);
	}
}

static bool
is_same(struct replay *replay, bool is_code_only)
{
	struct replay_exchange *exchange = &replay->exchange;

	return match_reply(exchange->expected, exchange->n_expected,
	    exchange->got, exchange->n_got, is_code_only ? MATCH_CODES :
	    replay->conf->how, &exchange->differs_at);
}

static void
play_reply(struct replay *replay)
{
	bool is_code_only = item_at(replay, replay->at)->kind ==
	    SCRIPT_REPLY;

	replay->is_unanswered = false;
	take_expected(replay);
	if (!hear(replay)) {
		end_exchange(replay, REPLAY_NO_ANSWER);
		return;
	}
	end_exchange(replay, is_same(replay, is_code_only) ? REPLAY_SAME :
	    REPLAY_DIFFERS);
}

/* An answer that the transcript does not show must not be taken for the next
 * one. */
static void
hear_unshown(struct replay *replay)
{
	if (!replay->is_unanswered)
		return;
	replay->is_unanswered = false;
	end_exchange(replay, hear(replay) ? REPLAY_UNCHECKED :
	    REPLAY_NO_ANSWER);
}

/* --- the client's side */

static void
send(struct replay *replay, struct span bytes, struct span shown)
{
	if (replay->shown.len != 0)
		(void)buf_append(&replay->shown, SPAN("\n"));
	(void)buf_append(&replay->shown, shown);	/* only for show */
	/* a server that has gone is seen when its answer is waited for */
	(void)session_send_raw(replay->session, bytes);
}

static void
say(struct replay *replay, struct span line)
{
	struct span end = replay->script->is_lf ? SPAN("\n") :
	    SPAN("\r\n");

	buf_clear(&replay->said);
	if (buf_append(&replay->said, line) == 0 &&
	    buf_append(&replay->said, end) == 0)
		send(replay, buf_span(&replay->said), line);
}

static bool
is_auth(struct span line)
{
	return span_casestarts(line, SPAN("AUTH "));
}

static enum replay_result
unplayable(struct replay *replay, const char *what, struct span which)
{
	char memory[128];
	struct put out = put_init(memory, sizeof memory);

	text_quote(span_first(which, 30), &out);
	(void)snprintf(replay->why, replay->why_len, "line %u: %s%.*s",
	    item_at(replay, replay->at)->line, what,
	    SPAN_ARG(put_span(&out)));
	return REPLAY_UNPLAYABLE;
}

/* A whole login with somebody else's name and password: what stands in the
 * transcript up to its last reply is passed over, and that is compared. */
static enum replay_result
play_login(struct replay *replay, struct span line)
{
	const struct sasl_client_mech *mech;
	struct sasl_client_options options = replay->conf->login->sasl;
	struct replay_exchange *exchange = &replay->exchange;
	bool has_initial, is_final = false;
	const struct script_item *item;

	(void)span_cut(&line, ' ');
	mech = sasl_client_find(span_cut(&line, ' '));
	has_initial = line.len != 0;
	if (mech == NULL)
		return unplayable(replay, "no such way of logging in here: ",
		    item_at(replay, replay->at)->text);
	exchange->line = item_at(replay, replay->at++)->line;
	exchange->is_secret = true;
	(void)buf_append(&replay->shown, SPAN("AUTH "));
	(void)buf_append(&replay->shown, span_str(mech->name));
	while ((item = item_at(replay, replay->at)) != NULL && !is_final &&
	    item->kind != SCRIPT_SESSION &&
	    item->kind != SCRIPT_TLS) {
		if (item->kind == SCRIPT_HEARS ||
		    item->kind == SCRIPT_REPLY) {
			exchange->n_expected = 0;
			is_final = script_code(item) != 334;
			take_expected(replay);
		} else {
			replay->at++;
		}
	}
	if (session_auth(replay->session, mech, &options, !has_initial) ==
	    SESSION_LOCAL)
		return unplayable(replay, session_why(replay->session),
		    SPAN(""));
	exchange->n_got = 0;
	while (next_reply(replay, exchange->got, &(size_t){ 0 }) != 0) {
		exchange->n_got = 0;
		(void)hear(replay);
	}
	exchange->why = session_why(replay->session);
	end_exchange(replay, exchange->n_got == 0 ? REPLAY_NO_ANSWER :
	    !is_final ? REPLAY_UNCHECKED : is_same(replay, false) ?
	    REPLAY_SAME : REPLAY_DIFFERS);
	return REPLAY_DONE;
}

static enum replay_result
play_says(struct replay *replay)
{
	const struct script_item *item = item_at(replay, replay->at);
	bool is_text_format = replay->script->format == SCRIPT_TEXT;

	if (!item->is_text)
		hear_unshown(replay);
	if (replay->is_over)
		return REPLAY_DONE;
	if (is_auth(item->text) && replay->conf->login != NULL)
		return play_login(replay, item->text);
	if (replay->exchange.line == 0)
		replay->exchange.line = item->line;
	say(replay, item->is_decoded ? encoded(replay, item->text, 0) :
	    mapped(replay, item->text));
	replay->at++;
	/* DATA's text is answered once, behind its dot */
	replay->is_unanswered = is_text_format && (!item->is_text ||
	    span_eq(item->text, SPAN(".")));
	return REPLAY_DONE;
}

static enum replay_result
play_secret(struct replay *replay)
{
	const struct script_item *item = item_at(replay, replay->at);

	if (replay->conf->login == NULL)
		return unplayable(replay, "a login is hidden there: name a "
		    "user (--user) and where the password is", SPAN(""));
	if (!is_auth(item->text))
		return unplayable(replay, "something secret is hidden there "
		    "that is no login", SPAN(""));
	return play_login(replay, item->text);
}

/* --- connections */

static bool
has_tls(const struct script *script)
{
	for (size_t i = 0; i < script->n; i++)
		if (script->item[i].kind == SCRIPT_TLS ||
		    script->item[i].is_tls)
			return true;
	return false;
}

/* STARTTLS behind the back of the transcript, which then finds the greeting as
 * if nothing had been. */
static bool
hide_in_tls(struct replay *replay)
{
	struct replay_exchange *exchange = &replay->exchange;
	bool is_good = hear(replay);
	size_t n_greeting = exchange->n_got;

	if (!is_good)
		return false;
	say(replay, SPAN("EHLO client.example"));
	is_good = hear(replay);
	say(replay, SPAN("STARTTLS"));
	if (!is_good || !hear(replay))
		return false;
	if (!span_starts(exchange->got[exchange->n_got - 1], SPAN("220"))) {
		exchange->why = "the server does not take STARTTLS";
		return false;
	}
	buf_clear(&replay->heard);
	for (size_t i = 0; i < n_greeting; i++) {
		(void)buf_append(&replay->heard, exchange->got[i]);
		(void)buf_append(&replay->heard, SPAN("\n"));
	}
	return session_start_tls(replay->session) == SESSION_OK;
}

/* Into the middle of a dialogue, as far as the transcript had come. */
static bool
catch_up(struct replay *replay, const struct script_item *item)
{
	const struct script_item *next = item_at(replay, replay->at);
	bool is_good;

	if (item->text.len == 0 && next != NULL &&
	    next->kind != SCRIPT_SAYS)
		return true;	/* it begins with the greeting */
	is_good = hear(replay);
	if (!is_good || item->text.len == 0)
		return is_good;
	say(replay, mapped(replay, item->text));
	is_good = hear(replay);
	if (!is_good || !item->is_tls)
		return is_good;
	say(replay, SPAN("STARTTLS"));
	if (!hear(replay) ||
	    session_start_tls(replay->session) != SESSION_OK)
		return false;
	if (replay->script->format == SCRIPT_TEXT)
		return true;
	say(replay, mapped(replay, item->text));
	return hear(replay);
}

static enum replay_result
play_session(struct replay *replay)
{
	const struct script_item *item = item_at(replay, replay->at++);
	struct session_options options = *replay->conf->session;
	enum session_result result;
	bool is_good;

	hear_unshown(replay);
	session_free(replay->session);
	buf_clear(&replay->heard);
	options.tell = on_news;
	options.tell_arg = replay;
	options.is_implicit_tls |= replay->script->is_implicit_tls;
	replay->session = session_new(&options);
	begin_exchange(replay, 0);
	result = session_connect(replay->session);
	is_good = result == SESSION_OK;
	if (is_good && replay->conf->starttls && !has_tls(replay->script))
		is_good = hide_in_tls(replay);
	if (is_good && (replay->script->format == SCRIPT_TEXT ||
	    item->text.len != 0))
		is_good = catch_up(replay, item);
	if (!is_good) {
		(void)snprintf(replay->why, replay->why_len, "%s",
		    result != SESSION_OK || replay->exchange.why == NULL ?
		    session_why(replay->session) : replay->exchange.why);
		return REPLAY_UNREACHED;
	}
	begin_exchange(replay, 0);
	return REPLAY_DONE;
}

static void
play_tls(struct replay *replay)
{
	const struct script_item *item = item_at(replay, replay->at++);

	if (session_start_tls(replay->session) == SESSION_OK)
		return;
	replay->exchange.line = item->line;
	replay->exchange.why = session_why(replay->session);
	(void)buf_append(&replay->shown, SPAN("(the TLS handshake)"));
	end_exchange(replay, REPLAY_NO_ANSWER);
}

static void
play_closed(struct replay *replay)
{
	const struct script_item *item = item_at(replay, replay->at++);

	/* in an article it was often telnet who closed */
	if (replay->script->format == SCRIPT_TEXT) {
		hear_unshown(replay);
		return;
	}
	replay->exchange.line = item->line;
	(void)buf_append(&replay->shown, SPAN("(it hangs up)"));
	end_exchange(replay, hear(replay) || replay->is_timeout ?
	    REPLAY_DIFFERS : REPLAY_SAME);
	replay->is_over = item_at(replay, replay->at) == NULL;
}

static enum replay_result
play_item(struct replay *replay)
{
	const struct script_item *item = item_at(replay, replay->at);

	switch (item->kind) {
	case SCRIPT_SESSION:
		return play_session(replay);
	case SCRIPT_SAYS:
		return play_says(replay);
	case SCRIPT_SENDS:
		if (replay->exchange.line == 0)
			replay->exchange.line = item->line;
		send(replay, item->text, item->text);
		replay->at++;
		break;
	case SCRIPT_SECRET:
		return play_secret(replay);
	case SCRIPT_HEARS:
	case SCRIPT_REPLY:
	case SCRIPT_ELIDED:
		play_reply(replay);
		break;
	case SCRIPT_TLS:
		play_tls(replay);
		break;
	case SCRIPT_CLOSED:
		play_closed(replay);
		break;
	}
	return REPLAY_DONE;
}

enum replay_result
replay_run(const struct script *script,
    const struct replay_conf *conf, char *why, size_t why_len)
{
	struct replay replay = { .script = script, .conf = conf,
		.why = why, .why_len = why_len };
	enum replay_result result = REPLAY_DONE;

	buf_init(&replay.heard, HEARD_MAX);
	buf_init(&replay.said, SAID_MAX);
	buf_init(&replay.shown, SAID_MAX);
	arena_init(&replay.arena, SAID_MAX);
	why[0] = '\0';
	while (result == REPLAY_DONE && !replay.is_over &&
	    replay.at < script->n)
		result = play_item(&replay);
	if (result == REPLAY_DONE && !replay.is_over)
		hear_unshown(&replay);
	session_free(replay.session);
	arena_reset(&replay.arena);
	buf_free(&replay.heard);
	buf_free(&replay.said);
	buf_free(&replay.shown);
	return result;
}
