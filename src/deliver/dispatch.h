/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: sends a parcel's recipients their ways, waits until all of them are
 * decided, has notices written, and gives it back. Nothing is settled here:
 * that is delivery's. */
#ifndef DELIVER_DISPATCH_H
#define DELIVER_DISPATCH_H

#include "deliver/bounce.h"
#include "deliver/outbound.h"

struct dispatch;

struct dispatch_hooks {
	/* A parked message may be tried now. */
	void (*wanted)(void *arg, uint64_t id);
	/* Some are decided, others not yet: what is known may be settled. */
	void (*progress)(void *arg, struct parcel *parcel);
	/* All are decided. Notices that were due are durable. */
	void (*over)(void *arg, struct parcel *parcel);
	/* Not tried to the end; nothing is known. For dispatch_free. */
	void (*forget)(void *arg, struct parcel *parcel);
	void *arg;
};

struct dispatch *dispatch_new(const struct link_env *env,
    const struct bounce_env *notices, unsigned shards,
    const struct dispatch_hooks *hooks);
void dispatch_begin(struct dispatch *dispatch, struct parcel *parcel);
/* Another configuration is in force. */
void dispatch_reload(struct dispatch *dispatch, const struct conf *conf);
/* See outbound.h. */
void dispatch_each(const struct dispatch *dispatch,
    void (*tell)(void *arg, const struct outbound_told *told), void *arg);
void dispatch_stop(struct dispatch *dispatch);
void dispatch_abort(struct dispatch *dispatch);
bool dispatch_is_idle(const struct dispatch *dispatch);
void dispatch_free(struct dispatch *dispatch);

#endif
