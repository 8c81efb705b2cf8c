/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts of the file, as the server asks for them. Time is turned and
 * work is counted by hooks; nothing here measures. */
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
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "sample.h"
#include "user/db.h"

static uint64_t now_ms = 1000000;
static unsigned looks, checks;
static char last_hash[USER_HASH_MAX + 1];

static uint64_t
turned_clock(void)
{
	return now_ms;
}

/* Long after every file here was written: nothing is young. */
static uint64_t
far_future(void)
{
	return UINT64_MAX / 2;
}

static int
counted_look(const char *path, struct stat *st)
{
	looks++;
	return stat(path, st) == 0 ? 0 : -errno;
}

static enum user_hash_result
counted_check(const char *hash, struct span password)
{
	checks++;
	(void)snprintf(last_hash, sizeof last_hash, "%s", hash);
	return user_hash_check(hash, password);
}

static const struct user_hooks hooks = { turned_clock, far_future,
	counted_look, counted_check };

struct world {
	char folder[64];
	char path[80];
	struct user_db *db;
};

static void
write_file(const char *path, const char *text)
{
	char beside[96];
	FILE *file;

	(void)snprintf(beside, sizeof beside, "%s.tmp", path);
	file = fopen(beside, "w");
	assert_non_null(file);
	assert_int_equal(fputs(text, file) < 0, 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(beside, 0600), 0);
	assert_int_equal(rename(beside, path), 0);
}

#define USERS \
	"# everybody\n" \
	"guyt:" MD5_PAULINE13 ":send-as=guy@cp.com,*@lists.cp.com\n" \
	"User1@Contoso.com:" MD5_PAULINE13 ":mailbox=no\n" \
	"locked:!" MD5_PAULINE13 "\n" \
	"gone:!\n" \
	"off:" MD5_PAULINE13 ":disabled=yes\n"

static int
set_up(void **state)
{
	struct world *world = mem_new(sizeof *world);
	char error[256];

	(void)snprintf(world->folder, sizeof world->folder,
	    "/tmp/ehlo-user-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	(void)snprintf(world->path, sizeof world->path, "%s/users",
	    world->folder);
	write_file(world->path, USERS);
	world->db = user_db_open(world->path, error, sizeof error);
	assert_non_null(world->db);
	user_db_hook(world->db, &hooks);
	/* it was young when it was opened: read again, now old */
	now_ms += 1000;
	assert_true(user_owns(world->db, SPAN("guyt"), SPAN("guy@cp.com"),
	    false));
	looks = checks = 0;
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	user_db_close(world->db);
	(void)unlink(world->path);
	(void)rmdir(world->folder);
	free(world);
	return 0;
}

static enum user_verdict
verify(struct world *world, const char *name, const char *password)
{
	return user_verify(world->db, span_str(name), span_str(password));
}

static void
right_and_wrong(void **state)
{
	struct world *world = *state;

	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	assert_int_equal(verify(world, "GUYT", "Pauline13"), USER_OK);
	assert_int_equal(verify(world, "guyt", "Pauline12"),
	    USER_WRONG_PASSWORD);
	assert_int_equal(verify(world, "guyt", "pauline13"),
	    USER_WRONG_PASSWORD);
	assert_int_equal(verify(world, "user1@contoso.com", "Pauline13"),
	    USER_OK);	/* no mailbox is no hindrance */
	assert_int_equal(verify(world, "guy", "Pauline13"), USER_UNKNOWN);
	assert_int_equal(verify(world, "", "Pauline13"), USER_UNKNOWN);
}

/* seen to catch: the attribute not looked at
 * (tests/faults/user-recent-disabled.patch). */
static void
disabled_accounts(void **state)
{
	struct world *world = *state;

	assert_int_equal(verify(world, "locked", "Pauline13"), USER_DISABLED);
	assert_int_equal(verify(world, "gone", "Pauline13"), USER_DISABLED);
	assert_int_equal(verify(world, "off", "Pauline13"), USER_DISABLED);
	/* never remembered */
	assert_int_equal(verify(world, "off", "Pauline13"), USER_DISABLED);
	assert_int_equal(checks, 4);
}

static void
empty_long_and_nul_passwords(void **state)
{
	struct world *world = *state;
	char long_password[1025];

	memset(long_password, 'x', sizeof long_password);
	assert_int_equal(verify(world, "guyt", ""), USER_WRONG_PASSWORD);
	assert_int_equal(user_verify(world->db, SPAN("guyt"),
	    SPAN("Pauline13\0")), USER_WRONG_PASSWORD);
	assert_int_equal(user_verify(world->db, SPAN("guyt"),
	    span_of(long_password, sizeof long_password)),
	    USER_WRONG_PASSWORD);
	assert_int_equal(verify(world, "nobody", ""), USER_UNKNOWN);
	assert_int_equal(checks, 0);	/* nor for anybody else */
}

/* A wrong password, an unknown name, a disabled account and a name that is too
 * long: each computes one hash, of a scheme and cost that is in the file.
 * seen to catch: USER_UNKNOWN returned before the hash
 * (tests/faults/user-unknown-early.patch). */
static void
same_work_for_everybody(void **state)
{
	struct world *world = *state;
	char long_name[300];
	const char *name[] = { "guyt", "nobody", "locked", "gone", "off",
		"user1@contoso.com", "x@y.z", "", long_name };

	memset(long_name, 'n', sizeof long_name);
	long_name[sizeof long_name - 1] = '\0';
	for (size_t i = 0; i < countof(name); i++) {
		checks = 0;
		last_hash[0] = '\0';
		assert_int_not_equal(verify(world, name[i], "wrong"), USER_OK);
		assert_int_equal(checks, 1);
		assert_string_equal(last_hash, MD5_PAULINE13);
	}
	/* right as the borrowed hash may be, it opens nothing */
	assert_int_equal(verify(world, "nobody", "Pauline13"), USER_UNKNOWN);
	assert_int_equal(verify(world, "nobody", "Pauline13"), USER_UNKNOWN);
}

static void
nobody_in_the_file_costs_yescrypt(void **state)
{
	struct world *world = *state;
	char error[256];

	write_file(world->path, "# nobody yet\n");
	assert_int_equal(user_db_reload(world->db, error, sizeof error), 0);
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_UNKNOWN);
	assert_int_equal(checks, 1);
	assert_string_equal(last_hash, user_hash_dummy);
}

/* seen to catch: the password left out of the MAC, so that after one good
 * log-in every password is good (tests/faults/user-recent-password.patch). */
static void
good_ones_are_remembered_for_a_minute(void **state)
{
	struct world *world = *state;

	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	assert_int_equal(checks, 1);
	assert_int_equal(verify(world, "GuyT", "Pauline13"), USER_OK);
	assert_int_equal(checks, 1);
	assert_int_equal(verify(world, "guyt", "Pauline12"),
	    USER_WRONG_PASSWORD);
	assert_int_equal(verify(world, "guyt", "Pauline12"),
	    USER_WRONG_PASSWORD);
	assert_int_equal(checks, 3);	/* bad ones are not */
	assert_int_equal(verify(world, "user1@contoso.com", "Pauline13"),
	    USER_OK);
	assert_int_equal(checks, 4);	/* the same password of another */
	now_ms += 59999;
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	assert_int_equal(checks, 4);
	now_ms += 1;
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	assert_int_equal(checks, 5);
}

static void
a_changed_hash_forgets(void **state)
{
	struct world *world = *state;

	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	/* another password; then the account off, then gone */
	write_file(world->path,
	    "guyt:$1$abcdefgh$irWbblnpmw.5z7wgBnprh0\n");
	now_ms += 1000;
	assert_int_equal(verify(world, "guyt", "Pauline13"),
	    USER_WRONG_PASSWORD);
	write_file(world->path, "guyt:" MD5_PAULINE13 ":disabled=yes\n");
	now_ms += 1000;
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_DISABLED);
	write_file(world->path, "other:" MD5_PAULINE13 "\n");
	now_ms += 1000;
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_UNKNOWN);
	assert_int_equal(checks, 4);
}

/* seen to catch: the file looked at in every call
 * (tests/faults/user-looks-always.patch). */
static void
looks_once_a_second(void **state)
{
	struct world *world = *state;
	char account[256];

	for (unsigned i = 0; i < 1000; i++) {
		now_ms++;
		assert_true(user_mailbox(world->db, SPAN("guyt"),
		    SPAN("cp.com"), account));
		assert_true(user_owns(world->db, SPAN("guyt"),
		    SPAN("guy@cp.com"), false));
	}
	assert_int_equal(looks, 1);
}

static void
sees_a_change_within_a_second(void **state)
{
	struct world *world = *state;

	write_file(world->path, "new:" MD5_PAULINE13 "\n");
	now_ms += 1000;
	assert_int_equal(verify(world, "new", "Pauline13"), USER_OK);
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_UNKNOWN);
}

static struct stat frozen;

/* A file system whose clock stands still. */
static int
frozen_look(const char *path, struct stat *st)
{
	(void)path;
	*st = frozen;
	return 0;
}

/* Within one tick of the file system's clock, and of the same size.
 * seen to catch: young files trusted (tests/faults/user-young-forgotten.patch).
 */
static void
sees_a_change_in_place_while_young(void **state)
{
	struct world *world = *state;
	int fd;

	/* in 1970 every file is young */
	user_db_hook(world->db, &(struct user_hooks){
	    .real_ms = turned_clock });
	write_file(world->path, "aaaa:" MD5_PAULINE13 "\n");
	now_ms += 1000;
	assert_int_equal(verify(world, "aaaa", "Pauline13"), USER_OK);
	assert_int_equal(stat(world->path, &frozen), 0);
	user_db_hook(world->db, &(struct user_hooks){ .look = frozen_look });
	fd = open(world->path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "bbbb", 4, 0), 4);
	assert_int_equal(close(fd), 0);
	now_ms += 1000;
	assert_int_equal(verify(world, "bbbb", "Pauline13"), USER_OK);
}

/* seen to catch: a mistake that leaves no accounts
 * (tests/faults/user-mistake-empties.patch). */
static void
a_mistake_keeps_the_last_good_one(void **state)
{
	struct world *world = *state;
	char error[256], expected[128];

	write_file(world->path, "new:" MD5_PAULINE13 "\nguyt\n");
	now_ms += 1000;
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	assert_int_equal(verify(world, "new", "Pauline13"), USER_UNKNOWN);
	assert_int_equal(user_db_reload(world->db, error, sizeof error),
	    -EINVAL);
	(void)snprintf(expected, sizeof expected,
	    "%s:2: no colon, expected name:hash", world->path);
	assert_string_equal(error, expected);
	assert_int_equal(unlink(world->path), 0);
	now_ms += 1000;
	assert_int_equal(verify(world, "guyt", "Pauline13"), USER_OK);
	assert_int_equal(user_db_reload(world->db, error, sizeof error),
	    -EINVAL);
	(void)snprintf(expected, sizeof expected,
	    "%s: No such file or directory", world->path);
	assert_string_equal(error, expected);
	write_file(world->path, "new:" MD5_PAULINE13 "\n");
	now_ms += 1000;
	assert_int_equal(verify(world, "new", "Pauline13"), USER_OK);
}

static void
what_cannot_be_opened(void **state)
{
	struct world *world = *state;
	char error[256];

	assert_null(user_db_open("/nowhere/users", error, sizeof error));
	assert_string_equal(error,
	    "/nowhere/users: No such file or directory");
	assert_null(user_db_open(world->folder, error, sizeof error));
	assert_non_null(strstr(error, "not a regular file"));
	write_file(world->path, "a:!\na:!\n");
	assert_null(user_db_open(world->path, error, sizeof error));
	assert_non_null(strstr(error, ":2: the name \"a\" is there twice"));
}

static void
owns(void **state)
{
	struct world *world = *state;
	const struct {
		struct span login, address;
		bool is_local, owns;
	} row[] = {
		{ SPAN("guyt"), SPAN("guyt@cp.com"), true, true },
		{ SPAN("GUYT"), SPAN("GuyT@CP.com"), true, true },
		{ SPAN("guyt"), SPAN("guyt@elsewhere.net"), false, false },
		{ SPAN("guyt"), SPAN("guyt"), true, true },
		{ SPAN("guyt"), SPAN("guy@cp.com"), true, true },
		{ SPAN("guyt"), SPAN("guy@cp.com"), false, true },
		{ SPAN("guyt"), SPAN("any@lists.cp.com"), false, true },
		{ SPAN("guyt"), SPAN("administrator@cp.com"), true, false },
		{ SPAN("guyt"), SPAN("guyt@x@cp.com"), true, false },
		{ SPAN("guyt"), SPAN("@cp.com"), true, false },
		{ SPAN("guyt"), SPAN("guytt@cp.com"), true, false },
		{ SPAN("guyt"), SPAN("uyt@cp.com"), true, false },
		{ SPAN("guyt"), SPAN(""), true, false },
		{ SPAN(""), SPAN(""), true, false },
		{ SPAN("nobody"), SPAN("nobody@cp.com"), true, false },
		{ SPAN("user1@contoso.com"), SPAN("User1@contoso.com"), false,
		    true },
		{ SPAN("user1@contoso.com"), SPAN("user1@cp.com"), true,
		    false },
		{ SPAN("user1@contoso.com"), SPAN("user1"), true, false },
	};

	for (size_t i = 0; i < countof(row); i++)
		if (user_owns(world->db, row[i].login, row[i].address,
		    row[i].is_local) != row[i].owns)
			fail_msg("%.*s, %.*s: expected %d",
			    SPAN_ARG(row[i].login), SPAN_ARG(row[i].address),
			    row[i].owns);
}

static void
mailboxes(void **state)
{
	struct world *world = *state;
	char account[256], longest[256], error[256], text[2048];

	memset(longest, 'l', sizeof longest);
	(void)snprintf(text, sizeof text, "guyt:!\nAnna@x.org:!\nanna:!\n"
	    "bert@x.org:!:mailbox=no\nbert:!\n%.255s:!\n", longest);
	write_file(world->path, text);
	assert_int_equal(user_db_reload(world->db, error, sizeof error), 0);

#define MAILBOX(local, domain) \
	user_mailbox(world->db, SPAN(local), SPAN(domain), account)
	assert_true(MAILBOX("GuyT", "cp.com"));
	assert_string_equal(account, "guyt");
	assert_true(MAILBOX("ANNA", "X.org"));
	assert_string_equal(account, "anna@x.org");
	assert_true(MAILBOX("anna", "y.org"));
	assert_string_equal(account, "anna");
	/* the account of this very address says it has none */
	assert_false(MAILBOX("bert", "x.org"));
	assert_true(MAILBOX("bert", "y.org"));
	assert_false(MAILBOX("nobody", "cp.com"));
	assert_false(MAILBOX("", "cp.com"));
	assert_false(MAILBOX("../guyt", "cp.com"));
	assert_false(MAILBOX("anna@x.org@", "y"));
	assert_true(user_mailbox(world->db, span_of(longest, 255),
	    SPAN("cp.com"), account));
	assert_int_equal(strlen(account), 255);
	assert_false(user_mailbox(world->db, span_of(longest, 256),
	    SPAN("cp.com"), account));
	assert_false(user_mailbox(world->db, SPAN("x"),
	    span_of(longest, 255), account));
#undef MAILBOX
}

static void
verdicts_have_words(void **state)
{
	(void)state;
	assert_string_equal(user_verdict_text(USER_WRONG_PASSWORD),
	    "wrong password");
	assert_string_equal(user_verdict_text(USER_UNKNOWN), "no such user");
	assert_string_equal(user_verdict_text(USER_DISABLED),
	    "account is disabled");
}

static void
a_hash_that_cannot_be_computed(void **state)
{
	struct world *world = *state;
	char error[256];

	write_file(world->path, "a:$argon2id$v=19$m=0,t=2,p=1$c2FsdA$"
	    "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\n");
	assert_int_equal(user_db_reload(world->db, error, sizeof error), 0);
	assert_int_equal(verify(world, "a", "x"), USER_BROKEN);
	assert_int_equal(verify(world, "b", "x"), USER_UNKNOWN);
}

/* Readers, verifiers and two that reload, while the file flips between two
 * versions: whatever is answered belongs to one of them. Run it with
 * -Db_sanitize=thread. */
struct member {
	struct world *world;
	pthread_t thread;
	const char *complaint;
};

#define ROUNDS 3000

/* Every look at it is a second later. */
static uint64_t
racing_clock(void)
{
	static _Atomic uint64_t racing_ms = 10000000;

	return racing_ms += 1000;
}

static int
plain_look(const char *path, struct stat *st)
{
	return stat(path, st) == 0 ? 0 : -errno;
}

static void *
ask_on_and_on(void *arg)
{
	struct member *member = arg;
	struct user_db *db = member->world->db;
	char account[256];

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum user_verdict verdict = user_verify(db, SPAN("guyt"),
		    SPAN("Pauline13"));

		if (verdict != USER_OK && verdict != USER_DISABLED)
			member->complaint = "verdict of neither version";
		if (!user_mailbox(db, SPAN("guyt"), SPAN("x"), account) ||
		    strcmp(account, "guyt") != 0)
			member->complaint = "mailbox of neither version";
		if (!user_owns(db, SPAN("guyt"), SPAN("guyt@x"), true))
			member->complaint = "owned in neither version";
	}
	return NULL;
}

static void *
reload_on_and_on(void *arg)
{
	struct member *member = arg;
	char error[256];

	for (unsigned i = 0; i < ROUNDS; i++)
		if (user_db_reload(member->world->db, error,
		    sizeof error) != 0)
			member->complaint = "a reload failed";
	return NULL;
}

/* seen to catch: a table freed when it is replaced, not when its last reader
 * has gone (under ASan, tests/faults/user-table-freed-early.patch); the pointer
 * read without the lock (under TSan). */
static void
many_threads(void **state)
{
	struct world *world = *state;
	struct member member[6];

	user_db_hook(world->db, &(struct user_hooks){ racing_clock,
	    far_future, plain_look, user_hash_check });
	for (size_t i = 0; i < countof(member); i++) {
		member[i] = (struct member){ .world = world };
		assert_int_equal(pthread_create(&member[i].thread, NULL,
		    i < 4 ? ask_on_and_on : reload_on_and_on, &member[i]), 0);
	}
	for (unsigned i = 0; i < 100; i++)
		write_file(world->path, i % 2 == 0
		    ? "guyt:!\nother:" NT_PAULINE13 "\n" : USERS);
	for (size_t i = 0; i < countof(member); i++) {
		assert_int_equal(pthread_join(member[i].thread, NULL), 0);
		if (member[i].complaint != NULL)
			fail_msg("%s", member[i].complaint);
	}
}

int
main(void)
{
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(right_and_wrong),
		WORLD_TEST(disabled_accounts),
		WORLD_TEST(empty_long_and_nul_passwords),
		WORLD_TEST(same_work_for_everybody),
		WORLD_TEST(nobody_in_the_file_costs_yescrypt),
		WORLD_TEST(good_ones_are_remembered_for_a_minute),
		WORLD_TEST(a_changed_hash_forgets),
		WORLD_TEST(looks_once_a_second),
		WORLD_TEST(sees_a_change_within_a_second),
		WORLD_TEST(sees_a_change_in_place_while_young),
		WORLD_TEST(a_mistake_keeps_the_last_good_one),
		WORLD_TEST(what_cannot_be_opened),
		WORLD_TEST(owns),
		WORLD_TEST(mailboxes),
		WORLD_TEST(a_hash_that_cannot_be_computed),
		WORLD_TEST(many_threads),
		cmocka_unit_test(verdicts_have_words),
	};

	/* what is told about reloading is told by design */
	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
