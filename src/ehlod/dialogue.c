/* SPDX-License-Identifier: Apache-2.0 */
/* dialogue: see dialogue.h. */
#include "ehlod/dialogue.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

static bool
has_colours(void)
{
	/* asked once: neither changes while we run */
	static int known = -1;
	const char *no = getenv("NO_COLOR");

	if (known < 0)
		known = isatty(2) && (no == NULL || no[0] == '\0');
	return known != 0;
}

/* Green: all is well; yellow: go on; red: refused. */
static const char *
colour_of(enum smtp_direction direction, struct span line)
{
	if (direction == SMTP_FROM_CLIENT || line.len == 0)
		return "\033[1m";
	switch (line.p[0]) {
	case '2':
		return "\033[32m";
	case '3':
		return "\033[33m";
	default:
		return "\033[31m";
	}
}

void
dialogue_show(struct span id, enum smtp_direction direction,
    struct span line)
{
	char text[1024];
	struct put out = put_init(text, sizeof text - 8);
	bool is_coloured = has_colours();

	if (is_coloured)
		put_str(&out, "\033[2m");
	put_bytes(&out, id);
	put_str(&out, direction == SMTP_FROM_CLIENT ? " C: " : " S: ");
	if (is_coloured) {
		put_str(&out, "\033[0m");
		put_str(&out, colour_of(direction, line));
	}
	text_quote(span_first(line, 800), &out);
	out.full = false;	/* a cut line still wants its colour ended */
	out.cap = sizeof text;
	if (is_coloured)
		put_str(&out, "\033[0m");
	log_line(put_span(&out));
}
