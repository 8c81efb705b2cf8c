/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of the real file: atomic, locked, mode and owner kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "sample.h"
#include "user/hash.h"
#include "user/user.h"

struct world {
	char folder[64];
	char path[80];
	char beside[96];
};

static int
set_up(void **state)
{
	struct world *world = mem_new(sizeof *world);

	(void)snprintf(world->folder, sizeof world->folder,
	    "/tmp/ehlo-file-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	(void)snprintf(world->path, sizeof world->path, "%s/users",
	    world->folder);
	(void)snprintf(world->beside, sizeof world->beside, "%s.new",
	    world->path);
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	(void)unlink(world->path);
	(void)unlink(world->beside);
	assert_int_equal(rmdir(world->folder), 0);	/* nothing else */
	free(world);
	return 0;
}

static void
write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
assert_file(const char *path, const char *expected)
{
	char got[4096];
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(got, 1, sizeof got - 1, file);
	got[n] = '\0';
	assert_int_equal(fclose(file), 0);
	assert_string_equal(got, expected);
}

static int
add(struct world *world, const char *name, const char *password,
    const char *attributes, char error[256])
{
	struct user_change change = { span_str(name), span_str(password),
		span_str(attributes) };

	error[0] = '\0';
	return user_file_add(world->path, &change, error, 256);
}

static enum user_verdict
verify(struct world *world, const char *name, const char *password)
{
	char error[256];
	struct user_db *db = user_db_open(world->path, error, sizeof error);
	enum user_verdict verdict;

	if (db == NULL)
		fail_msg("%s", error);
	verdict = user_verify(db, span_str(name), span_str(password));
	user_db_close(db);
	return verdict;
}

static void
makes_a_new_file(void **state)
{
	struct world *world = *state;
	struct stat st;
	char error[256];

	assert_int_equal(add(world, "guyt", "Pauline13", "mailbox=no",
	    error), 0);
	assert_int_equal(stat(world->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	assert_int_equal(add(world, "GUYT", "x", "", error), -EEXIST);
	assert_non_null(strstr(error, "there is a user \"GUYT\" already"));
	assert_int_equal(access(world->beside, F_OK), -1);
}

static void
keeps_mode_and_owner(void **state)
{
	struct world *world = *state;
	struct stat st;
	char error[256];

	write_text(world->path, "# ours\na:!\n");
	assert_int_equal(chmod(world->path, 0640), 0);
	if (geteuid() == 0)	/* only root can give it away */
		assert_int_equal(chown(world->path, 12345, 23456), 0);
	assert_int_equal(user_file_remove(world->path, SPAN("A"), error,
	    sizeof error), 0);
	assert_int_equal(stat(world->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	if (geteuid() == 0) {
		assert_int_equal(st.st_uid, 12345);
		assert_int_equal(st.st_gid, 23456);
	}
	assert_file(world->path, "# ours\n");
}

static void
changes_password_and_attributes(void **state)
{
	struct world *world = *state;
	struct user_change change = { .name = SPAN("guyt"),
		.password = SPAN("new one") };
	char error[256];

	write_text(world->path, "guyt:!" MD5_PAULINE13 ":mailbox=no\n");
	assert_int_equal(user_file_change(world->path, &change, error,
	    sizeof error), 0);
	assert_int_equal(verify(world, "guyt", "new one"), USER_OK);
	change = (struct user_change){ .name = SPAN("guyt"),
		.attributes = SPAN("disabled=yes") };
	assert_int_equal(user_file_change(world->path, &change, error,
	    sizeof error), 0);
	assert_int_equal(verify(world, "guyt", "new one"), USER_DISABLED);
	change.attributes = SPAN("");
	assert_int_equal(user_file_change(world->path, &change, error,
	    sizeof error), 0);
	assert_int_equal(verify(world, "guyt", "new one"), USER_OK);
	change.name = SPAN("nobody");
	assert_int_equal(user_file_change(world->path, &change, error,
	    sizeof error), -ENOENT);
	assert_non_null(strstr(error, "there is no user \"nobody\""));
	assert_int_equal(user_file_remove(world->path, SPAN("nobody"), error,
	    sizeof error), -ENOENT);
}

/* Nothing wrong gets into the file, and nothing is made for it. */
static void
refuses_what_would_be_wrong(void **state)
{
	struct world *world = *state;
	char error[256], long_password[1025];
	struct user_change change = { .name = SPAN("a"),
		.password = SPAN("pass\0word") };

	assert_int_equal(add(world, "a b", "password", "", error), -EINVAL);
	assert_int_equal(add(world, "a\nb:!", "password", "", error),
	    -EINVAL);
	assert_int_equal(add(world, "a", "", "", error), -EINVAL);
	assert_string_equal(error, "the password is empty");
	assert_int_equal(add(world, "a", "pass\nword", "", error), -EINVAL);
	assert_int_equal(add(world, "a", "p\xe4ssword", "", error), -EINVAL);
	assert_string_equal(error, "the password is not UTF-8");
	assert_int_equal(add(world, "a", "password", "sendas=a@b", error),
	    -EINVAL);
	assert_non_null(strstr(error, "did you mean \"send-as\"?"));
	assert_int_equal(add(world, "a", "password", "mailbox=no\nb:!",
	    error), -EINVAL);
	assert_int_equal(add(world, "a", "password", "send-as=\xff@b",
	    error), -EINVAL);
	assert_int_equal(user_file_add(world->path, &change, error,
	    sizeof error), -EINVAL);
	memset(long_password, 'x', sizeof long_password);
	change.password = span_of(long_password, sizeof long_password);
	assert_int_equal(user_file_add(world->path, &change, error,
	    sizeof error), -EINVAL);
	assert_int_equal(access(world->path, F_OK), -1);
	change.password = span_of(long_password, sizeof long_password - 1);
	assert_int_equal(user_file_add(world->path, &change, error,
	    sizeof error), 0);
}

static void
leaves_a_file_with_a_mistake_alone(void **state)
{
	struct world *world = *state;
	char error[256];

	write_text(world->path, "a:!\nguyt\n");
	assert_int_equal(add(world, "b", "password", "", error), -EINVAL);
	assert_non_null(strstr(error, "users:2: no colon"));
	assert_int_equal(user_file_remove(world->path, SPAN("a"), error,
	    sizeof error), -EINVAL);
	assert_file(world->path, "a:!\nguyt\n");
}

static void
follows_a_link_and_keeps_it(void **state)
{
	struct world *world = *state;
	char target[128], error[256];
	struct stat st;

	(void)snprintf(target, sizeof target, "%s/real", world->folder);
	write_text(target, "a:!\n");
	assert_int_equal(symlink("real", world->path), 0);
	assert_int_equal(user_file_remove(world->path, SPAN("a"), error,
	    sizeof error), 0);
	assert_int_equal(lstat(world->path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_file(target, "");
	assert_int_equal(unlink(target), 0);
}

/* What a crash left behind, even with the strictest mode, is in nobody's way
 * and gets nowhere.
 * seen to catch: the new text appended to what is there
 * (tests/faults/user-leftover-appended.patch). */
static void
a_leftover_is_replaced(void **state)
{
	struct world *world = *state;
	char error[256];

	write_text(world->path, "a:!\n");
	write_text(world->beside, "evil:" MD5_PAULINE13 "\nlonger than ours");
	assert_int_equal(chmod(world->beside, 0), 0);
	assert_int_equal(user_file_remove(world->path, SPAN("a"), error,
	    sizeof error), 0);
	assert_file(world->path, "");
	assert_int_equal(access(world->beside, F_OK), -1);
}

/* The disk is full (here: the largest file allowed is tiny). The old file
 * stays, nothing is left over.
 * seen to catch: the result of write(2) not looked at
 * (tests/faults/user-write-unchecked.patch). */
static void
a_full_disk_keeps_the_old_file(void **state)
{
	struct world *world = *state;
	const struct rlimit tiny = { 8, 8 };
	char error[256] = "";
	int status;
	pid_t child;

	write_text(world->path, "# a comment\na:!\nb:!\n");
	child = fork();
	if (child == 0) {
		if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR ||
		    setrlimit(RLIMIT_FSIZE, &tiny) != 0)
			_exit(100);
		_exit(-user_file_remove(world->path, SPAN("a"), error,
		    sizeof error));
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EFBIG);
	assert_file(world->path, "# a comment\na:!\nb:!\n");
	assert_int_equal(access(world->beside, F_OK), -1);
}

struct adder {
	struct world *world;
	pthread_t thread;
	unsigned number, failed;
};

#define EACH_ADDS 8

static void *
add_on_and_on(void *arg)
{
	struct adder *adder = arg;

	for (unsigned i = 0; i < EACH_ADDS; i++) {
		char name[16], error[256];

		(void)snprintf(name, sizeof name, "u%ux%u", adder->number, i);
		adder->failed += add(adder->world, name, "password", "",
		    error) != 0;
	}
	return NULL;
}

static void
count(void *arg, const struct user_listed *listed)
{
	assert_string_equal(listed->scheme, "yescrypt");
	assert_true(listed->has_scram_sha_256);
	++*(unsigned *)arg;
}

/* Editors at the same time: every change is there in the end. */
static void
editors_wait_for_each_other(void **state)
{
	struct adder adder[4];
	struct world *world = *state;
	char error[256];
	unsigned n = 0;

	for (unsigned i = 0; i < countof(adder); i++) {
		adder[i] = (struct adder){ .world = world, .number = i };
		assert_int_equal(pthread_create(&adder[i].thread, NULL,
		    add_on_and_on, &adder[i]), 0);
	}
	for (unsigned i = 0; i < countof(adder); i++) {
		assert_int_equal(pthread_join(adder[i].thread, NULL), 0);
		assert_int_equal(adder[i].failed, 0);
	}
	assert_int_equal(user_file_list(world->path, count, &n, error,
	    sizeof error), 0);
	assert_int_equal(n, countof(adder) * EACH_ADDS);
}

/* Does somebody wait for a lock of this file? */
static bool
is_waited_for(ino_t inode)
{
	char line[256], end[32];
	bool is_so = false;
	FILE *locks = fopen("/proc/locks", "re");

	assert_non_null(locks);
	(void)snprintf(end, sizeof end, ":%llu ", (unsigned long long)inode);
	while (fgets(line, sizeof line, locks) != NULL)
		is_so = is_so || (strstr(line, "-> FLOCK") != NULL &&
		    strstr(line, end) != NULL);
	(void)fclose(locks);
	return is_so;
}

static void *
remove_b(void *arg)
{
	struct adder *adder = arg;
	char error[256];

	adder->failed = user_file_remove(adder->world->path, SPAN("b"), error,
	    sizeof error) != 0;
	return NULL;
}

/* Another file has come in its place while somebody waited for the lock: that
 * one is edited.
 * seen to catch: a lock without is_current(), so that whoever waited edits the
 * old file (tests/faults/user-lock-old-file.patch). */
static void
who_waited_edits_the_new_file(void **state)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct adder adder = { .world = *state };
	struct world *world = *state;
	struct stat st;
	char other[112];
	int fd;

	write_text(world->path, "# old\nb:!\n");
	fd = open(world->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0 && fstat(fd, &st) == 0);
	assert_int_equal(pthread_create(&adder.thread, NULL, remove_b, &adder),
	    0);
	while (!is_waited_for(st.st_ino))
		(void)nanosleep(&pause, NULL);
	(void)snprintf(other, sizeof other, "%s.other", world->path);
	write_text(other, "# new\nb:!\nc:!\n");
	assert_int_equal(rename(other, world->path), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(pthread_join(adder.thread, NULL), 0);
	assert_int_equal(adder.failed, 0);
	assert_file(world->path, "# new\nc:!\n");
}

/* An edit in a process that is killed once it has written `limit` bytes: the
 * system does so when a file grows past RLIMIT_FSIZE. */
static void
kill_an_editor(const char *path, size_t limit)
{
	const struct rlimit end = { limit, limit }, no_core = { 0, 0 };
	char error[256];
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (setrlimit(RLIMIT_CORE, &no_core) == 0 &&
		    setrlimit(RLIMIT_FSIZE, &end) == 0)
			(void)user_file_remove(path, SPAN("b"), error,
			    sizeof error);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGXFSZ);
}

/* Killed while it writes: who reads finds the old file, and the next edit
 * works.
 * seen to catch: the new text written over the old file
 * (tests/faults/user-edit-in-place.patch). */
static void
killed_while_writing(void **state)
{
#define BEFORE "# ours\na:" MD5_PAULINE13 "\nb:!\n"
	struct world *world = *state;
	char error[256];

	write_text(world->path, BEFORE);
	for (size_t limit = 0; limit < sizeof BEFORE - sizeof "b:!\n";
	    limit += 5) {
		kill_an_editor(world->path, limit);
		assert_file(world->path, BEFORE);
	}
	assert_int_equal(access(world->beside, F_OK), 0);
	assert_int_equal(add(world, "last", "password", "", error), 0);
	assert_int_equal(access(world->beside, F_OK), -1);
	assert_int_equal(verify(world, "a", "Pauline13"), USER_OK);
	assert_int_equal(verify(world, "last", "password"), USER_OK);
#undef BEFORE
}

struct listed {
	char text[512];
	struct put out;
};

static void
note(void *arg, const struct user_listed *account)
{
	struct listed *listed = arg;

	put_bytes(&listed->out, account->name);
	put_char(&listed->out, ' ');
	put_str(&listed->out, account->scheme);
	put_char(&listed->out, ' ');
	put_bytes(&listed->out, account->attributes);
	put_str(&listed->out, account->has_scram_sha_1 ? " 1" : "");
	put_str(&listed->out, account->has_scram_sha_256 ? " 256" : "");
	put_str(&listed->out, account->has_nt_hash ? " nt" : "");
	put_char(&listed->out, ';');
}

static void
lists_without_hashes(void **state)
{
	struct world *world = *state;
	struct listed listed;
	char error[256];

	listed.out = put_init(listed.text, sizeof listed.text);
	write_text(world->path, "# x\nGuyT:" MD5_PAULINE13 ":mailbox=no\n"
	    "b:!\nc:" YESCRYPT_PAULINE13);
	assert_int_equal(user_file_list(world->path, note, &listed, error,
	    sizeof error), 0);
	assert_string_equal(put_cstr(&listed.out),
	    "GuyT md5crypt mailbox=no;b locked ;c yescrypt ;");
	assert_int_equal(user_file_list("/nowhere/users", note, &listed,
	    error, sizeof error), -ENOENT);
	assert_string_equal(error,
	    "/nowhere/users: No such file or directory");
}

int
main(void)
{
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(makes_a_new_file),
		WORLD_TEST(keeps_mode_and_owner),
		WORLD_TEST(changes_password_and_attributes),
		WORLD_TEST(refuses_what_would_be_wrong),
		WORLD_TEST(leaves_a_file_with_a_mistake_alone),
		WORLD_TEST(follows_a_link_and_keeps_it),
		WORLD_TEST(a_leftover_is_replaced),
		WORLD_TEST(a_full_disk_keeps_the_old_file),
		WORLD_TEST(editors_wait_for_each_other),
		WORLD_TEST(who_waited_edits_the_new_file),
		WORLD_TEST(killed_while_writing),
		WORLD_TEST(lists_without_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
