/* SPDX-License-Identifier: Apache-2.0 */
/* queue_filter: which of the waiting messages a request means. What is not
 * given does not matter; what is given must all be true. */
#ifndef EHLOD_QUEUE_FILTER_H
#define EHLOD_QUEUE_FILTER_H

#include "ctl/request.h"
#include "deliver/note.h"

#define QUEUE_IDS_MAX 1000

struct queue_filter {
	uint64_t id[QUEUE_IDS_MAX];
	size_t id_n;		/* 0: all */
	/* Patterns with * and ?, case does not matter; into the request. */
	struct span sender, rcpt, domain, listener, login, reason;
	bool has_sender;	/* "" is the null sender */
	unsigned states;	/* bits 1 << enum store_state */
	uint64_t before_ms, after_ms;	/* of its beginning; before_ms is
					 * never 0 */
	uint64_t size_min, size_max;
};

/* The fields that a row with a filter has. */
#define QUEUE_FILTER_FIELDS \
	{ "id", CTL_TEXTS, false }, { "sender", CTL_TEXT, false }, \
	{ "rcpt", CTL_TEXT, false }, { "domain", CTL_TEXT, false }, \
	{ "listener", CTL_TEXT, false }, { "login", CTL_TEXT, false }, \
	{ "reason", CTL_TEXT, false }, { "state", CTL_TEXT, false }, \
	{ "before", CTL_NUMBER, false }, { "after", CTL_NUMBER, false }, \
	{ "larger", CTL_NUMBER, false }, { "smaller", CTL_NUMBER, false }

/* False with what is wrong. Spans stay those of `request`. */
bool queue_filter_read(struct queue_filter *filter, const json_t *request,
    struct put *error);
/* Nothing but the index is needed: false: not this one. */
bool queue_filter_look(const struct queue_filter *filter,
    const struct store_look *look);
/* Are the texts needed? */
bool queue_filter_wants_note(const struct queue_filter *filter);
bool queue_filter_note(const struct queue_filter *filter,
    const struct note *note);
/* Only whole recipients can say that it is not meant. */
bool queue_filter_wants_rcpts(const struct queue_filter *filter);
/* Does this recipient fit the filter? */
bool queue_filter_rcpt(const struct queue_filter *filter, struct span rcpt);
const char *queue_state_name(enum store_state state);

#endif
