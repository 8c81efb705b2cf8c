/* SPDX-License-Identifier: Apache-2.0 */
/* A users file with anything in it, then edits. Input: a line with a name, a
 * line with attributes, then the file. Promised whatever comes:
 *  1. a refused file is refused with "file:LINE: …", printable, LINE in it;
 *  2. in an accepted one every account is found by its name in any case, its
 *     name is fit for a path, and it has a hash to compute with or is locked;
 *  3. an added account is found; the text before it is untouched; taken out
 *     again, the file is what it was but for a line end at its end;
 *  4. a change of attributes leaves all the others and all hashes. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "user/edit.h"
#include "user/hash.h"
#include "user/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct user_table *
parse(struct span text)
{
	char error[600];
	struct user_table *table;
	uint64_t line, lines = 1;
	struct span rest;

	table = user_table_parse("f", text, error, sizeof error);
	if (table != NULL)
		return table;
	rest = span_str(error);
	must(span_eq(span_cut(&rest, ':'), SPAN("f")));
	must(text_u64(span_cut(&rest, ':'), &line));
	for (size_t i = 0; i < text.len; i++)
		lines += text.p[i] == '\n';
	must(line >= 1 && line <= lines && rest.len > 2);
	for (size_t i = 0; i < rest.len; i++)
		must(!ascii_is_cntrl(rest.p[i]));
	return NULL;
}

static void
check_account(const struct user_table *table,
    const struct user_account *account)
{
	const struct user_account *found =
	    user_table_find(table, account->name);

	must(found == account);
	must(account->name.len >= 1 && account->name.len <= USER_NAME_MAX);
	must(memchr(account->name.p, '/', account->name.len) == NULL &&
	    account->name.p[0] != '.');
	must(account->hash[0] != '\0' || account->is_locked);
	must(account->hash[0] == '\0' ||
	    user_hash_scheme(span_str(account->hash)) != NULL);
}

/* All accounts of `a` but the one called `name` are in `b`, as they were. */
static void
check_kept(const struct user_table *a, const struct user_table *b,
    struct span name)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct user_account *was = &a->account[i];
		const struct user_account *is =
		    user_table_find(b, was->name);

		if (span_caseeq(was->name, name))
			continue;
		must(is != NULL && strcmp(was->hash, is->hash) == 0);
		must(was->is_locked == is->is_locked);
		must(was->attributes.is_disabled ==
		    is->attributes.is_disabled);
		must(was->attributes.has_no_mailbox ==
		    is->attributes.has_no_mailbox);
		must(span_eq(was->attributes.send_as,
		    is->attributes.send_as));
	}
}

static struct user_table *
parse_edited(const struct buf *out)
{
	struct user_table *table = parse(buf_span(out));

	must(table != NULL);	/* an edit makes no mistakes */
	return table;
}

static void
check_add(const struct user_table *table, struct span text,
    const struct user_edit *edit)
{
	struct user_table *added;
	struct buf out, back;

	buf_init(&out, text.len + 16384);
	buf_init(&back, text.len + 16384);
	must(user_edit_add(text, edit, &out) == 0);
	must(span_starts(buf_span(&out), text));
	added = parse_edited(&out);
	must(added->n == table->n + 1);
	check_kept(table, added, SPAN(""));
	must(user_edit_remove(buf_span(&out), edit->name, &back) == 0);
	must(span_starts(buf_span(&back), text));
	must(back.len - text.len <= 1);
	user_table_unref(added);
	buf_free(&out);
	buf_free(&back);
}

static void
check_change(const struct user_table *table, struct span text,
    const struct user_edit *edit)
{
	struct user_edit change = { edit->name, { NULL, 0 },
		edit->attributes };
	struct user_table *changed, *removed;
	struct buf out;

	buf_init(&out, text.len + 16384);
	must(user_edit_add(text, edit, &out) == -EEXIST);
	must(user_edit_change(text, &change, &out) == 0);
	changed = parse_edited(&out);
	must(changed->n == table->n);
	check_kept(table, changed, edit->name);
	user_table_unref(changed);
	buf_clear(&out);
	must(user_edit_remove(text, edit->name, &out) == 0);
	removed = parse_edited(&out);
	must(removed->n + 1 == table->n);
	check_kept(table, removed, edit->name);
	user_table_unref(removed);
	buf_free(&out);
}

static bool
find_any_case(const struct user_table *table, struct span name)
{
	for (size_t i = 0; i < table->n; i++)
		if (span_caseeq(table->account[i].name, name))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct user_edit edit = { .name = span_cut(&text, '\n'),
		.hash = SPAN("!"), .attributes = span_cut(&text, '\n') };
	struct user_table *table = parse(text);
	struct user_attributes attributes;
	char memory[600];
	struct put why = put_init(memory, sizeof memory);

	if (table == NULL)
		return 0;
	for (size_t i = 0; i < table->n; i++)
		check_account(table, &table->account[i]);
	if (user_name_check(edit.name, &why) && edit.attributes.len < 8192 &&
	    user_attributes_parse(edit.attributes, &attributes, &why)) {
		if (find_any_case(table, edit.name))
			check_change(table, text, &edit);
		else
			check_add(table, text, &edit);
	}
	user_table_unref(table);
	return 0;
}
