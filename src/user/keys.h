/* SPDX-License-Identifier: Apache-2.0 */
/* keys: what is stored beside the hash, for logins that never show the
 * password: SCRAM's keys, and the NT hash of accounts that have NTLM switched
 * on (it is as good as the password for whoever reads it). In the users file
 * they are two attributes:
 *
 *   scram=SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey,SCRAM-SHA-1$…
 *   nt=32 hexadecimal digits
 */
#ifndef USER_KEYS_H
#define USER_KEYS_H

#include "base/put.h"
#include "base/span.h"
#include "sasl/sasl.h"
#include "user/line.h"

#define USER_KEYS_MAX 512	/* of text for one account */
#define USER_SEED_LEN 32

/* The two words for a password, SCRAM's with fresh salts. That is left out if
 * the password cannot be prepared (user/prep.h). 0 or -errno. */
int user_keys_put_scram(struct span password, struct put *out);
int user_keys_put_nt(struct span password, struct put *out);
/* The account's other attributes. */
void user_keys_leave_out(struct span attributes, struct put *out);
/* The values as they stand in a file. */
bool user_keys_check_scram(struct span value, struct put *why);
bool user_keys_check_nt(struct span value, struct put *why);

/* What the account has; the rest stays as it is. */
void user_keys_read(const struct user_attributes *attributes,
    struct sasl_credentials *out);
/* What somebody who is not there has: always the same under one seed, and in
 * the manner of an account that is (`like`; NULL: of a new one). */
void user_keys_make_up(const unsigned char seed[USER_SEED_LEN],
    struct span name, const struct user_attributes *like,
    struct sasl_credentials *out);

/* The seed stands in the users file, too, as a comment, so that it outlives
 * the daemon and is the same on all machines that share the file. */
bool user_seed_parse(struct span line, unsigned char seed[USER_SEED_LEN]);
int user_seed_new(struct put *out);

#endif
