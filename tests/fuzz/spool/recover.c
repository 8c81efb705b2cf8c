/* SPDX-License-Identifier: Apache-2.0 */
/* recover: the input is a segment file. The first octet says how it is laid
 * out (1: both copies of the header are the same; 2: sums, lives and offsets
 * are mended, so that what is said is believed), then come 128 octets of
 * header, then what stands behind the headers.
 *
 * 1. A store is opened or refused in words, never anything else.
 * 2. Every message that is found can be read whole or is said to be damaged.
 * 3. Opening it again finds the same (promise 6).
 * 4. What is removed stays removed; what is accepted then has a higher id, is
 *    found again and reads as it was written.
 * Seen to catch: the end of a torn segment put before its torn records (a
 * second look then judged the batch before them anew); states and ids that
 * nobody ever gave out believed. */
#include <errno.h>
#include <stdlib.h>

#include "../../unit/spool/lying_disk.h"
#include "base/crc32c.h"
#include "base/die.h"
#include "base/log.h"
#include "spool/spool.h"

#define SEGMENT    (64 * 1024u)
#define HEADER_LEN 128u
#define FOUND_MAX  2048u
#define MAGIC      0x52656845u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
	uint64_t id[FOUND_MAX];
	size_t n;
};

static uint64_t
fixed_now(void)
{
	return 1700000000000;
}

static void
note_found(void *arg, const struct store_entry *entry)
{
	struct found *found = arg;

	must(found->n < FOUND_MAX);
	must(found->n == 0 || found->id[found->n - 1] < entry->id);
	must(entry->state <= STORE_WAITING);
	found->id[found->n++] = entry->id;
}

static struct store *
open_store(const struct lying_disk *disk, struct found *found)
{
	struct store_options options = { .path = "/spool", .reserve = 1,
		.segment_size = SEGMENT, .disk = lying_disk_table(disk),
		.now_ms = fixed_now };
	struct spool_tuning tuning = { .part_len = 300, .batch_max = 16384,
		.is_inline = true };
	char error[512] = "";
	struct store *store;

	found->n = 0;
	store = spool_open(&options, &tuning, note_found, found, error,
	    sizeof error);
	must(store != NULL || error[0] != '\0');
	return store;
}

static void
mend_header(char *p)
{
	le64_put(p, 0x0a6c6f6f70734845u);
	le32_put(p + 8, SEGMENT_VERSION);
	le32_put(p + 124, crc32c(0, span_of(p, 124)));
}

/* Whatever begins like a record becomes one. */
static void
mend_records(char *file, size_t len)
{
	uint64_t life = le64_get(file + 48);

	for (size_t at = SEGMENT_START; at + RECORD_HEADER_LEN <= len;
	    at += RECORD_ALIGN) {
		char *p = file + at;
		uint64_t head, body;

		if (le32_get(p) != MAGIC)
			continue;
		le64_put(p + 8, life);
		le32_put(p + 16, (uint32_t)at);
		le32_put(p + 48, le32_get(p + 48) & 0xff);
		head = (uint64_t)le32_get(p + 52) + le32_get(p + 56);
		body = le32_get(p + 60);
		if (head + body <= len - at - RECORD_HEADER_LEN) {
			char *rest = p + RECORD_HEADER_LEN;

			le32_put(p + 64, crc32c(0, span_of(rest, head)));
			le32_put(p + 68, crc32c(0, span_of(rest + head,
			    body)));
		}
		le32_put(p + 4, crc32c(0, span_of(p + 8,
		    RECORD_HEADER_LEN - 8)));
	}
}

static void
put_file(struct lying_disk *disk, const uint8_t *data, size_t size)
{
	size_t behind = size > 1 + HEADER_LEN ? size - 1 - HEADER_LEN : 0;
	size_t len = SEGMENT_START + behind;
	char *file = calloc(1, len);

	must(file != NULL);
	if (size > 1)
		memcpy(file, data + 1, size - 1 - behind);
	if (behind != 0)
		memcpy(file + SEGMENT_START, data + 1 + HEADER_LEN, behind);
	if ((data[0] & 2) != 0) {
		mend_header(file);
		mend_records(file, len);
	}
	if ((data[0] & 1) != 0)
		memcpy(file + DISK_BLOCK, file, HEADER_LEN);
	lying_disk_put(disk, "/spool/segment-000000", file, len);
	free(file);
}

static void
read_mail(struct store *store, uint64_t id)
{
	struct store_pin pin;
	int error = store_pin(store, id, &pin);
	uint64_t at = 0;
	char *bytes;
	ssize_t n;

	if (error != 0) {
		must(error == -EBADMSG);
		return;
	}
	must(pin.envelope_len <= SEGMENT);
	bytes = malloc(SEGMENT);
	must(bytes != NULL);
	error = store_read_envelope(store, &pin, bytes);
	must(error == 0 || error == -EBADMSG);
	while ((n = store_read_text(store, &pin, at, bytes, SEGMENT)) > 0)
		at += (uint64_t)n;
	must(n == -EBADMSG || (n == 0 && at == pin.text_len));
	free(bytes);
	store_unpin(store, &pin);
}

static void
finish(struct store *store)
{
	while (commit_out(&store->committer) != 0)
		(void)store_poll(store);
	store_close(store);
}

static void
use(const struct lying_disk *disk, struct store *store, struct found *found)
{
	uint64_t top = found->n != 0 ? found->id[found->n - 1] : 0;
	struct store_msg *msg;
	uint64_t id;
	int error;

	for (size_t i = 0; i < found->n; i++)
		must(store_remove(store, found->id[i]) == 0);
	msg = store_begin(store, &error);
	must(msg != NULL);
	id = store_msg_id(msg);
	must(id > top);
	for (unsigned i = 0; i < 40; i++)
		store_write(msg, SPAN("a line of the text\r\n"));
	store_commit(msg, SPAN("envelope"), NULL, NULL);
	finish(store);
	store = open_store(disk, found);
	must(store != NULL && found->n == 1 && found->id[0] == id);
	must(index_text_len(index_find(&store->index, id)) == 800);
	read_mail(store, id);
	must(store_remove(store, id) == 0);
	finish(store);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct found found, again;
	struct lying_disk *disk;
	struct store *store;

	if (size < 1 || size > SEGMENT - SEGMENT_START)
		return 0;
	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	disk = lying_disk_new(1);
	put_file(disk, data, size);
	store = open_store(disk, &found);
	if (store != NULL) {
		for (size_t i = 0; i < found.n; i++)
			read_mail(store, found.id[i]);
		finish(store);
		store = open_store(disk, &again);
		must(store != NULL && again.n == found.n);
		must(memcmp(again.id, found.id,
		    found.n * sizeof *found.id) == 0);
		use(disk, store, &again);
	}
	lying_disk_free(disk);
	return 0;
}
