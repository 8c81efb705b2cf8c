/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, and the texts that are kept in memory for it: what was accepted a
 * moment ago is delivered without touching the disk.
 *
 * A pin knows where the pieces of its message are, whatever compaction does
 * meanwhile: their segments are not freed before it goes. One piece at a time
 * is in memory, its sum checked before a byte of it is given out. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "spool/spool.h"

#define WINDOW_LEN ((size_t)1 << 20)
#define WINDOW_GAP ((size_t)32 << 10)	/* read rather than passed over */
#define HEAD_ROOM  (RECORD_HEADER_LEN + 64u)	/* and bits of recipients */

struct pinned_piece {
	struct segment *segment;
	uint32_t at;
	uint32_t text_len;
};

struct pinned {
	struct blob *blob;	/* all of it is in memory */
	pthread_mutex_t lock;	/* of what follows, but for the pieces */
	char *bytes;		/* of the record `loaded` */
	size_t loaded;		/* number + 1, or 0 */
	struct record record;
	int head_error, body_error;
	int error;		/* the worst that was seen */
	size_t piece_n;		/* the COMMIT is the last one */
	struct pinned_piece piece[];
};

/* --- texts in memory */

struct blob *
blob_new(size_t cap)
{
	struct blob *blob;

	must(cap <= UINT32_MAX);
	blob = mem_grow_array(NULL, sizeof *blob + cap, 1);
	*blob = (struct blob){ .refs = 1, .cap = (uint32_t)cap };
	return blob;
}

void
blob_unref(struct blob *blob)
{
	if (blob != NULL && --blob->refs == 0)
		free(blob);
}

static void
cache_take(struct blob_cache *cache, struct blob *blob)
{
	if (blob->prev != NULL)
		blob->prev->next = blob->next;
	else
		cache->first = blob->next;
	if (blob->next != NULL)
		blob->next->prev = blob->prev;
	else
		cache->last = blob->prev;
	cache->bytes -= blob->cap;
	blob_unref(blob);
}

void
cache_add(struct store *store, struct index_entry *entry, struct blob *blob)
{
	struct blob_cache *cache = &store->cache;

	if (blob->cap > store->tuning.cache_max)
		return;
	blob->refs++;
	blob->id = entry->id;
	blob->prev = cache->last;
	blob->next = NULL;
	if (cache->last != NULL)
		cache->last->next = blob;
	else
		cache->first = blob;
	cache->last = blob;
	cache->bytes += blob->cap;
	entry->blob = blob;
	while (cache->bytes > store->tuning.cache_max) {
		struct index_entry *oldest = index_find(&store->index,
		    cache->first->id);

		cache_drop(store, oldest);
	}
}

void
cache_drop(struct store *store, struct index_entry *entry)
{
	struct blob *blob = entry->blob;

	if (blob == NULL)
		return;
	entry->blob = NULL;
	cache_take(&store->cache, blob);
}

/* --- pins */

static void
pin_piece(const struct store *store, struct pinned_piece *piece,
    uint32_t slot, uint64_t at, uint32_t text_len)
{
	*piece = (struct pinned_piece){ store->by_slot[slot], (uint32_t)at,
	    text_len };
	piece->segment->pin_n++;
}

static uint32_t
count_settled(const struct index_entry *entry)
{
	const struct index_extra *extra = entry->extra;
	uint32_t n = 0;

	for (uint32_t i = 0; extra != NULL && i < extra->settled_len; i++)
		n += (uint32_t)__builtin_popcount(extra->settled[i]);
	return n;
}

int
store_pin(struct store *store, uint64_t id, struct store_pin *pin)
{
	const struct index_entry *entry = index_find(&store->index, id);
	struct pinned *pinned;
	uint32_t part_n;

	if (entry == NULL || (entry->flags & (INDEX_PENDING | INDEX_GONE)))
		return -ENOENT;
	if ((entry->flags & INDEX_DAMAGED) != 0)
		return -EBADMSG;
	part_n = entry->extra != NULL ? entry->extra->part_n : 0;
	pinned = mem_new(sizeof *pinned +
	    ((size_t)part_n + 1) * sizeof *pinned->piece);
	must(pthread_mutex_init(&pinned->lock, NULL) == 0);
	pinned->blob = entry->blob;
	if (pinned->blob != NULL)
		pinned->blob->refs++;
	for (uint32_t i = 0; i < part_n; i++)
		pin_piece(store, &pinned->piece[pinned->piece_n++],
		    entry->extra->part[i].slot, entry->extra->part[i].at,
		    entry->extra->part[i].len);
	pin_piece(store, &pinned->piece[pinned->piece_n++], entry->slot,
	    entry->at, entry->body_len);
	*pin = (struct store_pin){
		.id = id,
		.text_len = index_text_len(entry),
		.envelope_len = entry->head_len,
		.rcpt_settled_n = count_settled(entry),
		.private = { pinned, NULL },
	};
	return 0;
}

void
store_unpin(struct store *store, struct store_pin *pin)
{
	struct pinned *pinned = pin->private[0];
	struct index_entry *entry;

	for (size_t i = 0; i < pinned->piece_n; i++) {
		struct segment *segment = pinned->piece[i].segment;

		if (--segment->pin_n == 0 && segment->live_n == 0)
			store->compaction.is_due = true;
	}
	entry = index_find(&store->index, pin->id);
	if (pinned->error != 0 && entry != NULL) {
		if (pinned->error == -EBADMSG)
			entry->flags |= INDEX_DAMAGED;
		/* gone meanwhile: there is nothing to hold */
		(void)store_set_state(store, pin->id, STORE_HELD,
		    entry->due_ms);
	}
	blob_unref(pinned->blob);
	pthread_mutex_destroy(&pinned->lock);
	free(pinned->bytes);
	free(pinned);
	pin->private[0] = NULL;
	compact_consider(store);
}

/* Tells of a failure, once a pin. */
static int
note_error(struct pinned *pinned, const struct store_pin *pin,
    const struct pinned_piece *piece, int error)
{
	if (error != 0 && pinned->error == 0) {
		pinned->error = error;
		log_error("message-damaged", LOG_U("id", pin->id),
		    LOG_U("segment", piece->segment->slot),
		    LOG_U("offset", piece->at), LOG_ERRNO(error));
	}
	return error;
}

/* Reads the record of a piece and checks its sums. */
static int
read_piece(struct store *store, struct pinned *pinned, uint64_t id, size_t i)
{
	const struct pinned_piece *piece = &pinned->piece[i];
	const struct disk *disk = store->disk;
	struct record *record = &pinned->record;
	size_t len;
	ssize_t n;
	int error = segment_read_record(disk, piece->segment, piece->at,
	    record);

	if (error == 0 && (record->id != id ||
	    record->body_len != piece->text_len ||
	    record->type != (i + 1 == pinned->piece_n ? RECORD_COMMIT :
	    RECORD_PART)))
		error = -EBADMSG;
	if (error != 0)
		return error;
	len = (size_t)record->meta_len + record->head_len + record->body_len;
	pinned->bytes = mem_grow_array(pinned->bytes, len, 1);
	n = disk->read(disk->self, piece->segment->in, pinned->bytes, len,
	    (uint64_t)piece->at + RECORD_HEADER_LEN);
	if (n < 0)
		return (int)n;
	if ((size_t)n < len)
		return -EBADMSG;
	pinned->head_error = record_head_is_sound(record, pinned->bytes) ?
	    0 : -EBADMSG;
	pinned->body_error = record_body_is_sound(record, pinned->bytes +
	    record->meta_len + record->head_len) ? 0 : -EBADMSG;
	return 0;
}

static int
load_piece(struct store *store, struct pinned *pinned, uint64_t id, size_t i)
{
	int error;

	if (pinned->loaded == i + 1)
		return 0;
	pinned->loaded = 0;
	error = read_piece(store, pinned, id, i);
	if (error == 0)
		pinned->loaded = i + 1;
	return error;
}

int
store_read_envelope(struct store *store, const struct store_pin *pin,
    char *out)
{
	struct pinned *pinned = pin->private[0];
	size_t last = pinned->piece_n - 1;
	int error;

	if (pin->envelope_len == 0)
		return 0;
	if (pinned->blob != NULL) {
		memcpy(out, pinned->blob->p + pinned->blob->text_len,
		    pin->envelope_len);
		return 0;
	}
	pthread_mutex_lock(&pinned->lock);
	error = load_piece(store, pinned, pin->id, last);
	if (error == 0)
		error = pinned->head_error;
	if (error == 0 && pinned->record.head_len != pin->envelope_len)
		error = -EBADMSG;
	if (error == 0)
		memcpy(out, pinned->bytes + pinned->record.meta_len,
		    pin->envelope_len);
	error = note_error(pinned, pin, &pinned->piece[last], error);
	pthread_mutex_unlock(&pinned->lock);
	return error;
}

/* --- many envelopes */

/* A stretch of a segment that holds the heads of some pins. */
struct window {
	struct segment *segment;
	uint64_t at;
	size_t len;
	char *bytes;
};

static const struct pinned_piece *
commit_of(const struct store_pin *pin)
{
	const struct pinned *pinned = pin->private[0];

	return &pinned->piece[pinned->piece_n - 1];
}

/* The head in the window, or empty: it is elsewhere, or not sound. */
static struct span
find_head(const struct window *window, const struct store_pin *pin)
{
	const struct pinned_piece *piece = commit_of(pin);
	struct record record;
	size_t at;

	if (piece->segment != window->segment || piece->at < window->at)
		return SPAN("");
	at = (size_t)(piece->at - window->at);
	if (at + RECORD_HEADER_LEN > window->len ||
	    !record_decode(window->bytes + at, piece->segment->life,
		piece->at, &record))
		return SPAN("");
	at += RECORD_HEADER_LEN;
	if (record.type != RECORD_COMMIT || record.id != pin->id ||
	    record.head_len != pin->envelope_len ||
	    window->len - at < (size_t)record.meta_len + record.head_len ||
	    !record_head_is_sound(&record, window->bytes + at))
		return SPAN("");
	return span_of(window->bytes + at + record.meta_len,
	    record.head_len);
}

/* Reads from the head of pin[0] on, as far as the next ones are near. */
static void
fill_window(const struct store *store, struct window *window,
    const struct store_pin *const *pin, size_t n)
{
	const struct pinned_piece *first = commit_of(pin[0]);
	uint64_t end = first->at;
	ssize_t got;

	for (size_t i = 0; i < n; i++) {
		const struct pinned_piece *piece = commit_of(pin[i]);
		uint64_t head_end = (uint64_t)piece->at + HEAD_ROOM +
		    pin[i]->envelope_len;

		if (piece->segment != first->segment || piece->at < end ||
		    (i != 0 && piece->at - end > WINDOW_GAP) ||
		    head_end - first->at > WINDOW_LEN)
			break;
		end = head_end - HEAD_ROOM;
		window->len = (size_t)(head_end - first->at);
	}
	window->segment = first->segment;
	window->at = first->at;
	got = store->disk->read(store->disk->self, first->segment->in,
	    window->bytes, window->len, first->at);
	window->len = got > 0 ? (size_t)got : 0;
}

void
store_read_envelopes(struct store *store, const struct store_pin *const *pin,
    size_t n, void (*each)(void *arg, size_t i, int error, struct span bytes),
    void *arg)
{
	struct window window = { .bytes = mem_new(WINDOW_LEN) };

	for (size_t i = 0; i < n; i++) {
		const struct pinned *pinned = pin[i]->private[0];
		struct span head = SPAN("");
		char *bytes;
		int error;

		if (pinned->blob == NULL &&
		    pin[i]->envelope_len < WINDOW_LEN / 2) {
			head = find_head(&window, pin[i]);
			if (head.len == 0)
				fill_window(store, &window, pin + i, n - i);
			if (head.len == 0)
				head = find_head(&window, pin[i]);
		}
		if (head.len != 0) {
			each(arg, i, 0, head);
			continue;
		}
		/* in memory, large, or damaged: one that tells */
		bytes = mem_new((size_t)pin[i]->envelope_len + 1);
		error = store_read_envelope(store, pin[i], bytes);
		each(arg, i, error, span_of(bytes, pin[i]->envelope_len));
		free(bytes);
	}
	free(window.bytes);
}

static ssize_t
read_piece_text(struct store *store, const struct store_pin *pin, size_t i,
    uint64_t offset, struct put *out)
{
	struct pinned *pinned = pin->private[0];
	const struct pinned_piece *piece = &pinned->piece[i];
	struct span text;
	int error;

	pthread_mutex_lock(&pinned->lock);
	error = load_piece(store, pinned, pin->id, i);
	if (error == 0)
		error = pinned->body_error;
	if (error == 0) {
		text = span_of(pinned->bytes + pinned->record.meta_len +
		    pinned->record.head_len, piece->text_len);
		put_bytes(out, span_first(span_skip(text, (size_t)offset),
		    out->cap - out->len));
	}
	error = note_error(pinned, pin, piece, error);
	pthread_mutex_unlock(&pinned->lock);
	return error;
}

ssize_t
store_read_text(struct store *store, const struct store_pin *pin,
    uint64_t offset, char *out, size_t len)
{
	const struct pinned *pinned = pin->private[0];
	struct put put = put_init(out, len);
	size_t i = 0;

	if (offset >= pin->text_len)
		return 0;
	if (pinned->blob != NULL) {
		put_bytes(&put, span_first(span_of(pinned->blob->p + offset,
		    pinned->blob->text_len - (size_t)offset), len));
		return (ssize_t)put.len;
	}
	for (; i < pinned->piece_n && put.len < len; i++) {
		ssize_t error;

		if (offset >= pinned->piece[i].text_len) {
			offset -= pinned->piece[i].text_len;
			continue;
		}
		error = read_piece_text(store, pin, i, offset, &put);
		if (error != 0)
			return put.len != 0 ? (ssize_t)put.len : error;
		offset = 0;
	}
	return (ssize_t)put.len;
}
