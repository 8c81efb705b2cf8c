/* SPDX-License-Identifier: Apache-2.0 */
/* send_file: files that become messages or parts of them. */
#ifndef EHLO_SEND_FILE_H
#define EHLO_SEND_FILE_H

#include "base/span.h"

/* The whole of it on the heap, a NUL behind: 0 or -errno (-EFBIG past 2 GiB).
 * `*memory` is the caller's to free. */
int send_read_fd(int fd, char **memory, size_t *len);
int send_read_file(const char *path, char **memory, size_t *len);
/* "image/png" for a name that ends like one; application/octet-stream. */
const char *send_type_of(const char *path);

#endif
