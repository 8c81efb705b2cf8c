/* SPDX-License-Identifier: Apache-2.0 */
/* note: what is kept in memory of a waiting message beside the store's own
 * index, so that a million can be searched without reading an envelope: who
 * sent it, to whom, by which listener and login, and why it is still here.
 * One piece of memory, which goes with the message (store_set_note).
 *
 * Why is what a thousand others are told, too: the texts are shared, with the
 * recipient's address taken out of them (reason.h). */
#ifndef DELIVER_NOTE_H
#define DELIVER_NOTE_H

#include "deliver/reason.h"
#include "mail/envelope.h"
#include "spool/store.h"

struct note {
	struct reason *reason;	/* NULL: none */
	uint32_t reason_at;	/* the recipient it is about, an offset into
				 * their addresses; NOTE_NOBODY */
	uint32_t rcpts_len;	/* addresses, a NUL behind each */
	uint32_t rcpt_n;	/* of the message */
	uint16_t sender_len, listener_len, login_len, route_len;
	bool is_cut;		/* not all recipients stand in it */
	bool is_bare;		/* nothing but a reason stands in it */
	char text[];
};

#define NOTE_NOBODY    UINT32_MAX
#define NOTE_RCPTS_MAX ((size_t)2048)	/* octets of recipients kept */
#define NOTE_REASON_MAX 1280	/* octets, as it is told */

/* With at most `rcpts_max` octets of recipients. note_free() it. */
struct note *note_new(const struct envelope *envelope, size_t rcpts_max);
/* The same from the envelope's bytes; NULL if they are none. */
struct note *note_read(struct span bytes, size_t rcpts_max);
/* For store_options, too. With the reasons' thread. */
void note_free(void *note);
/* Why it is still here, in words. */
void note_put_reason(struct note *note, struct reasons *reasons,
    struct span words);
void note_set_reason(struct store *store, uint64_t id,
    struct reasons *reasons, struct span words);
/* Its envelope has changed: all but the reason is forgotten. */
void note_forget(struct store *store, uint64_t id, struct reasons *reasons);

struct span note_sender(const struct note *note);
struct span note_listener(const struct note *note);
struct span note_login(const struct note *note);
/* The route that an operator gave to (some of) its recipients, or empty. */
struct span note_route(const struct note *note);
/* In `memory`. */
struct span note_reason(const struct note *note,
    char memory[NOTE_REASON_MAX]);
/* Begin with *at = 0; false at the end. */
bool note_next_rcpt(const struct note *note, size_t *at, struct span *rcpt);

#endif
