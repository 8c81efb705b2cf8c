/* SPDX-License-Identifier: Apache-2.0 */
/* fault: which fault on purpose is played at this moment of a session. Counts
 * and nothing else: no I/O, no clock, no chance. What happens is the
 * session's.
 *
 * 1. Faults are asked in the order they were added; the first that fits and
 *    whose turn it is wins, those behind it are not counted then.
 * 2. A fault counts the moments that fit it, for each value of its `per` by
 *    itself; its turn is when the count is past `skip`, within `first`, and
 *    the `every`-th.
 * 3. With a `limit` it is a true rate: what was let through within the time
 *    before is counted, what was refused is not.
 * 4. Bounded: past FAULT_KEYS_MAX values a fault begins to count anew. */
#ifndef POLICY_FAULT_H
#define POLICY_FAULT_H

#include "conf/conf.h"
#include "base/span.h"

#define FAULT_KEYS_MAX 4096

struct fault_moment {
	enum conf_fault_stage stage;
	struct span listener, session;
	struct span client;		/* 4 or 16 bytes */
	struct span login, sender;	/* empty: none */
	const struct span *recipient;	/* of rcpt one, of data and end all */
	size_t recipient_n;
	uint64_t now_ms;
};

struct fault_set;

struct fault_set *fault_set_new(void);
void fault_set_free(struct fault_set *set);
/* The first fault of `conf` and so on: each keeps a reference to it. `is_ours`
 * is told by fault_set_each: it was added at run time. False, and nothing is
 * added, if one of them has the name of one that is there. */
bool fault_set_add(struct fault_set *set, struct conf *conf, bool is_ours);
/* Forgets one by name, or all that are or are not `is_ours`. */
bool fault_set_remove(struct fault_set *set, struct span name);
void fault_set_clear(struct fault_set *set, bool is_ours);
size_t fault_set_n(const struct fault_set *set);

/* The fault that is played now, or NULL. `*conf` is a reference to its conf,
 * the caller's to give back. */
const struct conf_fault *fault_set_find(struct fault_set *set,
    const struct fault_moment *moment, struct conf **conf);

struct fault_told {
	const struct conf_fault *fault;
	bool is_ours;
	uint64_t seen, played;	/* moments that fitted, and those it won */
};
void fault_set_each(const struct fault_set *set,
    void (*tell)(void *arg, const struct fault_told *told), void *arg);

/* Case ignored, `*` stands for any text. */
bool fault_matches(struct span pattern, struct span text);

#endif
