/* SPDX-License-Identifier: Apache-2.0 */
/* world: a store on a lying disk, somebody who uses it by a script made from a
 * seed, and a book of what the store has promised. After each crash the store
 * is held against the book. */
#ifndef SPOOL_TEST_WORLD_H
#define SPOOL_TEST_WORLD_H

#include "lying_disk.h"
#include "spool/spool.h"

#define WORLD_MAIL_MAX 1024u
#define WORLD_RCPTS    12u

enum mail_stage {
	MAIL_SENT,	/* committed, no answer yet */
	MAIL_SAFE,	/* answered 0: it must be there */
	MAIL_REFUSED,	/* answered -errno: it must not be there */
	MAIL_ENDING,	/* its end is asked for */
	MAIL_ENDED,	/* and answered 0: it must not be there */
	MAIL_UNKNOWN	/* there or not: asked for when a crash came */
};

struct world;

struct mail {
	struct world *world;
	uint64_t id;
	uint64_t seed;
	uint32_t len;
	enum mail_stage stage;
	/* recipients that must, may be settled */
	uint32_t must_settled, may_settled;
	/* states it may be in: the last one that is durable and later ones */
	uint64_t safe_due, last_due;
	/* envelopes it may have: the same */
	unsigned safe_text, last_text;
	bool is_found;
};

struct world {
	bool rewrites;		/* envelopes, too: the other scripts stay as
				 * they were */
	struct lying_disk *disk;
	struct store *store;
	struct mail *mail;
	size_t mail_n;
	uint64_t seed;
	uint64_t now;
	uint64_t tick;		/* due times: unlike the clock never back */
	uint64_t top_id;	/* the highest that was seen */
	struct store_msg *open;	/* a large one in the making */
	struct mail *open_mail;
	uint32_t open_left;
	struct store_pin pin;
	bool has_pin;
	bool may_lie;		/* the disk fails for good: a refusal need
				 * not be durable */
	uint64_t crashes;
	char error[512];
};

void world_init(struct world *world, uint64_t seed);
void world_free(struct world *world);
/* Opens the store and holds what is found against the book. False if it
 * cannot be opened, because the disk died. */
bool world_open(struct world *world);
void world_close(struct world *world);
/* So many steps of the script, or until the disk dies. */
void world_run(struct world *world, unsigned steps);
/* The power goes: the store's memory is lost, the disk restarts. */
void world_crash(struct world *world);
/* Every living message is read and compared. */
void world_check_mail(struct world *world);
/* Ends everything; the store must then be empty and small. */
void world_finish(struct world *world);

#endif
