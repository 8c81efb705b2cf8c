/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/talk_hello.h"

#include "base/text.h"

/* The keyword of a line; the rest is left in `*line`. */
static struct span
take_keyword(struct span *line)
{
	struct span word = *line;
	size_t n = 0;

	while (n < word.len && word.p[n] != ' ' && word.p[n] != '=')
		n++;
	*line = span_trim(span_skip(word, n + 1));
	return span_first(word, n);
}

static bool
has_word(struct span words, struct span word)
{
	while (words.len != 0)
		if (span_caseeq(span_cut(&words, ' '), word))
			return true;
	return false;
}

/* Is `word` an argument of one of the lines of that keyword? */
static bool
has_argument(struct span list, struct span keyword, struct span word)
{
	(void)span_cut(&list, '\n');
	while (list.len != 0) {
		struct span args = span_cut(&list, '\n');

		if (span_caseeq(take_keyword(&args), keyword) &&
		    has_word(args, word))
			return true;
	}
	return false;
}

bool
talk_hello_has(struct span list, struct span keyword, struct span *args)
{
	(void)span_cut(&list, '\n');	/* the greeting is no keyword */
	while (list.len != 0) {
		struct span rest = span_cut(&list, '\n');

		if (!span_caseeq(take_keyword(&rest), keyword))
			continue;
		if (args != NULL)
			*args = rest;
		return true;
	}
	return false;
}

static void
put_item(struct put *out, bool *is_first, struct span item)
{
	if (!*is_first)
		put_str(out, ", ");
	*is_first = false;
	text_quote(item, out);
}

/* Arguments of `line` that the other list's keyword does not have. */
static void
compare_arguments(struct span here, struct span keyword, struct span args,
    struct put *out, bool *is_first)
{
	bool is_begun = false;

	while (args.len != 0) {
		struct span word = span_cut(&args, ' ');

		if (word.len == 0 || has_argument(here, keyword, word))
			continue;
		if (!is_begun) {
			put_item(out, is_first, keyword);
			is_begun = true;
		}
		put_char(out, ' ');
		text_quote(word, out);
	}
}

void
talk_hello_missing(struct span here, struct span there, struct put *out)
{
	bool is_first = true;

	(void)span_cut(&there, '\n');
	while (there.len != 0) {
		struct span line = span_cut(&there, '\n'), args = line;
		struct span keyword = take_keyword(&args);

		/* IIS ends its list by OK; that STARTTLS goes is no news */
		if (keyword.len == 0 || span_caseeq(line, SPAN("OK")) ||
		    span_caseeq(keyword, SPAN("STARTTLS")))
			continue;
		if (!talk_hello_has(here, keyword, NULL))
			put_item(out, &is_first, line);
		else
			compare_arguments(here, keyword, args, out,
			    &is_first);
	}
}
