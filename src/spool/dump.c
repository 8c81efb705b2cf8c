/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/dump.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/put.h"
#include "spool/segment.h"

struct dump_file {
	char *path;
	struct disk_file *in;
	struct segment_header header;
	bool has_header;
};

struct dump {
	struct dump_file *file;
	size_t file_n;
	struct dump_item *item;
	size_t *file_of;	/* item -> file */
	size_t item_n, item_cap;
	size_t *by_id;		/* items, by id, then in their order */
	const struct dump_file *at;	/* being walked */
	uint64_t damaged;
};

struct lister {
	struct dump *dump;
	const char *path;
	unsigned depth;
	bool is_named;		/* the file itself was asked for */
};

/* --- finding files */

static void
add_file(struct lister *lister, const char *path)
{
	struct dump *dump = lister->dump;
	struct dump_file file = { 0 };
	bool is_torn;

	if (disk_real.open(NULL, path, DISK_READ, &file.in) != 0)
		return;
	file.has_header = segment_read_header(&disk_real, file.in,
	    &file.header, &is_torn) == 0;
	/* what was freed is not there, unless somebody asks for it */
	if (file.has_header && file.header.use == SEGMENT_FREE &&
	    !lister->is_named) {
		disk_real.close(NULL, file.in);
		return;
	}
	file.path = mem_copy(span_str(path));
	dump->file = mem_grow_array(dump->file, dump->file_n + 1,
	    sizeof *dump->file);
	dump->file[dump->file_n++] = file;
}

static void
on_name(void *arg, const char *name)
{
	struct lister *lister = arg;
	struct lister inner = *lister;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	const char *path;
	uint32_t slot;

	put_str(&put, lister->path);
	put_char(&put, '/');
	put_str(&put, name);
	path = put_cstr(&put);
	if (segment_slot(name, &slot) ||
	    span_starts(span_str(name), SPAN(SEGMENT_SET_ASIDE))) {
		add_file(lister, path);
	} else if (lister->depth == 0 &&
	    span_starts(span_str(name), SPAN("shard-"))) {
		inner.path = path;
		inner.depth++;
		/* one that cannot be listed has nothing to dump */
		(void)disk_real.list(NULL, path, on_name, &inner);
	}
}

/* The order of the log; what has no header comes last. */
static int
by_seq(const void *a, const void *b)
{
	const struct dump_file *one = a, *other = b;

	if (one->has_header != other->has_header)
		return one->has_header ? -1 : 1;
	if (one->has_header && one->header.seq != other->header.seq)
		return one->header.seq < other->header.seq ? -1 : 1;
	return strcmp(one->path, other->path);
}

/* --- reading records */

static void
on_record(void *arg, const struct record *record, const char *rest,
    bool is_sound)
{
	struct dump *dump = arg;

	(void)rest;
	if (dump->item_n == dump->item_cap) {
		dump->item_cap = dump->item_cap != 0 ? dump->item_cap * 2 :
		    64;
		dump->item = mem_grow_array(dump->item, dump->item_cap,
		    sizeof *dump->item);
		dump->file_of = mem_grow_array(dump->file_of, dump->item_cap,
		    sizeof *dump->file_of);
	}
	dump->file_of[dump->item_n] = (size_t)(dump->at - dump->file);
	dump->item[dump->item_n++] = (struct dump_item){
		.file = dump->at->path, .record = *record,
		.is_sound = is_sound };
}

static void
on_damage(void *arg, enum segment_damage what, uint64_t at, uint64_t len)
{
	struct dump *dump = arg;

	(void)at;
	if (what != SEGMENT_TORN)
		dump->damaged += len;
}

static void
walk_file(struct dump *dump, const struct dump_file *file)
{
	struct segment_walk walk = {
		.disk = &disk_real,
		.in = file->in,
		.life = file->header.life,
		.is_any_life = !file->has_header,
		.record = on_record,
		.damage = on_damage,
		.arg = dump,
	};

	dump->at = file;
	if (disk_real.size(NULL, file->in, &walk.limit) != 0)
		return;
	if (file->has_header && file->header.use == SEGMENT_SEALED &&
	    file->header.end < walk.limit)
		walk.limit = file->header.end;
	segment_scan(&walk);
}

/* --- putting it together */

static int
by_id_and_order(const void *a, const void *b, void *arg)
{
	const struct dump *dump = arg;
	const size_t *one = a, *other = b;
	uint64_t id = dump->item[*one].record.id;
	uint64_t other_id = dump->item[*other].record.id;

	if (id != other_id)
		return id < other_id ? -1 : 1;
	return *one < *other ? -1 : *one > *other;
}

/* The items of an id are by_id[first] up to the result. */
static size_t
group_end(const struct dump *dump, size_t first)
{
	uint64_t id = dump->item[dump->by_id[first]].record.id;
	size_t end = first;

	while (end < dump->item_n &&
	    dump->item[dump->by_id[end]].record.id == id)
		end++;
	return end;
}

static size_t
group_of(const struct dump *dump, uint64_t id)
{
	size_t low = 0, high = dump->item_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (dump->item[dump->by_id[middle]].record.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The last copy of a part, or NULL. */
static const struct dump_item *
find_part(const struct dump *dump, size_t first, size_t end, uint32_t part,
    size_t *number)
{
	for (size_t i = end; i-- > first;) {
		const struct dump_item *item = &dump->item[dump->by_id[i]];

		if (item->record.type == RECORD_PART &&
		    item->record.part == part) {
			*number = dump->by_id[i];
			return item;
		}
	}
	return NULL;
}

static void
judge_commit(struct dump *dump, struct dump_item *item, size_t first,
    size_t end)
{
	size_t unused;

	item->is_complete = item->record.part <= dump->item_n;
	item->text_len = item->record.body_len;
	for (uint32_t i = 0; i < item->record.part &&
	    item->record.part <= dump->item_n; i++) {
		const struct dump_item *part = find_part(dump, first, end, i,
		    &unused);

		if (part == NULL)
			item->is_complete = false;
		else
			item->text_len += part->record.body_len;
	}
}

static void
judge_group(struct dump *dump, size_t first, size_t end)
{
	bool is_over = false;

	for (size_t i = end; i-- > first;) {
		struct dump_item *item = &dump->item[dump->by_id[i]];

		if (item->record.type == RECORD_END)
			is_over = true;
		if (item->record.type != RECORD_COMMIT)
			continue;
		judge_commit(dump, item, first, end);
		item->is_over = is_over;
		is_over = true;		/* earlier ones were copied */
	}
}

static void
judge(struct dump *dump)
{
	dump->by_id = mem_new_array(dump->item_n, sizeof *dump->by_id);
	for (size_t i = 0; i < dump->item_n; i++)
		dump->by_id[i] = i;
	qsort_r(dump->by_id, dump->item_n, sizeof *dump->by_id,
	    by_id_and_order, dump);
	for (size_t i = 0; i < dump->item_n;) {
		size_t end = group_end(dump, i);

		judge_group(dump, i, end);
		i = end;
	}
}

struct dump *
dump_open(const char *path, char *error, size_t error_len)
{
	struct dump *dump = mem_new(sizeof *dump);
	struct lister lister = { .dump = dump, .path = path };
	struct put put = put_init(error, error_len);
	struct disk_dir dir;
	int result = disk_real.look_dir(NULL, path, &dir);

	if (result == 0 && dir.is_dir) {
		result = disk_real.list(NULL, path, on_name, &lister);
	} else if (result == 0) {
		lister.is_named = true;
		add_file(&lister, path);
	}
	if (result != 0 || dump->file_n == 0) {
		put_str(&put, path);
		put_str(&put, ": ");
		put_str(&put, result != 0 ? log_errno(result) :
		    "no segment that can be read is there");
		(void)put_cstr(&put);
		dump_close(dump);
		return NULL;
	}
	qsort(dump->file, dump->file_n, sizeof *dump->file, by_seq);
	for (size_t i = 0; i < dump->file_n; i++)
		walk_file(dump, &dump->file[i]);
	judge(dump);
	return dump;
}

void
dump_close(struct dump *dump)
{
	for (size_t i = 0; i < dump->file_n; i++) {
		disk_real.close(NULL, dump->file[i].in);
		free(dump->file[i].path);
	}
	free(dump->file);
	free(dump->item);
	free(dump->file_of);
	free(dump->by_id);
	free(dump);
}

const struct dump_item *
dump_item(const struct dump *dump, size_t i)
{
	return i < dump->item_n ? &dump->item[i] : NULL;
}

uint64_t
dump_damaged(const struct dump *dump)
{
	return dump->damaged;
}

/* --- bytes */

static int
read_into(struct dump *dump, size_t i, uint64_t at, size_t len,
    struct buf *out)
{
	char *room = buf_room(out, len);
	ssize_t n;

	if (room == NULL)
		return -ENOBUFS;
	n = disk_real.read(NULL, dump->file[dump->file_of[i]].in, room, len,
	    dump->item[i].record.at + RECORD_HEADER_LEN + at);
	if (n < 0)
		return (int)n;
	buf_grow(out, (size_t)n);
	return (size_t)n == len ? 0 : -EIO;
}

int
dump_read(struct dump *dump, size_t i, struct buf *meta, struct buf *head)
{
	const struct record *record = &dump->item[i].record;
	int error = read_into(dump, i, 0, record->meta_len, meta);

	if (error == 0)
		error = read_into(dump, i, record->meta_len,
		    record->head_len, head);
	return error;
}

static int
put_body(struct dump *dump, size_t i, FILE *out)
{
	const struct record *record = &dump->item[i].record;
	struct buf body;
	int error;

	buf_init(&body, SEGMENT_LARGEST);
	error = read_into(dump, i, (uint64_t)record->meta_len +
	    record->head_len, record->body_len, &body);
	if (body.len != 0 && fwrite(body.p, 1, body.len, out) != body.len)
		error = -EIO;
	buf_free(&body);
	return error;
}

int
dump_text(struct dump *dump, size_t i, FILE *out)
{
	const struct record *record = &dump->item[i].record;
	size_t first = group_of(dump, record->id);
	size_t end = group_end(dump, first);
	size_t number;
	int error = 0;

	for (uint32_t part = 0; part < record->part &&
	    record->part <= dump->item_n; part++)
		if (find_part(dump, first, end, part, &number) != NULL &&
		    error == 0)
			error = put_body(dump, number, out);
	return error != 0 ? error : put_body(dump, i, out);
}
