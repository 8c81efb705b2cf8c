/* SPDX-License-Identifier: Apache-2.0 */
/* read: the trail as it is asked for: read-only, whether or not the daemon is
 * running. A story is a message with the session that brought it, or a session
 * that brought none. */
#ifndef TRAIL_READ_H
#define TRAIL_READ_H

#include "trail/trail.h"

struct trail_reader;

/* NULL with a sentence in `error`. */
struct trail_reader *trail_open(const char *file, char *error,
    size_t error_len);
void trail_close(struct trail_reader *reader);

struct trail_story {
	uint64_t message;	/* or 0: only a session */
	uint64_t session;	/* or 0: it came by no session */
};

struct trail_search {
	uint64_t id;		/* of a message or session; or 0 and … */
	struct span word;	/* an address, "@domain", Message-ID, login,
				 * IP address or host; as it stands in the
				 * database: quoted, case does not matter */
	uint64_t since_ms;	/* 0: all */
	size_t max;		/* the newest so many stories */
};
/* The stories, the oldest first, in memory of the caller's to free; `*more`:
 * there were older ones. -1 with a sentence in `error`. */
int trail_find(struct trail_reader *reader, const struct trail_search *search,
    struct trail_story **story, size_t *n, bool *more, char *error,
    size_t error_len);
/* The events of a story, in order; the spans are valid inside `each` and hold
 * nothing that a terminal would obey. 0 or -1. */
int trail_tell(struct trail_reader *reader, const struct trail_story *story,
    void (*each)(void *arg, const struct trail_event *event), void *arg,
    char *error, size_t error_len);

#endif
