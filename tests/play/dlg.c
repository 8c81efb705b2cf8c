/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of dialogue files. A mistake in a file is a failure of the test
 * that reads it. */
#include "dlg.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"

#define FILE_MAX (1u << 20)

static _Noreturn void
fail(const struct dlg *dlg, unsigned line, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", dlg->path, line, what);
	exit(1);
}

static void
add(struct buf *buf, struct span bytes)
{
	int error = buf_append(buf, bytes);

	must(error == 0);
}

static char *
read_file(struct dlg *dlg, size_t *len)
{
	char *text = mem_new(FILE_MAX);
	FILE *file = fopen(dlg->path, "rb");

	if (file == NULL)
		fail(dlg, 0, "cannot be opened");
	*len = fread(text, 1, FILE_MAX, file);
	(void)fclose(file);	/* only read */
	if (*len == FILE_MAX)
		fail(dlg, 0, "is too long");
	return text;
}

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Escapes are decoded in place: what they stand for is shorter. */
static struct span
unescape(const struct dlg *dlg, unsigned line, struct span text)
{
	static const char from[] = "rntb\\", to[] = "\r\n\t\b\\";
	char *out = dlg->text + (text.p - dlg->text);
	struct span done = { out, 0 };

	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		const char *at;

		if (c == '\\' && i + 3 < text.len && text.p[i + 1] == 'x') {
			c = (char)(hex_value(text.p[i + 2]) << 4 |
			    hex_value(text.p[i + 3]));
			i += 3;
		} else if (c == '\\') {
			at = ++i < text.len ? strchr(from, text.p[i]) : NULL;
			if (at == NULL)
				fail(dlg, line, "no such escape");
			c = to[at - from];
		}
		out[done.len++] = c;
	}
	return done;
}

static struct span
with_end(struct dlg *dlg, struct span text)
{
	char *line = mem_new(text.len + 2);
	size_t n = text.len;

	memcpy(line, text.p, text.len);
	if (!dlg->is_lf)
		line[n++] = '\r';
	line[n++] = '\n';
	/* kept until dlg_free() */
	add(&dlg->arena, span_of(&line, sizeof line));
	return span_of(line, n);
}

static bool
set_number(struct dlg *dlg, struct span name, struct span value)
{
	const struct {
		const char *name;
		unsigned *at;
	} numbers[] = {
		{ "rcpt-max", &dlg->conf.rcpt_max },
		{ "errors-max", &dlg->conf.errors_max },
		{ "commands-max", &dlg->conf.commands_max },
		{ "transactions-max", &dlg->conf.transactions_max },
		{ "auth-failures-max", &dlg->conf.auth_failures_max },
	};
	uint64_t n;

	for (size_t i = 0; i < countof(numbers); i++) {
		if (!span_eq(name, span_str(numbers[i].name)))
			continue;
		if (!text_u64(value, &n))
			return false;
		*numbers[i].at = (unsigned)n;
		return true;
	}
	return false;
}

static bool
set_flag(struct dlg *dlg, struct span name, struct span value)
{
	const struct {
		const char *name;
		bool *at;
	} flags[] = {
		{ "typist", &dlg->conf.is_typist },
		{ "lmtp", &dlg->conf.is_lmtp },
		{ "tls-required", &dlg->conf.is_tls_required },
		{ "auth-required", &dlg->conf.is_auth_required },
	};

	for (size_t i = 0; i < countof(flags); i++) {
		if (!span_eq(name, span_str(flags[i].name)))
			continue;
		*flags[i].at = span_eq(value, SPAN("yes"));
		return *flags[i].at || span_eq(value, SPAN("no"));
	}
	return false;
}

static void
set_option(struct dlg *dlg, unsigned line, struct span text)
{
	struct span name = span_cut(&text, ' ');
	struct span value = text;
	bool is_none = span_eq(value, SPAN("none"));

	if (span_eq(name, SPAN("only"))) {
		return;		/* for the TCP runner */
	} else if (span_eq(name, SPAN("cut"))) {
		dlg->is_uncut = span_eq(value, SPAN("no"));
	} else if (span_eq(name, SPAN("lines"))) {
		dlg->is_lf = span_eq(value, SPAN("lf"));
	} else if (span_eq(name, SPAN("tls"))) {
		dlg->is_tls = span_eq(value, SPAN("implicit"));
		dlg->conf.has_starttls = span_eq(value, SPAN("starttls"));
	} else if (span_eq(name, SPAN("auth-clear"))) {
		dlg->conf.auth_clear = is_none ? SPAN("") : value;
	} else if (span_eq(name, SPAN("auth-tls"))) {
		dlg->conf.auth_tls = is_none ? SPAN("") : value;
	} else if (span_eq(name, SPAN("exps-clear"))) {
		dlg->conf.exps_clear = is_none ? SPAN("") : value;
	} else if (span_eq(name, SPAN("exps-tls"))) {
		dlg->conf.exps_tls = is_none ? SPAN("") : value;
	} else if (span_eq(name, SPAN("decoys"))) {
		return;		/* for the TCP runner: here all others are */
	} else if (span_eq(name, SPAN("hostname"))) {
		dlg->conf.hostname = value;
	} else if (span_eq(name, SPAN("client"))) {
		dlg->client = value;
	} else if (span_eq(name, SPAN("persona"))) {
		dlg->conf.persona = persona_from_name(value);
		if (dlg->conf.persona == PERSONA_COUNT)
			fail(dlg, line, "no such persona");
	} else if (span_eq(name, SPAN("size"))) {
		if (!text_u64(value, &dlg->conf.size_max))
			fail(dlg, line, "a number is expected");
	} else if (!set_number(dlg, name, value) &&
	    !set_flag(dlg, name, value)) {
		fail(dlg, line, "no such option");
	}
}

static void
add_item(struct dlg *dlg, unsigned line, enum dlg_kind kind, struct span text)
{
	if (dlg->item_n == DLG_ITEMS_MAX)
		fail(dlg, line, "too many lines");
	dlg->item[dlg->item_n++] = (struct dlg_item){ kind, text };
}

/* "RCPT 2 -> USER_UNKNOWN a@b" */
static void
add_script(struct dlg *dlg, unsigned line, struct span text)
{
	struct drive_script script = { .nth = 1 };
	struct span question = span_cut(&text, ' ');
	struct span word = span_cut(&text, ' ');
	uint64_t nth;

	for (unsigned type = 0; type <= SMTP_CLOSE; type++)
		if (span_eq(question,
		    span_str(drive_event_name((enum smtp_event_type)type))))
			script.question = (enum smtp_event_type)type;
	if (text_u64(word, &nth)) {
		script.nth = (unsigned)nth;
		word = span_cut(&text, ' ');
	}
	script.reply = reply_from_name(span_cut(&text, ' '));
	script.arg = text;
	if (script.question == 0 || !span_eq(word, SPAN("->")) ||
	    script.reply == REPLY_COUNT || dlg->script_n == DRIVE_SCRIPT_MAX)
		fail(dlg, line, "expected: ? QUESTION [n] -> REPLY [argument]");
	dlg->script[dlg->script_n++] = script;
}

static void
read_line(struct dlg *dlg, unsigned line, struct span text)
{
	struct span rest = span_skip(text, 3);
	char kind = text.len != 0 ? text.p[0] : '#';
	char mark = text.len > 1 ? text.p[1] : '\0';

	if (kind == '#')
		return;
	if (kind == '!') {
		set_option(dlg, line, span_skip(text, 2));
	} else if (kind == '?') {
		add_script(dlg, line, span_skip(text, 2));
	} else if (kind == 'T') {
		add_item(dlg, line, DLG_TLS, SPAN(""));
	} else if (kind == 'X') {
		dlg->is_closed = true;
	} else if (kind == 'C' && mark == ':') {
		add_item(dlg, line, DLG_CLIENT, with_end(dlg, rest));
	} else if (kind == 'C' && mark == '|') {
		add_item(dlg, line, DLG_CLIENT, unescape(dlg, line, rest));
	} else if (kind == 'S' && mark == ':') {
		add_item(dlg, line, DLG_SERVER, rest);
	} else if (kind == 'S' && mark == '+') {
		add_item(dlg, line, DLG_SERVER_ANY, rest);
	} else if (kind == 'B' && mark == ':') {
		add(&dlg->bodies, rest);
		add(&dlg->bodies, SPAN("\r\n"));
	} else if (kind == 'B' && mark == '|') {
		add(&dlg->bodies, unescape(dlg, line, rest));
	} else if ((kind == 'N' || kind == 'E') && mark == ':') {
		struct buf *to = kind == 'N' ? &dlg->notes : &dlg->events;

		add(to, rest);
		add(to, SPAN(" "));
		dlg->has_events |= kind == 'E';
	} else {
		fail(dlg, line, "what is this line? See tests/dlg/README.md");
	}
}

void
dlg_load(struct dlg *dlg, const char *path)
{
	struct buf *bufs[] = { &dlg->bodies, &dlg->notes, &dlg->events,
		&dlg->arena };
	struct span text;
	unsigned line = 0;

	memset(dlg, 0, sizeof *dlg);
	dlg->path = path;
	dlg->conf = drive_conf();
	dlg->client = SPAN("10.2.1.10");
	for (size_t i = 0; i < countof(bufs); i++)
		buf_init(bufs[i], FILE_MAX);
	dlg->text = read_file(dlg, &text.len);
	text.p = dlg->text;
	while (text.len != 0)
		read_line(dlg, ++line, span_cut(&text, '\n'));
}

void
dlg_free(struct dlg *dlg)
{
	char *line;

	for (size_t at = 0; at < dlg->arena.len; at += sizeof line) {
		memcpy(&line, buf_span(&dlg->arena).p + at, sizeof line);
		free(line);
	}
	buf_free(&dlg->arena);
	buf_free(&dlg->bodies);
	buf_free(&dlg->notes);
	buf_free(&dlg->events);
	free(dlg->text);
}
