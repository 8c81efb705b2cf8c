/* SPDX-License-Identifier: Apache-2.0 */
#include "user/edit.h"

#include <errno.h>

#include "user/line.h"
#include "user/table.h"

/* Where the account's line stands; its parts in `line`. */
static bool
find_line(struct span text, struct span name, struct span *found,
    struct user_line *line)
{
	char memory[256];

	while (text.len != 0) {
		struct put ignored = put_init(memory, sizeof memory);

		*found = user_text_line(&text);
		if (user_line_parse(user_text_content(*found), line,
		    &ignored) == USER_LINE_ACCOUNT &&
		    span_caseeq(line->name, name))
			return true;
	}
	return false;
}

static int
append(struct buf *out, struct span a, struct span b)
{
	int result = buf_append(out, a);

	return result != 0 ? result : buf_append(out, b);
}

static int
append_account(struct buf *out, const struct user_edit *edit,
    struct span line_end)
{
	int result = buf_append(out, edit->name);

	if (result == 0)
		result = append(out, SPAN(":"), edit->hash);
	if (result == 0 && edit->attributes.len != 0)
		result = append(out, SPAN(":"), edit->attributes);
	return result == 0 ? buf_append(out, line_end) : result;
}

static struct span
line_end_of(struct span line)
{
	size_t n = line.len;

	while (n != 0 && (line.p[n - 1] == '\n' || line.p[n - 1] == '\r'))
		n--;
	return span_skip(line, n);
}

static struct span
before(struct span text, struct span part)
{
	return span_first(text, (size_t)(part.p - text.p));
}

static struct span
behind(struct span text, struct span part)
{
	return span_skip(text, (size_t)(part.p - text.p) + part.len);
}

int
user_edit_add(struct span text, const struct user_edit *edit, struct buf *out)
{
	struct user_line line;
	struct span found;
	int result;

	if (find_line(text, edit->name, &found, &line))
		return -EEXIST;
	result = buf_append(out, text);
	if (result == 0 && text.len != 0 && text.p[text.len - 1] != '\n')
		result = buf_append(out, SPAN("\n"));
	return result == 0 ? append_account(out, edit, SPAN("\n")) : result;
}

int
user_edit_change(struct span text, const struct user_edit *edit,
    struct buf *out)
{
	struct user_edit whole = *edit;
	struct user_line line;
	struct span found;
	int result;

	if (!find_line(text, edit->name, &found, &line))
		return -ENOENT;
	whole.name = line.name;
	if (whole.hash.p == NULL)
		whole.hash = line.hash;
	if (whole.attributes.p == NULL)
		whole.attributes = line.attributes;
	/* up to the name: a byte order mark may stand there */
	result = append(out, before(text, found), before(found, line.name));
	if (result == 0)
		result = append_account(out, &whole, line_end_of(found));
	return result == 0 ? buf_append(out, behind(text, found)) : result;
}

int
user_edit_remove(struct span text, struct span name, struct buf *out)
{
	struct user_line line;
	struct span found;

	if (!find_line(text, name, &found, &line))
		return -ENOENT;
	return append(out, before(text, found), behind(text, found));
}
