/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: the dialogues of one thread, line by line: the last of them in
 * bounded memory, where what comes new pushes out what is oldest, and as they
 * happen for those who watch a peer. The lines come from the engines'
 * transcript hooks, where secrets have been replaced already. Not thread-safe:
 * who wants to read asks the thread that writes. */
#ifndef TRAIL_TRANSCRIPT_H
#define TRAIL_TRANSCRIPT_H

#include <stdint.h>

#include "base/span.h"

struct transcript;

struct transcript_line {
	uint64_t session, at_ms;
	struct span peer;	/* its address; not in memory */
	struct span name;	/* what it calls itself, or the domain that we
				 * deliver to; not in memory */
	bool is_ours;		/* we said it */
	struct span text;	/* without its end */
};

/* `len` octets of memory, lines and all; 0: nothing is remembered. */
struct transcript *transcript_new(size_t len);
/* Watches are their owners'. */
void transcript_free(struct transcript *transcript);
/* False: a line would be of no use to anybody. */
bool transcript_is_wanted(const struct transcript *transcript);

/* Remembered are the first 512 octets. */
void transcript_add(struct transcript *transcript,
    const struct transcript_line *line);
/* Every line of `session` that is still there, in order. */
void transcript_each(const struct transcript *transcript, uint64_t session,
    void (*each)(void *arg, const struct transcript_line *line), void *arg);

/* Embedded in its owner. */
struct transcript_watch {
	struct transcript_watch *next;	/* private */
	/* Who is watched: a peer's address, or a domain: its own name and all
	 * below it. */
	struct span peer;
	void (*on_line)(struct transcript_watch *watch,
	    const struct transcript_line *line);
};
void transcript_watch(struct transcript *transcript,
    struct transcript_watch *watch);
void transcript_unwatch(struct transcript *transcript,
    struct transcript_watch *watch);

#endif
