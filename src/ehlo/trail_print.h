/* SPDX-License-Identifier: Apache-2.0 */
/* trail_print: an event of the trail as a person would tell it, and as JSON. */
#ifndef EHLO_TRAIL_PRINT_H
#define EHLO_TRAIL_PRINT_H

#include <stdio.h>

#include "trail/trail.h"

/* One line behind its time; `before_ms` is when the story's event before it
 * happened (0: it is the first): a new day is told. */
void trail_print_event(FILE *out, const struct trail_event *event,
    uint64_t before_ms);
void trail_print_json(FILE *out, const struct trail_event *event);
/* "accepted", "later" … */
const char *trail_kind_name(enum trail_kind kind);

#endif
