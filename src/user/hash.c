/* SPDX-License-Identifier: Apache-2.0 */
#include "user/hash.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/text.h"

/* Made once from 32 random bytes that were thrown away. */
const char user_hash_dummy[] = "$y$j9T$5xqi.8ndiPj1TO5JlV7l/1$"
			       "PJm99X60uJ8e7jqFFcMaspz2WVDP9P.eFsiO7avJd0.";

/* `tail`: length of what stands behind the last '$', to notice a hash that was
 * not copied whole; crypt(5). */
static const struct scheme {
	const char *prefix;
	const char *name;
	size_t tail;
} schemes[] = {
	{ "$y$", "yescrypt", 43 },
	{ "$argon2id$", "argon2id", 43 },
	{ "$gy$", "gost-yescrypt", 43 },
	{ "$7$", "scrypt", 43 },
	{ "$2b$", "bcrypt", 53 },
	{ "$2a$", "bcrypt", 53 },
	{ "$2y$", "bcrypt", 53 },
	{ "$6$", "sha512crypt", 86 },
	{ "$5$", "sha256crypt", 43 },
	{ "$sha1$", "sha1crypt", 28 },
	{ "$md5", "sunmd5", 22 },
	{ "$1$", "md5crypt", 22 },
	{ "$3$", "nthash", 32 },
};

#define ARGON2ID "$argon2id$"

static bool
is_all_hash64(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '/')
			return false;
	return true;
}

static const struct scheme *
find_scheme(struct span hash)
{
	static const struct scheme descrypt = { "", "descrypt", 0 };
	static const struct scheme bsdicrypt = { "_", "bsdicrypt", 0 };

	for (size_t i = 0; i < countof(schemes); i++)
		if (span_starts(hash, span_str(schemes[i].prefix)))
			return &schemes[i];
	/* the two without a '$': only by their length */
	if (hash.len == 13 && is_all_hash64(hash))
		return &descrypt;
	if (hash.len == 20 && hash.p[0] == '_' &&
	    is_all_hash64(span_skip(hash, 1)))
		return &bsdicrypt;
	return NULL;
}

static bool
is_locked(struct span hash)
{
	return hash.len != 0 && hash.p[0] == '!';
}

const char *
user_hash_scheme(struct span hash)
{
	const struct scheme *scheme = find_scheme(hash);

	if (is_locked(hash))
		return "locked";
	return scheme != NULL ? scheme->name : NULL;
}

static bool
is_whole(const struct scheme *scheme, struct span hash)
{
	struct span tail = hash;

	if (scheme->tail == 0)
		return true;
	while (span_find(tail, '$') != tail.len)
		(void)span_cut(&tail, '$');
	return tail.len == scheme->tail;
}

static bool
has_odd_bytes(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_is_cntrl(s.p[i]) || s.p[i] == ' ')
			return true;
	return false;
}

bool
user_hash_is_known(struct span hash, struct put *why)
{
	const struct scheme *scheme = find_scheme(hash);

	if (hash.len == 0)
		put_str(why, "there is no password hash, expected one, or ! "
		    "for an account nobody can log in to");
	else if (hash.len > USER_HASH_MAX)
		put_str(why, "the password hash is longer than 383 bytes");
	else if (has_odd_bytes(hash))
		put_str(why, "there is white space or a control character in "
		    "the password hash");
	else if (!is_locked(hash) && scheme == NULL)	/* not shown */
		put_str(why, "the second field is not a password hash we know, "
		    "expected one as \"ehlo user passwd\" writes it");
	else if (!is_locked(hash) && !is_whole(scheme, hash))
		put_str(why, "the password hash is not whole");
	else
		return true;
	return false;
}

struct span
user_hash_inner(struct span hash)
{
	const struct scheme *scheme;

	while (is_locked(hash))
		hash = span_skip(hash, 1);
	scheme = find_scheme(hash);
	if (scheme == NULL || !is_whole(scheme, hash))
		return SPAN("");
	return hash;
}

static void
start_sodium(void)
{
	must(sodium_init() >= 0);	/* fails only without randomness */
}

static void
need_sodium(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	must(pthread_once(&once, start_sodium) == 0);
}

static int
new_argon2id(struct span password, char hash[USER_HASH_MAX + 1])
{
	_Static_assert(crypto_pwhash_STRBYTES <= USER_HASH_MAX, "fits");
	need_sodium();
	if (crypto_pwhash_str(hash, password.p, password.len,
	    crypto_pwhash_OPSLIMIT_INTERACTIVE,
	    crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		return -ENOMEM;
	return 0;
}

/* The password as crypt(3) wants it; to be wiped by the caller. */
static bool
to_phrase(struct span password, char phrase[CRYPT_MAX_PASSPHRASE_SIZE])
{
	if (password.len >= CRYPT_MAX_PASSPHRASE_SIZE)
		return false;
	memcpy(phrase, password.p, password.len);
	phrase[password.len] = '\0';
	return true;
}

/* crypt(3) with its 32 KiB on the heap. `out` is empty if it failed. */
static int
run_crypt(const char *setting, struct span password,
    char out[USER_HASH_MAX + 1])
{
	char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
	struct crypt_data *data;
	const char *made;
	int result = 0;

	if (!to_phrase(password, phrase))
		return -ERANGE;
	data = mem_new(sizeof *data);
	errno = 0;
	made = crypt_r(phrase, setting, data);
	if (made == NULL || made[0] == '*')
		result = errno != 0 ? -errno : -EINVAL;
	else
		memcpy(out, made, strlen(made) + 1);
	mem_wipe(phrase, sizeof phrase);
	mem_wipe(data, sizeof *data);
	free(data);
	return result;
}

int
user_hash_new(struct span password, char hash[USER_HASH_MAX + 1])
{
	char *setting;
	int result;

	if (password.len >= CRYPT_MAX_PASSPHRASE_SIZE)
		return new_argon2id(password, hash);
	setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
	if (setting == NULL)
		return -errno;
	result = run_crypt(setting, password, hash);
	free(setting);
	return result;
}

/* libsodium says one thing for wrong, malformed and out of memory. */
static enum user_hash_result
check_argon2id(const char *hash, struct span password)
{
	char padded[crypto_pwhash_STRBYTES] = { 0 };
	size_t len = strlen(hash);

	need_sodium();
	if (len >= sizeof padded)
		return USER_HASH_BROKEN;
	memcpy(padded, hash, len);
	if (crypto_pwhash_str_verify(padded, password.p, password.len) == 0)
		return USER_HASH_RIGHT;
	if (crypto_pwhash_str_needs_rehash(padded,
	    crypto_pwhash_OPSLIMIT_INTERACTIVE,
	    crypto_pwhash_MEMLIMIT_INTERACTIVE) == -1)
		return USER_HASH_BROKEN;
	return USER_HASH_WRONG;
}

enum user_hash_result
user_hash_check(const char *hash, struct span password)
{
	char made[USER_HASH_MAX + 1];
	size_t len = strlen(hash);
	enum user_hash_result result = USER_HASH_WRONG;
	int error;

	if (password.len == 0 || password.len > USER_PASSWORD_MAX ||
	    span_find(password, '\0') != password.len)
		return USER_HASH_WRONG;
	if (is_locked(span_of(hash, len)))
		return USER_HASH_WRONG;
	if (span_starts(span_of(hash, len), SPAN(ARGON2ID)))
		return check_argon2id(hash, password);
	error = run_crypt(hash, password, made);
	if (error == -ERANGE)	/* longer than crypt(3) takes: no such hash */
		return USER_HASH_WRONG;
	if (error != 0)
		return USER_HASH_BROKEN;
	if (strlen(made) == len && sodium_memcmp(made, hash, len) == 0)
		result = USER_HASH_RIGHT;
	mem_wipe(made, sizeof made);
	return result;
}
