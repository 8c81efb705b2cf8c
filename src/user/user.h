/* SPDX-License-Identifier: Apache-2.0 */
/* user: who may log in, and whose mailbox an address is. Back ends stand
 * behind this header; the first is a text file:
 *
 *   # name : password hash : attributes
 *   guyt:$y$j9T$…:send-as=guy@cp.com,administrator@cp.com
 *   user1@contoso.com:$y$j9T$…:mailbox=no disabled=yes
 *
 * Attributes are separated by spaces; a send-as list may hold *@domain. A hash
 * that begins with '!' is locked: like disabled=yes, nobody logs in, and mail
 * still arrives. Hashes: crypt(5), argon2id. More in user/line.h.
 *
 * 1. Thread-safe. A change of the file is seen within a second; a file with a
 *    mistake is refused whole, told with its line, and the last good one stays.
 * 2. A wrong password and an unknown name take the same work and give the same
 *    answer (the log knows the difference): an unknown name borrows the hash of
 *    an account that a keyed hash of the name picks.
 * 3. Names are compared without ASCII case.
 * 4. Who is not there has SCRAM keys all the same: the same salt each time,
 *    on every machine that shares the file. */
#ifndef USER_USER_H
#define USER_USER_H

#include <stdio.h>

#include "base/span.h"
#include "sasl/sasl.h"

struct user_db;

enum user_verdict {
	USER_OK,
	USER_WRONG_PASSWORD,
	USER_UNKNOWN,
	USER_DISABLED,
	USER_BROKEN		/* the file or the hash cannot be read */
};

/* Opens the file; on failure returns NULL and writes "file:line: what" to
 * `error` (at most `error_len` bytes with NUL). */
struct user_db *user_db_open(const char *path, char *error,
    size_t error_len);
void user_db_close(struct user_db *db);
/* Reads the file again now: 0, or -EINVAL with the text, the old one stays. */
int user_db_reload(struct user_db *db, char *error, size_t error_len);

/* Slow on purpose (a password hash, about 20 ms): call it from a pool. Good
 * ones are remembered for a minute under a keyed MAC. An empty password, one
 * with NUL and one longer than 1024 bytes are wrong. */
enum user_verdict user_verify(struct user_db *db, struct span name,
    struct span password);
/* What is stored about the name for logins that do not show the password; made
 * up where there is nothing. USER_OK, USER_UNKNOWN or USER_DISABLED, as
 * out->may_log_in has it. Cheap, as user_owns(). */
enum user_verdict user_credentials(struct user_db *db, struct span name,
    struct sasl_credentials *out);
/* In words, for the log: "wrong password". */
const char *user_verdict_text(enum user_verdict verdict);

/* Does this address belong to the login (it is its name, the name at one of
 * our domains, or in its send-as)? Without case. `is_local_domain` says whether
 * the address' domain is one of ours (a bare name owns name@ours). This and
 * user_mailbox() are cheap: no hash, no malloc, and at most once a second the
 * file is looked at (and read, if it changed). */
bool user_owns(struct user_db *db, struct span login, struct span address,
    bool is_local_domain);
/* Whose mailbox is local@domain (a domain of ours)? Accounts named
 * local@domain, then accounts named local. Writes the account's name in lower
 * case to `account` (at most SASL_NAME_MAX + NUL); false if nobody's, or the
 * account has mailbox=no. */
bool user_mailbox(struct user_db *db, struct span local, struct span domain,
    char account[256]);

/* For `ehlo user`: edits the file atomically (new file, fsync, rename; mode
 * and owner kept; 0600 when new). All return 0 or -errno: -EEXIST, -ENOENT
 * (no such user), -EINVAL (name, attribute or file; `error` says what). */
enum user_ntlm {
	USER_NTLM_KEEP,		/* an NT hash if there is one already */
	USER_NTLM_ON, USER_NTLM_OFF
};
struct user_change {
	struct span name;
	struct span password;	/* empty: left as it is (not for add) */
	struct span attributes;	/* .p NULL: left as they are; without keys */
	enum user_ntlm ntlm;	/* when the password changes */
};
int user_file_add(const char *path, const struct user_change *change,
    char *error, size_t error_len);
int user_file_change(const char *path, const struct user_change *change,
    char *error, size_t error_len);
int user_file_remove(const char *path, struct span name, char *error,
    size_t error_len);
/* Calls `each` for every account in the file's order, never with the hash but
 * with its scheme ("yescrypt"; "locked"), nor with keys but with their kinds.
 */
struct user_listed {
	struct span name;
	const char *scheme;
	struct span attributes;	/* without keys */
	bool has_scram_sha_1, has_scram_sha_256, has_nt_hash;
};
int user_file_list(const char *path,
    void (*each)(void *arg, const struct user_listed *listed),
    void *arg, char *error, size_t error_len);

#endif
