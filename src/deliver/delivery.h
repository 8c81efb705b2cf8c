/* SPDX-License-Identifier: Apache-2.0 */
/* delivery: takes what is due, tries it, settles the outcome; one a store.
 *
 * 1. A recipient is settled only after its copy is durable where it belongs.
 * 2. A crash in between delivers again under the same file name.
 * 3. Recipients of the outside go by the first route that fits; those that
 *    none fits wait (STORE_WAITING) with a reason in words.
 * 4. A failing mailbox is tried again with back-off; others are not delayed.
 * 5. The loop's thread never touches a file: a pool's thread does. */
#ifndef DELIVER_DELIVERY_H
#define DELIVER_DELIVERY_H

#include "conf/conf.h"
#include "deliver/move.h"
#include "deliver/note.h"
#include "deliver/pause.h"
#include "deliver/release.h"
#include "net/loop.h"
#include "net/pool.h"
#include "spool/store.h"

struct delivery;

struct delivery *delivery_new(struct loop *loop, struct pool *pool,
    struct conf *conf);
/* The store it works for; before any other call. */
void delivery_attach(struct delivery *delivery, struct store *store);
/* How it reaches others, and how senders are told; once, before
 * delivery_attach(). `shards` share the connections to a destination. */
struct link_env;
struct bounce_env;
struct outbound_told;
void delivery_use(struct delivery *delivery, const struct link_env *env,
    const struct bounce_env *notices, unsigned shards);
/* The destinations that mail is on its way to, or was not long ago. */
void delivery_each_destination(const struct delivery *delivery,
    void (*tell)(void *arg, const struct outbound_told *told), void *arg);
/* Stops what does not end by itself; after delivery_stop(). */
void delivery_abort(struct delivery *delivery);
/* Stops taking; what runs is waited for by delivery_is_idle(). */
void delivery_stop(struct delivery *delivery);
bool delivery_is_idle(const struct delivery *delivery);
/* Idle only, or after pool_free() and then store_close(), which leave nothing
 * under way. The loop is not run again. */
void delivery_free(struct delivery *delivery);
/* The texts that its store's notes share. */
struct reasons *delivery_reasons(struct delivery *delivery);
/* A message became durable, or was found by recovery (also from inside
 * store_open, before delivery_attach): there is no second start-up path. */
void delivery_add(struct delivery *delivery, const struct store_entry *entry);
/* A new configuration: what waited is looked at again. */
void delivery_reload(struct delivery *delivery, struct conf *conf);

/* What is paused from now on: what waited is looked at again. */
void delivery_pause(struct delivery *delivery, struct pause *pause);

/* --- by an operator: 0 or -ENOENT. An attempt that is under way is not
 * broken off; what it finds out counts. */
/* Not tried again until it is released. */
int delivery_hold(struct delivery *delivery, uint64_t id);
/* Tried as soon as may be, held or not. */
int delivery_retry(struct delivery *delivery, uint64_t id);
/* What a route holds of it goes out, once: see release.h. A restart before
 * that forgets it. */
int delivery_release(struct delivery *delivery, uint64_t id,
    struct release *release);
/* Goes back to its sender, with a notice, at once; a restart before that
 * forgets the wish, not the mail. */
int delivery_bounce(struct delivery *delivery, uint64_t id);
/* Another way for those of its recipients that the order means; tried when
 * that is durable. */
void delivery_move(struct delivery *delivery, uint64_t id,
    struct move_order *order);
void delivery_cancel(struct delivery *delivery, struct move_order *order);
/* Gone, without a word to anybody. */
int delivery_remove(struct delivery *delivery, uint64_t id);

#endif
