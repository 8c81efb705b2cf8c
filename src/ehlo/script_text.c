/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions without marks, as telnet leaves them on a screen and as articles
 * print them between their sentences. What the server says begins with a code;
 * what the client says is told by what stands around it:
 *
 *   a command      before a reply                  "mail from:<a>" / "250 Ok"
 *   anything short between two replies             a mistyped command
 *   one word       behind a 334, before a reply    base64
 *   everything     behind a 354, to the dot        a message
 *
 * All else is prose. */
#include "base/text.h"
#include "ehlo/script_private.h"
#include "smtp/verb.h"

#define MESSAGE_LINES_MAX 500	/* in an article */

/* --- single lines */

bool
script_is_command(struct span line)
{
	size_t n = 0;

	while (n < line.len && line.p[n] != ' ' && line.p[n] != ':')
		n++;
	return n != 0 && verb_find(span_first(line, n),
	    PERSONA_NATIVE) != NULL;
}

/* What telnet, nc and s_client say themselves. */
static bool
is_noise(struct span line)
{
	static const char *const begins[] = { "Trying ", "Connected to ",
		"Escape character is", "Connection closed by",
		"Connection to ", "CONNECTED(", "telnet>", "Connection closed",
		"DONE", "read:errno" };

	for (size_t i = 0; i < countof(begins); i++)
		if (span_starts(line, span_str(begins[i])))
			return true;
	return false;
}

static bool
is_hangup(struct span line)
{
	return span_starts(line, SPAN("Connection closed")) ||
	    span_starts(line, SPAN("Connection to host lost"));
}

/* "HOST PORT", "-connect HOST:PORT": false if there is none. */
static bool
note_host(struct script *script, struct span host, struct span port)
{
	uint64_t n = 0;

	if (host.len == 0 || host.len >= sizeof script->host ||
	    !text_u64(port, &n) || n == 0 || n > 65535)
		return false;
	memcpy(script->host, host.p, host.len);
	script->host[host.len] = '\0';
	script->port = (unsigned)n;
	return true;
}

/* Cuts the prompt off: "$ ", "# ", "C:\>", "C:>". */
static struct span
without_prompt(struct span line)
{
	size_t at = span_find(line, '>');

	if (line.len > 2 && line.p[1] == ' ' && strchr("$#>%", line.p[0]))
		return span_skip(line, 2);
	if (line.len > 2 && line.p[1] == ':' && at < line.len && at < 40)
		return span_trim(span_skip(line, at + 1));
	return line;
}

bool
script_is_tool(struct script *script, struct span line,
    bool *is_starttls)
{
	struct span rest = without_prompt(line);
	struct span word = span_cut(&rest, ' ');
	bool is_client = false, is_connect = false;

	*is_starttls = false;
	if (span_eq(word, SPAN("telnet")) || span_eq(word, SPAN("nc"))) {
		struct span host = span_cut(&rest, ' ');

		return note_host(script, host, span_trim(rest));
	}
	if (!span_eq(word, SPAN("openssl")))
		return false;
	while (rest.len != 0) {
		word = span_cut(&rest, ' ');
		if (is_connect) {
			struct span host = span_cut(&word, ':');

			(void)note_host(script, host, word);
		}
		is_connect = span_eq(word, SPAN("-connect"));
		is_client |= span_eq(word, SPAN("s_client"));
		*is_starttls |= span_eq(word, SPAN("-starttls"));
	}
	if (is_client && !*is_starttls)
		script->is_implicit_tls = true;
	return is_client;
}

/* The reply behind a sentence: "You should get: 250 2.1.0 Sender OK". */
static struct span
told_reply(struct span line)
{
	for (size_t i = 0; i + 5 < line.len; i++) {
		struct span rest = span_skip(line, i + 2);

		if (line.p[i] == ':' && line.p[i + 1] == ' ' &&
		    script_reply_code(rest) != 0 && rest.len > 4)
			return rest;
	}
	return (struct span){ NULL, 0 };
}

static unsigned
words_in(struct span line)
{
	unsigned n = 0;

	while (line.len != 0)
		n += span_cut(&line, ' ').len != 0;
	return n;
}

/* --- looking around */

struct walk {
	struct script *script;
	struct script_raw *raw;
	size_t n;
};

static bool
is_blank(const struct script_raw *raw)
{
	return raw->text.len == 0 || (raw->role == ROLE_UNKNOWN &&
	    is_noise(raw->text));
}

/* The next line that says something, or walk->n. */
static size_t
next_of(const struct walk *walk, size_t i)
{
	for (i++; i < walk->n; i++)
		if (!is_blank(&walk->raw[i]))
			break;
	return i;
}

static unsigned
code_at(const struct walk *walk, size_t i)
{
	return i < walk->n && walk->raw[i].role == ROLE_SERVER ?
	    script_reply_code(walk->raw[i].text) : 0;
}

/* A terminal of 80 columns broke the line: a bracket is open, or it is long and
 * what follows is short and no line of its own. */
static bool
is_broken_off(struct span line, struct span next)
{
	int open = 0;
	/* what Exchange says of a message it has taken begins so */
	bool is_words = span_casestarts(next, SPAN("mail for "));

	for (size_t i = 0; i < line.len; i++)
		open += (line.p[i] == '[') - (line.p[i] == ']');
	if (next.len == 0 || next.len > 60 || script_reply_code(next) ||
	    is_noise(next) || (script_is_command(next) && !is_words))
		return false;
	return open > 0 || (line.len >= 76 && next.len <= 40 &&
	    !(next.p[0] >= 'A' && next.p[0] <= 'Z'));
}

static void
join(struct walk *walk, size_t i)
{
	struct script_raw *line = &walk->raw[i], *next = line + 1;
	char *memory = arena_alloc(&walk->script->arena,
	    line->text.len + next->text.len + 2);
	struct put out = put_init(memory, line->text.len + next->text.len + 2);
	bool is_inside = span_find(line->text, '[') < line->text.len;

	if (memory == NULL || line->text.len == 0)
		return;
	put_bytes(&out, line->text);
	if (!is_inside &&
	    !ascii_is_digit(line->text.p[line->text.len - 1]))
		put_char(&out, ' ');
	put_bytes(&out, next->text);
	line->text = put_span(&out);
	next->role = ROLE_NONE;
	next->text = SPAN("");
}

static void
find_replies(struct walk *walk)
{
	for (size_t i = 0; i < walk->n; i++) {
		struct script_raw *raw = &walk->raw[i];

		if (raw->role != ROLE_UNKNOWN ||
		    script_reply_code(raw->text) == 0)
			continue;
		raw->role = ROLE_SERVER;
		if (i + 1 < walk->n && raw[1].role == ROLE_UNKNOWN &&
		    is_broken_off(raw->text, raw[1].text))
			join(walk, i);
	}
	/* told in a sentence, right behind a command */
	for (size_t i = 0; i < walk->n; i++) {
		size_t next = next_of(walk, i);
		struct span told;

		if (next == walk->n || is_blank(&walk->raw[i]) ||
		    walk->raw[next].role != ROLE_UNKNOWN ||
		    walk->raw[i].role == ROLE_SERVER ||
		    !script_is_command(walk->raw[i].text))
			continue;
		told = told_reply(walk->raw[next].text);
		if (told.p != NULL) {
			walk->raw[next].role = ROLE_SERVER;
			walk->raw[next].text = told;
		}
	}
}

/* --- the roles */

/* From behind a 354 at `i`: the lines to the dot are the message. Returns the
 * dot's place, or `i` if there is none near. */
static size_t
take_message(struct walk *walk, size_t i)
{
	size_t dot = i + 1;

	while (dot < walk->n && dot < i + MESSAGE_LINES_MAX &&
	    !span_eq(walk->raw[dot].text, SPAN(".")))
		dot++;
	if (dot >= walk->n || dot == i + MESSAGE_LINES_MAX)
		return i;
	for (size_t j = i + 1; j <= dot; j++) {
		struct script_raw *raw = &walk->raw[j];
		struct span text = raw->text;
		/* "Type your text, something like:" */
		bool is_prose = words_in(text) > 3 &&
		    text.p[text.len - 1] == ':';

		if (raw->role != ROLE_NONE && !raw->is_fixed) {
			raw->role = is_prose ? ROLE_NONE : ROLE_CLIENT;
			raw->is_message = true;
		}
	}
	return dot;
}

/* "more... verbs" */
static bool
is_elided(struct span text)
{
	if (words_in(text) > 3)
		return false;
	for (; text.len != 0; text = span_skip(text, 1))
		if (span_starts(text, SPAN("...")) ||
		    span_starts(text, SPAN("\xe2\x80\xa6")))
			return true;
	return false;
}

/* `before`: the code of the reply that stands right before it, or 0. */
static enum script_role
judge(struct walk *walk, size_t i, unsigned before)
{
	struct span text = walk->raw[i].text;
	size_t next = next_of(walk, i);
	unsigned behind = code_at(walk, next);
	bool is_single = span_find(text, ' ') == text.len;

	if (behind != 0 && behind == before && is_elided(text))
		return ROLE_ELIDED;
	if (before == 334 && behind != 0 && is_single)
		return ROLE_CLIENT;
	if (behind != 0 && script_is_command(text))
		return ROLE_CLIENT;
	if (before != 0 && behind != 0 && words_in(text) <= 3 &&
	    text.len <= 60)
		return ROLE_CLIENT;
	/* the last word; telnet shows no more than that it is over */
	if (span_caseeq(text, SPAN("quit")) && (before != 0 ||
	    (i + 1 < walk->n && is_hangup(walk->raw[i + 1].text))))
		return ROLE_CLIENT;
	return ROLE_NONE;
}

static void
note_tool(struct walk *walk, struct script_raw *raw)
{
	bool is_starttls;

	if (script_is_tool(walk->script, raw->text, &is_starttls) &&
	    is_starttls) {
		raw->role = ROLE_SESSION;
		raw->text = SPAN("tls");
	}
}

void
script_find_roles(struct script *script,
    struct script_raws *raws)
{
	struct walk walk = { script, raws->raw, raws->n };
	unsigned before = 0;

	find_replies(&walk);
	for (size_t i = 0; i < walk.n; i++) {
		struct script_raw *raw = &walk.raw[i];

		if (raw->role == ROLE_SERVER) {
			before = script_reply_code(raw->text);
			if (before == 354)
				i = take_message(&walk, i);
			continue;
		}
		if (raw->role == ROLE_UNKNOWN && is_hangup(raw->text))
			raw->role = ROLE_CLOSED;
		if (raw->role == ROLE_UNKNOWN && raw->text.len != 0)
			note_tool(&walk, raw);
		if (raw->role == ROLE_UNKNOWN && is_blank(raw))
			raw->role = ROLE_NONE;
		else if (raw->role == ROLE_UNKNOWN) {
			raw->role = judge(&walk, i, before);
			before = 0;
		}
	}
}
