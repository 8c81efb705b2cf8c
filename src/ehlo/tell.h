/* SPDX-License-Identifier: Apache-2.0 */
/* tell: what ehlo says to people and to programs. Colours only on a terminal
 * that has them, and never with NO_COLOR set (no-color.org). */
#ifndef EHLO_TELL_H
#define EHLO_TELL_H

#include <stdio.h>

#include "base/span.h"

/* "ehlo: …" in a line of its own on stderr. */
__attribute__((format(printf, 1, 2)))
void tell_error(const char *format, ...);
__attribute__((format(printf, 1, 2)))
void tell_warning(const char *format, ...);
__attribute__((format(printf, 1, 2)))
void tell_note(const char *format, ...);

bool tell_has_colour(FILE *out);
/* Around what is drawn again and again on a terminal: what is too wide for it
 * is cut at the edge instead of going on in the next line. */
#define TELL_CUT "\033[?7l"
#define TELL_WRAP "\033[?7h"
/* A JSON string with its quotes. `s` is UTF-8. */
void tell_json(FILE *out, struct span s);

#endif
