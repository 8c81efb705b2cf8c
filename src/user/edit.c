/* SPDX-License-Identifier: Apache-2.0 */
#include "user/edit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/put.h"
#include "user/keys.h"
#include "user/line.h"
#include "user/table.h"

#define ATTRIBUTES_MAX 65536	/* octets of one account's */

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

static void
put_word(struct put *out, struct span word)
{
	if (word.len == 0)
		return;
	if (out->len != 0)
		put_char(out, ' ');
	put_bytes(out, word);
}

/* The account's attributes after the edit; `old` are those it has. A new
 * password with an old key beside it would leave the old one valid. */
static bool
join_attributes(const struct user_edit *edit, struct span old,
    struct put *out)
{
	struct user_attributes had;
	char memory[256];
	struct put ignored = put_init(memory, sizeof memory);
	bool is_new = edit->hash.p != NULL;

	if (!user_attributes_parse(old, &had, &ignored))
		return false;
	user_keys_leave_out(edit->attributes.p != NULL ? edit->attributes
						       : old, out);
	if (is_new) {
		put_word(out, edit->scram);
		if (!edit->is_nt_kept || had.nt.len != 0)
			put_word(out, edit->nt);
		return !out->full;
	}
	if (had.scram.len != 0) {
		put_word(out, SPAN("scram="));
		put_bytes(out, had.scram);
	}
	if (had.nt.len != 0) {
		put_word(out, SPAN("nt="));
		put_bytes(out, had.nt);
	}
	return !out->full;
}

/* The account's line with the attributes that it shall have. */
static int
append_joined(struct buf *out, const struct user_edit *edit,
    const struct user_line *old, struct span line_end)
{
	char *memory = mem_new(ATTRIBUTES_MAX);
	struct put attributes = put_init(memory, ATTRIBUTES_MAX);
	struct user_edit whole = *edit;
	int result = -ENOBUFS;

	if (join_attributes(edit, old != NULL ? old->attributes : SPAN(""),
	    &attributes)) {
		whole.attributes = put_span(&attributes);
		if (whole.hash.p == NULL) {
			must(old != NULL);	/* a new account has one */
			whole.hash = old->hash;
		}
		result = append_account(out, &whole, line_end);
	}
	mem_wipe(memory, ATTRIBUTES_MAX);
	free(memory);
	return result;
}

static bool
has_seed(struct span text)
{
	unsigned char ignored[USER_SEED_LEN];

	while (text.len != 0)
		if (user_seed_parse(user_text_content(user_text_line(&text)),
		    ignored))
			return true;
	return false;
}

/* Behind everything else, once: where accounts have keys, those who are not
 * there need some, too. */
static int
append_seed(struct buf *out, const struct user_edit *edit)
{
	struct span text = buf_span(out);
	int result = 0;

	if (edit->seed.len == 0 || edit->scram.len == 0 || has_seed(text))
		return 0;
	if (text.len != 0 && text.p[text.len - 1] != '\n')
		result = buf_append(out, SPAN("\n"));
	return result == 0 ? append(out, edit->seed, SPAN("\n")) : result;
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
	if (result == 0)
		result = append_joined(out, edit, NULL, SPAN("\n"));
	return result == 0 ? append_seed(out, edit) : result;
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
	/* up to the name: a byte order mark may stand there */
	result = append(out, before(text, found), before(found, line.name));
	if (result == 0)
		result = append_joined(out, &whole, &line, line_end_of(found));
	if (result == 0)
		result = buf_append(out, behind(text, found));
	return result == 0 ? append_seed(out, edit) : result;
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
