/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo spool: looks into the spool of a daemon that does not run. `check`
 * reads everything and says what is not sound; `dump` lists the records of a
 * store or of a single file, whatever has become of the rest, and writes the
 * messages in them as files. Neither changes the spool. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/tell.h"
#include "mail/envelope.h"
#include "mail/trace.h"
#include "spool/check.h"
#include "spool/dump.h"
#include "spool/store.h"

#define ARENA_MAX ((size_t)64 << 20)

static const char help[] =
    "usage: ehlo spool check DIR [--json]\n"
    "       ehlo spool dump DIR|FILE [--to FOLDER] [--json]\n"
    "\n"
    "The spool of ehlod, while the daemon does not run. Nothing in it is\n"
    "changed.\n"
    "\n"
    "check reads every record and every waiting message of the spool\n"
    "directory DIR and says what is not sound.\n"
    "\n"
    "dump lists what the segments say, one record a line; of a single FILE\n"
    "(a segment-..., or a damaged-... that was set aside) even if its header\n"
    "is gone.\n"
    "\n"
    "  --to FOLDER   writes each message that is not over: ID.eml is its\n"
    "                text, ID.envelope sender and recipients\n"
    "  --json        for programs: of dump, one object a line\n"
    "\n"
    "Exit code: 0 sound, 1 damaged, 3 not understood or not to be read.\n";

struct request {
	const char *to;
	bool is_json, is_help;
};

/* --- small things */

/* A quoted JSON string of bytes of any kind. */
static void
put_json(FILE *out, struct span bytes)
{
	char memory[4096];
	struct put quoted = put_init(memory, sizeof memory);

	text_quote(span_first(bytes, sizeof memory / 4), &quoted);
	tell_json(out, put_span(&quoted));
}

static void
put_plain(FILE *out, struct span bytes)
{
	char memory[4096];
	struct put quoted = put_init(memory, sizeof memory);

	text_quote(span_first(bytes, sizeof memory / 4), &quoted);
	fprintf(out, "%.*s", SPAN_ARG(put_span(&quoted)));
}

struct id_text {
	char text[TRACE_ID_LEN + 1];
};

static struct id_text
id_text(uint64_t id)
{
	struct id_text out = { .text = "" };
	struct put put = put_init(out.text, sizeof out.text);

	trace_put_id(&put, id);
	(void)put_cstr(&put);	/* it is out.text */
	return out;
}

/* --- check */

struct checking {
	const struct request *request;
	struct check_report report;
	uint64_t found;
};

static void
print_finding(void *arg, const struct check_finding *finding)
{
	struct checking *checking = arg;

	checking->found++;
	if (checking->request->is_json) {
		printf("%s{\"file\":", checking->found == 1 ? "" : ",");
		put_json(stdout, span_str(finding->file));
		printf(",\"damage\":%s,\"offset\":%" PRIu64
		    ",\"octets\":%" PRIu64 ",\"what\":",
		    finding->is_damage ? "true" : "false", finding->at,
		    finding->len);
		put_json(stdout, span_str(check_words(finding->what)));
		if (finding->id != 0)
			printf(",\"id\":\"%s\"", id_text(finding->id).text);
		printf("}");
		return;
	}
	printf("%s", finding->file);
	if (finding->at != 0)
		printf(": octet %" PRIu64, finding->at);
	if (finding->id != 0)
		printf(": %s", id_text(finding->id).text);
	printf(": %s", check_words(finding->what));
	if (finding->error != 0)
		printf(" (%s)", log_errno(finding->error));
	printf("\n");
}

static void
print_report(const struct checking *checking, bool is_whole)
{
	const struct check_report *report = &checking->report;

	if (checking->request->is_json) {
		printf("],\"checked\":%s,\"sound\":%s,\"messages\":%" PRIu64
		    ",\"text_octets\":%" PRIu64 ",\"records\":%" PRIu64
		    ",\"segments\":%" PRIu64 ",\"spare_segments\":%" PRIu64
		    ",\"disk_octets\":%" PRIu64 ",\"damaged\":%" PRIu64
		    "}\n", is_whole ? "true" : "false",
		    is_whole && report->damaged == 0 ? "true" : "false",
		    report->messages, report->text_octets, report->records,
		    report->segments, report->spares, report->octets,
		    report->damaged);
		return;
	}
	printf("%" PRIu64 " messages, %" PRIu64 " octets of text; %" PRIu64
	    " records in %" PRIu64 " segments, %" PRIu64 " spare, %" PRIu64
	    " octets on disk\n", report->messages, report->text_octets,
	    report->records, report->segments, report->spares,
	    report->octets);
	if (report->damaged == 0)
		printf("sound\n");
	else
		printf("%" PRIu64 " damaged; `ehlo spool dump` shows what "
		    "can be read\n", report->damaged);
}

static int
check_one(struct checking *checking, const char *path)
{
	char error[1024];
	int result = check_store(path, NULL, print_finding, checking,
	    &checking->report, error, sizeof error);

	if (result != 0)
		tell_error("%s", error);
	return result;
}

static int
is_store_name(const struct dirent *entry)
{
	return span_starts(span_str(entry->d_name), SPAN("shard-"));
}

/* The stores in DIR, or DIR itself if it is one. */
static int
check_all(struct checking *checking, const char *dir)
{
	struct dirent **name;
	int n = scandir(dir, &name, is_store_name, alphasort);
	int result = 0;

	if (n < 0) {
		tell_error("%s: %s", dir, log_errno(errno));
		return -errno;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		if (snprintf(path, sizeof path, "%s/%s", dir,
		    name[i]->d_name) >= (int)sizeof path)
			result = -ENAMETOOLONG;
		if (result == 0)
			result = check_one(checking, path);
		free(name[i]);
	}
	free(name);
	if (n == 0)
		result = check_one(checking, dir);
	return result;
}

static int
run_check(const struct request *request, const char *dir)
{
	struct checking checking = { .request = request };
	int result;

	if (request->to != NULL) {
		tell_error("--to belongs to dump");
		return CMD_USAGE;
	}
	if (request->is_json)
		printf("{\"findings\":[");
	result = check_all(&checking, dir);
	if (result == 0 || request->is_json)
		print_report(&checking, result == 0);
	if (result != 0)
		return CMD_USAGE;
	return checking.report.damaged == 0 ? CMD_GOOD : CMD_FAILED;
}

/* --- dump */

struct dumping {
	const struct request *request;
	struct dump *dump;
	int folder;		/* descriptor, or -1 */
	uint64_t written, failed;
};

static const char *
state_name(unsigned state)
{
	static const char *const name[] = { "ready", "held", "waiting" };

	return state < countof(name) ? name[state] : "unknown";
}

static void
print_envelope(bool is_json, struct span bytes)
{
	struct envelope envelope;
	struct arena arena;

	arena_init(&arena, ARENA_MAX);
	if (envelope_decode(bytes, &arena, &envelope) != 0) {
		printf(is_json ? ",\"envelope\":null" :
		    " envelope=unreadable");
		arena_reset(&arena);
		return;
	}
	printf(is_json ? ",\"from\":" : " from=<");
	(is_json ? put_json : put_plain)(stdout, envelope.sender);
	printf(is_json ? ",\"to\":[" : "> to=");
	for (size_t i = 0; i < envelope.rcpt_n; i++) {
		printf(is_json ? "%s" : "%s<", i == 0 ? "" : ",");
		(is_json ? put_json : put_plain)(stdout,
		    envelope.rcpt[i].address);
		printf(is_json ? "" : ">");
	}
	printf(is_json ? "]" : "");
	arena_reset(&arena);
}

static void
print_outcomes(bool is_json, struct span list)
{
	printf(is_json ? ",\"recipients\":[" : " recipients=");
	for (size_t i = 0; i + 4 <= list.len; i += 4) {
		uint32_t word = le32_get(list.p + i);
		const char *outcome = (word & 1) == STORE_FAILED ? "failed" :
		    "delivered";

		printf(is_json ? "%s{\"index\":%u,\"outcome\":\"%s\"}" :
		    "%s%u:%s", i == 0 ? "" : ",", word >> 1, outcome);
	}
	printf(is_json ? "]" : "");
}

static void
print_state(bool is_json, const struct record *record)
{
	printf(is_json ? ",\"state\":\"%s\",\"attempts\":%u,\"due_ms\":%" PRIu64
	    : " state=%s attempts=%u due_ms=%" PRIu64,
	    state_name(record->state), record->attempts, record->arg);
}

static void
print_commit(bool is_json, const struct dump_item *item, struct span head)
{
	print_state(is_json, &item->record);
	printf(is_json ? ",\"text_octets\":%" PRIu64 ",\"parts\":%u,"
	    "\"complete\":%s,\"over\":%s" :
	    " text=%" PRIu64 " parts=%u complete=%s over=%s",
	    item->text_len, item->record.part,
	    item->is_complete ? "true" : "false",
	    item->is_over ? "true" : "false");
	print_envelope(is_json, head);
}

static void
print_details(bool is_json, const struct dump_item *item, struct span meta,
    struct span head)
{
	const struct record *record = &item->record;

	switch (record->type) {
	case RECORD_COMMIT:
		print_commit(is_json, item, head);
		break;
	case RECORD_PART:
		printf(is_json ? ",\"part\":%u,\"text_octets\":%u" :
		    " part=%u text=%u", record->part, record->body_len);
		break;
	case RECORD_SETTLE:
		print_state(is_json, record);
		print_outcomes(is_json, meta);
		printf(is_json ? ",\"reason\":" : " reason=\"");
		(is_json ? put_json : put_plain)(stdout, head);
		printf(is_json ? "" : "\"");
		break;
	case RECORD_STATE:
		print_state(is_json, record);
		break;
	case RECORD_END:
		print_outcomes(is_json, meta);
		break;
	case RECORD_PAD:
	case RECORD_SUMMARY:
		break;
	}
}

static void
print_item(struct dumping *dumping, size_t i, struct span meta,
    struct span head)
{
	const struct dump_item *item = dump_item(dumping->dump, i);
	const struct record *record = &item->record;
	bool is_json = dumping->request->is_json;

	if (is_json) {
		printf("{\"file\":");
		put_json(stdout, span_str(item->file));
		printf(",\"offset\":%u,\"type\":\"%s\",\"id\":\"%s\","
		    "\"sound\":%s", record->at,
		    record_type_name(record->type), id_text(record->id).text,
		    item->is_sound ? "true" : "false");
	} else {
		printf("%s:%u %s %s%s", item->file, record->at,
		    record_type_name(record->type), id_text(record->id).text,
		    item->is_sound ? "" : " DAMAGED");
	}
	print_details(is_json, item, meta, head);
	printf(is_json ? "}\n" : "\n");
}

static FILE *
open_in_folder(int folder, uint64_t id, const char *suffix)
{
	char name[TRACE_ID_LEN + 16];
	FILE *file;
	int fd;

	(void)snprintf(name, sizeof name, "%s%s", id_text(id).text, suffix);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	file = fd >= 0 ? fdopen(fd, "wb") : NULL;
	if (file == NULL)
		tell_error("%s: %s", name, log_errno(errno));
	if (file == NULL && fd >= 0)
		close(fd);
	return file;
}

/* Sender and recipients, one a line. */
static void
write_envelope(FILE *file, struct span bytes)
{
	struct envelope envelope;
	struct arena arena;

	arena_init(&arena, ARENA_MAX);
	if (envelope_decode(bytes, &arena, &envelope) != 0) {
		fprintf(file, "unreadable ");
		put_plain(file, bytes);
		fprintf(file, "\n");
	} else {
		fprintf(file, "from <");
		put_plain(file, envelope.sender);
		fprintf(file, ">\n");
		for (size_t i = 0; i < envelope.rcpt_n; i++) {
			fprintf(file, "to <");
			put_plain(file, envelope.rcpt[i].address);
			fprintf(file, ">\n");
		}
	}
	arena_reset(&arena);
}

static void
write_message(struct dumping *dumping, size_t i, struct span envelope)
{
	const struct dump_item *item = dump_item(dumping->dump, i);
	FILE *file = open_in_folder(dumping->folder, item->record.id, ".eml");
	int error = -EIO;

	if (file != NULL) {
		error = dump_text(dumping->dump, i, file);
		if (fclose(file) != 0 && error == 0)
			error = -EIO;
	}
	file = error == 0 ? open_in_folder(dumping->folder, item->record.id,
	    ".envelope") : NULL;
	if (file != NULL) {
		write_envelope(file, envelope);
		if (fclose(file) != 0)
			error = -EIO;
	} else {
		error = -EIO;
	}
	if (error == 0)
		dumping->written++;
	else
		dumping->failed++;
	if (!item->is_complete || !item->is_sound)
		tell_warning("%s.eml is not what was sent: %s",
		    id_text(item->record.id).text, item->is_complete ?
		    "its text is damaged" : "parts of it are missing");
}

static int
dump_items(struct dumping *dumping)
{
	const struct dump_item *item;
	int error = 0;

	for (size_t i = 0; (item = dump_item(dumping->dump, i)) != NULL;
	    i++) {
		struct buf meta, head;

		buf_init(&meta, SIZE_MAX / 4);
		buf_init(&head, SIZE_MAX / 4);
		error = dump_read(dumping->dump, i, &meta, &head);
		if (error != 0)
			tell_error("%s: octet %u: %s", item->file,
			    item->record.at, log_errno(error));
		dumping->failed += error != 0;
		print_item(dumping, i, buf_span(&meta), buf_span(&head));
		if (dumping->folder >= 0 && !item->is_over &&
		    item->record.type == RECORD_COMMIT)
			write_message(dumping, i, buf_span(&head));
		buf_free(&meta);
		buf_free(&head);
	}
	return dumping->failed != 0 ? -EIO : 0;
}

static int
open_folder(const char *path)
{
	int fd;

	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		tell_error("%s: %s", path, log_errno(errno));
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		tell_error("%s: %s", path, log_errno(errno));
	return fd;
}

static int
run_dump(const struct request *request, const char *path)
{
	struct dumping dumping = { .request = request, .folder = -1 };
	char error[1024];
	int result;

	if (request->to != NULL) {
		dumping.folder = open_folder(request->to);
		if (dumping.folder < 0)
			return CMD_USAGE;
	}
	dumping.dump = dump_open(path, error, sizeof error);
	if (dumping.dump == NULL) {
		tell_error("%s", error);
		if (dumping.folder >= 0)
			close(dumping.folder);
		return CMD_USAGE;
	}
	result = dump_items(&dumping);
	if (dumping.folder >= 0) {
		tell_note("%" PRIu64 " messages written to %s",
		    dumping.written, request->to);
		close(dumping.folder);
	}
	if (dump_damaged(dumping.dump) != 0)
		tell_warning("%" PRIu64 " octets of records are damaged",
		    dump_damaged(dumping.dump));
	if (dump_damaged(dumping.dump) != 0 || result != 0)
		result = CMD_FAILED;
	dump_close(dumping.dump);
	return result;
}

int
cmd_spool(int argc, char **argv)
{
	struct request request = { 0 };
	const struct args_option option[] = {
		{ .name = "--to", .value = &request.to },
		{ .name = "--json", .flag = &request.is_json },
		{ .name = "--help", .flag = &request.is_help },
	};

	if (!args_parse(&argc, argv, option, countof(option)))
		return CMD_USAGE;
	if (request.is_help) {
		fputs(help, stdout);
		return CMD_GOOD;
	}
	/* findings are told by us, not as events */
	log_configure(LOG_TO_STDERR, (enum log_level)(LOG_LEVEL_ERROR + 1));
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return run_check(&request, argv[2]);
	if (argc == 3 && strcmp(argv[1], "dump") == 0)
		return run_dump(&request, argv[2]);
	fputs(help, stderr);
	return CMD_USAGE;
}
