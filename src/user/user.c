/* SPDX-License-Identifier: Apache-2.0 */
/* Readers take a counted reference to the table under a lock held for three
 * instructions; whoever notices that a second has gone looks at the file, and
 * if it changed, reads it and puts the new table in place. Nobody waits for
 * that: the others go on with the old one.
 *
 * A password is judged in the same way whoever is named: find the hash, or
 * borrow one; ask the memory of the last minute; compute. Only at the end does
 * it matter whether the account is there. */
#include "user/user.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/put.h"
#include "base/text.h"
#include "user/db.h"
#include "user/keys.h"
#include "user/line.h"
#include "user/recent.h"
#include "user/table.h"

#define LOOK_EVERY_MS 1000
/* A file changed this short before it was read may have been changed again
 * within the same tick of its clock. */
#define YOUNG_MS      2000

struct stamp {
	struct timespec changed_at, touched_at;	/* contents; inode */
	off_t size;
	ino_t inode;
	dev_t device;
};

struct user_db {
	char *path;
	struct user_hooks hook;
	uint64_t seed[2];
	unsigned char key_seed[USER_SEED_LEN];	/* where the file has none */
	struct user_recent *recent;
	_Atomic uint64_t look_at;	/* monotonic ms */

	pthread_mutex_t lock;	/* for `table`, held briefly */
	struct user_table *table;

	pthread_mutex_t load;	/* for what follows, held while reading */
	struct stamp stamp;
	bool is_young;
	bool is_warned;
	char complaint[512];	/* told last, not to be told again */
};

static int
look_at_file(const char *path, struct stat *st)
{
	return stat(path, st) == 0 ? 0 : -errno;
}

static struct stamp
stamp_of(const struct stat *st)
{
	return (struct stamp){ st->st_mtim, st->st_ctim, st->st_size,
		st->st_ino, st->st_dev };
}

static bool
time_eq(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
stamp_eq(const struct stamp *a, const struct stamp *b)
{
	return time_eq(&a->changed_at, &b->changed_at) &&
	    time_eq(&a->touched_at, &b->touched_at) && a->size == b->size &&
	    a->inode == b->inode && a->device == b->device;
}

static bool
is_young(const struct user_db *db, const struct stat *st)
{
	uint64_t changed_ms = (uint64_t)st->st_ctim.tv_sec * 1000 +
	    (uint64_t)st->st_ctim.tv_nsec / 1000000;

	return changed_ms + YOUNG_MS > db->hook.real_ms();
}

int
user_read_file(int fd, struct stat *st, struct buf *text)
{
	if (fstat(fd, st) != 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	for (;;) {
		char *room = buf_room(text, 65536);
		ssize_t n;

		if (room == NULL)
			return -EFBIG;
		n = read(fd, room, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_grow(text, (size_t)n);
	}
}

static void
complain_errno(const struct user_db *db, int error, char *out, size_t out_len)
{
	const char *what = error == -EINVAL ? "not a regular file"
					    : log_errno(error);

	(void)snprintf(out, out_len, "%s: %s", db->path, what);	/* cut */
}

static void
warn_of_mode(struct user_db *db, const struct stat *st)
{
	if (db->is_warned || (st->st_mode & 006) == 0)
		return;
	db->is_warned = true;
	log_warning("users-file-open-to-all", LOG_Z("file", db->path),
	    LOG_Z("cure", "chmod o-rw: it holds password hashes"));
}

/* A new table, or NULL with the reason. Holds db->load. */
static struct user_table *
read_table(struct user_db *db, char *error, size_t error_len)
{
	int fd = open(db->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct user_table *table = NULL;
	struct stat st;
	struct buf text;
	int result;

	if (fd < 0) {
		complain_errno(db, -errno, error, error_len);
		return NULL;
	}
	buf_init(&text, USER_FILE_MAX);
	result = user_read_file(fd, &st, &text);
	if (result != 0) {
		complain_errno(db, result, error, error_len);
		goto out;
	}
	/* remembered even if there is a mistake: told once, not each second */
	db->stamp = stamp_of(&st);
	db->is_young = is_young(db, &st);
	warn_of_mode(db, &st);
	table = user_table_parse(db->path, buf_span(&text), error, error_len);
out:
	if (text.p != NULL)
		mem_wipe(text.p, text.cap);
	buf_free(&text);
	(void)close(fd);	/* only read */
	return table;
}

static void
put_in_place(struct user_db *db, struct user_table *table)
{
	struct user_table *old;

	pthread_mutex_lock(&db->lock);
	old = db->table;
	db->table = table;
	pthread_mutex_unlock(&db->lock);
	user_table_unref(old);
}

static struct user_table *
take_table(struct user_db *db)
{
	struct user_table *table;

	pthread_mutex_lock(&db->lock);
	table = user_table_ref(db->table);
	pthread_mutex_unlock(&db->lock);
	return table;
}

/* Holds db->load. */
static int
load(struct user_db *db, char *error, size_t error_len)
{
	struct user_table *table = read_table(db, error, error_len);

	if (table == NULL)
		return -EINVAL;
	db->complaint[0] = '\0';
	put_in_place(db, table);
	return 0;
}

static bool
has_changed(struct user_db *db)
{
	struct stamp now;
	struct stat st;

	if (db->hook.look(db->path, &st) != 0)
		return true;	/* reading it says why */
	now = stamp_of(&st);
	return db->is_young || !stamp_eq(&now, &db->stamp);
}

static void
reload_if_changed(struct user_db *db)
{
	char error[sizeof db->complaint];
	struct stamp before = db->stamp;

	if (!has_changed(db))
		return;
	if (load(db, error, sizeof error) == 0) {
		if (!stamp_eq(&before, &db->stamp))
			log_info("users-loaded", LOG_Z("file", db->path));
	} else if (strcmp(error, db->complaint) != 0) {
		memcpy(db->complaint, error, sizeof error);
		log_error("users-refused", LOG_Z("what", error),
		    LOG_Z("kept", "the accounts read before"));
	}
}

/* At most once a second, by one thread; the others do not wait. */
static void
refresh(struct user_db *db)
{
	uint64_t now = db->hook.mono_ms(), at = atomic_load(&db->look_at);

	if (now < at ||
	    !atomic_compare_exchange_strong(&db->look_at, &at,
	    now + LOOK_EVERY_MS) ||
	    pthread_mutex_trylock(&db->load) != 0)
		return;
	reload_if_changed(db);
	pthread_mutex_unlock(&db->load);
}

struct user_db *
user_db_open(const char *path, char *error, size_t error_len)
{
	struct user_db *db = mem_new(sizeof *db);

	db->path = mem_copy(span_str(path));
	db->hook = (struct user_hooks){ clock_mono_ms, clock_real_ms,
		look_at_file, user_hash_check };
	must(getrandom(db->seed, sizeof db->seed, 0) ==
	    (ssize_t)sizeof db->seed);
	must(getrandom(db->key_seed, sizeof db->key_seed, 0) ==
	    (ssize_t)sizeof db->key_seed);
	must(pthread_mutex_init(&db->lock, NULL) == 0);
	must(pthread_mutex_init(&db->load, NULL) == 0);
	db->recent = user_recent_new();
	if (load(db, error, error_len) != 0) {
		user_db_close(db);
		return NULL;
	}
	return db;
}

void
user_db_hook(struct user_db *db, const struct user_hooks *hooks)
{
	if (hooks->mono_ms != NULL)
		db->hook.mono_ms = hooks->mono_ms;
	if (hooks->real_ms != NULL)
		db->hook.real_ms = hooks->real_ms;
	if (hooks->look != NULL)
		db->hook.look = hooks->look;
	if (hooks->check != NULL)
		db->hook.check = hooks->check;
}

void
user_db_close(struct user_db *db)
{
	if (db == NULL)
		return;
	user_table_unref(db->table);
	user_recent_free(db->recent);
	pthread_mutex_destroy(&db->lock);
	pthread_mutex_destroy(&db->load);
	free(db->path);
	free(db);
}

int
user_db_reload(struct user_db *db, char *error, size_t error_len)
{
	int result;

	pthread_mutex_lock(&db->load);
	result = load(db, error, error_len);
	pthread_mutex_unlock(&db->load);
	return result;
}

/* What is needed to judge a password, copied so that the table may go. */
struct judge {
	char name[USER_NAME_MAX];	/* in lower case */
	size_t name_len;
	char hash[USER_HASH_MAX + 1];
	bool is_known, is_disabled;
};

static void
look_up(struct user_db *db, struct span name, struct judge *judge)
{
	struct put lower = put_init(judge->name, sizeof judge->name);
	struct user_table *table = take_table(db);
	const struct user_account *account = NULL;
	const char *hash = "";

	text_lower(span_first(name, USER_NAME_MAX), &lower);
	judge->name_len = lower.len;
	if (name.len <= USER_NAME_MAX)
		account = user_table_find(table, put_span(&lower));
	judge->is_known = account != NULL;
	judge->is_disabled = account != NULL &&
	    (account->is_locked || account->attributes.is_disabled);
	if (account != NULL)
		hash = account->hash;
	if (hash[0] == '\0')
		hash = user_table_borrow(table, db->seed, put_span(&lower));
	memcpy(judge->hash, hash, strlen(hash) + 1);
	user_table_unref(table);
}

static enum user_verdict
verdict_of(const struct judge *judge, enum user_hash_result result)
{
	if (!judge->is_known)
		return USER_UNKNOWN;
	if (judge->is_disabled)
		return USER_DISABLED;
	switch (result) {
	case USER_HASH_RIGHT:
		return USER_OK;
	case USER_HASH_WRONG:
		return USER_WRONG_PASSWORD;
	case USER_HASH_BROKEN:
		break;
	}
	return USER_BROKEN;
}

enum user_verdict
user_verify(struct user_db *db, struct span name, struct span password)
{
	unsigned char mac[USER_RECENT_MAC];
	enum user_hash_result result = USER_HASH_WRONG;
	enum user_verdict verdict;
	struct judge judge;
	bool is_recent;

	refresh(db);
	look_up(db, name, &judge);
	/* no work for anybody: this says nothing about the account */
	if (password.len == 0 || password.len > USER_PASSWORD_MAX ||
	    span_find(password, '\0') != password.len)
		goto out;
	user_recent_mac(db->recent, span_of(judge.name, judge.name_len),
	    password, judge.hash, mac);
	is_recent = user_recent_has(db->recent, mac, db->hook.mono_ms());
	if (is_recent && judge.is_known && !judge.is_disabled) {
		result = USER_HASH_RIGHT;
		goto out;
	}
	result = db->hook.check(judge.hash, password);
	if (verdict_of(&judge, result) == USER_OK)
		user_recent_add(db->recent, mac, db->hook.mono_ms());
out:
	verdict = verdict_of(&judge, result);
	mem_wipe(&judge, sizeof judge);
	return verdict;
}

enum user_verdict
user_credentials(struct user_db *db, struct span name,
    struct sasl_credentials *out)
{
	char memory[USER_NAME_MAX];
	struct put lower = put_init(memory, sizeof memory);
	enum user_verdict verdict = USER_UNKNOWN;
	const struct user_account *account = NULL;
	const unsigned char *seed;
	struct user_table *table;
	uint64_t pick[2];

	refresh(db);
	table = take_table(db);
	text_lower(span_first(name, USER_NAME_MAX), &lower);
	if (name.len <= USER_NAME_MAX)
		account = user_table_find(table, put_span(&lower));
	/* for whatever is missing, so that the work is the same */
	seed = table->has_seed ? table->seed : db->key_seed;
	memcpy(pick, seed, sizeof pick);
	user_keys_make_up(seed, put_span(&lower),
	    user_table_like(table, pick, put_span(&lower)), out);
	if (account != NULL) {
		user_keys_read(&account->attributes, out);
		verdict = account->is_locked ||
		    account->attributes.is_disabled ? USER_DISABLED : USER_OK;
	}
	out->may_log_in = verdict == USER_OK;
	user_table_unref(table);
	return verdict;
}

const char *
user_verdict_text(enum user_verdict verdict)
{
	switch (verdict) {
	case USER_OK:
		return "right password";
	case USER_WRONG_PASSWORD:
		return "wrong password";
	case USER_UNKNOWN:
		return "no such user";
	case USER_DISABLED:
		return "account is disabled";
	case USER_BROKEN:
		break;
	}
	return "password hash cannot be computed";
}

/* The account, by a name in any case. */
static const struct user_account *
find_account(const struct user_table *table, struct span name)
{
	char memory[USER_NAME_MAX];
	struct put lower = put_init(memory, sizeof memory);

	if (name.len > USER_NAME_MAX)
		return NULL;
	text_lower(name, &lower);
	return user_table_find(table, put_span(&lower));
}

static bool
owns(const struct user_account *account, struct span address,
    bool is_local_domain)
{
	/* the last @: the local part may hold one, quoted */
	const char *at = memrchr(address.p, '@', address.len);
	struct span local = at != NULL
	    ? span_first(address, (size_t)(at - address.p)) : address;

	if (span_caseeq(account->name, address))
		return true;
	if (is_local_domain && span_caseeq(account->name, local))
		return true;
	return user_send_as_has(account->attributes.send_as, address);
}

bool
user_owns(struct user_db *db, struct span login, struct span address,
    bool is_local_domain)
{
	const struct user_account *account;
	struct user_table *table;
	bool result;

	if (login.len == 0 || address.len == 0)
		return false;
	refresh(db);
	table = take_table(db);
	account = find_account(table, login);
	result = account != NULL && owns(account, address, is_local_domain);
	user_table_unref(table);
	return result;
}

/* local@domain, else local. */
static const struct user_account *
find_mailbox(const struct user_table *table, struct span local,
    struct span domain)
{
	const struct user_account *account = NULL;
	char memory[USER_NAME_MAX];
	struct put address = put_init(memory, sizeof memory);

	put_bytes(&address, local);
	put_char(&address, '@');
	put_bytes(&address, domain);
	if (!address.full)
		account = find_account(table, put_span(&address));
	return account != NULL ? account : find_account(table, local);
}

bool
user_mailbox(struct user_db *db, struct span local, struct span domain,
    char account[256])
{
	const struct user_account *found;
	struct user_table *table;
	bool result = false;

	refresh(db);
	table = take_table(db);
	found = find_mailbox(table, local, domain);
	if (found != NULL && !found->attributes.has_no_mailbox) {
		_Static_assert(USER_NAME_MAX < 256, "fits");
		memcpy(account, found->name.p, found->name.len);
		account[found->name.len] = '\0';
		result = true;
	}
	user_table_unref(table);
	return result;
}
