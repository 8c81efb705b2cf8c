/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/script.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/script_private.h"

#define ITEMS_MAX 100000u	/* more is no transcript */

struct script_item *
script_add(struct script *script, enum script_kind kind,
    unsigned line, struct span text)
{
	struct script_item *item;

	if (script->n == script->room) {
		script->room = script->room * 2 + 64;
		script->item = mem_grow_array(script->item,
		    script->room, sizeof *script->item);
	}
	item = &script->item[script->n];
	if (script->n < ITEMS_MAX)
		script->n++;
	*item = (struct script_item){ .kind = kind, .line = line,
		.text = text };
	return item;
}

void
script_raws_add(struct script_raws *raws, struct script_raw raw)
{
	if (raws->n == raws->room) {
		raws->room = raws->room * 2 + 64;
		raws->raw = mem_grow_array(raws->raw, raws->room,
		    sizeof *raws->raw);
	}
	raws->raw[raws->n++] = raw;
}

bool
script_bad(struct script *script, unsigned line, const char *why)
{
	script->bad_line = line;
	script->bad_why = why;
	return false;
}

void
script_free(struct script *script)
{
	free(script->item);
	script->item = NULL;
	script->n = script->room = 0;
	arena_reset(&script->arena);
}

unsigned
script_reply_code(struct span line)
{
	unsigned code = 0;

	if (line.len < 3 || (line.len > 3 && line.p[3] != ' ' &&
	    line.p[3] != '-'))
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (!ascii_is_digit(line.p[i]))
			return 0;
		code = code * 10 + (unsigned)(line.p[i] - '0');
	}
	/* RFC 5321 4.2.1: the second digit is 0 to 5 */
	return code >= 200 && code < 600 && code / 10 % 10 <= 5 ? code : 0;
}

unsigned
script_code(const struct script_item *item)
{
	if (item->kind != SCRIPT_HEARS && item->kind != SCRIPT_REPLY)
		return 0;
	return script_reply_code(item->text);
}

/* One "*" is remembered at a time: the last one may always be the one that
 * takes more (no text can make this slow). */
bool
script_fits(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, star = pattern.len, mark = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.len && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star < pattern.len) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}
