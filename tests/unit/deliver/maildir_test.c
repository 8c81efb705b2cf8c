/* SPDX-License-Identifier: Apache-2.0 */
/* maildir: 1. a file in new/ is whole; 2. told 0 means it is there; 3. after a
 * kill at any operation, another attempt leaves exactly one whole copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "base/put.h"
#include "deliver/maildir.h"
#include "mail/trace.h"

#define MANY 12		/* more than are synced one by one */

static const char *root;
static struct maildir_batch *batch;

struct told {
	unsigned n, good;
	int last_error;
	int order;		/* the tag after the last one */
};

static void
tell(void *arg, void *tag, int result)
{
	struct told *told = arg;
	int number = (int)(intptr_t)tag;

	assert_true(number >= told->order);
	told->order = number + 1;
	told->n++;
	told->good += result == 0;
	if (result != 0)
		told->last_error = result;
}

static int
setup(void **state)
{
	(void)state;
	root = box_open();
	batch = maildir_batch_new("mail.example.org");
	maildir_batch_use(batch, &box_files);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	maildir_batch_free(batch);
	box_close();
	return 0;
}

static struct maildir_file *
begin(const char *path, uint64_t id, bool is_again)
{
	struct maildir_target target = { .path = path, .id = id,
		.is_again = is_again };

	return maildir_begin(batch, &target, (void *)(intptr_t)id);
}

static void
put_file(const char *path, uint64_t id, const char *text)
{
	struct maildir_file *file = begin(path, id, false);

	maildir_write(file, span_str(text));
	maildir_end(file);
}

static struct told
commit(void)
{
	struct told told = { 0 };

	maildir_commit(batch, tell, &told);
	return told;
}

static void
test_path(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(maildir_path("/v/%d/%u/%%M", SPAN("guyt"),
	    SPAN("example.org"), out, sizeof out), 0);
	assert_string_equal(out, "/v/example.org/guyt/%M");
	assert_int_equal(maildir_path("/v/%u", SPAN("a@b@example.org"),
	    SPAN(""), out, sizeof out), 0);
	assert_string_equal(out, "/v/a@b");
	assert_int_equal(maildir_path("/v/%u", SPAN("gr\xc3\xbcn"), SPAN(""),
	    out, sizeof out), 0);
	assert_int_equal(maildir_path("/%u", SPAN("abcd"), SPAN(""), out, 5),
	    -ENAMETOOLONG);
	assert_int_equal(maildir_path("/%u", SPAN("abcd"), SPAN(""), out, 6),
	    0);
}

/* Seen to catch: only ".." refused, so that ".ssh" was a mailbox. */
static void
test_no_stranger_in_a_path(void **state)
{
	static const struct { const char *p; size_t len; } bad[] = {
		{ "", 0 }, { ".", 1 }, { "..", 2 }, { "../x", 4 },
		{ "a/b", 3 }, { "/", 1 }, { ".ssh", 4 }, { "a\0b", 3 },
		{ "a\nb", 3 }, { "\x7f", 1 }, { "@example.org", 12 },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct span part = span_of(bad[i].p, bad[i].len);

		assert_int_equal(maildir_path("/v/%u", part, SPAN("d"), out,
		    sizeof out), -EINVAL);
		if (part.len < 12)
			assert_int_equal(maildir_path("/v/%d/%u", SPAN("u"),
			    part, out, sizeof out), -EINVAL);
	}
	assert_int_equal(maildir_path("/v/%h", SPAN("a"), SPAN("d"), out,
	    sizeof out), -EINVAL);
	assert_int_equal(maildir_path("/v/%", SPAN("a"), SPAN("d"), out,
	    sizeof out), -EINVAL);
}

static void
test_one_file(void **state)
{
	const char *path = box_path(root, "example.org/a/Maildir");
	char name[256];
	struct told told;
	struct stat st;

	(void)state;
	put_file(path, 33, "A: b\r\n\r\ntext\r\n");
	assert_int_equal(box_count(box_path(path, "new")), 0);
	told = commit();
	assert_int_equal(told.n, 1);
	assert_int_equal(told.good, 1);
	assert_string_equal(box_read_only_file(box_path(path, "new"), name),
	    "A: b\n\ntext\n");
	assert_string_equal(name, "2222222222233.R0.mail.example.org");
	assert_int_equal(box_count(box_path(path, "tmp")), 0);
	assert_int_equal(box_count(box_path(path, "cur")), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* the folders were new: only syncfs makes those above durable too */
	assert_int_equal(box_faults.syncfss, 2);
	put_file(path, 34, "x");
	assert_int_equal(commit().good, 1);
	assert_int_equal(box_faults.syncfss, 2);
	assert_int_equal(box_faults.fdatasyncs, 1);
	assert_int_equal(box_faults.fsyncs, 1);
}

/* Line ends cut at every place, bare CR and LF kept.
 * Seen to catch: the CR forgotten at the end of a piece. */
static void
test_line_ends(void **state)
{
	static const char text[] = "a\r\nb\rc\n\r\n\r\r\n\rd\r\n\r";
	static const char expected[] = "a\nb\rc\n\n\r\n\rd\n\r";
	const char *path = box_path(root, "m");
	struct span in = span_of(text, sizeof text - 1);

	(void)state;
	for (size_t cut = 0; cut <= in.len; cut++) {
		struct maildir_file *file = begin(path, 5, false);

		maildir_write(file, span_first(in, cut));
		maildir_write(file, span_skip(in, cut));
		maildir_end(file);
		assert_int_equal(commit().good, 1);
		assert_string_equal(box_read_only_file(box_path(path, "new"),
		    NULL), expected);
	}
}

static void
test_large_file(void **state)
{
	const char *path = box_path(root, "m");
	struct maildir_file *file = begin(path, 5, false);
	const char *content;
	char line[103];

	(void)state;
	memset(line, 'x', sizeof line);
	line[101] = '\r';
	line[102] = '\n';
	for (unsigned i = 0; i < 5000; i++)
		maildir_write(file, span_of(line, sizeof line));
	maildir_end(file);
	assert_int_equal(commit().good, 1);
	content = box_read_only_file(box_path(path, "new"), NULL);
	assert_int_equal(strlen(content), 5000 * 102);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(content[i * 102 + 101], '\n');
	assert_int_equal(box_faults.writes, 8);	/* of 64 KiB */
}

/* Several at once, more mailboxes than are kept open, in order. */
static void
test_many_mailboxes(void **state)
{
	const char *path[100];
	struct told told;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			char name[16];

			snprintf(name, sizeof name, "m%d", i);
			if (round == 0)
				path[i] = box_path(root, name);
			put_file(path[i], (uint64_t)(1 + round * 100 + i),
			    name);
		}
		told = commit();
		assert_int_equal(told.n, 100);
		assert_int_equal(told.good, 100);
		assert_int_equal(box_faults.syncfss, 2 * (round + 1));
		for (int i = 0; i < 100; i++) {
			char new[128];

			snprintf(new, sizeof new, "%s/new", path[i]);
			assert_int_equal(box_count(new), round + 1);
		}
	}
	assert_int_equal(box_faults.fsyncs, 0);
}

static void
test_drop(void **state)
{
	const char *path = box_path(root, "m");
	struct maildir_file *file, *other;
	struct told told;

	(void)state;
	file = begin(path, 1, false);
	other = begin(path, 2, false);
	maildir_write(file, SPAN("half"));
	maildir_write(other, SPAN("whole"));
	maildir_drop(file);
	maildir_end(other);
	assert_int_equal(box_count(box_path(path, "tmp")), 1);
	told = commit();
	assert_int_equal(told.n, 1);
	assert_int_equal(told.good, 1);
	assert_string_equal(box_read_only_file(box_path(path, "new"), NULL),
	    "whole");
	assert_int_equal(box_count(box_path(path, "tmp")), 0);
	assert_int_equal(commit().n, 0);
}

/* One bad mailbox fails for itself. */
static void
test_mailbox_is_a_file(void **state)
{
	const char *good = box_path(root, "good"), *bad = box_path(root, "bad");
	struct told told;

	(void)state;
	close(open(bad, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	put_file(good, 1, "x");
	put_file(bad, 2, "x");
	put_file(good, 3, "x");
	told = commit();
	assert_int_equal(told.n, 3);
	assert_int_equal(told.good, 2);
	assert_int_equal(told.last_error, -ENOTDIR);
}

/* The Maildir is moved away and made anew between two batches.
 * Seen to catch: the open folder used without asking the path. */
static void
test_replaced_maildir(void **state)
{
	const char *path = box_path(root, "m"), *old = box_path(root, "old");

	(void)state;
	put_file(path, 1, "x");
	assert_int_equal(commit().good, 1);
	assert_int_equal(rename(path, old), 0);
	put_file(path, 2, "y");
	assert_int_equal(commit().good, 1);
	assert_string_equal(box_read_only_file(box_path(path, "new"), NULL),
	    "y");
	assert_string_equal(box_read_only_file(box_path(old, "new"), NULL),
	    "x");
}

/* A reader took it to cur/ with flags; it is not delivered again. Without the
 * hint that it may be there nobody looks. */
static void
test_again_in_cur(void **state)
{
	const char *path = box_path(root, "m");
	char from[512], to[512], name[256];
	struct maildir_file *file;

	(void)state;
	put_file(path, 7, "x");
	assert_int_equal(commit().good, 1);
	assert_non_null(box_read_only_file(box_path(path, "new"), name));
	snprintf(from, sizeof from, "%s/new/%s", path, name);
	snprintf(to, sizeof to, "%s/cur/%s:2,RS", path, name);
	assert_int_equal(rename(from, to), 0);
	file = begin(path, 7, true);
	maildir_write(file, SPAN("x"));
	maildir_end(file);
	assert_int_equal(commit().good, 1);
	assert_int_equal(box_count(box_path(path, "new")), 0);
	assert_int_equal(box_count(box_path(path, "cur")), 1);
	/* another recipient's copy of the same message is another file */
	file = maildir_begin(batch, &(struct maildir_target){ .path = path,
	    .id = 7, .rcpt = 1, .is_again = true }, (void *)1);
	maildir_end(file);
	assert_int_equal(commit().good, 1);
	assert_int_equal(box_count(box_path(path, "new")), 1);
}

/* --- faults */

#define FEW 2
#define TEXT "Subject: whole\r\n\r\nto the end\r\n"
#define TEXT_WRITTEN "Subject: whole\n\nto the end\n"

/* Delivers `n` messages into the mailboxes a and b of `dir`. */
static struct told
deliver(const char *dir, int n, bool is_again)
{
	char path[2][128];

	for (int i = 0; i < 2; i++)
		snprintf(path[i], sizeof path[i], "%s/%c", dir, "ab"[i]);
	for (int i = 0; i < n; i++) {
		struct maildir_file *file = begin(path[i % 2],
		    (uint64_t)i + 1, is_again);

		maildir_write(file, SPAN(TEXT));
		maildir_end(file);
	}
	return commit();
}

static int
count_in(const char *dir, const char *mailbox, const char *folder)
{
	char path[128];
	int n;

	snprintf(path, sizeof path, "%s/%s/%s", dir, mailbox, folder);
	n = box_count(path);
	return n < 0 ? 0 : n;	/* not made yet */
}

/* Every file in new/ of both mailboxes is whole; how many there are. */
static int
count_whole(const char *dir)
{
	int n = 0;

	for (int i = 1; i <= MANY; i++) {
		char path[256], content[64] = "", id[TRACE_ID_LEN + 1];
		struct put put = put_init(id, sizeof id);
		FILE *file;

		trace_put_id(&put, (uint64_t)i);
		snprintf(path, sizeof path, "%s/%c/new/%s.R0.mail.example.org",
		    dir, "ba"[i % 2], put_cstr(&put));
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		assert_int_equal(fread(content, 1, sizeof content - 1, file),
		    sizeof TEXT_WRITTEN - 1);
		fclose(file);
		assert_string_equal(content, TEXT_WRITTEN);
		n++;
	}
	assert_int_equal(count_in(dir, "a", "new") + count_in(dir, "b", "new"),
	    n);
	return n;
}

/* A later attempt mends whatever the first one left. */
static void
assert_mended(const char *dir, int n)
{
	struct told told;

	box_faults = (struct box_faults){ 0 };
	told = deliver(dir, n, true);
	assert_int_equal(told.n, n);
	assert_int_equal(told.good, n);
	assert_int_equal(count_whole(dir), n);
	assert_int_equal(count_in(dir, "a", "tmp"), 0);
	assert_int_equal(count_in(dir, "b", "tmp"), 0);
}

/* The n-th operation fails, for every n. Seen to catch: a short write taken
 * for a whole one; the result of syncfs dropped; a failed file left in tmp/
 * that stopped the next attempt with EEXIST; told 0 for a failed rename. */
static void
check_every_failure(int messages, int error, bool keeps_failing)
{
	for (int n = 1;; n++) {
		char dir[64];
		struct told told;
		bool was_reached;

		snprintf(dir, sizeof dir, "%s/%d", root, n);
		box_faults = (struct box_faults){ .fail_at = n,
			.error = error, .keeps_failing = keeps_failing };
		told = deliver(dir, messages, false);
		was_reached = box_faults.n >= n;
		assert_int_equal(told.n, messages);
		assert_true(count_whole(dir) >= (int)told.good);
		assert_mended(dir, messages);
		if (!was_reached) {
			assert_int_equal(told.good, messages);
			assert_true(n > 4 * messages);
			return;
		}
	}
}

static void
test_every_failure_of_few(void **state)
{
	(void)state;
	check_every_failure(FEW, -EIO, false);
}

static void
test_every_failure_of_many(void **state)
{
	(void)state;
	check_every_failure(MANY, -ENOSPC, false);
}

static void
test_every_failure_for_good(void **state)
{
	(void)state;
	check_every_failure(MANY, -EIO, true);
}

/* The process is gone before the n-th operation, for every n; another one
 * delivers again. Seen to catch: a name made of the time. */
static void
check_every_kill(int messages)
{
	for (int n = 1;; n++) {
		char dir[64];
		int status;
		pid_t pid;

		snprintf(dir, sizeof dir, "%s/%d", root, n);
		pid = fork();
		if (pid == 0) {
			box_faults = (struct box_faults){ .exit_at = n };
			(void)deliver(dir, messages, false);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		(void)count_whole(dir);
		assert_mended(dir, messages);
		if (WEXITSTATUS(status) == 0) {
			assert_true(n > 4 * messages);
			return;
		}
		assert_int_equal(WEXITSTATUS(status), 9);
	}
}

static void
test_every_kill_of_few(void **state)
{
	(void)state;
	check_every_kill(FEW);
}

static void
test_every_kill_of_many(void **state)
{
	(void)state;
	check_every_kill(MANY);
}

/* What could not be made durable is not shown. */
static void
test_failed_sync_shows_nothing(void **state)
{
	const char *dir = box_path(root, "x");
	struct told told;

	(void)state;
	box_faults = (struct box_faults){ .fail_at = 1, .error = -EIO,
		.fail_op = "syncfs" };
	told = deliver(dir, MANY, false);
	assert_int_equal(told.good, 0);
	assert_int_equal(told.last_error, -EIO);
	assert_int_equal(count_whole(dir), 0);
	assert_mended(dir, MANY);
}

/* A folder whose sync failed is not asked again: the second answer would be
 * "fine" and mean nothing. Seen to catch: asked once for every file. */
static void
test_failed_folder_sync_counts_for_all(void **state)
{
	const char *dir = box_path(root, "x"), *path = box_path(dir, "a");
	struct told told;

	(void)state;
	assert_int_equal(deliver(dir, 2, false).good, 2);	/* makes them */
	box_faults = (struct box_faults){ .fail_at = 1, .error = -EIO,
		.fail_op = "fsync" };
	put_file(path, 1, TEXT);
	put_file(path, 3, TEXT);
	told = commit();
	assert_int_equal(told.n, 2);
	assert_int_equal(told.good, 0);
	assert_int_equal(box_faults.fsyncs, 1);
	assert_mended(dir, 3);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_path),
		CASE(test_no_stranger_in_a_path),
		CASE(test_one_file),
		CASE(test_line_ends),
		CASE(test_large_file),
		CASE(test_many_mailboxes),
		CASE(test_drop),
		CASE(test_mailbox_is_a_file),
		CASE(test_replaced_maildir),
		CASE(test_again_in_cur),
		CASE(test_every_failure_of_few),
		CASE(test_every_failure_of_many),
		CASE(test_every_failure_for_good),
		CASE(test_every_kill_of_few),
		CASE(test_every_kill_of_many),
		CASE(test_failed_sync_shows_nothing),
		CASE(test_failed_folder_sync_counts_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
