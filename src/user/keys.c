/* SPDX-License-Identifier: Apache-2.0 */
#include "user/keys.h"

#include <errno.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/text.h"
#include "user/hash.h"
#include "user/prep.h"

#define SALT_LEN 16

#define SCRAM_WORD SPAN("scram=")
#define NT_WORD    SPAN("nt=")
#define SEED_WORD  SPAN("# made-up keys: ")

static int
fill_random(void *bytes, size_t len)
{
	ssize_t n = getrandom(bytes, len, 0);

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

/* --- new ones */

static int
put_scram(struct span prepared, enum sasl_hash hash, struct put *out)
{
	struct scram_secret secret = { .hash = hash,
		.iterations = SCRAM_ITERATIONS, .salt_len = SALT_LEN };
	int result = fill_random(secret.salt, SALT_LEN);

	if (result == 0 && !scram_derive(prepared, &secret, NULL))
		result = -ENOTSUP;
	if (result == 0)
		scram_secret_put(&secret, out);
	mem_wipe(&secret, sizeof secret);
	return result;
}

int
user_keys_put_scram(struct span password, struct put *out)
{
	char memory[8 * USER_PASSWORD_MAX];
	struct put prepared = put_init(memory, sizeof memory);
	int result = 0;

	if (user_prep(password, &prepared) && prepared.len != 0) {
		put_bytes(out, SCRAM_WORD);
		result = put_scram(put_span(&prepared), SASL_SHA256, out);
		put_char(out, ',');
		if (result == 0)
			result = put_scram(put_span(&prepared), SASL_SHA1,
			    out);
	}
	mem_wipe(memory, sizeof memory);
	return result == 0 && out->full ? -ENOBUFS : result;
}

int
user_keys_put_nt(struct span password, struct put *out)
{
	unsigned char hash[NTLM_KEY_LEN];

	if (!ntlm_hash(password, hash))
		return -EILSEQ;
	put_bytes(out, NT_WORD);
	put_hex(out, span_of(hash, sizeof hash));
	mem_wipe(hash, sizeof hash);
	return out->full ? -ENOBUFS : 0;
}

/* --- as text */

static bool
is_key(struct span word)
{
	return span_starts(word, SCRAM_WORD) || span_starts(word, NT_WORD);
}

void
user_keys_leave_out(struct span attributes, struct put *out)
{
	while (attributes.len != 0) {
		size_t n = 0;
		struct span word;

		while (n < attributes.len && attributes.p[n] != ' ' &&
		    attributes.p[n] != '\t')
			n++;
		word = span_first(attributes, n);
		attributes = span_trim(span_skip(attributes, n));
		if (word.len == 0 || is_key(word))
			continue;
		if (out->len != 0)
			put_char(out, ' ');
		put_bytes(out, word);
	}
}

/* What is wrong is not shown: it may be a key all the same. */
bool
user_keys_check_scram(struct span value, struct put *why)
{
	bool has_sha_1 = false, has_sha_256 = false;
	struct scram_secret secret;

	do {
		bool *has;

		if (!scram_secret_parse(span_cut(&value, ','), &secret)) {
			put_str(why, "scram= has no keys, expected "
			    "SCRAM-SHA-256$iterations:salt$stored:server");
			return false;
		}
		has = secret.hash == SASL_SHA1 ? &has_sha_1 : &has_sha_256;
		if (*has) {
			put_str(why, "scram= has two keys of one kind");
			return false;
		}
		*has = true;
	} while (value.len != 0);
	return true;
}

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_nt(struct span value, unsigned char hash[NTLM_KEY_LEN])
{
	if (value.len != 2 * NTLM_KEY_LEN)
		return false;
	for (size_t i = 0; i < NTLM_KEY_LEN; i++) {
		int high = hex_value(value.p[2 * i]);
		int low = hex_value(value.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool
user_keys_check_nt(struct span value, struct put *why)
{
	unsigned char hash[NTLM_KEY_LEN];
	bool is_good = read_nt(value, hash);

	mem_wipe(hash, sizeof hash);
	if (!is_good)
		put_str(why, "nt= has no NT hash, expected 32 hexadecimal "
		    "digits");
	return is_good;
}

void
user_keys_read(const struct user_attributes *attributes,
    struct sasl_credentials *out)
{
	struct span list = attributes->scram;
	struct scram_secret secret;

	while (list.len != 0) {
		if (!scram_secret_parse(span_cut(&list, ','), &secret))
			continue;
		if (secret.hash == SASL_SHA1) {
			out->scram_sha_1 = secret;
			out->has_scram_sha_1 = true;
		} else {
			out->scram_sha_256 = secret;
			out->has_scram_sha_256 = true;
		}
	}
	mem_wipe(&secret, sizeof secret);
	if (read_nt(attributes->nt, out->nt_hash))
		out->has_nt_hash = true;
}

/* --- made up */

/* Another 32 octets for each purpose and name. */
static void
derive(const unsigned char seed[USER_SEED_LEN], const char *purpose,
    struct span name, unsigned char out[SASL_HASH_MAX])
{
	char memory[64 + USER_NAME_MAX];
	struct put text = put_init(memory, sizeof memory);

	put_str(&text, purpose);
	put_char(&text, ':');
	put_bytes(&text, span_first(name, USER_NAME_MAX));
	if (!sasl_hmac(SASL_SHA256, span_of(seed, USER_SEED_LEN),
	    put_span(&text), out))
		memset(out, 0, SASL_HASH_MAX);	/* nobody has SHA-256 here */
}

static void
make_up(const unsigned char seed[USER_SEED_LEN], struct span name,
    struct scram_secret *secret, const struct scram_secret *like)
{
	bool is_sha_1 = secret->hash == SASL_SHA1;
	unsigned char salt[2 * SASL_HASH_MAX];

	derive(seed, is_sha_1 ? "salt-1" : "salt-256", name, salt);
	derive(seed, is_sha_1 ? "more-1" : "more-256", name,
	    salt + SASL_HASH_MAX);
	secret->iterations = like != NULL ? like->iterations
					  : SCRAM_ITERATIONS;
	secret->salt_len = like != NULL ? like->salt_len : SALT_LEN;
	memcpy(secret->salt, salt, secret->salt_len);
	/* nobody knows what hashes to it */
	derive(seed, "stored", name, secret->stored);
	derive(seed, "server", name, secret->server);
}

void
user_keys_make_up(const unsigned char seed[USER_SEED_LEN], struct span name,
    const struct user_attributes *like, struct sasl_credentials *out)
{
	struct sasl_credentials real = { .may_log_in = false };
	unsigned char hash[SASL_HASH_MAX];

	if (like != NULL)
		user_keys_read(like, &real);
	*out = (struct sasl_credentials){
		.scram_sha_1.hash = SASL_SHA1,
		.scram_sha_256.hash = SASL_SHA256 };
	make_up(seed, name, &out->scram_sha_1,
	    real.has_scram_sha_1 ? &real.scram_sha_1 : NULL);
	make_up(seed, name, &out->scram_sha_256,
	    real.has_scram_sha_256 ? &real.scram_sha_256 : NULL);
	derive(seed, "nt", name, hash);
	memcpy(out->nt_hash, hash, NTLM_KEY_LEN);
	mem_wipe(&real, sizeof real);
}

/* --- the seed */

bool
user_seed_parse(struct span line, unsigned char seed[USER_SEED_LEN])
{
	struct put out = put_init(seed, USER_SEED_LEN);

	if (line.len != 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (!span_starts(line, SEED_WORD))
		return false;
	line = span_trim(span_skip(line, SEED_WORD.len));
	return base64_decode(line, &out, NULL) == BASE64_OK &&
	    out.len == USER_SEED_LEN;
}

int
user_seed_new(struct put *out)
{
	unsigned char seed[USER_SEED_LEN];
	int result = fill_random(seed, sizeof seed);

	if (result != 0)
		return result;
	put_bytes(out, SEED_WORD);
	base64_encode(span_of(seed, sizeof seed), out);
	mem_wipe(seed, sizeof seed);
	return 0;
}
