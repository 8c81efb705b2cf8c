/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/segment.h"

#include <errno.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/die.h"
#include "base/text.h"

#define HEADER_LEN   128u
#define NUMBER_MAX   (UINT64_MAX >> 1)
#define HEADER_SUM   124u
#define HEADER_MAGIC 0x0a6c6f6f70734845u	/* "EHspool\n" */
#define ZEROES_LEN   ((size_t)1 << 20)

const char *
segment_path(const char *dir, const char *prefix, uint64_t number,
    const char *suffix, struct put *put)
{
	put_str(put, dir);
	put_char(put, '/');
	put_str(put, prefix);
	put_u64_width(put, number, 6);
	put_str(put, suffix);
	return put_cstr(put);
}

bool
segment_slot(const char *name, uint32_t *slot)
{
	struct span s = span_str(name);
	uint64_t n;

	if (!span_starts(s, SPAN(SEGMENT_NAME)))
		return false;
	s = span_skip(s, sizeof SEGMENT_NAME - 1);
	if (s.len < 6 || !text_u64(s, &n) || n > UINT32_MAX - 1)
		return false;
	*slot = (uint32_t)n;
	return true;
}

static char *
new_blocks(size_t len)
{
	void *p = aligned_alloc(DISK_BLOCK, len);

	must(p != NULL);
	memset(p, 0, len);
	return p;
}

static void
encode_header(const struct segment_header *header, char *p)
{
	le64_put(p, HEADER_MAGIC);
	le32_put(p + 8, header->version);
	le32_put(p + 12, header->shard);
	le32_put(p + 16, header->use);
	le64_put(p + 24, header->size);
	le64_put(p + 32, header->seq);
	le64_put(p + 40, header->rev);
	le64_put(p + 48, header->life);
	le64_put(p + 56, header->created_ms);
	le64_put(p + 64, header->end);
	le64_put(p + 72, header->summary_at);
	le64_put(p + 80, header->prev_seq);
	le64_put(p + 88, header->prev_end);
	le64_put(p + 96, header->id_floor);
	le32_put(p + HEADER_SUM, crc32c(0, span_of(p, HEADER_SUM)));
}

/* 0, -EBADMSG, or -EPROTONOSUPPORT. Magic, version and sum stand at the same
 * place in every version. */
static int
decode_header(const char *p, struct segment_header *header)
{
	uint32_t use = le32_get(p + 16);

	if (le64_get(p) != HEADER_MAGIC ||
	    le32_get(p + HEADER_SUM) != crc32c(0, span_of(p, HEADER_SUM)))
		return -EBADMSG;
	*header = (struct segment_header){
		.version = le32_get(p + 8),
		.shard = le32_get(p + 12),
		.size = le64_get(p + 24),
		.seq = le64_get(p + 32),
		.rev = le64_get(p + 40),
		.life = le64_get(p + 48),
		.created_ms = le64_get(p + 56),
		.end = le64_get(p + 64),
		.summary_at = le64_get(p + 72),
		.prev_seq = le64_get(p + 80),
		.prev_end = le64_get(p + 88),
		.id_floor = le64_get(p + 96),
	};
	if (header->version != SEGMENT_VERSION)
		return -EPROTONOSUPPORT;
	if (use < SEGMENT_FREE || use > SEGMENT_SEALED)
		return -EBADMSG;
	/* numbers that we count on from: no life of ours comes near */
	if (header->seq > NUMBER_MAX || header->prev_seq > NUMBER_MAX ||
	    header->rev > NUMBER_MAX || header->id_floor > NUMBER_MAX)
		return -EBADMSG;
	header->use = (enum segment_use)use;
	return 0;
}

int
segment_write(const struct disk *disk, struct disk_file *out, const char *p,
    size_t len, uint64_t at)
{
	while (len != 0) {
		ssize_t n = disk->write_sync(disk->self, out, p, len, at);

		if (n < 0)
			return (int)n;
		if (n == 0 || n % DISK_BLOCK != 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int
segment_write_header(const struct disk *disk, struct disk_file *out,
    const struct segment_header *header)
{
	char *blocks = new_blocks(SEGMENT_START);
	int error;

	encode_header(header, blocks);
	encode_header(header, blocks + DISK_BLOCK);
	error = segment_write(disk, out, blocks, SEGMENT_START, 0);
	free(blocks);
	return error;
}

int
segment_read_header(const struct disk *disk, struct disk_file *in,
    struct segment_header *header, bool *is_torn)
{
	char p[2][HEADER_LEN] = { { 0 } };
	struct segment_header copy[2];
	int error[2];

	for (int i = 0; i < 2; i++) {
		ssize_t n = disk->read(disk->self, in, p[i], HEADER_LEN,
		    (uint64_t)i * DISK_BLOCK);

		if (n < 0)
			return (int)n;
		error[i] = decode_header(p[i], &copy[i]);
		if (error[i] == -EPROTONOSUPPORT)
			return error[i];
	}
	*is_torn = memcmp(p[0], p[1], HEADER_LEN) != 0;
	if (error[0] != 0 && error[1] != 0)
		return -EBADMSG;
	if (error[0] == 0 && (error[1] != 0 || copy[0].rev >= copy[1].rev))
		*header = copy[0];
	else
		*header = copy[1];
	return 0;
}

/* --- making */

int
segment_make_begin(struct segment_maker *maker, const struct disk *disk,
    const char *dir, uint32_t slot, uint64_t size)
{
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	const char *path = segment_path(dir, SEGMENT_NAME, slot, SEGMENT_NEW,
	    &put);
	int error;

	*maker = (struct segment_maker){ .slot = slot, .size = size };
	error = disk->open(disk->self, path, DISK_CREATE, &maker->file);
	if (error != 0) {
		maker->file = NULL;
		return error;
	}
	error = disk->allocate(disk->self, maker->file, size);
	if (error != 0 && error != -EOPNOTSUPP) {
		segment_make_abandon(maker, disk, dir);
		return error;
	}
	return 0;
}

void
segment_make_abandon(struct segment_maker *maker, const struct disk *disk,
    const char *dir)
{
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);

	if (maker->file == NULL)
		return;
	disk->close(disk->self, maker->file);
	maker->file = NULL;
	/* if this fails the next start removes it */
	(void)disk->unlink(disk->self, segment_path(dir, SEGMENT_NAME,
	    maker->slot, SEGMENT_NEW, &put));
}

static int
write_zeroes(struct segment_maker *maker, const struct disk *disk,
    uint64_t octets)
{
	static _Alignas(DISK_BLOCK) const char zeroes[ZEROES_LEN];
	uint64_t until = maker->at + octets;

	if (until > maker->size || until < maker->at)
		until = maker->size;
	while (maker->at < until) {
		size_t len = maker->size - maker->at < sizeof zeroes ?
		    (size_t)(maker->size - maker->at) : sizeof zeroes;
		ssize_t n = disk->write(disk->self, maker->file, zeroes, len,
		    maker->at);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		maker->at += (uint64_t)n;
	}
	return 0;
}

/* Everything is written: gives the file its header and its name. */
static int
make_finish(struct segment_maker *maker, const struct disk *disk,
    const char *dir)
{
	struct segment_header header = { .version = SEGMENT_VERSION,
		.use = SEGMENT_FREE, .size = maker->size };
	char memory[2][4096];
	struct put from = put_init(memory[0], sizeof memory[0]);
	struct put to = put_init(memory[1], sizeof memory[1]);
	int error = segment_write_header(disk, maker->file, &header);

	if (error == 0)
		error = disk->sync(disk->self, maker->file);
	if (error == 0)
		error = disk->rename(disk->self,
		    segment_path(dir, SEGMENT_NAME, maker->slot, SEGMENT_NEW,
		    &from), segment_path(dir, SEGMENT_NAME, maker->slot, "",
		    &to));
	if (error == 0)
		error = disk->sync_dir(disk->self, dir);
	return error;
}

int
segment_make_step(struct segment_maker *maker, const struct disk *disk,
    const char *dir, uint64_t octets)
{
	int error = write_zeroes(maker, disk, octets);

	if (error == 0 && maker->at < maker->size)
		return 0;
	if (error == 0)
		error = make_finish(maker, disk, dir);
	if (error != 0) {
		segment_make_abandon(maker, disk, dir);
		return error;
	}
	disk->close(disk->self, maker->file);
	maker->file = NULL;
	return 1;
}

/* --- batches */

static uint64_t
blocks(uint64_t len)
{
	return (len + DISK_BLOCK - 1) & ~(uint64_t)(DISK_BLOCK - 1);
}

uint64_t
segment_batch_size(uint64_t len)
{
	return len % DISK_BLOCK == 0 ? len : blocks(len + RECORD_HEADER_LEN);
}

size_t
segment_pad_batch(const struct segment *segment, char *batch, size_t len)
{
	size_t size = (size_t)segment_batch_size(len);
	struct record pad = {
		.type = RECORD_PAD,
		.life = segment->life,
		.at = (uint32_t)(segment->at + len),
		.batch_at = (uint32_t)segment->at,
	};

	if (size == len)
		return len;
	pad.body_len = (uint32_t)(size - len - RECORD_HEADER_LEN);
	memset(batch + len + RECORD_HEADER_LEN, 0, pad.body_len);
	record_seal(&pad, batch + len);
	return size;
}

uint64_t
segment_summary_size(const struct segment *segment, size_t more)
{
	return segment_batch_size(record_size_of(0, 0,
	    segment->summary.len + more));
}

/* --- walking */

int
segment_read_record(const struct disk *disk,
    const struct segment *segment, uint64_t at, struct record *out)
{
	char header[RECORD_HEADER_LEN];
	uint64_t size = 0;
	ssize_t n = disk->read(disk->self, segment->in, header, sizeof header,
	    at);

	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof header ||
	    !record_decode(header, segment->life, at, out))
		return -EBADMSG;
	/* who asks for it makes room for all of it */
	n = disk->size(disk->self, segment->in, &size);
	if (n < 0)
		return (int)n;
	return size < at || record_size(out) > size - at ? -EBADMSG : 0;
}

/* Does every record that is listed lie before the list? Lengths that do not
 * are believed by nobody. */
static bool
is_list_sound(struct span entries, uint64_t summary_at)
{
	struct span meta;
	struct record record;

	while (record_next_entry(&entries, &record, &meta))
		if (record.at < SEGMENT_START || record.at > summary_at ||
		    record_size(&record) > summary_at - record.at)
			return false;
	return entries.len == 0;
}

int
segment_walk_summary(struct segment_walk *walk, uint64_t summary_at)
{
	char header[RECORD_HEADER_LEN];
	struct record record;
	struct span entries, meta;
	char *body;
	bool is_sound;
	ssize_t n = walk->disk->read(walk->disk->self, walk->in, header,
	    sizeof header, summary_at);

	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof header ||
	    !record_decode(header, walk->life, summary_at, &record) ||
	    record.type != RECORD_SUMMARY || record.body_len > walk->limit)
		return -EBADMSG;
	body = mem_new(record.body_len);
	n = walk->disk->read(walk->disk->self, walk->in, body,
	    record.body_len, summary_at + RECORD_HEADER_LEN);
	if (n < 0 || (size_t)n < record.body_len ||
	    !record_body_is_sound(&record, body)) {
		free(body);
		return n < 0 ? (int)n : -EBADMSG;
	}
	entries = span_of(body, record.body_len);
	is_sound = is_list_sound(entries, summary_at);
	while (is_sound && record_next_entry(&entries, &record, &meta))
		walk->record(walk->arg, &record, meta.p, true);
	free(body);
	walk->end = walk->limit;
	return is_sound ? 0 : -EBADMSG;
}

/* A piece of the file in memory, moved along as the scan goes. */
struct window {
	struct segment_walk *walk;
	char *p;
	size_t cap;
	uint64_t at;
	size_t len;
	uint64_t tail_batch;	/* known to be the last; 0: not known */
	uint64_t later_at;	/* a batch is known to begin here */
};

#define WINDOW_LEN ((size_t)1 << 20)

/* Fills the window, block by block where a read fails: what cannot be read is
 * taken for zeroes, so that only the records in it are lost. */
static void
window_fill(struct window *window, uint64_t at, size_t want)
{
	const struct disk *disk = window->walk->disk;
	struct disk_file *in = window->walk->in;
	ssize_t n = disk->read(disk->self, in, window->p, want, at);

	window->at = at;
	window->len = n > 0 ? (size_t)n : 0;
	while (n < 0 && window->len < want) {
		size_t step = want - window->len < DISK_BLOCK ?
		    want - window->len : DISK_BLOCK;
		ssize_t got = disk->read(disk->self, in,
		    window->p + window->len, step, at + window->len);

		if (got < 0) {
			memset(window->p + window->len, 0, step);
			got = (ssize_t)step;
		}
		window->len += (size_t)got;
		if ((size_t)got < step)
			break;
	}
}

/* `len` octets at `at`; NULL if the limit or the file ends before. */
static const char *
window_get(struct window *window, uint64_t at, size_t len)
{
	size_t want = len > WINDOW_LEN ? len : WINDOW_LEN;

	if (at > window->walk->limit || len > window->walk->limit - at)
		return NULL;
	if (at >= window->at && at - window->at <= window->len &&
	    window->len - (size_t)(at - window->at) >= len)
		return window->p + (at - window->at);
	if (want > window->walk->limit - at)
		want = (size_t)(window->walk->limit - at);
	if (want > window->cap) {
		window->p = mem_grow_array(window->p, want, 1);
		window->cap = want;
	}
	window_fill(window, at, want);
	return window->len >= len ? window->p : NULL;
}

static bool
header_at(struct window *window, uint64_t at, struct record *out)
{
	const struct segment_walk *walk = window->walk;
	const char *p = window_get(window, at, RECORD_HEADER_LEN);

	if (p == NULL || !(walk->is_any_life ?
	    record_decode_any(p, at, out) :
	    record_decode(p, walk->life, at, out)))
		return false;
	return out->batch_at <= at &&
	    record_size(out) <= window->walk->limit - at;
}

/* The first record header from `at` on. */
static bool
find_header(struct window *window, uint64_t at, struct record *out)
{
	for (; at + RECORD_HEADER_LEN <= window->walk->limit;
	    at += RECORD_ALIGN) {
		if (header_at(window, at, out))
			return true;
		if (window->len == 0)
			return false;	/* the file ends */
	}
	return false;
}

/* Was anything written after this batch? Then it was durable as a whole, and
 * what is wrong in it was not done by a crash. */
static bool
is_last_batch(struct window *window, uint64_t batch_at)
{
	struct record record;
	uint64_t at = batch_at + RECORD_ALIGN;

	if (window->tail_batch == batch_at && batch_at != 0)
		return true;
	if (window->later_at > batch_at)
		return false;
	while (find_header(window, at, &record)) {
		if (record.batch_at > batch_at) {
			window->later_at = record.batch_at;
			return false;
		}
		at = record.at + record_size(&record);
	}
	window->tail_batch = batch_at;
	return true;
}

static void
report(struct window *window, enum segment_damage what, uint64_t at,
    uint64_t len)
{
	if (window->walk->damage != NULL)
		window->walk->damage(window->walk->arg, what, at, len);
}

/* The record at `record->at` has a sound header: looks at the rest. */
static void
visit(struct window *window, const struct record *record)
{
	struct segment_walk *walk = window->walk;
	size_t size = (size_t)record_size(record);
	const char *rest = window_get(window, record->at, size);
	bool is_sound;

	if (rest == NULL) {
		report(window, SEGMENT_LOST, record->at, size);
		return;
	}
	rest += RECORD_HEADER_LEN;
	if (!record_head_is_sound(record, rest)) {
		report(window, is_last_batch(window, record->batch_at) ?
		    SEGMENT_TORN : SEGMENT_LOST, record->at, size);
		return;
	}
	is_sound = record_body_is_sound(record, rest + record->meta_len +
	    record->head_len);
	if (!is_sound) {
		if (is_last_batch(window, record->batch_at)) {
			report(window, SEGMENT_TORN, record->at, size);
			return;
		}
		report(window, SEGMENT_BODY, record->at, size);
		/* the search may have moved the window */
		rest = window_get(window, record->at, size);
		if (rest == NULL)
			return;
		rest += RECORD_HEADER_LEN;
	}
	if (record->type != RECORD_PAD && record->type != RECORD_SUMMARY)
		walk->record(walk->arg, record, rest, is_sound);
}

void
segment_scan(struct segment_walk *walk)
{
	struct window window = { .walk = walk };
	uint64_t at = SEGMENT_START;
	struct record record;

	walk->end = SEGMENT_START;
	while (at < walk->limit) {
		if (!header_at(&window, at, &record)) {
			if (!find_header(&window, at, &record))
				break;
			report(&window, record.batch_at <= at &&
			    is_last_batch(&window, record.batch_at) ?
			    SEGMENT_TORN : SEGMENT_LOST, at, record.at - at);
		}
		visit(&window, &record);
		at = record.at + record_size(&record);
		walk->end = at;
	}
	free(window.p);
}
