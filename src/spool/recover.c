/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery: what stands on the disk becomes an index again. Segments are read
 * in the order of the log, by their summaries where there are any; what a
 * record says is applied over what earlier ones said. Nothing is written but
 * the end of a segment that was open (promise 6). */
#include <errno.h>
#include <stdlib.h>

#include "base/die.h"
#include "base/log.h"
#include "spool/life.h"
#include "spool/replay.h"
#include "spool/spool.h"

static void
on_damage(void *arg, enum segment_damage what, uint64_t at, uint64_t len)
{
	struct recovery *r = arg;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	const char *path = segment_path(r->store->dir, SEGMENT_NAME,
	    r->segment->slot, "", &put);

	if (what == SEGMENT_TORN) {
		log_notice("spool-torn-end", LOG_Z("file", path),
		    LOG_U("offset", at), LOG_U("octets", len));
		return;
	}
	log_error(what == SEGMENT_LOST ? "spool-record-lost" :
	    "spool-text-damaged", LOG_Z("file", path), LOG_U("offset", at),
	    LOG_U("octets", len));
	r->segment->is_damaged = true;
	r->lost++;
}

/* --- files */

static int
fail(struct recovery *r, uint32_t slot, int error, const char *remedy)
{
	(void)segment_path(r->store->dir, SEGMENT_NAME, slot, "", r->error);
	put_str(r->error, ": ");
	put_str(r->error, log_errno(error));
	put_str(r->error, remedy);
	return error;
}

static void
on_name(void *arg, const char *name)
{
	struct recovery *r = arg;
	const struct disk *disk = r->store->disk;
	struct span s = span_str(name);
	struct span tail = SPAN(SEGMENT_NEW);
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	uint32_t slot;

	if (segment_slot(name, &slot)) {
		r->slot = mem_grow_array(r->slot, r->slot_n + 1,
		    sizeof *r->slot);
		r->slot[r->slot_n++] = slot;
		return;
	}
	if (!span_starts(s, SPAN(SEGMENT_NAME)) || s.len < tail.len ||
	    !span_eq(span_skip(s, s.len - tail.len), tail))
		return;
	put_str(&put, r->store->dir);
	put_char(&put, '/');
	put_str(&put, name);
	/* half-made; if it stays, the next start finds it again */
	(void)disk->unlink(disk->self, put_cstr(&put));
}

/* Neither copy of the header is sound: out of the way, for `ehlo spool dump`
 * to look at. */
static int
set_aside(struct recovery *r, uint32_t slot)
{
	const struct disk *disk = r->store->disk;
	char memory[2][4096];
	struct put from = put_init(memory[0], sizeof memory[0]);
	struct put to = put_init(memory[1], sizeof memory[1]);
	const char *path = segment_path(r->store->dir, SEGMENT_SET_ASIDE,
	    slot, ".header", &to);
	int error = disk->rename(disk->self, segment_path(r->store->dir,
	    SEGMENT_NAME, slot, "", &from), path);

	if (error == 0)
		error = disk->sync_dir(disk->self, r->store->dir);
	if (error != 0)
		return fail(r, slot, error, "; it is damaged and cannot be "
		    "renamed: move it away by hand");
	log_error("spool-set-aside", LOG_Z("file", path),
	    LOG_Z("remedy", "ehlo spool dump"));
	r->lost++;
	return 0;
}

/* A file that is free: kept for a next life if it has the right size. */
static int
keep_spare(struct recovery *r, uint32_t slot, struct disk_file *in,
    const struct segment_header *header)
{
	struct store *store = r->store;
	const struct disk *disk = store->disk;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	const char *path = segment_path(store->dir, SEGMENT_NAME, slot, "",
	    &put);
	struct spare spare = { .slot = slot, .in = in };
	uint64_t size;
	int error = disk->size(disk->self, in, &size);

	if (error == 0 && size == header->size &&
	    size == store->options.segment_size) {
		error = disk->open(disk->self, path, DISK_WRITE, &spare.out);
		if (error == 0) {
			life_add_spare(&store->committer, spare);
			return 0;
		}
	}
	disk->close(disk->self, in);
	if (error != 0)
		return fail(r, slot, error, "; make it writable for the user "
		    "that ehlod runs as");
	/* of another size; if it stays it is only in the way */
	(void)disk->unlink(disk->self, path);
	return 0;
}

static void
note_header(struct recovery *r, const struct segment_header *header)
{
	struct committer *c = &r->store->committer;

	if (header->seq >= c->next_seq)
		c->next_seq = header->seq + 1;
	if (header->rev >= c->next_rev)
		c->next_rev = header->rev + 1;
	if (header->id_floor > r->store->last_id &&
	    header->id_floor <= SPOOL_ID_MAX)
		r->store->last_id = header->id_floor;
}

static void
add_used(struct recovery *r, uint32_t slot, struct disk_file *in,
    const struct segment_header *header)
{
	struct segment *segment = mem_new(sizeof *segment);

	*segment = (struct segment){ .slot = slot, .seq = header->seq,
		.life = header->life, .in = in, .header = *header,
		.min_ref = UINT64_MAX, .is_sealed = true };
	r->used = mem_grow_array(r->used, r->used_n + 1,
	    sizeof(struct segment *));
	r->used[r->used_n++] = segment;
}

static int
look_at(struct recovery *r, uint32_t slot)
{
	struct store *store = r->store;
	const struct disk *disk = store->disk;
	struct segment_header header;
	struct disk_file *in;
	bool is_torn;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	int error = disk->open(disk->self, segment_path(store->dir,
	    SEGMENT_NAME, slot, "", &put), DISK_READ, &in);

	if (error != 0)
		return fail(r, slot, error, "; make it readable for the user "
		    "that ehlod runs as");
	if (slot >= store->committer.next_slot)
		store->committer.next_slot = slot + 1;
	error = segment_read_header(disk, in, &header, &is_torn);
	if (error == 0) {
		note_header(r, &header);
		if (header.use == SEGMENT_FREE)
			return keep_spare(r, slot, in, &header);
		add_used(r, slot, in, &header);
		return 0;
	}
	disk->close(disk->self, in);
	if (error == -EPROTONOSUPPORT)
		return fail(r, slot, error, "; it was written by a newer "
		    "release of ehlod: run that one");
	if (error != -EBADMSG)
		return fail(r, slot, error, "; the disk does not read it: "
		    "look into `dmesg`, move it away if it is lost");
	return set_aside(r, slot);
}

static int
by_seq(const void *a, const void *b)
{
	const struct segment *const *one = a, *const *other = b;

	return (*one)->seq < (*other)->seq ? -1 :
	    (*one)->seq > (*other)->seq;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

/* --- putting it together */

/* Where the records of an open segment end at the latest. */
static uint64_t
limit_of(const struct recovery *r, const struct segment *segment)
{
	const struct segment_header *header = &segment->header;
	uint64_t size = 0;

	if (r->store->disk->size(r->store->disk->self, segment->in,
	    &size) != 0 || size > header->size)
		size = header->size;
	if (header->use == SEGMENT_SEALED && header->end < size)
		return header->end;
	for (size_t i = 0; i < r->used_n; i++)
		if (r->used[i]->header.prev_seq == segment->seq &&
		    r->used[i]->header.prev_end < size)
			return r->used[i]->header.prev_end;
	return size;
}

static bool
walk_summary(struct recovery *r, struct segment_walk *walk)
{
	const struct segment_header *header = &r->segment->header;

	if (header->use != SEGMENT_SEALED || header->summary_at == 0)
		return false;
	if (segment_walk_summary(walk, header->summary_at) == 0)
		return true;
	log_warning("spool-summary-damaged",
	    LOG_Z("directory", r->store->dir),
	    LOG_U("segment", r->segment->slot));
	return false;
}

/* The end of an open segment is written into its header, so that nothing
 * behind it is ever taken for a record; if that fails the next segment says
 * it. */
static void
close_open(struct recovery *r, uint64_t end)
{
	struct store *store = r->store;
	const struct disk *disk = store->disk;
	struct segment *segment = r->segment;
	struct disk_file *out;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	int error;

	segment->header.use = SEGMENT_SEALED;
	segment->header.end = end;
	segment->header.summary_at = 0;
	segment->header.rev = store->committer.next_rev++;
	error = disk->open(disk->self, segment_path(store->dir, SEGMENT_NAME,
	    segment->slot, "", &put), DISK_WRITE, &out);
	if (error == 0) {
		error = segment_write_header(disk, out, &segment->header);
		disk->close(disk->self, out);
	}
	if (error == 0)
		return;
	log_warning("spool-cannot-seal", LOG_Z("file", put.p),
	    LOG_ERRNO(error));
	store->committer.prev_is_cut = false;
	for (size_t i = 0; i < r->used_n; i++)
		if (r->used[i]->header.prev_seq == segment->seq)
			r->used[i]->is_guard = true;
}

static void
replay_segment(struct recovery *r, struct segment *segment)
{
	struct segment_walk walk = {
		.disk = r->store->disk,
		.in = segment->in,
		.life = segment->life,
		.limit = limit_of(r, segment),
		.record = replay_record,
		.damage = on_damage,
		.arg = r,
	};
	struct committer *c = &r->store->committer;
	uint64_t end = walk.limit;

	r->segment = segment;
	spool_add_segment(r->store, segment);
	if (!walk_summary(r, &walk))
		segment_scan(&walk);
	c->prev_seq = segment->seq;
	c->prev_is_cut = true;
	if (segment->header.use == SEGMENT_OPEN) {
		end = (walk.end + DISK_BLOCK - 1) &
		    ~(uint64_t)(DISK_BLOCK - 1);
		close_open(r, end);
	}
	c->prev_end = end;
}

static bool
is_complete(const struct index_entry *entry)
{
	const struct index_extra *extra = entry->extra;

	for (uint32_t i = 0; extra != NULL && i < extra->part_n; i++)
		if (extra->part[i].at == 0)
			return false;
	return true;
}

/* A COMMIT without all its parts is nothing: a crash tore the batch with both.
 * If records were lost to damage it may have been acknowledged; then it is
 * kept for people. */
static void
drop_incomplete(struct recovery *r)
{
	struct index *index = &r->store->index;
	bool is_damage = r->lost != 0;
	struct index_entry *entry;
	uint32_t at = 0;

	while ((entry = index_next(index, &at)) != NULL) {
		if (is_complete(entry))
			continue;
		log_event(is_damage ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE,
		    "message-incomplete", LOG_U("id", entry->id),
		    LOG_Z("directory", r->store->dir),
		    LOG_U("segment", entry->slot),
		    LOG_U("offset", entry->at));
		if (is_damage) {
			r->store->by_slot[entry->slot]->is_damaged = true;
			r->lost++;
		}
		index_remove(index, entry);
	}
}

/* Counts what is alive and tells of it, in the order of ids. */
static void
tell_found(struct recovery *r, store_found *found, void *arg)
{
	struct store *store = r->store;
	uint64_t *ids = mem_new_array(store->index.n, sizeof *ids);
	struct index_entry *entry;
	bool is_sorted = true;
	uint32_t at = 0;
	size_t n = 0;

	while ((entry = index_next(&store->index, &at)) != NULL) {
		spool_live_add_entry(store, entry);
		is_sorted = is_sorted && (n == 0 || ids[n - 1] < entry->id);
		ids[n++] = entry->id;
	}
	if (!is_sorted)
		qsort(ids, n, sizeof *ids, by_number);
	for (size_t i = 0; found != NULL && i < n; i++) {
		struct store_entry told;

		entry = index_find(&store->index, ids[i]);
		told = (struct store_entry){ .id = entry->id,
			.due_ms = entry->due_ms,
			.state = (enum store_state)entry->state,
			.attempts = entry->attempts };
		found(arg, &told);
	}
	free(ids);
}

static int
find_files(struct recovery *r)
{
	struct store *store = r->store;
	int error = store->disk->list(store->disk->self, store->dir, on_name,
	    r);

	if (error != 0) {
		put_str(r->error, store->dir);
		put_str(r->error, ": cannot be listed: ");
		put_str(r->error, log_errno(error));
		return error;
	}
	for (size_t i = 0; error == 0 && i < r->slot_n; i++)
		error = look_at(r, r->slot[i]);
	return error;
}

int
recover_run(struct store *store, store_found *found, void *arg,
    struct put *error)
{
	struct recovery r = { .store = store, .error = error };
	int result;

	index_init(&r.orphans);
	result = find_files(&r);
	if (r.used_n != 0)
		qsort(r.used, r.used_n, sizeof(struct segment *), by_seq);
	for (size_t i = 0; i < r.used_n; i++) {
		if (result == 0 && (i == 0 ||
		    r.used[i]->seq != r.used[i - 1]->seq)) {
			replay_segment(&r, r.used[i]);
			continue;
		}
		if (result == 0)
			result = fail(&r, r.used[i]->slot, -EEXIST, "; two "
			    "segments have the same number: move the copy "
			    "away");
		store->disk->close(store->disk->self, r.used[i]->in);
		free(r.used[i]);
	}
	if (result == 0) {
		drop_incomplete(&r);
		tell_found(&r, found, arg);
		log_info("spool-recovered", LOG_Z("directory", store->dir),
		    LOG_U("messages", store->index.n),
		    LOG_U("segments", store->segment_n),
		    LOG_U("damaged", r.lost));
	}
	index_free(&r.orphans);
	free(r.slot);
	free(r.used);
	return result;
}
