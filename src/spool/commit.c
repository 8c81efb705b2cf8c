/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/die.h"
#include "base/log.h"
#include "spool/spool.h"

#define RETRY_SECONDS  2
#define MAKE_STEP      ((uint64_t)1 << 20)

/* --- ops */

struct op *
op_new(enum op_kind kind, size_t len)
{
	struct op *op = mem_new(sizeof *op + len);

	op->kind = kind;
	op->bytes = (char *)(op + 1);
	return op;
}

void
op_list_add(struct op_list *list, struct op *op)
{
	op->next = NULL;
	if (list->last != NULL)
		list->last->next = op;
	else
		list->first = op;
	list->last = op;
	list->n++;
}

struct op *
op_list_take(struct op_list *list)
{
	struct op *op = list->first;

	if (op == NULL)
		return NULL;
	list->first = op->next;
	if (list->first == NULL)
		list->last = NULL;
	list->n--;
	op->next = NULL;
	return op;
}

static void
op_list_move(struct op_list *to, struct op_list *from)
{
	if (from->first == NULL)
		return;
	if (to->last != NULL)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->n += from->n;
	*from = (struct op_list){ 0 };
}

static bool
is_mail(const struct op *op)
{
	return op->kind == OP_PART || op->kind == OP_COMMIT;
}

/* --- handing back */

static void
finish(struct committer *c, struct op *op, int result)
{
	op->result = result;
	if (result != 0 && is_mail(op) && op->msg->disk_error == 0)
		op->msg->disk_error = result;
	op_list_add(&c->ready, op);
}

/* As finish(), but not before those that wait for the write. */
static void
finish_in_turn(struct committer *c, struct op *op, int result)
{
	if (c->batch_ops.first == NULL) {
		finish(c, op, result);
		return;
	}
	op->result = result;
	op_list_add(&c->batch_ops, op);
}

static void
post_ready(struct committer *c)
{
	bool was_empty;
	size_t ours = 0;

	if (c->ready.first == NULL)
		return;
	for (struct op *op = c->ready.first; op != NULL; op = op->next)
		if (op->kind != OP_OPENED && op->kind != OP_SEALED)
			ours++;
	pthread_mutex_lock(&c->lock);
	was_empty = c->done.first == NULL;
	op_list_move(&c->done, &c->ready);
	must(c->out_n >= ours);
	c->out_n -= ours;
	pthread_cond_signal(&c->finished);
	pthread_mutex_unlock(&c->lock);
	if (was_empty && c->store->options.wake != NULL &&
	    !c->store->tuning.is_inline)
		c->store->options.wake(c->store->options.wake_arg);
}

static void
tell_segment(struct committer *c, enum op_kind kind, struct segment *segment)
{
	struct op *op = op_new(kind, 0);

	op->segment = segment;
	op_list_add(&c->ready, op);
}

/* --- segments */

static void
log_segment_error(struct committer *c, const char *event, uint32_t slot,
    uint64_t at, int error)
{
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);

	log_error(event, LOG_Z("file", segment_path(c->store->dir,
	    SEGMENT_NAME, slot, "", &put)), LOG_U("offset", at),
	    LOG_ERRNO(error));
}

void
commit_add_spare(struct committer *c, struct spare spare)
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

/* One step of preparing a new segment: 1 if one was finished. */
static int
make_some(struct committer *c, uint64_t octets)
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
			log_segment_error(c, "spool-cannot-prepare",
			    c->maker.slot, 0, error);
		c->make_error = error;
		return error;
	}
	commit_add_spare(c, spare);
	return 1;
}

static bool
wants_spare(const struct committer *c)
{
	return c->make_error == 0 && c->spare_n == 0 && c->active != NULL &&
	    c->active->at > c->store->options.segment_size / 2;
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
		log_segment_error(c, "spool-write-failed", spare.slot, 0,
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

static int
open_next(struct committer *c)
{
	int error = -EIO;

	must(c->active == NULL && c->batch_len == 0);
	for (int tries = 0; tries < 3; tries++) {
		int made = 0;

		while (c->spare_n == 0 && made == 0)
			made = make_some(c, UINT64_MAX / 2);
		if (made < 0) {
			error = made;
			break;
		}
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

/* The active segment ends at `end`: says so in its header. */
static void
close_life(struct committer *c, uint64_t end, uint64_t summary_at)
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
		log_segment_error(c, "spool-write-failed", segment->slot, 0,
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

static uint64_t
blocks(uint64_t len)
{
	return (len + DISK_BLOCK - 1) & ~(uint64_t)(DISK_BLOCK - 1);
}

/* Octets a batch takes whose records take `len`: its PAD needs a header. */
static uint64_t
batch_size(uint64_t len)
{
	return len % DISK_BLOCK == 0 ? len : blocks(len + RECORD_HEADER_LEN);
}

/* Fills the batch up to a whole number of blocks. */
static size_t
add_pad(const struct segment *segment, char *batch, size_t len)
{
	size_t size = (size_t)batch_size(len);
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

static uint64_t
summary_size(const struct segment *segment, size_t more)
{
	return batch_size(record_size_of(0, 0, segment->summary.len + more));
}

/* Writes the summary as a batch of its own: where, or 0 if that failed. */
static uint64_t
write_summary(struct committer *c)
{
	struct segment *segment = c->active;
	size_t len = segment->summary.len;
	size_t size = (size_t)summary_size(segment, 0);
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
	(void)add_pad(segment, p, (size_t)record_size(&record));
	error = segment_write(c->store->disk, segment->out, p, size,
	    segment->at);
	free(p);
	if (error != 0)
		log_segment_error(c, "spool-write-failed", segment->slot,
		    segment->at, error);
	return error == 0 ? segment->at : 0;
}

static void
seal_active(struct committer *c)
{
	uint64_t end = c->active->at;
	uint64_t summary_at = c->active->summary.len != 0 ?
	    write_summary(c) : 0;

	close_life(c, end, summary_at);
}

/* What store_begin() is to say. */
static void
set_refusal(struct committer *c)
{
	c->refusal = c->make_error != 0 ? c->make_error :
	    c->is_read_only ? -EROFS : 0;
}

/* --- batches */

static void add_op(struct committer *c, struct op *op);

/* Promise 3 of commit.h. */
static void
fail_batch(struct committer *c, int error)
{
	struct op_list ops = c->batch_ops;
	struct op *op;

	log_segment_error(c, "spool-write-failed", c->active->slot,
	    c->active->at, error);
	c->batch_ops = (struct op_list){ 0 };
	c->batch_len = 0;
	close_life(c, c->active->at, 0);
	while ((op = op_list_take(&ops)) != NULL) {
		if (op->result != 0 || is_mail(op) || op->is_retried) {
			finish(c, op, op->result != 0 ? op->result : error);
			continue;
		}
		op->is_retried = true;
		add_op(c, op);
	}
}

/* Makes the batch durable. */
static void
flush(struct committer *c)
{
	struct op *op;
	size_t len;
	int error;

	if (c->batch_len == 0)
		return;
	len = add_pad(c->active, c->batch, c->batch_len);
	error = segment_write(c->store->disk, c->active->out, c->batch, len,
	    c->active->at);
	if (error != 0) {
		fail_batch(c, error);
		return;
	}
	c->active->at += len;
	c->last_batch = len;
	c->batch_len = 0;
	c->batches++;
	c->batch_bytes += len;
	while ((op = op_list_take(&c->batch_ops)) != NULL)
		finish(c, op, op->result);
	post_ready(c);
}

static bool
fits(const struct committer *c, uint64_t size, size_t entry)
{
	return c->active->at + batch_size(c->batch_len + size) +
	    summary_size(c->active, entry) <= c->store->options.segment_size;
}

/* Finds room for a record, in the batch and in the segment. */
static int
make_room(struct committer *c, uint64_t size, size_t entry)
{
	if (size > c->store->tuning.batch_max)
		return -EMSGSIZE;
	for (;;) {
		if (c->active == NULL) {
			int error = open_next(c);

			if (error != 0)
				return error;
		}
		if (c->batch_len + size > c->store->tuning.batch_max)
			flush(c);
		else if (fits(c, size, entry))
			return 0;
		else if (c->batch_len != 0)
			flush(c);
		else if (c->active->at == SEGMENT_START)
			return -EMSGSIZE;
		else
			seal_active(c);
	}
}

/* The last quarter of the last segment is kept for what settles mail. */
static bool
is_reserved(const struct committer *c, uint64_t size)
{
	return c->make_error != 0 && c->spare_n == 0 && c->active != NULL &&
	    c->active->at + c->batch_len + size >
	    c->store->options.segment_size / 4 * 3;
}

/* The record is in the batch, but for its header. */
static void
add_record(struct committer *c, struct op *op, char *p)
{
	struct record *record = &op->record;

	record->life = c->active->life;
	record->at = (uint32_t)(c->active->at + c->batch_len);
	record->batch_at = (uint32_t)c->active->at;
	record_seal(record, p);
	record_summarize(record, p + RECORD_HEADER_LEN, &c->active->summary);
	c->batch_len += (size_t)record_size(record);
	op->segment = c->active;
	op_list_add(&c->batch_ops, op);
}

static void
put_span_at(char **p, struct span bytes)
{
	if (bytes.len != 0)
		memcpy(*p, bytes.p, bytes.len);
	*p += bytes.len;
}

/* Making room may write, and so may fail a part of this very message: that is
 * looked at last. */
static int
make_room_for(struct committer *c, const struct op *op)
{
	uint64_t size = record_size_of(op->meta.len, op->head.len,
	    op->body.len);
	int error;

	if (is_mail(op) && is_reserved(c, size))
		return c->make_error;
	error = make_room(c, size, record_entry_size(op->record.type,
	    op->meta.len));
	if (error == 0 && is_mail(op))
		error = op->msg->disk_error;
	return error;
}

static void
add_new(struct committer *c, struct op *op)
{
	struct record *record = &op->record;
	int error = make_room_for(c, op);
	char *p;

	if (error != 0) {
		finish_in_turn(c, op, error);
		return;
	}
	record->meta_len = (uint32_t)op->meta.len;
	record->head_len = (uint32_t)op->head.len;
	record->body_len = (uint32_t)op->body.len;
	p = c->batch + c->batch_len + RECORD_HEADER_LEN;
	put_span_at(&p, op->meta);
	put_span_at(&p, op->head);
	put_span_at(&p, op->body);
	add_record(c, op, c->batch + c->batch_len);
}

/* Reads and checks the record to copy; `new_meta` takes the place of its meta
 * in `p`. */
static int
read_copy(struct committer *c, struct op *op, const struct record *old,
    char *p)
{
	const struct disk *disk = c->store->disk;
	size_t len = (size_t)old->head_len + old->body_len;
	char *meta = mem_new(old->meta_len);
	char *head = p + RECORD_HEADER_LEN + op->meta.len;
	uint64_t at = (uint64_t)op->from_at + RECORD_HEADER_LEN;
	ssize_t n = disk->read(disk->self, op->from->in, meta, old->meta_len,
	    at);
	bool is_sound = n >= 0 && (size_t)n == old->meta_len;
	uint32_t sum;

	if (n >= 0)
		n = disk->read(disk->self, op->from->in, head, len,
		    at + old->meta_len);
	sum = crc32c(0, span_of(meta, old->meta_len));
	free(meta);
	if (n < 0)
		return (int)n;
	if (!is_sound || (size_t)n != len ||
	    crc32c(sum, span_of(head, old->head_len)) != old->head_sum ||
	    !record_body_is_sound(old, head + old->head_len))
		return -EBADMSG;
	if (op->meta.len != 0)
		memcpy(p + RECORD_HEADER_LEN, op->meta.p, op->meta.len);
	return 0;
}

static void
add_copy(struct committer *c, struct op *op)
{
	struct record *record = &op->record;
	struct record old;
	char *p;
	int error = segment_read_record(c->store->disk, op->from, op->from_at,
	    &old);

	if (error == 0 && (old.id != record->id || old.type != record->type))
		error = -EBADMSG;
	if (error == 0)
		error = make_room(c, record_size_of(op->meta.len,
		    old.head_len, old.body_len),
		    record_entry_size(record->type, op->meta.len));
	p = c->batch + c->batch_len;
	if (error == 0)
		error = read_copy(c, op, &old, p);
	if (error != 0) {
		finish_in_turn(c, op, error);
		return;
	}
	record->part = old.part;
	record->meta_len = (uint32_t)op->meta.len;
	record->head_len = old.head_len;
	record->body_len = old.body_len;
	add_record(c, op, p);
}

/* --- the rest of what the owner asks for */

static void
list_record(void *arg, const struct record *record, const char *rest,
    bool is_sound)
{
	(void)is_sound;
	record_summarize(record, rest, arg);
}

static void
run_list(struct committer *c, struct op *op)
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
	finish(c, op, 0);
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
free_life(struct committer *c, struct segment *segment)
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
	commit_add_spare(c, spare);
	return 0;
}

static int
unlink_life(struct committer *c, struct segment *segment)
{
	const struct disk *disk = c->store->disk;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	int error = disk->unlink(disk->self, segment_path(c->store->dir,
	    SEGMENT_NAME, segment->slot, "", &put));

	return error != 0 ? error : disk->sync_dir(disk->self, c->store->dir);
}

static void
run_free(struct committer *c, struct op *op)
{
	struct segment *segment = op->segment;
	int error;

	if (segment->is_damaged)
		error = set_aside(c, segment);
	else if (is_of_use(c, segment))
		error = free_life(c, segment);
	else
		error = unlink_life(c, segment);
	if (error != 0)
		log_segment_error(c, "spool-cannot-free", segment->slot, 0,
		    error);
	finish(c, op, error);
}

static void
add_op(struct committer *c, struct op *op)
{
	switch (op->kind) {
	case OP_PART:
	case OP_COMMIT:
	case OP_SETTLE:
	case OP_END:
	case OP_STATE:
		add_new(c, op);
		return;
	case OP_COPY:
		add_copy(c, op);
		return;
	case OP_LIST:
		flush(c);
		run_list(c, op);
		return;
	case OP_FREE:
		flush(c);
		run_free(c, op);
		return;
	case OP_NOTHING:
	case OP_OPENED:
	case OP_SEALED:
		finish_in_turn(c, op, 0);
		return;
	}
}

static void
run_ops(struct committer *c, struct op_list *ops)
{
	struct op *op;

	while ((op = op_list_take(ops)) != NULL)
		add_op(c, op);
	while (c->batch_len != 0)	/* a failed one is filled again */
		flush(c);
	set_refusal(c);
	post_ready(c);
}

/* --- the thread */

/* Sleeps until there is work, or for a while if something has to be tried
 * again. */
static void
wait_for_work(struct committer *c)
{
	struct timespec until;

	if (!c->is_read_only && c->make_error == 0) {
		pthread_cond_wait(&c->work, &c->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_SECONDS;
	if (pthread_cond_timedwait(&c->work, &c->lock, &until) != ETIMEDOUT)
		return;
	c->make_error = 0;
	set_refusal(c);
	if (!c->is_read_only)
		return;
	pthread_mutex_unlock(&c->lock);
	(void)open_next(c);	/* it says itself how it went */
	set_refusal(c);
	post_ready(c);
	pthread_mutex_lock(&c->lock);
}

static void
prepare_spare(struct committer *c)
{
	(void)make_some(c, c->last_batch > MAKE_STEP ? c->last_batch :
	    MAKE_STEP);
	set_refusal(c);
}

static void *
work(void *arg)
{
	struct committer *c = arg;
	struct op_list ops = { 0 };

	pthread_mutex_lock(&c->lock);
	for (;;) {
		if (c->queue.first == NULL && c->is_stopping)
			break;
		if (c->queue.first == NULL && !wants_spare(c)) {
			wait_for_work(c);
			continue;
		}
		op_list_move(&ops, &c->queue);
		pthread_mutex_unlock(&c->lock);
		run_ops(c, &ops);
		if (wants_spare(c))
			prepare_spare(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

void
commit_run(struct committer *c)
{
	struct op_list ops = { 0 };

	op_list_move(&ops, &c->queue);
	c->make_error = 0;
	if (c->is_read_only && ops.first == NULL)
		(void)open_next(c);	/* it says itself how it went */
	run_ops(c, &ops);
	if (wants_spare(c))
		prepare_spare(c);
}

/* --- for the owner */

void
commit_init(struct committer *c, struct store *store)
{
	pthread_condattr_t attr;
	void *batch = aligned_alloc(DISK_BLOCK, store->tuning.batch_max +
	    2 * DISK_BLOCK);

	must(batch != NULL);
	*c = (struct committer){ .store = store, .batch = batch,
		.next_seq = 1, .next_rev = 1 };
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&c->work, &attr) == 0);
	must(pthread_cond_init(&c->finished, &attr) == 0);
	pthread_condattr_destroy(&attr);
}

int
commit_start(struct committer *c)
{
	if (c->store->tuning.is_inline)
		return 0;
	c->has_thread = pthread_create(&c->thread, NULL, work, c) == 0;
	return c->has_thread ? 0 : -EAGAIN;
}

void
commit_stop(struct committer *c)
{
	if (c->has_thread) {
		pthread_mutex_lock(&c->lock);
		c->is_stopping = true;
		pthread_cond_signal(&c->work);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	if (c->active != NULL)
		seal_active(c);	/* the next start need not read it all */
	op_list_move(&c->done, &c->ready);
}

void
commit_free(struct committer *c)
{
	const struct disk *disk = c->store->disk;

	segment_make_abandon(&c->maker, disk, c->store->dir);
	while (c->spare_n != 0) {
		struct spare *spare = &c->spare[--c->spare_n];

		disk->close(disk->self, spare->in);
		disk->close(disk->self, spare->out);
	}
	free(c->batch);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->finished);
	pthread_mutex_destroy(&c->lock);
}

void
commit_add(struct committer *c, struct op *op)
{
	bool was_empty;

	pthread_mutex_lock(&c->lock);
	was_empty = c->queue.first == NULL;
	op_list_add(&c->queue, op);
	c->out_n++;
	if (was_empty)
		pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

struct op_list
commit_take(struct committer *c)
{
	struct op_list ops;

	pthread_mutex_lock(&c->lock);
	ops = c->done;
	c->done = (struct op_list){ 0 };
	pthread_mutex_unlock(&c->lock);
	return ops;
}

void
commit_wait(struct committer *c)
{
	if (c->store->tuning.is_inline)
		return;
	pthread_mutex_lock(&c->lock);
	while (c->done.first == NULL && c->out_n != 0)
		pthread_cond_wait(&c->finished, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

size_t
commit_out(struct committer *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->out_n + c->done.n;
	pthread_mutex_unlock(&c->lock);
	return n;
}
