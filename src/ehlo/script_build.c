/* SPDX-License-Identifier: Apache-2.0 */
/* From lines with roles to items: where sessions begin, what is a message, and
 * where an article that shows pieces of a session has to begin anew to be
 * played: a second AUTH is no longer possible in the same one. */
#include "base/text.h"
#include "ehlo/script_private.h"

struct build {
	struct script *script;
	struct span hello;	/* the last EHLO that was said */
	bool is_open;		/* in a session */
	bool has_items;		/* of this session, behind the greeting */
	bool is_tls;
	bool is_starttls;	/* it was said, its 220 is due */
	bool is_hello;		/* said in this session */
	bool has_auth;		/* done, or begun and left */
	bool is_challenge;	/* the last reply was 334 */
	bool is_decoded;	/* the author shows it without base64 */
	bool is_message;	/* behind a 354 */
	bool is_s_client;	/* it shows the end of its own EHLO's list */
	unsigned due;		/* replies that were asked for */
	bool is_stray;		/* this one was not: it is only told of */
};

static void
begin_session(struct build *build, unsigned line, bool is_middle)
{
	struct script_item *item = script_add(build->script,
	    SCRIPT_SESSION, line, SPAN(""));

	if (is_middle)
		item->text = build->hello.len != 0 ? build->hello :
		    SPAN("EHLO client.example");
	item->is_tls = build->is_tls;
	build->is_open = true;
	build->has_items = false;
	build->is_hello = is_middle;
	build->has_auth = build->is_challenge = build->is_decoded = false;
	build->is_message = build->is_starttls = false;
	build->due = !is_middle;
	build->is_stray = false;
}

/* Does the line end a message, or is it one of it? */
static bool
add_text(struct build *build, const struct script_raw *raw)
{
	struct script_item *item;

	if (!build->is_message)
		return false;
	item = script_add(build->script, SCRIPT_SAYS, raw->line,
	    raw->text);
	item->is_text = true;
	item->is_fixed = raw->is_fixed;
	if (span_eq(raw->text, SPAN("."))) {
		build->is_message = false;
		build->due++;
	}
	return true;
}

static bool
is_verb(struct span text, struct span verb)
{
	return span_casestarts(text, verb) && (text.len == verb.len ||
	    text.p[verb.len] == ' ' || text.p[verb.len] == ':');
}

/* Has the server said nothing yet in this session? */
static bool
is_silent(const struct build *build)
{
	return build->script->n != 0 && build->script->item[
	    build->script->n - 1].kind == SCRIPT_SESSION;
}

static void
add_client(struct build *build, const struct script_raw *raw)
{
	struct script_item *item;
	bool is_response = build->is_challenge;

	if (add_text(build, raw))
		return;
	build->is_s_client = false;
	/* a session that is shown in pieces: what the server still knows of
	 * the first AUTH would spoil the second */
	if (is_verb(raw->text, SPAN("AUTH")) && build->has_auth)
		begin_session(build, raw->line, true);
	else if (is_verb(raw->text, SPAN("EHLO")) && build->has_auth)
		begin_session(build, raw->line, false);
	else if (!build->is_open)
		begin_session(build, raw->line,
		    !is_verb(raw->text, SPAN("EHLO")) &&
		    !is_verb(raw->text, SPAN("HELO")));
	if (!build->has_items && build->due == 1 && is_silent(build))
		build->due = 0;	/* the greeting is not shown */
	item = script_add(build->script, SCRIPT_SAYS, raw->line,
	    raw->text);
	build->due++;
	item->is_fixed = raw->is_fixed;
	item->is_decoded = is_response && build->is_decoded;
	build->has_items = true;
	build->is_challenge = false;
	if (is_verb(raw->text, SPAN("EHLO")) ||
	    is_verb(raw->text, SPAN("HELO"))) {
		build->hello = raw->text;
		build->is_hello = true;
	}
	build->has_auth |= is_verb(raw->text, SPAN("AUTH"));
	if (is_verb(raw->text, SPAN("AUTH")))
		build->is_decoded = false;
	build->is_starttls = is_verb(raw->text, SPAN("STARTTLS"));
}

/* "334 Username:" is what "334 VXNlcm5hbWU6" means. */
static bool
is_decoded_prompt(struct span text)
{
	text = span_trim(span_skip(text, 4));
	return span_caseeq(text, SPAN("Username:")) ||
	    span_caseeq(text, SPAN("User Name:")) ||
	    span_caseeq(text, SPAN("Password:"));
}

/* Is the line one of a reply that nobody asked for? An article's sentence about
 * a reply quotes it so, and s_client shows the end of its own EHLO's list. */
static bool
is_stray(struct build *build, unsigned code, bool is_last)
{
	bool is_first = !build->is_stray;

	if (is_first && build->is_s_client && code == 250) {
		build->is_s_client = false;
		return true;
	}
	if (is_first && (build->due != 0))
		return false;
	build->is_stray = !is_last;
	return true;
}

static void
add_server(struct build *build, const struct script_raw *raw)
{
	unsigned code = script_reply_code(raw->text);
	bool is_last = raw->text.len == 3 || raw->text.p[3] == ' ';
	struct script_item *item;

	if (code == 220 && !build->is_starttls &&
	    (!build->is_open || build->has_items)) {
		build->is_tls = false;
		begin_session(build, raw->line, false);
	}
	if (is_stray(build, code, is_last))
		return;
	build->due -= is_last && build->due != 0;
	item = script_add(build->script, SCRIPT_HEARS, raw->line, raw->text);
	item->is_fixed = raw->is_fixed;
	build->is_challenge = code == 334;
	if (build->is_challenge && is_decoded_prompt(raw->text))
		build->is_decoded = true;
	item->is_decoded = build->is_challenge && build->is_decoded;
	if (code == 354 && is_last)
		build->is_message = true;
	if (code == 220 && is_last && build->is_starttls) {
		script_add(build->script, SCRIPT_TLS, raw->line, SPAN(""));
		build->is_tls = true;
		build->is_starttls = false;
		build->has_auth = false;
	}
}

static void
add_session(struct build *build, const struct script_raw *raw)
{
	build->is_tls = span_eq(raw->text, SPAN("tls"));
	begin_session(build, raw->line, build->is_tls);
	build->is_s_client = build->is_tls;
}

void
script_build(struct script *script,
    const struct script_raws *raws)
{
	struct build build = { .script = script };

	for (size_t i = 0; i < raws->n; i++) {
		const struct script_raw *raw = &raws->raw[i];

		switch (raw->role) {
		case ROLE_CLIENT:
			add_client(&build, raw);
			break;
		case ROLE_SERVER:
			build.is_message = false;
			add_server(&build, raw);
			break;
		case ROLE_SESSION:
			add_session(&build, raw);
			break;
		case ROLE_ELIDED:
			build.due++;
			script_add(script, SCRIPT_ELIDED,
			    raw->line, raw->text);
			break;
		case ROLE_TLS:
			script_add(script, SCRIPT_TLS, raw->line,
			    SPAN(""));
			build.is_tls = true;
			break;
		case ROLE_CLOSED:
			if (build.is_open)
				script_add(script, SCRIPT_CLOSED,
				    raw->line, SPAN(""));
			build.is_open = false;
			break;
		case ROLE_UNKNOWN:
		case ROLE_NONE:
			break;
		}
	}
}
