/* SPDX-License-Identifier: Apache-2.0 */
/* The living are found by recovery itself, on a disk that takes writes and
 * forgets them, so that the check never disagrees with the daemon. */
#include "spool/check.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "spool/spool.h"

struct check {
	struct disk dry;	/* self is the disk below */
	const struct disk *disk;
	const char *path;
	check_found *found;
	void *arg;
	struct check_report *report;
	const char *file;	/* being looked at */
	uint64_t *ids;
	size_t id_n, id_cap;
};

/* --- a disk that forgets */

static int
dry_path(void *self, const char *path)
{
	(void)self;
	(void)path;
	return 0;
}

static int
dry_make_dir(void *self, const char *path)
{
	(void)self;
	(void)path;
	return -EEXIST;
}

static int
dry_rename(void *self, const char *from, const char *to)
{
	(void)self;
	(void)from;
	(void)to;
	return 0;
}

static int
dry_open(void *self, const char *path, enum disk_how how,
    struct disk_file **out)
{
	const struct disk *disk = self;

	if (how == DISK_CREATE)
		return -EROFS;
	return disk->open(disk->self, path, DISK_READ, out);
}

static void
dry_close(void *self, struct disk_file *file)
{
	const struct disk *disk = self;

	disk->close(disk->self, file);
}

static int
dry_size(void *self, struct disk_file *file, uint64_t *octets)
{
	const struct disk *disk = self;

	return disk->size(disk->self, file, octets);
}

static ssize_t
dry_read(void *self, struct disk_file *file, void *p, size_t len,
    uint64_t at)
{
	const struct disk *disk = self;

	return disk->read(disk->self, file, p, len, at);
}

static ssize_t
dry_write(void *self, struct disk_file *file, const void *p, size_t len,
    uint64_t at)
{
	(void)self;
	(void)file;
	(void)p;
	(void)at;
	return (ssize_t)len;
}

static int
dry_sync(void *self, struct disk_file *file)
{
	(void)self;
	(void)file;
	return 0;
}

static int
dry_allocate(void *self, struct disk_file *file, uint64_t octets)
{
	(void)self;
	(void)file;
	(void)octets;
	return -EROFS;
}

static int
dry_look_dir(void *self, const char *path, struct disk_dir *out)
{
	const struct disk *disk = self;
	int error = disk->look_dir(disk->self, path, out);

	out->is_ours = true;	/* who may read it may check it */
	out->mode = 0700;
	return error;
}

static int
dry_list(void *self, const char *path,
    void (*name)(void *arg, const char *name), void *arg)
{
	const struct disk *disk = self;

	return disk->list(disk->self, path, name, arg);
}

static int
dry_space(void *self, const char *path, uint64_t *octets)
{
	const struct disk *disk = self;

	return disk->space(disk->self, path, octets);
}

static int
dry_lock(void *self, const char *path, struct disk_file **out, long *holder)
{
	const struct disk *disk = self;
	int error = disk->lock(disk->self, path, out, holder);

	if (error != -EROFS && error != -EACCES)
		return error;
	*out = NULL;	/* nobody can write there, us included */
	return 0;
}

static void
make_dry(struct disk *dry, const struct disk *below)
{
	void *self = mem_new(sizeof *below);

	memcpy(self, below, sizeof *below);
	*dry = (struct disk){
		.self = self,
		.make_dir = dry_make_dir,
		.look_dir = dry_look_dir,
		.list = dry_list,
		.sync_dir = dry_path,
		.space = dry_space,
		.rename = dry_rename,
		.unlink = dry_path,
		.lock = dry_lock,
		.open = dry_open,
		.close = dry_close,
		.size = dry_size,
		.allocate = dry_allocate,
		.read = dry_read,
		.write = dry_write,
		.write_sync = dry_write,
		.sync = dry_sync,
	};
}

/* --- findings */

const char *
check_words(enum check_what what)
{
	switch (what) {
	case CHECK_TORN:
		return "a write that a crash cut off (nothing is lost)";
	case CHECK_LOST:
		return "a record is damaged";
	case CHECK_TEXT:
		return "the text of a message is damaged";
	case CHECK_HEADER_COPY:
		return "one of two headers is damaged (the other is used)";
	case CHECK_HEADERS:
		return "both headers are damaged";
	case CHECK_SUMMARY:
		return "the summary is damaged (the records are read instead)";
	case CHECK_MESSAGE:
		return "a living message cannot be read";
	case CHECK_SET_ASIDE:
		return "was set aside as damaged at an earlier start";
	case CHECK_UNREADABLE:
		return "cannot be read";
	}
	return "";
}

static void
tell(struct check *check, struct check_finding finding)
{
	finding.is_damage = finding.what != CHECK_TORN &&
	    finding.what != CHECK_HEADER_COPY &&
	    finding.what != CHECK_SUMMARY;
	finding.file = check->file;
	check->report->damaged += finding.is_damage;
	check->found(check->arg, &finding);
}

static void
on_damage(void *arg, enum segment_damage what, uint64_t at, uint64_t len)
{
	static const enum check_what as[] = {
		[SEGMENT_TORN] = CHECK_TORN,
		[SEGMENT_LOST] = CHECK_LOST,
		[SEGMENT_BODY] = CHECK_TEXT,
	};

	tell(arg, (struct check_finding){ .what = as[what], .at = at,
	    .len = len });
}

static void
on_record(void *arg, const struct record *record, const char *rest,
    bool is_sound)
{
	struct check *check = arg;

	(void)record;
	(void)rest;
	(void)is_sound;
	check->report->records++;
}

static void
ignore_record(void *arg, const struct record *record, const char *rest,
    bool is_sound)
{
	(void)arg;
	(void)record;
	(void)rest;
	(void)is_sound;
}

/* --- files */

static void
check_records(struct check *check, struct disk_file *in,
    const struct segment_header *header)
{
	struct segment_walk walk = {
		.disk = check->disk,
		.in = in,
		.life = header->life,
		.limit = header->size,
		.record = ignore_record,
		.arg = check,
	};
	uint64_t size = 0;

	if (check->disk->size(check->disk->self, in, &size) != 0 ||
	    size < walk.limit)
		walk.limit = size;
	if (header->use == SEGMENT_SEALED && header->end < walk.limit)
		walk.limit = header->end;
	if (header->use == SEGMENT_SEALED && header->summary_at != 0 &&
	    segment_walk_summary(&walk, header->summary_at) != 0)
		tell(check, (struct check_finding){ .what = CHECK_SUMMARY,
		    .at = header->summary_at });
	walk.record = on_record;
	walk.damage = on_damage;
	segment_scan(&walk);
	check->report->segments++;
}

static void
check_file(struct check *check)
{
	struct segment_header header;
	struct disk_file *in;
	uint64_t size = 0;
	bool is_torn;
	int error = check->disk->open(check->disk->self, check->file,
	    DISK_READ, &in);

	if (error != 0) {
		tell(check, (struct check_finding){
		    .what = CHECK_UNREADABLE, .error = error });
		return;
	}
	if (check->disk->size(check->disk->self, in, &size) == 0)
		check->report->octets += size;
	error = segment_read_header(check->disk, in, &header, &is_torn);
	if (error != 0)
		tell(check, (struct check_finding){ .what = error == -EBADMSG ?
		    CHECK_HEADERS : CHECK_UNREADABLE, .error = error });
	else if (is_torn)
		tell(check, (struct check_finding){
		    .what = CHECK_HEADER_COPY });
	if (error == 0 && header.use == SEGMENT_FREE)
		check->report->spares++;
	else if (error == 0)
		check_records(check, in, &header);
	check->disk->close(check->disk->self, in);
}

static void
on_name(void *arg, const char *name)
{
	struct check *check = arg;
	char memory[4096];
	struct put put = put_init(memory, sizeof memory);
	uint32_t slot;

	put_str(&put, check->path);
	put_char(&put, '/');
	put_str(&put, name);
	check->file = put_cstr(&put);
	if (segment_slot(name, &slot))
		check_file(check);
	else if (span_starts(span_str(name), SPAN(SEGMENT_SET_ASIDE)))
		tell(check, (struct check_finding){
		    .what = CHECK_SET_ASIDE });
	check->file = check->path;
}

/* --- messages */

static void
note_id(void *arg, const struct store_entry *entry)
{
	struct check *check = arg;

	if (check->id_n == check->id_cap) {
		check->id_cap = check->id_cap != 0 ? check->id_cap * 2 : 64;
		check->ids = mem_grow_array(check->ids, check->id_cap,
		    sizeof *check->ids);
	}
	check->ids[check->id_n++] = entry->id;
}

static int
read_message(struct check *check, struct store *store, uint64_t id)
{
	struct store_pin pin;
	char text[16384], *envelope;
	uint64_t at = 0;
	ssize_t n = 0;
	int error = store_pin(store, id, &pin);

	if (error != 0)
		return error;
	envelope = mem_new(pin.envelope_len);
	error = store_read_envelope(store, &pin, envelope);
	free(envelope);
	while (error == 0 && (n = store_read_text(store, &pin, at, text,
	    sizeof text)) > 0)
		at += (uint64_t)n;
	check->report->messages++;
	check->report->text_octets += at;
	store_unpin(store, &pin);
	return error != 0 ? error : (int)n;
}

static int
check_messages(struct check *check, char *error, size_t error_len)
{
	struct store_options options = { .path = check->path,
		.disk = &check->dry };
	struct spool_tuning tuning;
	struct store *store;

	spool_tuning_init(&tuning);
	tuning.is_inline = true;
	store = spool_open(&options, &tuning, note_id, check, error,
	    error_len);
	if (store == NULL)
		return -EIO;
	for (size_t i = 0; i < check->id_n; i++) {
		int result = read_message(check, store, check->ids[i]);

		if (result != 0)
			tell(check, (struct check_finding){
			    .what = CHECK_MESSAGE, .id = check->ids[i],
			    .error = result });
	}
	store_close(store);
	return 0;
}

int
check_store(const char *path, const struct disk *disk, check_found *found,
    void *arg, struct check_report *report, char *error, size_t error_len)
{
	struct check check = { .disk = disk != NULL ? disk : &disk_real,
		.path = path, .found = found, .arg = arg, .report = report,
		.file = path };
	struct put put = put_init(error, error_len);
	int result;

	make_dry(&check.dry, check.disk);
	/* first, for it says who else works on the store */
	result = check_messages(&check, error, error_len);
	if (result == 0) {
		result = check.disk->list(check.disk->self, path, on_name,
		    &check);
		if (result != 0) {
			put_str(&put, path);
			put_str(&put, ": ");
			put_str(&put, log_errno(result));
			(void)put_cstr(&put);
		}
	}
	free(check.dry.self);
	free(check.ids);
	return result;
}
