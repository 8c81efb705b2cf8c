/* SPDX-License-Identifier: Apache-2.0 */
/* drop_write: leaves a mail in the drop folder of the daemon, which takes it
 * now or when it runs again: written whole under another name, made durable,
 * then renamed. */
#ifndef EHLO_DROP_WRITE_H
#define EHLO_DROP_WRITE_H

#include "base/buf.h"

#define DROP_HEAD_MAX ((size_t)1 << 20)
#define DROP_TEXT_MAX ((size_t)60 << 20)	/* with the head below what
						 * the daemon takes */

/* 0 or -errno; `head` as mail/drop.h says, with its empty line, `text` with
 * any line ends. `name`: of the file. */
int drop_write(const char *folder, struct span head, struct span text,
    char name[64]);

#endif
