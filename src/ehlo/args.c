/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/args.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/span.h"
#include "base/text.h"
#include "ehlo/tell.h"

const char *
args_nearest(const char *word, const void *names, size_t n, size_t stride)
{
	/* with more than a third of it wrong it is another word */
	unsigned nearest = 2 + (unsigned)strlen(word) / 3;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *const *name = (const void *)
		    ((const char *)names + i * stride);
		unsigned distance = text_distance(span_str(word),
		    span_str(*name));

		if (distance < nearest) {
			nearest = distance;
			found = *name;
		}
	}
	return found;
}

static bool
refuse_unknown(struct span name, const struct args_option *option, size_t n)
{
	char word[64];
	struct put text = put_init(word, sizeof word - 1);
	const char *nearest;

	put_bytes(&text, span_first(name, sizeof word - 1));
	nearest = args_nearest(put_cstr(&text), &option[0].name, n,
	    sizeof *option);
	if (nearest != NULL)
		tell_error("unknown option %.*s, did you mean %s?",
		    SPAN_ARG(name), nearest);
	else
		tell_error("unknown option %.*s", SPAN_ARG(name));
	return false;
}

static struct span
without_dashes(struct span name)
{
	while (name.len != 0 && name.p[0] == '-')
		name = span_skip(name, 1);
	return name;
}

static bool
has_name(const struct args_option *option, struct span name)
{
	struct span others = span_str(option->also), word;

	name = without_dashes(name);
	if (name.len == 0)
		return false;
	word = without_dashes(span_str(option->name));
	if ((option->kind & ARGS_PREFIX) != 0 && span_starts(name, word) &&
	    name.len > word.len)
		return true;
	if (span_eq(name, word))
		return (option->kind & ARGS_PREFIX) == 0;
	while (others.len != 0) {
		word = span_cut(&others, ' ');
		if (span_eq(name, without_dashes(word)))
			return true;
	}
	return false;
}

/* A name that is written out goes before one that only begins like it. */
static const struct args_option *
find(struct span name, const struct args_option *option, size_t n)
{
	const struct args_option *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!has_name(&option[i], name))
			continue;
		if ((option[i].kind & ARGS_PREFIX) == 0)
			return &option[i];
		if (found == NULL)
			found = &option[i];
	}
	return found;
}

static bool
takes_value(const struct args_option *option)
{
	return option->flag == NULL && option->refusal == NULL &&
	    (option->kind & ARGS_NO_VALUE) == 0;
}

/* "-" is a value (standard input), "-x" is the next option. */
static bool
looks_like_value(const char *word)
{
	return word[0] != '-' || word[1] == '\0';
}

static bool
apply(const struct args_option *option, struct span name, const char *value)
{
	if (option->take != NULL)
		return option->take(option->arg, name, value);
	if (option->flag != NULL) {
		*option->flag = true;
		return true;
	}
	if (*option->value != NULL && (option->kind & ARGS_REPEATED) == 0) {
		tell_error("%s is there twice", option->name);
		return false;
	}
	*option->value = value != NULL ? value : "";
	return true;
}

/* `inner` is what stands behind "=", or NULL; `next` the next word, or NULL.
 * `*is_next_taken` says whether that was the value. */
static bool
judge(const struct args_option *option, const char *inner, const char *next,
    bool *is_next_taken)
{
	*is_next_taken = false;
	if (option->refusal != NULL) {
		tell_error("%s: %s", option->name, option->refusal);
		return false;
	}
	if (!takes_value(option)) {
		if (inner != NULL)
			tell_error("%s takes no value", option->name);
		return inner == NULL;
	}
	if (inner != NULL)
		return true;
	if ((option->kind & ARGS_OPTIONAL) != 0) {
		*is_next_taken = next != NULL && looks_like_value(next);
		return true;
	}
	*is_next_taken = next != NULL;
	if (next == NULL)
		tell_error("%s wants a value", option->name);
	return next != NULL;
}

bool
args_parse(int *argc, char **argv, const struct args_option *option, size_t n)
{
	int kept = 1, i = 1;

	for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		const struct args_option *found;
		struct span inner = span_str(argv[i]);
		struct span name = span_cut(&inner, '=');
		const char *next = i + 1 < *argc ? argv[i + 1] : NULL;
		const char *value = NULL;
		bool is_next_taken;

		if (looks_like_value(argv[i])) {
			argv[kept++] = argv[i];
			continue;
		}
		if (name.len != strlen(argv[i]))
			value = inner.p;
		found = find(name, option, n);
		if (found == NULL)
			return refuse_unknown(name, option, n);
		if (!judge(found, value, next, &is_next_taken))
			return false;
		if (!apply(found, name, is_next_taken ? next : value))
			return false;
		i += is_next_taken;
	}
	for (i++; i < *argc; i++)	/* behind "--" */
		argv[kept++] = argv[i];
	*argc = kept;
	return true;
}

bool
args_take_list(void *arg, struct span name, const char *value)
{
	struct args_list *list = arg;

	(void)name;
	list->word = mem_grow_array(list->word, list->n + 1,
	    sizeof *list->word);
	list->word[list->n++] = value != NULL ? value : "";
	return true;
}

void
args_list_free(struct args_list *list)
{
	free(list->word);
	*list = (struct args_list){ .n = 0 };
}

bool
args_number(const char *name, const char *value, unsigned long least,
    unsigned long most, unsigned long *out)
{
	uint64_t n;

	if (!text_u64(span_str(value), &n) || n < least || n > most) {
		tell_error("%s %s: a number from %lu to %lu is wanted", name,
		    value, least, most);
		return false;
	}
	*out = (unsigned long)n;
	return true;
}

bool
args_duration(const char *name, const char *value, unsigned *ms)
{
	static const struct {
		const char *unit;
		unsigned ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "", 1000 } };
	struct span number = span_str(value), unit;
	size_t digits = 0;
	uint64_t n;

	while (digits < number.len && ascii_is_digit(number.p[digits]))
		digits++;
	unit = span_skip(number, digits);
	for (size_t i = 0; i < countof(units); i++) {
		if (!span_eq(unit, span_str(units[i].unit)))
			continue;
		if (!text_u64(span_first(number, digits), &n) ||
		    n > UINT32_MAX / units[i].ms)
			break;
		*ms = (unsigned)n * units[i].ms;
		return true;
	}
	tell_error("%s %s: a time is wanted, as in 30s, 5m, 250ms", name,
	    value);
	return false;
}
