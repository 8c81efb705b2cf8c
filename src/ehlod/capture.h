/* SPDX-License-Identifier: Apache-2.0 */
/* capture: `ehlod --capture`: a server for programmers, in a folder of its own,
 * that takes everything and sends nothing. */
#ifndef EHLOD_CAPTURE_H
#define EHLOD_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the folder (NULL: the user's own place for such things) and, if there
 * is none in it, a configuration to begin with. Writes its path to `out`. False
 * after having said why. */
bool capture_prepare(const char *folder, char *out, size_t len);

#endif
