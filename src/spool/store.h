/* SPDX-License-Identifier: Apache-2.0 */
/* store: where mail is safe between "250" and its delivery. This is all that
 * the rest of Ehlo knows of it; the embedded log of spool.h is the first that
 * stands behind it.
 *
 * One store belongs to one thread (a shard): every function is called from it,
 * and every callback comes back on it, from inside store_poll(). The disk is
 * worked by a thread of the store's own, which calls `wake` when there is
 * something to poll; that call comes from the other thread.
 *
 * The numbered promises are in spool.h. */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"

struct store;
struct store_msg;

/* Why a message is not due: kept with it. */
enum store_state {
	STORE_READY,		/* due at `due_ms` */
	STORE_HELD,		/* by an operator, until released */
	STORE_WAITING		/* no route for it yet; asked after a reload */
};

struct store_options {
	const char *path;	/* a directory; made if missing, mode 0700 */
	unsigned shard;		/* 0-255, part of every id */
	uint64_t segment_size;	/* octets; 0: 64 MiB */
	uint64_t reserve;	/* octets of free disk below which new mail
				 * gets -ENOSPC; 0: two segments */
	void (*wake)(void *arg);
	void *wake_arg;
	const struct disk *disk;	/* NULL: the real one (disk.h) */
	uint64_t (*now_ms)(void);	/* NULL: clock_real_ms */
	void (*free_note)(void *note);	/* NULL: free() */
};

/* Called once for every living message while store_open() recovers, in the
 * order of acceptance. The same entry that store_commit's callback gets. */
struct store_entry {
	uint64_t id;		/* names the message for ever */
	uint64_t due_ms;	/* real time; when to look at it next */
	enum store_state state;
	unsigned attempts;
};
typedef void store_found(void *arg, const struct store_entry *entry);
/* `result` 0: durable, it survives any crash. -errno: it will never be. */
typedef void store_done(void *arg, int result);

/* Recovers and opens. NULL on failure, with a sentence naming file and remedy
 * in `error`. What recovery had to set aside is logged as events. */
struct store *store_open(const struct store_options *options,
    store_found *found, void *arg, char *error, size_t error_len);
/* Waits for what is being written (callbacks come), then closes. */
void store_close(struct store *store);
/* Runs the callbacks of what became durable. Returns how many. */
unsigned store_poll(struct store *store);
/* Blocks until something can be polled or nothing is pending (tests, close). */
void store_wait(struct store *store);

/* A new message. NULL with `*error` = -ENOSPC (452 4.3.1) or another -errno
 * (451 4.3.0): nothing has been written then. The id is known from here on. */
struct store_msg *store_begin(struct store *store, int *error);
uint64_t store_msg_id(const struct store_msg *msg);
/* Appends text. Large messages stream to disk in parts; a failure is kept and
 * told by store_commit. */
void store_write(struct store_msg *msg, struct span bytes);
/* True while so much of the store's writing is pending that the caller should
 * stop reading from its peer until `drained` (set once, per message) is
 * called. */
bool store_is_full(const struct store_msg *msg);
void store_on_drained(struct store_msg *msg, void (*drained)(void *arg),
    void *arg);
/* The state it is accepted in; STORE_READY unless this says otherwise. What
 * begins as STORE_WAITING needs no attempt that finds that out. `due_ms` 0:
 * now. */
void store_accept_as(struct store_msg *msg, enum store_state state,
    uint64_t due_ms);
/* Accepts it for good: `envelope` is stored beside the text. `done` is called
 * from store_poll; the message is gone for the caller in any case, from now
 * on. (If the caller dies first it calls store_commit_forget: the write goes
 * on, nobody is told.) */
void store_commit(struct store_msg *msg, struct span envelope,
    store_done *done, void *arg);
void store_commit_forget(struct store *store, uint64_t id);
void store_abandon(struct store_msg *msg);

/* --- reading; callable from any thread between store_pin and store_unpin.
 * A pin keeps the bytes of a living message where they are. */
struct store_pin {
	uint64_t id;
	uint64_t text_len;	/* octets */
	uint32_t envelope_len;
	uint32_t rcpt_settled_n;
	void *private[2];
};
/* 0, -ENOENT (gone), -EIO / -EBADMSG (damaged; logged, the message is set to
 * held). Called on the store's thread. */
int store_pin(struct store *store, uint64_t id, struct store_pin *pin);
void store_unpin(struct store *store, struct store_pin *pin);
/* Any thread. Fill `out` (of pin->envelope_len). 0 or -EIO/-EBADMSG. */
int store_read_envelope(struct store *store, const struct store_pin *pin,
    char *out);
/* Any thread. The same of many at once, which costs little where they lie
 * close to each other: `each` is told of every one, in their order; `bytes`
 * are there until it returns. */
void store_read_envelopes(struct store *store,
    const struct store_pin *const *pin, size_t n,
    void (*each)(void *arg, size_t i, int error, struct span bytes),
    void *arg);
/* Any thread. Up to `len` octets at `offset`: count, 0 at the end, -errno.
 * Checks the record's sum. */
ssize_t store_read_text(struct store *store, const struct store_pin *pin,
    uint64_t offset, char *out, size_t len);

/* --- settling: what became of the recipients of an attempt. */
enum store_outcome { STORE_DELIVERED, STORE_FAILED };
struct store_settle {
	uint64_t id;
	const uint32_t *rcpt;	/* indices into the envelope's recipients that
				 * are finished now */
	const enum store_outcome *outcome;
	size_t rcpt_n;
	bool is_last;		/* none is left: the message goes */
	/* otherwise: */
	bool is_no_attempt;	/* nobody was asked: it does not count */
	enum store_state state;
	uint64_t due_ms;
	struct span reason;	/* of the delay, in words, cut at 512 */
};
/* Durable when `done` (may be NULL) is called; group-committed with
 * everything else. Settling an unknown or gone message is 0 (idempotent). */
void store_settle(struct store *store, const struct store_settle *settle,
    store_done *done, void *arg);
/* Is this recipient finished already? For pins of a second attempt. */
bool store_is_settled(struct store *store, uint64_t id, uint32_t rcpt);
/* Hold, release, remove, retry: by operators. -ENOENT if gone. */
int store_set_state(struct store *store, uint64_t id, enum store_state state,
    uint64_t due_ms);
int store_remove(struct store *store, uint64_t id);

/* Puts another envelope in the place of a message's; all else stays, its
 * recipients keep their numbers. 0, then `done` tells when it is durable (a
 * crash before that leaves the old one or the new one); -ENOENT; -EBUSY: it is
 * being copied, ask again. */
int store_rewrite(struct store *store, uint64_t id, struct span envelope,
    store_done *done, void *arg);

/* --- looking at what is there. Called on the store's thread. */
struct store_look {
	struct store_entry entry;
	uint64_t text_len;
	uint32_t envelope_len;
	const void *note;	/* see store_set_note; until it is replaced */
};
/* 0 or -ENOENT. */
int store_look(const struct store *store, uint64_t id,
    struct store_look *out);
/* Walks the living messages, in no order: begin with *at = 0; false at the
 * end. One that comes or goes between two calls may be seen or missed; every
 * other is seen once. */
bool store_walk(const struct store *store, uint32_t *at,
    struct store_look *out);
/* What the owner wants to remember of a living message while it lives: memory
 * which the store frees (by free_note) with the message or when another takes
 * its place. Not on disk. If the message has gone it is freed at once. */
void store_set_note(struct store *store, uint64_t id, void *note);
/* When a message of this id was begun, ms since 1970. */
uint64_t store_id_time(uint64_t id);
/* The number that its store was opened with. */
unsigned store_id_shard(uint64_t id);

struct store_stats {
	uint64_t messages;	/* living */
	uint64_t live_bytes, disk_bytes;
	uint64_t batches, batch_bytes;	/* written since start */
	uint64_t memory_bytes;	/* index */
	bool is_read_only;	/* after a failed write, until a new segment
				 * could be opened */
	bool is_full;		/* less room on the disk than the reserve: new
				 * mail is refused */
};
void store_stats(const struct store *store, struct store_stats *out);

#endif
