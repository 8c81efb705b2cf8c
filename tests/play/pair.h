/* SPDX-License-Identifier: Apache-2.0 */
/* pair: the client engine talks to the server engine, the bytes between them
 * cut anywhere. A plan says what the client wants; afterwards the two must
 * agree on what was accepted.
 *
 *  1. Every step is told, and each once as finished, unless the dialogue broke
 *     off.
 *  2. What the client was told is accepted was delivered once, byte for byte
 *     (line ends apart); nothing else was delivered.
 *  3. The engines' own promises (drive.h) hold. */
#ifndef TESTS_PLAY_PAIR_H
#define TESTS_PLAY_PAIR_H

#include "drive.h"
#include "smtp/client.h"

#define PAIR_STEPS_MAX 64

struct pair {
	struct drive drive;
	struct smtp_client client;
	struct smtp_step step[PAIR_STEPS_MAX];
	struct span text[PAIR_STEPS_MAX];	/* of the TEXT step there */
	unsigned told[PAIR_STEPS_MAX];		/* as finished */
	size_t step_n;
	size_t heard;		/* of drive.said */
	size_t text_done;	/* of the text under way */
	struct buf accepted;	/* what the client believes is delivered */
	struct buf chunks;	/* BDAT, of the message under way */
	char line[PAIR_STEPS_MAX][128];
	uint32_t seed;		/* of the cuts; 0: none */
	unsigned unasked;
	const char *broken;	/* what does not hold, or NULL */
};

void pair_init(struct pair *pair, const struct smtp_server_conf *server,
    const struct smtp_client_conf *client, uint32_t seed);
/* Adds to the plan. */
__attribute__((format(printf, 3, 4)))
struct smtp_step *pair_add(struct pair *pair, enum smtp_step_type type,
    const char *format, ...);
void pair_add_text(struct pair *pair, struct span text);
void pair_add_chunk(struct pair *pair, struct span chunk, bool is_last);
/* Until nobody has anything to say; then checks. */
void pair_run(struct pair *pair);
void pair_free(struct pair *pair);

#endif
