/* SPDX-License-Identifier: Apache-2.0 */
/* reason: see reason.h. */
#include "deliver/reason.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"

void
reasons_init(struct reasons *reasons)
{
	map_init(&reasons->map);
}

void
reasons_free(struct reasons *reasons)
{
	must(reasons->map.n == 0);
	map_free(&reasons->map);
}

static struct reason *
make(struct span text)
{
	struct reason *reason = mem_new(sizeof *reason + text.len);

	reason->refs = 1;
	reason->len = (uint16_t)text.len;
	if (text.len != 0)
		memcpy(reason->text, text.p, text.len);
	return reason;
}

struct reason *
reason_get(struct reasons *reasons, struct span text)
{
	struct reason *reason;

	text = span_first(text, REASON_MAX);
	reason = map_find(&reasons->map, text);
	if (reason != NULL) {
		reason->refs++;
		return reason;
	}
	if (reasons->map.n >= REASONS_MAX)
		return make(span_first(text, REASON_OWN_MAX));
	reason = make(text);
	reason->reasons = reasons;
	(void)map_put(&reasons->map, span_of(reason->text, reason->len),
	    reason);
	return reason;
}

void
reason_unref(struct reason *reason)
{
	if (reason == NULL || --reason->refs != 0)
		return;
	if (reason->reasons != NULL)
		(void)map_take(&reason->reasons->map,
		    span_of(reason->text, reason->len));
	free(reason);
}
