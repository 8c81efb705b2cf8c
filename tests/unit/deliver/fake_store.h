/* SPDX-License-Identifier: Apache-2.0 */
/* fake_store: a store in memory for tests of delivery, that fails when told
 * to. Stands in for the functions of spool/store.h that delivery calls. */
#ifndef TESTS_FAKE_STORE_H
#define TESTS_FAKE_STORE_H

#include "mail/envelope.h"
#include "spool/store.h"

#define FAKE_MESSAGES 2000
#define FAKE_RCPTS    8

struct fake_message {
	uint64_t id;
	struct buf envelope;
	char *text;
	size_t text_len;
	bool is_settled[FAKE_RCPTS];
	bool is_gone;
	/* of the last settle */
	unsigned settles_n, attempts;
	enum store_state state;
	uint64_t due_ms;
	char reason[512];
};

struct store {
	struct fake_message message[FAKE_MESSAGES];
	size_t n, gone_n, settles_n;
	int pins_n, pins_max;
	/* faults */
	int envelope_error, text_error, settle_error, begin_error;
	bool is_envelope_bad;
};

struct store *fake_store_new(void);
void fake_store_free(struct store *store);
/* A new message; its number is its id. */
struct fake_message *fake_store_add(struct store *store,
    const struct envelope *envelope, struct span text);

#endif
