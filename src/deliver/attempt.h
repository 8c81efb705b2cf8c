/* SPDX-License-Identifier: Apache-2.0 */
/* attempt: one try to deliver some messages: reads them from the store, writes
 * them into the Maildirs of their local recipients, and says what became of
 * each. Of a message that concerns others, too (recipients elsewhere, a sender
 * who wants to hear of it), it makes a parcel. Runs on a thread of the pool;
 * decides nothing about later. */
#ifndef DELIVER_ATTEMPT_H
#define DELIVER_ATTEMPT_H

#include "base/arena.h"
#include "conf/conf.h"
#include "deliver/maildir.h"
#include "deliver/parcel.h"
#include "deliver/pause.h"
#include "deliver/release.h"
#include "spool/store.h"

#define ATTEMPT_REASON_MAX 256

/* One message. */
struct attempt {
	/* given */
	struct store_pin pin;
	bool is_again;		/* may have been delivered before */
	bool is_returned;	/* nobody gets it: it goes back */
	struct release *release;	/* of what is held, or NULL; ours */
	const uint32_t *settled;	/* recipients finished earlier */
	size_t settled_n;
	/* found; memory of the batch's arena */
	uint64_t born_ms;	/* since when it is tried */
	uint64_t by_at;		/* when its sender wants to hear; or 0 */
	uint32_t *rcpt;		/* delivered now, durably */
	enum store_outcome *outcome;
	size_t rcpt_n;
	size_t failed_n;	/* to be tried again */
	size_t waiting_n;	/* have nowhere to go as configured */
	bool is_broken;		/* can never be read: for an operator */
	/* All about its recipients stands here instead, if it is not NULL;
	 * the taker's. */
	struct parcel *parcel;
	/* why it is not over, in words; the first failure counts more than
	 * waiting */
	char reason[ATTEMPT_REASON_MAX];
	size_t reason_len;
};

struct attempt_batch {
	struct store *store;
	const struct conf *conf;
	const struct pause *pause;	/* NULL: of nothing */
	struct maildir_batch *maildir;
	struct arena *arena;
	struct attempt *attempt;
	size_t n;
	/* private */
	char *text;
	bool has_captured;	/* mail that goes nowhere */
	bool has_text;		/* it is the whole of this message's */
	size_t open_files;
	uint64_t open_bytes;
};

void attempt_run(struct attempt_batch *batch);

#endif
