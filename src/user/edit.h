/* SPDX-License-Identifier: Apache-2.0 */
/* edit: changes one account in the text of a users file and leaves every other
 * byte as it was, comments and order included. No I/O. The text must have been
 * parsed without a mistake. `out` starts empty; 0, -EEXIST, -ENOENT, or
 * -ENOBUFS past its limit. */
#ifndef USER_EDIT_H
#define USER_EDIT_H

#include "base/buf.h"
#include "base/span.h"

struct user_edit {
	struct span name;
	struct span hash;	/* .p NULL: left as it is */
	struct span attributes;	/* .p NULL: left as they are; without keys */
	/* What belongs to the hash (user/keys.h): with a new one the old keys
	 * are gone, in any case. */
	struct span scram, nt;	/* attributes; may be empty */
	bool is_nt_kept;	/* `nt` only if the account has one already */
	struct span seed;	/* a line for a file that has none yet */
};

int user_edit_add(struct span text, const struct user_edit *edit,
    struct buf *out);
int user_edit_change(struct span text, const struct user_edit *edit,
    struct buf *out);
int user_edit_remove(struct span text, struct span name, struct buf *out);

#endif
