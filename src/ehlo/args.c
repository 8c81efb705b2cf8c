/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/args.h"

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

static const struct args_option *
find(struct span name, const struct args_option *option, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq(name, span_str(option[i].name)))
			return &option[i];
	return NULL;
}

/* `inner` is what stands behind "=", or NULL; `next` the next word, or NULL.
 * `*is_next_taken` says whether that was the value. */
static bool
apply(const struct args_option *option, const char *inner, const char *next,
    bool *is_next_taken)
{
	*is_next_taken = false;
	if (option->refusal != NULL) {
		tell_error("%s: %s", option->name, option->refusal);
		return false;
	}
	if (option->flag != NULL) {
		if (inner != NULL) {
			tell_error("%s takes no value", option->name);
			return false;
		}
		*option->flag = true;
		return true;
	}
	*is_next_taken = inner == NULL;
	if (inner == NULL && next == NULL) {
		tell_error("%s wants a value", option->name);
		return false;
	}
	if (*option->value != NULL) {
		tell_error("%s is there twice", option->name);
		return false;
	}
	*option->value = inner != NULL ? inner : next;
	return true;
}

bool
args_parse(int *argc, char **argv, const struct args_option *option, size_t n)
{
	int kept = 1, i = 1;

	for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		const struct args_option *found;
		struct span inner = span_str(argv[i]);
		struct span name = span_cut(&inner, '=');
		bool has_inner = name.len != strlen(argv[i]), is_next_taken;

		/* "-" alone is a word */
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[kept++] = argv[i];
			continue;
		}
		found = find(name, option, n);
		if (found == NULL)
			return refuse_unknown(name, option, n);
		if (!apply(found, has_inner ? inner.p : NULL,
		    i + 1 < *argc ? argv[i + 1] : NULL, &is_next_taken))
			return false;
		i += is_next_taken;
	}
	for (i++; i < *argc; i++)	/* behind "--" */
		argv[kept++] = argv[i];
	*argc = kept;
	return true;
}
