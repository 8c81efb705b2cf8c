/* SPDX-License-Identifier: Apache-2.0 */
/* note: what is kept in memory of a waiting message beside the store's own
 * index, so that a million can be searched without reading an envelope: who
 * sent it, to whom, by which listener and login, and why it is still here.
 * One piece of memory, which goes with the message (store_set_note). */
#ifndef DELIVER_NOTE_H
#define DELIVER_NOTE_H

#include "mail/envelope.h"
#include "spool/store.h"

struct note {
	uint32_t rcpts_len;	/* addresses, a NUL behind each */
	uint32_t rcpt_n;	/* of the message */
	uint16_t sender_len, listener_len, login_len, reason_len;
	bool is_cut;		/* not all recipients stand in it */
	bool is_bare;		/* nothing but a reason stands in it */
	char text[];
};

#define NOTE_RCPTS_MAX ((size_t)2048)	/* octets of recipients kept */

/* With at most `rcpts_max` octets of recipients. free() it. */
struct note *note_new(const struct envelope *envelope, size_t rcpts_max);
/* The same from the envelope's bytes; NULL if they are none. */
struct note *note_read(struct span bytes, size_t rcpts_max);
/* Why it is still here, in words. */
void note_set_reason(struct store *store, uint64_t id, struct span reason);
/* A copy of `note` that says why. */
struct note *note_with_reason(const struct note *note, struct span reason);

struct span note_sender(const struct note *note);
struct span note_listener(const struct note *note);
struct span note_login(const struct note *note);
struct span note_reason(const struct note *note);
/* Begin with *at = 0; false at the end. */
bool note_next_rcpt(const struct note *note, size_t *at, struct span *rcpt);

#endif
