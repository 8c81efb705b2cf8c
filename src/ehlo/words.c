/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/words.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "ehlo/tell.h"

#define LABEL_WIDTH 9u

void
words_init(struct words *words, FILE *out)
{
	struct winsize size;

	words->out = out;
	words->has_colour = tell_has_colour(out);
	words->columns = 79;
	if (isatty(fileno(out)) &&
	    ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 40)
		words->columns = size.ws_col < 100 ? size.ws_col - 1u : 99;
}

static const char *
escape(const struct words *words, enum words_colour colour)
{
	static const char *const codes[] = {
		[WORDS_PLAIN] = "", [WORDS_DIM] = "\033[2m",
		[WORDS_BOLD] = "\033[1m", [WORDS_GOOD] = "\033[32m",
		[WORDS_WARN] = "\033[33m", [WORDS_BAD] = "\033[31m",
	};

	return words->has_colour ? codes[colour] : "";
}

static const char *
end(const struct words *words, enum words_colour colour)
{
	return words->has_colour && colour != WORDS_PLAIN ? "\033[0m" : "";
}

/* Returns where the text begins. */
static unsigned
print_label(const struct words *words, unsigned indent, const char *label)
{
	if (label == NULL) {
		fprintf(words->out, "%*s", (int)indent, "");
		return indent;
	}
	fprintf(words->out, "%*s%s%-*s%s", (int)indent, "",
	    escape(words, WORDS_DIM), (int)LABEL_WIDTH, label,
	    end(words, WORDS_DIM));
	return indent + (strlen(label) < LABEL_WIDTH ? LABEL_WIDTH :
	    (unsigned)strlen(label));
}

void
words_say(const struct words *words, unsigned indent, const char *label,
    enum words_colour colour, const char *text)
{
	unsigned start = print_label(words, indent, label), at = start;
	struct span rest = span_str(text);

	fputs(escape(words, colour), words->out);
	while (rest.len != 0) {
		struct span word = span_cut(&rest, ' ');

		if (at != start && at + 1 + word.len > words->columns) {
			fprintf(words->out, "\n%*s", (int)start, "");
			at = start;
		} else if (at != start) {
			fputc(' ', words->out);
			at++;
		}
		fprintf(words->out, "%.*s", SPAN_ARG(word));
		at += (unsigned)word.len;
	}
	fprintf(words->out, "%s\n", end(words, colour));
}

void
words_quote(const struct words *words, unsigned indent, const char *label,
    enum words_colour colour, struct span text)
{
	(void)print_label(words, indent, label);
	fputs(escape(words, colour), words->out);
	while (text.len != 0) {
		char memory[1024];
		struct put out = put_init(memory, sizeof memory);

		text_quote(span_first(text, sizeof memory / 4), &out);
		text = span_skip(text, sizeof memory / 4);
		fprintf(words->out, "%.*s", SPAN_ARG(put_span(&out)));
	}
	fprintf(words->out, "%s\n", end(words, colour));
}

/* Controls, C1 in UTF-8 among them: what a terminal would obey. */
static bool
has_control(struct span bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.p[i];

		if (ascii_is_cntrl(c) && c != '\n' && c != '\t')
			return true;
		if (c == '\xc2' && i + 1 < bytes.len &&
		    (unsigned char)bytes.p[i + 1] < 0xa0)
			return true;
	}
	return false;
}

void
words_json(FILE *out, struct span bytes)
{
	char memory[4 * 4096];
	struct put quoted = put_init(memory, sizeof memory);

	if (text_is_utf8(bytes) && !has_control(bytes)) {
		tell_json(out, bytes);
	} else {
		text_quote(span_first(bytes, 4096), &quoted);
		tell_json(out, put_span(&quoted));
	}
}

/* --- explanations */

void
words_explain(const struct words *words, unsigned indent,
    const struct explain *explain)
{
	words_say(words, indent, "means", explain->is_good ? WORDS_GOOD :
	    WORDS_BOLD, explain->meaning);
	if (!explain->is_good)
		words_say(words, indent, "whose", WORDS_PLAIN,
		    explain_fault_words(explain->fault));
	if (!explain->is_good)
		words_say(words, indent, "passes", WORDS_PLAIN,
		    explain->is_temporary ?
		    "perhaps: trying again later may help" :
		    "no: it stays until somebody changes something");
	if (explain->advice[0] != '\0')
		words_say(words, indent, "do", WORDS_PLAIN, explain->advice);
	/* servers use enhanced codes for what they like: words say more */
	if (explain->status[0] != '\0' && !explain->is_good &&
	    explain->basis != EXPLAIN_BY_WORDS)
		words_say(words, indent, "status", WORDS_DIM, explain->status);
	if (explain->is_odd)
		words_say(words, indent, "odd", WORDS_WARN,
		    "the two codes contradict each other");
	if (explain->whose[0] != '\0')
		words_say(words, indent, "words of", WORDS_DIM,
		    explain->whose);
	words_say(words, indent, "see", WORDS_DIM, explain->section);
}

static const char *
yes(bool is_so)
{
	return is_so ? "true" : "false";
}

void
words_explain_json(FILE *out, const struct explain *explain)
{
	static const char *const basis[] = { "words", "status", "code",
		"digit" };
	const struct {
		const char *name, *value;
	} members[] = {
		{ "name", explain->name },
		{ "fault", explain_fault_name(explain->fault) },
		{ "remedy", explain_remedy_name(explain->remedy) },
		{ "known_by", basis[explain->basis] },
		{ "meaning", explain->meaning },
		{ "advice", explain->advice },
		{ "section", explain->section },
		{ "words_of", explain->whose },
		{ "status_text", explain->status },
	};

	for (size_t i = 0; i < countof(members); i++) {
		fprintf(out, "%s\"%s\":", i == 0 ? "" : ",", members[i].name);
		tell_json(out, span_str(members[i].value));
	}
	fprintf(out, ",\"good\":%s,\"temporary\":%s,\"odd\":%s",
	    yes(explain->is_good), yes(explain->is_temporary),
	    yes(explain->is_odd));
}

/* --- lines of a login */

void
words_look(const struct words *words, unsigned indent,
    const struct look *look, bool hides)
{
	if (look->kind != LOOK_TEXT)
		words_say(words, indent, NULL, WORDS_BOLD, look->what);
	for (unsigned i = 0; i < look->n_fields; i++) {
		const struct look_field *field = &look->field[i];
		char label[40];

		(void)snprintf(label, sizeof label, "%-16s ", field->name);
		words_quote(words, look->kind == LOOK_TEXT ? indent :
		    indent + 2, look->kind == LOOK_TEXT ? NULL : label,
		    WORDS_PLAIN, hides && field->is_secret ?
		    SPAN("\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2") :
		    field->value);
	}
	for (unsigned i = 0; i < look->n_warnings; i++)
		words_say(words, indent, "careful", WORDS_WARN,
		    look->warning[i]);
}

void
words_look_json(FILE *out, const struct look *look)
{
	fprintf(out, "\"kind\":\"%s\",\"what\":", look_kind_name(look->kind));
	tell_json(out, span_str(look->what));
	fprintf(out, ",\"fields\":{");
	for (unsigned i = 0; i < look->n_fields; i++) {
		fprintf(out, "%s\"%s\":", i == 0 ? "" : ",",
		    look->field[i].name);
		words_json(out, look->field[i].value);
	}
	fprintf(out, "},\"warnings\":[");
	for (unsigned i = 0; i < look->n_warnings; i++) {
		fputs(i == 0 ? "" : ",", out);
		tell_json(out, span_str(look->warning[i]));
	}
	fprintf(out, "]");
}

/* --- lists */

void
words_list(const struct words *words, unsigned indent, struct span text)
{
	span_cut(&text, '\n');	/* the greeting */
	while (text.len != 0) {
		struct span line = span_trim(span_cut(&text, '\n'));
		const char *section, *meaning = explain_keyword(line,
		    &section);
		char said[256];

		if (span_caseeq(line, SPAN("OK")))
			continue;
		words_quote(words, indent, NULL, WORDS_BOLD, line);
		if (meaning[0] == '\0')
			meaning = "not known here";
		(void)snprintf(said, sizeof said, "%s%s%s%s", meaning,
		    section[0] != '\0' ? " (" : "", section,
		    section[0] != '\0' ? ")" : "");
		words_say(words, indent + 6, NULL, WORDS_PLAIN, said);
	}
}

void
words_remarks(const struct words *words, unsigned indent, struct span clear,
    struct span tls)
{
	const struct explain_remark *remarks[EXPLAIN_REMARKS_MAX];
	size_t n = explain_hello(clear, tls, remarks);

	for (size_t i = 0; i < n; i++) {
		words_say(words, indent, remarks[i]->is_warning ? "careful" :
		    "note", remarks[i]->is_warning ? WORDS_WARN : WORDS_PLAIN,
		    remarks[i]->meaning);
		if (remarks[i]->advice[0] != '\0')
			words_say(words, indent, "", WORDS_PLAIN,
			    remarks[i]->advice);
	}
}
