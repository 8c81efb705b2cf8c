/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a configuration: what is accepted and printed is accepted again
 * and prints the same; what is refused says why; nothing is said of what is
 * good but warnings. Seen to catch: a `"` that option_print_word() does not
 * escape; unit_print() that does not divide. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/span.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every message (they begin their line; source lines are indented). */
static bool
are_warnings(const char *told)
{
	for (const char *p = told; p != NULL && *p != '\0';
	    p = (p = strchr(p, '\n')) != NULL ? p + 1 : NULL)
		if (*p == 'f' && strncmp(p + 1 + strspn(p + 1, ":0123456789"),
		    " warning: ", 10) != 0)
			return false;
	return true;
}

static struct conf *
parse(struct span text)
{
	char *told;
	size_t len;
	FILE *errors = open_memstream(&told, &len);
	struct conf *conf;

	must(errors != NULL);
	conf = conf_parse("f", text.p, text.len, errors);
	must(fclose(errors) == 0);
	must(conf != NULL ? are_warnings(told) : len != 0);
	free(told);
	return conf;
}

static char *
print(const struct conf *conf, size_t *len)
{
	char *text;
	FILE *out = open_memstream(&text, len);

	must(out != NULL);
	conf_print(conf, out);
	must(fclose(out) == 0);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = parse(span_of(data, size)), *again;
	char *one, *other;
	size_t one_len, other_len;

	if (conf == NULL)
		return 0;
	one = print(conf, &one_len);
	again = parse(span_of(one, one_len));
	must(again != NULL);
	other = print(again, &other_len);
	must(span_eq(span_of(one, one_len), span_of(other, other_len)));
	for (size_t i = 0; i < conf->domain_n; i++)
		must(conf_find_domain(conf, conf->domain[i].name,
		    strlen(conf->domain[i].name)) == &conf->domain[i]);
	conf_unref(conf);
	conf_unref(again);
	free(one);
	free(other);
	return 0;
}
