/* SPDX-License-Identifier: Apache-2.0 */
/* dialogue: shows a session as a person would want to watch it; secrets have
 * been replaced before they get here, control bytes are escaped. */
#ifndef EHLOD_DIALOGUE_H
#define EHLOD_DIALOGUE_H

#include "smtp/server.h"

/* `id` and `peer` name the session. Colours only if stderr is a terminal and
 * NO_COLOR is not set. */
void dialogue_show(struct span id, enum smtp_direction direction,
    struct span line);

#endif
