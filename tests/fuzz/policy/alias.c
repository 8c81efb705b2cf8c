/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an aliases file: a refusal names the file and a line; of what is
 * accepted every chain ends within ten steps, wherever it begins. Seen to
 * catch: walk() that forgets the domain of a bare target. */
#include <stdint.h>
#include <stdio.h>

#include "base/die.h"
#include "base/put.h"
#include "conf/domain.h"
#include "policy/alias.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned steps;

/* Follows as the policy does; a target that is itself ends. */
static void
follow(const struct alias_table *table, struct span local, struct span domain,
    unsigned depth)
{
	size_t n = 0;
	const struct span *target;

	if (steps++ > 20000)
		return;		/* wide, not deep */
	target = alias_find(table, local, domain, &n);
	if (target == NULL)
		return;
	must(depth < 10);
	must(n > 0);
	for (size_t i = 0; i < n; i++) {
		struct span to = target[i], name = span_cut(&to, '@');

		must(name.len > 0 && name.len <= 64);
		to = name.len == target[i].len ? domain : to;
		if (!span_caseeq(name, local) || !span_caseeq(to, domain))
			follow(table, name, to, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[256] = "";
	struct span rest = span_of(data, size);
	struct alias_table *table = alias_parse("f", rest, error,
	    sizeof error);

	if (table == NULL) {
		must(strncmp(error, "f:", 2) == 0);
		must(error[2] >= '1' && error[2] <= '9');
		return 0;
	}
	must(*error == '\0');
	/* from every word of the file, in every domain of the file */
	steps = 0;
	while (rest.len != 0) {
		struct span line = span_cut(&rest, '\n');
		struct span domain = span_trim(span_cut(&line, ':'));
		struct span local = span_cut(&domain, '@');
		char canon[256];

		follow(table, local, SPAN("other.example"), 0);
		if (conf_domain_canon(domain, canon))
			follow(table, local, span_str(canon), 0);
	}
	alias_unref(table);
	return 0;
}
