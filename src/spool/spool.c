/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"

#define SEGMENT_SIZE ((uint64_t)64 << 20)
#define PART_LEN     ((size_t)256 << 10)
#define BATCH_MAX    ((size_t)4 << 20)
#define CACHE_MAX    ((size_t)16 << 20)

/* --- segments as the owner sees them */

void
spool_add_segment(struct store *store, struct segment *segment)
{
	if (store->segment_n == store->segment_cap) {
		store->segment_cap = store->segment_cap != 0 ?
		    store->segment_cap * 2 : 8;
		store->segment = mem_grow_array(store->segment,
		    store->segment_cap, sizeof(struct segment *));
	}
	must(store->segment_n == 0 ||
	    store->segment[store->segment_n - 1]->seq < segment->seq);
	store->segment[store->segment_n++] = segment;
	if (segment->slot >= store->by_slot_n) {
		uint32_t n = segment->slot + 1;

		store->by_slot = mem_grow_array(store->by_slot, n,
		    sizeof(struct segment *));
		while (store->by_slot_n < n)
			store->by_slot[store->by_slot_n++] = NULL;
	}
	store->by_slot[segment->slot] = segment;
}

static void
close_segment(struct store *store, struct segment *segment)
{
	store->disk->close(store->disk->self, segment->in);
	must(segment->out == NULL);
	buf_free(&segment->summary);
	free(segment);
}

void
spool_drop_segment(struct store *store, struct segment *segment)
{
	size_t i = 0;

	while (store->segment[i] != segment)
		i++;
	store->segment_n--;
	memmove(&store->segment[i], &store->segment[i + 1],
	    (store->segment_n - i) * sizeof(struct segment *));
	must(store->by_slot[segment->slot] == segment);
	store->by_slot[segment->slot] = NULL;
	close_segment(store, segment);
}

struct segment *
spool_segment(const struct store *store, uint64_t seq)
{
	size_t low = 0, high = store->segment_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (store->segment[middle]->seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == store->segment_n || store->segment[low]->seq != seq)
		return NULL;
	return store->segment[low];
}

void
spool_live_add(struct store *store, uint32_t slot, uint64_t bytes)
{
	struct segment *segment = store->by_slot[slot];

	segment->live_n++;
	segment->live_bytes += bytes;
	store->live_bytes += bytes;
}

void
spool_live_sub(struct store *store, uint32_t slot, uint64_t bytes)
{
	struct segment *segment = store->by_slot[slot];

	must(segment->live_n != 0 && segment->live_bytes >= bytes);
	segment->live_n--;
	segment->live_bytes -= bytes;
	store->live_bytes -= bytes;
	store->compaction.is_due = true;
}

void
spool_live_add_entry(struct store *store, const struct index_entry *entry)
{
	const struct index_extra *extra = entry->extra;

	spool_live_add(store, entry->slot, record_size_of(entry->meta_len,
	    entry->head_len, entry->body_len));
	for (uint32_t i = 0; extra != NULL && i < extra->part_n; i++)
		spool_live_add(store, extra->part[i].slot,
		    record_size_of(0, 0, extra->part[i].len));
}

void
spool_live_sub_entry(struct store *store, const struct index_entry *entry)
{
	const struct index_extra *extra = entry->extra;

	spool_live_sub(store, entry->slot, record_size_of(entry->meta_len,
	    entry->head_len, entry->body_len));
	for (uint32_t i = 0; extra != NULL && i < extra->part_n; i++)
		spool_live_sub(store, extra->part[i].slot,
		    record_size_of(0, 0, extra->part[i].len));
}

/* --- polling */

static void
on_opened(struct store *store, struct op *op)
{
	spool_add_segment(store, op->segment);
	/* what could not be written before may be written now */
	for (size_t i = 0; i < store->segment_n; i++)
		store->segment[i]->has_given_up = false;
	store->compaction.is_due = true;
	free(op);
}

static void
on_sealed(struct store *store, struct op *op)
{
	op->segment->is_sealed = true;
	store->compaction.is_due = true;
	free(op);
}

/* Returns how many callbacks were made. */
static unsigned
dispatch(struct store *store, struct op *op)
{
	if (op->result != 0 && op_is_about_mail(op))
		commit_know_failure(&store->committer, op);
	switch (op->kind) {
	case OP_PART:
		return message_on_part(store, op);
	case OP_COMMIT:
		return message_on_commit(store, op);
	case OP_SETTLE:
	case OP_END:
	case OP_STATE:
		if (op->from == NULL)
			return settle_on_done(store, op);
		compact_on_copy(store, op);
		return 0;
	case OP_COPY:
		compact_on_copy(store, op);
		return 0;
	case OP_REWRITE:
		return rewrite_on_done(store, op);
	case OP_LIST:
		compact_on_list(store, op);
		return 0;
	case OP_FREE:
		compact_on_free(store, op);
		return 0;
	case OP_NOTHING:
		return settle_on_done(store, op);
	case OP_OPENED:
		on_opened(store, op);
		return 0;
	case OP_SEALED:
		on_sealed(store, op);
		return 0;
	}
	return 0;
}

unsigned
store_poll(struct store *store)
{
	struct op_list ops;
	struct op *op;
	unsigned n = 0;

	if (store->tuning.is_inline)
		commit_run(&store->committer);
	ops = commit_take(&store->committer);
	while ((op = op_list_take(&ops)) != NULL)
		n += dispatch(store, op);
	compact_consider(store);
	return n;
}

void
store_wait(struct store *store)
{
	commit_wait(&store->committer);
}

void
store_stats(const struct store *store, struct store_stats *out)
{
	const struct committer *c = &store->committer;
	uint64_t octets;

	*out = (struct store_stats){
		.messages = store->index.n,
		.live_bytes = store->live_bytes,
		.disk_bytes = (store->segment_n + c->spare_n) *
		    store->options.segment_size,
		.batches = c->batches,
		.batch_bytes = c->batch_bytes,
		.memory_bytes = index_memory(&store->index),
		.is_read_only = c->is_read_only,
		.is_full = spool_room(store, &octets) == -ENOSPC,
	};
}

/* --- opening */

void
spool_tuning_init(struct spool_tuning *tuning)
{
	*tuning = (struct spool_tuning){
		.part_len = PART_LEN,
		.batch_max = BATCH_MAX,
		.cache_max = CACHE_MAX,
	};
}

/* The directory's own name has to survive, too. Also when it was there: who
 * made it may have been killed before it was synced. */
static int
make_dir(struct store *store)
{
	const struct disk *disk = store->disk;
	char memory[4096];
	struct put parent = put_init(memory, sizeof memory);
	const char *slash = strrchr(store->dir, '/');
	int made = disk->make_dir(disk->self, store->dir);
	int synced;

	if (made != 0 && made != -EEXIST)
		return made;
	if (slash == NULL)
		put_char(&parent, '.');
	else	/* of "/spool" it is "/" */
		put_bytes(&parent, span_of(store->dir, slash == store->dir ?
		    1 : (size_t)(slash - store->dir)));
	synced = disk->sync_dir(disk->self, put_cstr(&parent));
	/* somebody else's parent may be closed to us */
	return made == 0 ? synced : 0;
}

static int
check_dir(struct store *store, struct put *error)
{
	const struct disk *disk = store->disk;
	struct disk_dir dir;
	int result = make_dir(store);

	if (result == 0)
		result = disk->look_dir(disk->self, store->dir, &dir);
	put_str(error, store->dir);
	if (result != 0) {
		put_str(error, ": cannot be made: ");
		put_str(error, log_errno(result));
		put_str(error, "; make it, or set `spool` to a directory that "
		    "can be written");
		return result;
	}
	if (!dir.is_dir) {
		put_str(error, ": is not a directory; move it away, or set "
		    "`spool` to another place");
		return -ENOTDIR;
	}
	if (!dir.is_ours) {
		put_str(error, ": belongs to another user (");
		put_u64(error, dir.uid);
		put_str(error, "); `chown -R` it to the user that ehlod runs "
		    "as, or start ehlod as that one");
		return -EPERM;
	}
	if ((dir.mode & 022) != 0) {
		put_str(error, ": others may write there; `chmod 700` it");
		return -EPERM;
	}
	error->len = 0;
	return 0;
}

static int
lock_dir(struct store *store, struct put *error)
{
	char memory[4096];
	struct put path = put_init(memory, sizeof memory);
	long holder;
	int result;

	put_str(&path, store->dir);
	put_str(&path, "/lock");
	result = store->disk->lock(store->disk->self, put_cstr(&path),
	    &store->lock, &holder);
	if (result == 0)
		return 0;
	put_bytes(error, put_span(&path));
	if (result == -EWOULDBLOCK) {
		put_str(error, ": another ehlod (process ");
		put_u64(error, (uint64_t)holder);
		put_str(error, ") works on this spool; stop it first");
	} else if (result == -EROFS) {
		put_str(error, ": the file system is read-only; remount it "
		    "for writing (after looking for why in `dmesg`)");
	} else {
		put_str(error, ": cannot be locked: ");
		put_str(error, log_errno(result));
		put_str(error, "; make the directory writable for the user "
		    "that ehlod runs as");
	}
	store->lock = NULL;
	return result;
}

static void
set_options(struct store *store, const struct store_options *options)
{
	store->options = *options;
	if (store->options.segment_size == 0)
		store->options.segment_size = SEGMENT_SIZE;
	if (store->options.reserve == 0)
		store->options.reserve = 2 * store->options.segment_size;
	if (store->options.now_ms == NULL)
		store->options.now_ms = clock_real_ms;
	store->disk = options->disk != NULL ? options->disk : &disk_real;
	store->dir = mem_copy(span_str(options->path));
	store->options.path = store->dir;
	must(store->options.segment_size % DISK_BLOCK == 0);
	must(store->options.segment_size >= SEGMENT_SMALLEST &&
	    store->options.segment_size <= SEGMENT_LARGEST);
	must(options->shard <= 255);
}

/* A record, its segment's summary and headers fit into an empty segment. */
static void
set_tuning(struct store *store, const struct spool_tuning *tuning)
{
	size_t most = (size_t)(store->options.segment_size / 4);

	store->tuning = *tuning;
	if (store->tuning.batch_max > 2 * most)
		store->tuning.batch_max = 2 * most;
	if (store->tuning.part_len > most)
		store->tuning.part_len = most;
}

static void
free_store(struct store *store)
{
	struct op_list ops;
	struct op *op;

	commit_stop(&store->committer);
	ops = commit_take(&store->committer);
	while ((op = op_list_take(&ops)) != NULL)
		(void)dispatch(store, op);	/* segments only */
	commit_free(&store->committer);
	while (store->segment_n != 0)
		spool_drop_segment(store, store->segment[0]);
	while (store->cache.first != NULL)
		cache_drop(store, index_find(&store->index,
		    store->cache.first->id));
	index_free(&store->index);
	buf_free(&store->compaction.listed);
	if (store->lock != NULL)
		store->disk->close(store->disk->self, store->lock);
	free(store->segment);
	free(store->by_slot);
	free(store->dir);
	free(store);
}

struct store *
spool_open(const struct store_options *options,
    const struct spool_tuning *tuning, store_found *found, void *arg,
    char *error, size_t error_len)
{
	struct store *store = mem_new(sizeof *store);
	struct put put = put_init(error, error_len);
	int result;

	set_options(store, options);
	set_tuning(store, tuning);
	index_init(&store->index);
	store->index.free_note = options->free_note != NULL ?
	    options->free_note : free;
	commit_init(&store->committer, store);
	result = check_dir(store, &put);
	if (result == 0)
		result = lock_dir(store, &put);
	if (result == 0)
		result = recover_run(store, found, arg, &put);
	if (result == 0) {
		result = commit_start(&store->committer);
		if (result != 0)
			put_str(&put, "no thread can be started; raise the "
			    "limit of processes (`ulimit -u`)");
	}
	(void)put_cstr(&put);
	if (result != 0) {
		free_store(store);
		return NULL;
	}
	store->compaction.is_due = true;
	compact_consider(store);
	return store;
}

struct store *
store_open(const struct store_options *options, store_found *found, void *arg,
    char *error, size_t error_len)
{
	struct spool_tuning tuning;

	spool_tuning_init(&tuning);
	return spool_open(options, &tuning, found, arg, error, error_len);
}

void
store_close(struct store *store)
{
	store->is_closing = true;
	while (commit_out(&store->committer) != 0) {
		store_wait(store);
		(void)store_poll(store);	/* nobody counts any more */
	}
	free_store(store);
}
