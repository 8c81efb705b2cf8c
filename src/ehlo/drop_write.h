/* SPDX-License-Identifier: Apache-2.0 */
/* drop_write: leaves a mail in the drop folder of the daemon, which takes it
 * now or when it runs again: written whole under another name, made durable,
 * then renamed. */
#ifndef EHLO_DROP_WRITE_H
#define EHLO_DROP_WRITE_H

#include "base/buf.h"
#include "mail/drop.h"

#define DROP_HEAD_MAX ((size_t)1 << 20)
#define DROP_TEXT_MAX ((size_t)60 << 20)	/* with the head below what
						 * the daemon takes */

/* What became of a mail that was left. */
struct drop_told {
	enum drop_fate fate;	/* UNKNOWN: nobody runs, or it took too long:
				 * it lies there safely */
	char words[DROP_ANSWER_MAX];	/* why, for people */
};

/* 0 or -errno; `head` as mail/drop.h says, with its empty line, `text` with
 * any line ends. `name`: of the file. Waits for a running daemon to say what
 * it makes of it, not longer than ten seconds. */
int drop_leave(const char *folder, struct span head, struct span text,
    char name[64], struct drop_told *told);

#endif
