/* SPDX-License-Identifier: Apache-2.0 */
/* fd: what every writer of files does. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/span.h"

/* Writes all of it, whatever interrupts: 0 or -errno. */
int fd_write_all(int fd, struct span bytes);

#endif
