/* SPDX-License-Identifier: Apache-2.0 */
/* via: where a route leads, between text and struct conf_via: "mx",
 * "smarthost mail.example.net:587", "lmtp unix:/run/lmtp", "hold". Private to
 * conf/. */
#ifndef CONF_VIA_H
#define CONF_VIA_H

#include <stdio.h>

#include "base/arena.h"
#include "base/span.h"
#include "conf/conf.h"

/* Reads `n` words. NULL; or what is wrong, with the word at fault in `*at`. */
const char *via_read(const struct span *word, size_t n, struct span folder,
    struct arena *memory, struct conf_via *out, size_t *at);
/* As it would be read back. */
void via_print(const struct conf_via *via, FILE *out);

/* "*", "example.org", "*.example.org": as it is compared; false if it is
 * none of these. */
bool via_read_pattern(struct span word, char out[260]);
/* Does `name` (compared form) fit? */
bool via_fits(const char *pattern, struct span name);
/* An IP address without a port. */
bool via_read_source(struct span word, struct conf_address *out);

#endif
