/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/life.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/die.h"
#include "base/log.h"
#include "spool/spool.h"

void
life_log_error(struct committer *c, const char *event, uint32_t slot,
    uint64_t at, int error)
{
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);

	log_error(event, LOG_Z("file", segment_path(c->store->dir,
	    SEGMENT_NAME, slot, "", &put)), LOG_U("offset", at),
	    LOG_ERRNO(error));
}

/* --- spares */

void
life_add_spare(struct committer *c, struct spare spare)
{
	const struct disk *disk = c->store->disk;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);

	if (c->spare_n < SPARES_MAX) {
		c->spare[c->spare_n++] = spare;
		c->make_error = 0;
		return;
	}
	disk->close(disk->self, spare.in);
	disk->close(disk->self, spare.out);
	/* if this fails it is there as a spare at the next start */
	(void)disk->unlink(disk->self, segment_path(c->store->dir,
	    SEGMENT_NAME, spare.slot, "", &put));
}

static int
open_spare(struct committer *c, uint32_t slot, struct spare *spare)
{
	const struct disk *disk = c->store->disk;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	const char *path = segment_path(c->store->dir, SEGMENT_NAME, slot, "",
	    &put);
	int error;

	*spare = (struct spare){ .slot = slot };
	error = disk->open(disk->self, path, DISK_WRITE, &spare->out);
	if (error != 0)
		return error;
	error = disk->open(disk->self, path, DISK_READ, &spare->in);
	if (error != 0)
		disk->close(disk->self, spare->out);
	return error;
}

int
life_make_some(struct committer *c, uint64_t octets)
{
	struct store *store = c->store;
	struct spare spare;
	int error = 0;

	if (c->maker.file == NULL)
		error = segment_make_begin(&c->maker, store->disk, store->dir,
		    c->next_slot++, store->options.segment_size);
	if (error == 0)
		error = segment_make_step(&c->maker, store->disk, store->dir,
		    octets);
	if (error == 0)
		return 0;
	if (error > 0)
		error = open_spare(c, c->maker.slot, &spare);
	if (error != 0) {
		if (c->make_error != error)
			life_log_error(c, "spool-cannot-prepare",
			    c->maker.slot, 0, error);
		c->make_error = error;
		c->next_slot = c->maker.slot;	/* not a number each time */
		return error;
	}
	life_add_spare(c, spare);
	return 1;
}

int
life_make_spare(struct committer *c)
{
	int made = 0;

	while (c->spare_n == 0 && made == 0)
		made = c->make_error != 0 ? c->make_error :
		    life_make_some(c, UINT64_MAX / 2);
	return c->spare_n != 0 ? 0 : made;
}

bool
life_wants_spare(const struct committer *c)
{
	return c->make_error == 0 && c->spare_n == 0 && c->active != NULL &&
	    c->active->at > c->store->options.segment_size / 4;
}

/* --- opening and sealing */

static void
tell_segment(struct committer *c, enum op_kind kind, struct segment *segment)
{
	struct op *op = op_new(kind, 0);

	op->segment = segment;
	op_list_add(&c->ready, op);
}

static void
fill_header(struct committer *c, struct segment_header *header)
{
	struct store *store = c->store;

	*header = (struct segment_header){
		.version = SEGMENT_VERSION,
		.shard = store->options.shard,
		.use = SEGMENT_OPEN,
		.size = store->options.segment_size,
		.seq = c->next_seq++,
		.rev = c->next_rev++,
		.created_ms = store->options.now_ms(),
		.prev_seq = c->prev_seq,
		.prev_end = c->prev_end,
		.id_floor = store->last_id,
	};
	must(getrandom(&header->life, sizeof header->life, 0) ==
	    (ssize_t)sizeof header->life);
}

/* Gives a spare file its next life; it becomes the end of the log. */
static int
open_life(struct committer *c, struct spare spare)
{
	const struct disk *disk = c->store->disk;
	struct segment *segment = mem_new(sizeof *segment);
	int error;

	fill_header(c, &segment->header);
	error = segment_write_header(disk, spare.out, &segment->header);
	if (error != 0) {
		life_log_error(c, "spool-write-failed", spare.slot, 0,
		    error);
		disk->close(disk->self, spare.in);
		disk->close(disk->self, spare.out);
		free(segment);
		return error;
	}
	segment->slot = spare.slot;
	segment->seq = segment->header.seq;
	segment->life = segment->header.life;
	segment->in = spare.in;
	segment->out = spare.out;
	segment->at = SEGMENT_START;
	segment->min_ref = UINT64_MAX;
	segment->is_guard = !c->prev_is_cut && c->prev_seq != 0;
	buf_init(&segment->summary, SEGMENT_LARGEST);
	c->active = segment;
	tell_segment(c, OP_OPENED, segment);
	return 0;
}

int
life_open_next(struct committer *c)
{
	int error = -EIO;

	must(c->active == NULL && c->batch_len == 0);
	for (int tries = 0; tries < 3; tries++) {
		error = life_make_spare(c);
		if (error != 0)
			break;
		error = open_life(c, c->spare[--c->spare_n]);
		if (error == 0)
			break;
	}
	if (error != 0 && !c->is_read_only)
		log_error("spool-read-only", LOG_Z("directory", c->store->dir),
		    LOG_ERRNO(error));
	if (error == 0 && c->is_read_only)
		log_notice("spool-writable-again",
		    LOG_Z("directory", c->store->dir));
	c->is_read_only = error != 0;
	return error;
}

void
life_close(struct committer *c, uint64_t end, uint64_t summary_at)
{
	struct segment *segment = c->active;
	const struct disk *disk = c->store->disk;
	int error;

	segment->header.use = SEGMENT_SEALED;
	segment->header.end = end;
	segment->header.summary_at = summary_at;
	segment->header.rev = c->next_rev++;
	error = segment_write_header(disk, segment->out, &segment->header);
	if (error != 0)
		life_log_error(c, "spool-write-failed", segment->slot, 0,
		    error);
	c->prev_is_cut = error == 0;
	c->prev_seq = segment->seq;
	c->prev_end = end;
	disk->close(disk->self, segment->out);
	segment->out = NULL;
	buf_free(&segment->summary);
	c->active = NULL;
	tell_segment(c, OP_SEALED, segment);
}

/* Writes the summary as a batch of its own: where, or 0 if that failed. */
static uint64_t
write_summary(struct committer *c)
{
	struct segment *segment = c->active;
	size_t len = segment->summary.len;
	size_t size = (size_t)segment_summary_size(segment, 0);
	struct record record = {
		.type = RECORD_SUMMARY,
		.life = segment->life,
		.at = (uint32_t)segment->at,
		.batch_at = (uint32_t)segment->at,
		.body_len = (uint32_t)len,
	};
	char *p = aligned_alloc(DISK_BLOCK, size);
	int error;

	must(p != NULL && segment->at + size <= segment->header.size);
	memcpy(p + RECORD_HEADER_LEN, segment->summary.p, len);
	record_seal(&record, p);
	(void)segment_pad_batch(segment, p, (size_t)record_size(&record));
	error = segment_write(c->store->disk, segment->out, p, size,
	    segment->at);
	free(p);
	if (error != 0)
		life_log_error(c, "spool-write-failed", segment->slot,
		    segment->at, error);
	return error == 0 ? segment->at : 0;
}

void
life_seal(struct committer *c)
{
	uint64_t end = c->active->at;
	uint64_t summary_at = c->active->summary.len != 0 ?
	    write_summary(c) : 0;

	life_close(c, end, summary_at);
}

/* --- what the owner asks for */

static void
list_record(void *arg, const struct record *record, const char *rest,
    bool is_sound)
{
	(void)is_sound;
	record_summarize(record, rest, arg);
}

void
life_list(struct committer *c, struct op *op)
{
	struct segment *segment = op->segment;
	struct segment_walk walk = {
		.disk = c->store->disk,
		.in = segment->in,
		.life = segment->life,
		.limit = segment->header.end,
		.record = list_record,
		.arg = &op->listed,
	};
	int error = -ENOENT;

	buf_init(&op->listed, SEGMENT_LARGEST);
	if (segment->header.summary_at != 0)
		error = segment_walk_summary(&walk,
		    segment->header.summary_at);
	if (error != 0)
		segment_scan(&walk);
	commit_finish(c, op, 0);
}

static int
set_aside(struct committer *c, const struct segment *segment)
{
	const struct disk *disk = c->store->disk;
	char memory[2][4096];
	struct put from = put_init(memory[0], sizeof memory[0]);
	struct put to = put_init(memory[1], sizeof memory[1]);
	const char *path = segment_path(c->store->dir, SEGMENT_SET_ASIDE,
	    segment->seq, "", &to);
	int error = disk->rename(disk->self, segment_path(c->store->dir,
	    SEGMENT_NAME, segment->slot, "", &from), path);

	if (error == 0)
		error = disk->sync_dir(disk->self, c->store->dir);
	if (error == 0)
		log_warning("spool-set-aside", LOG_Z("file", path));
	return error;
}

static bool
is_of_use(const struct committer *c, const struct segment *segment)
{
	const struct disk *disk = c->store->disk;
	uint64_t size;

	return c->spare_n < SPARES_MAX &&
	    segment->header.size == c->store->options.segment_size &&
	    disk->size(disk->self, segment->in, &size) == 0 &&
	    size == segment->header.size;
}

/* Its header says FREE from now on: what is in it is no longer there. */
static int
give_free_header(struct committer *c, struct segment *segment)
{
	struct segment_header header = segment->header;
	struct spare spare;
	int error = open_spare(c, segment->slot, &spare);

	if (error != 0)
		return error;
	header.use = SEGMENT_FREE;
	header.rev = c->next_rev++;
	header.id_floor = c->store->last_id;
	error = segment_write_header(c->store->disk, spare.out, &header);
	if (error != 0) {
		c->store->disk->close(c->store->disk->self, spare.in);
		c->store->disk->close(c->store->disk->self, spare.out);
		return error;
	}
	life_add_spare(c, spare);
	return 0;
}

static int
unlink_file(struct committer *c, struct segment *segment)
{
	const struct disk *disk = c->store->disk;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	int error = disk->unlink(disk->self, segment_path(c->store->dir,
	    SEGMENT_NAME, segment->slot, "", &put));

	return error != 0 ? error : disk->sync_dir(disk->self, c->store->dir);
}

void
life_free(struct committer *c, struct op *op)
{
	struct segment *segment = op->segment;
	int error;

	if (segment->is_damaged)
		error = set_aside(c, segment);
	else if (is_of_use(c, segment))
		error = give_free_header(c, segment);
	else
		error = unlink_file(c, segment);
	if (error != 0)
		life_log_error(c, "spool-cannot-free", segment->slot, 0,
		    error);
	commit_finish(c, op, error);
}
