/* SPDX-License-Identifier: Apache-2.0 */
/* file: a whole file in memory, "-" being the standard input. */
#ifndef EHLO_FILE_H
#define EHLO_FILE_H

#include "base/buf.h"

/* Appends all of it; says what went wrong and returns false, also if it is
 * larger than buf->max. */
bool file_read(const char *path, struct buf *buf);

#endif
