/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: the last dialogues of one thread, line by line, in bounded
 * memory: what comes new pushes out what is oldest. The lines come from the
 * engines' transcript hooks, where secrets have been replaced already. Not
 * thread-safe: who wants to read asks the thread that writes. */
#ifndef TRAIL_TRANSCRIPT_H
#define TRAIL_TRANSCRIPT_H

#include <stdint.h>

#include "base/span.h"

struct transcript;

/* `len` octets, lines and all; at least 4 KiB. */
struct transcript *transcript_new(size_t len);
void transcript_free(struct transcript *transcript);

/* A line without its end; cut at 512 octets. `is_ours`: we said it. */
void transcript_add(struct transcript *transcript, uint64_t session,
    uint64_t at_ms, bool is_ours, struct span line);

struct transcript_line {
	uint64_t session, at_ms;
	bool is_ours;
	struct span text;	/* valid inside `each` */
};
/* Every line of `session` that is still there, in order. */
void transcript_each(const struct transcript *transcript, uint64_t session,
    void (*each)(void *arg, const struct transcript_line *line), void *arg);

#endif
