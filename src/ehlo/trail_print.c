/* SPDX-License-Identifier: Apache-2.0 */
/* trail_print: see trail_print.h. Texts come quoted out of the database. */
#include "ehlo/trail_print.h"

#include <inttypes.h>
#include <time.h>

#include "ehlo/tell.h"
#include "mail/trace.h"

static const char *const names[] = {
	[TRAIL_CONNECT] = "connect", [TRAIL_TLS] = "tls",
	[TRAIL_LOGIN] = "login", [TRAIL_LOGIN_FAILED] = "login-failed",
	[TRAIL_REFUSED] = "refused", [TRAIL_END] = "end",
	[TRAIL_ACCEPTED] = "accepted", [TRAIL_NOT_STORED] = "not-stored",
	[TRAIL_DELIVERED] = "delivered", [TRAIL_RELAYED] = "relayed",
	[TRAIL_LATER] = "later", [TRAIL_FAILED] = "failed",
	[TRAIL_EXPIRED] = "expired", [TRAIL_BOUNCED] = "bounced",
	[TRAIL_DELAY_TOLD] = "delay-told", [TRAIL_WAITING] = "waiting",
	[TRAIL_OPERATOR] = "operator", [TRAIL_GONE] = "gone",
	[TRAIL_LOST] = "lost", [TRAIL_STARTED] = "started",
	[TRAIL_STOPPED] = "stopped",
};

const char *
trail_kind_name(enum trail_kind kind)
{
	return kind < countof(names) && names[kind] != NULL ? names[kind]
	    : "event";
}

static void
say(FILE *out, const char *before, struct span text, const char *behind)
{
	if (text.len != 0)
		fprintf(out, "%s%.*s%s", before, SPAN_ARG(text), behind);
}

/* Addresses with a space between two; one in quotes belongs to its address. */
static void
say_list(FILE *out, const char *before, struct span text)
{
	bool is_quoted = false;

	if (text.len != 0)
		fputs(before, out);
	for (size_t i = 0; i < text.len; i++) {
		is_quoted ^= text.p[i] == '"';
		if (text.p[i] == ' ' && !is_quoted)
			fputc(',', out);
		fputc(text.p[i], out);
	}
}

static void
say_time(FILE *out, const char *before, uint64_t at_ms)
{
	time_t seconds = (time_t)(at_ms / 1000);
	char text[64];
	struct tm tm;

	if (at_ms != 0 && localtime_r(&seconds, &tm) != NULL &&
	    strftime(text, sizeof text, "%H:%M:%S", &tm) != 0)
		fprintf(out, "%s%s", before, text);
}

static void
say_id(FILE *out, uint64_t id)
{
	char text[TRACE_ID_LEN];
	struct put put = put_init(text, sizeof text);

	trace_put_id(&put, id);
	fprintf(out, "%.*s", SPAN_ARG(put_span(&put)));
}

static void
say_accepted(FILE *out, const struct trail_event *e)
{
	say(out, "accepted from <", e->from, ">");
	if (e->from.len == 0)
		fputs("accepted from <>", out);
	say_list(out, " for ", e->to);
	fprintf(out, ", %" PRIu64 " octets", e->number);
	say(out, ", Message-ID ", e->words, "");
}

/* An attempt: who was asked, what for, and what came of it. */
static void
say_attempt(FILE *out, const struct trail_event *e, const char *what)
{
	fputs(what, out);
	say(out, " for ", e->to, "");
	say(out, e->kind == TRAIL_DELIVERED ? " to the mailbox of " : " at ",
	    e->peer, "");
	say(out, ": ", e->words, "");
	say(out, " (", e->facts, ")");
	if (e->kind == TRAIL_LATER)
		say_time(out, ", next try at ", e->number);
}

static void
say_other(FILE *out, const struct trail_event *e, const char *what)
{
	fputs(what, out);
	say(out, " to ", e->to, "");
	if (e->other != 0) {
		fputs(" as ", out);
		say_id(out, e->other);
	}
	say(out, ": ", e->words, "");
}

static void
say_session(FILE *out, const struct trail_event *e)
{
	switch (e->kind) {
	case TRAIL_CONNECT:
		say(out, "", e->peer, " connected");
		say(out, " at listener ", e->name, "");
		break;
	case TRAIL_TLS:
		say(out, "TLS came up: ", e->facts, "");
		break;
	case TRAIL_LOGIN:
		say(out, "logged in as ", e->name, "");
		say(out, " (", e->facts, ")");
		break;
	case TRAIL_LOGIN_FAILED:
		say(out, "login as ", e->name, " failed");
		if (e->name.len == 0)
			fputs("login failed", out);
		say(out, " (", e->facts, ")");
		say(out, ": ", e->words, "");
		break;
	case TRAIL_REFUSED:
		say(out, "we refused the ", e->facts, "");
		say(out, " ", e->name, "");
		say(out, ": ", e->words, "");
		break;
	case TRAIL_END:
		say(out, "the session ended: ", e->words, "");
		fprintf(out, ", %" PRIu64 " %s", e->number,
		    e->number == 1 ? "message" : "messages");
		break;
	default:
		break;
	}
}

static void
say_message(FILE *out, const struct trail_event *e)
{
	switch (e->kind) {
	case TRAIL_ACCEPTED:
		say_accepted(out, e);
		break;
	case TRAIL_NOT_STORED:
		say(out, "could not be stored: ", e->words, "");
		break;
	case TRAIL_DELIVERED:
		say_attempt(out, e, "delivered");
		break;
	case TRAIL_RELAYED:
		say_attempt(out, e, "taken");
		break;
	case TRAIL_LATER:
		say_attempt(out, e, "not yet taken");
		break;
	case TRAIL_FAILED:
		say_attempt(out, e, "refused for good");
		break;
	case TRAIL_EXPIRED:
		say_attempt(out, e, "given up, its time was over,");
		break;
	case TRAIL_BOUNCED:
		say_other(out, e, "a notice of failure went");
		break;
	case TRAIL_DELAY_TOLD:
		say_other(out, e, "a notice of delay went");
		break;
	case TRAIL_WAITING:
		say(out, "waits: ", e->words, "");
		break;
	case TRAIL_OPERATOR:
		say(out, "an operator said ", e->facts, "");
		say(out, " (", e->name, ")");
		break;
	case TRAIL_GONE:
		fputs("nothing is left to do", out);
		break;
	default:
		fputs(trail_kind_name(e->kind), out);
		break;
	}
}

void
trail_print_event(FILE *out, const struct trail_event *event,
    uint64_t before_ms)
{
	time_t now = (time_t)(event->at_ms / 1000);
	time_t before = (time_t)(before_ms / 1000);
	struct tm tm, tm_before;
	char text[64];

	if (localtime_r(&now, &tm) == NULL ||
	    localtime_r(&before, &tm_before) == NULL)
		return;
	if (tm.tm_yday != tm_before.tm_yday ||
	    tm.tm_year != tm_before.tm_year) {
		(void)strftime(text, sizeof text, "%Y-%m-%d", &tm);
		fprintf(out, "  %s\n", text);
	}
	(void)strftime(text, sizeof text, "%H:%M:%S", &tm);
	fprintf(out, "  %s.%03u  ", text, (unsigned)(event->at_ms % 1000));
	if (event->kind < TRAIL_ACCEPTED)
		say_session(out, event);
	else
		say_message(out, event);
	fputc('\n', out);
}

static void
put_text(FILE *out, const char *name, struct span text)
{
	if (text.len == 0)
		return;
	fprintf(out, ",\"%s\":", name);
	tell_json(out, text);
}

static void
put_id(FILE *out, const char *name, uint64_t id)
{
	if (id == 0)
		return;
	fprintf(out, ",\"%s\":\"", name);
	say_id(out, id);
	fputc('"', out);
}

void
trail_print_json(FILE *out, const struct trail_event *event)
{
	fprintf(out, "{\"event\":\"%s\",\"at\":%" PRIu64,
	    trail_kind_name(event->kind), event->at_ms);
	put_id(out, "message", event->message);
	put_id(out, "session", event->session);
	put_id(out, "other", event->other);
	if (event->number != 0)
		fprintf(out, ",\"number\":%" PRIu64, event->number);
	put_text(out, "peer", event->peer);
	put_text(out, "name", event->name);
	put_text(out, "from", event->from);
	put_text(out, "to", event->to);
	put_text(out, "facts", event->facts);
	put_text(out, "words", event->words);
	fputs("}\n", out);
}
