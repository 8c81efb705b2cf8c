/* SPDX-License-Identifier: Apache-2.0 */
/* outbound_room: how many links and transfers there may be, and who gets them.
 *
 * A destination is *proven* while its last word was a session. One that is not
 * has one connection under way and one transfer queued, and all of those
 * together have at most three quarters of what there is (those that failed
 * before, of connections three eighths): a thousand dead hosts, half a minute
 * each, take nothing from those that live. A link that has no work makes room
 * for another destination, the oldest first. */
#include "deliver/outbound_state.h"

#include <sys/resource.h>

#define LINKS_MAX   4096u	/* of all destinations; fewer where we may not
				 * open so many descriptors */
#define QUEUED_MAX  8192u	/* transfers */
#define OCTETS_MAX  ((size_t)128 << 20)	/* of their texts in memory */
#define KICK_MAX    64u		/* waiting destinations looked at in one go */

/* A quarter of our descriptors, shared with the other shards. */
unsigned
room_links(unsigned shards)
{
	struct rlimit limit;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 64;
	most = limit.rlim_cur / 4 / shards;
	return most > LINKS_MAX ? LINKS_MAX : most < 16 ? 16 : (unsigned)most;
}

size_t
room_octets(const struct transfer *transfer)
{
	const struct parcel *parcel = transfer->parcel;

	return parcel->text != NULL ? (size_t)parcel->pin.text_len : 0;
}

void
room_kick(struct outbound *outbound)
{
	if (outbound->wanting == NULL || outbound->is_kicked ||
	    outbound->is_stopped)
		return;
	outbound->is_kicked = true;
	loop_post(outbound->options.link->loop, &outbound->kick);
}

size_t
room_queue_max(const struct dest *dest)
{
	return dest->is_proven ? dest->queue_max : 1;
}

bool
room_may_queue(const struct dest *dest)
{
	const struct outbound *outbound = dest->outbound;
	unsigned quarters = dest->is_proven ? 4 : 3;

	return dest->queue_n < room_queue_max(dest) &&
	    outbound->transfers_n < QUEUED_MAX / 4 * quarters &&
	    outbound->octets < OCTETS_MAX / 4 * quarters;
}

static bool
is_full(const struct outbound *outbound)
{
	return outbound->links_n >= outbound->links_max;
}

/* --- idle links: the oldest makes room for another destination */

void
room_leave_idle(struct seat *seat)
{
	struct outbound *outbound = seat->dest->outbound;

	if (seat->idle_prev == NULL)
		return;
	*seat->idle_prev = seat->idle_next;
	if (seat->idle_next != NULL)
		seat->idle_next->idle_prev = seat->idle_prev;
	else
		outbound->last_idle = seat->idle_prev;
	seat->idle_prev = NULL;
}

void
room_join_idle(struct seat *seat)
{
	struct outbound *outbound = seat->dest->outbound;

	if (is_full(outbound) && outbound->wanting != NULL) {
		link_retire(seat->link);
		return;
	}
	seat->idle_next = NULL;
	seat->idle_prev = outbound->last_idle;
	*outbound->last_idle = seat;
	outbound->last_idle = &seat->idle_next;
}

static void
retire_idle(struct outbound *outbound)
{
	struct seat *seat = outbound->idle;

	if (seat == NULL)
		return;
	room_leave_idle(seat);
	link_retire(seat->link);
}

bool
room_may_link(const struct dest *dest)
{
	const struct outbound *outbound = dest->outbound;
	bool has_failed = dest->lane.failures != 0;

	return !is_full(outbound) && (dest->is_proven ||
	    outbound->trials_n < outbound->links_max / 8 *
	    (has_failed ? 3 : 6));
}

void
room_want(struct dest *dest)
{
	struct outbound *outbound = dest->outbound;

	if (is_full(outbound))
		retire_idle(outbound);
	if (dest->is_wanting)
		return;
	dest->is_wanting = true;
	dest->next_wanting = NULL;
	*outbound->last_wanting = dest;
	outbound->last_wanting = &dest->next_wanting;
}

static struct dest *
take_wanting(struct outbound *outbound)
{
	struct dest *dest = outbound->wanting;

	if (dest == NULL)
		return NULL;
	outbound->wanting = dest->next_wanting;
	if (outbound->wanting == NULL)
		outbound->last_wanting = &outbound->wanting;
	dest->is_wanting = false;
	return dest;
}

/* Those that wait take turns. */
void
room_on_kick(struct loop_job *job)
{
	struct outbound *outbound = container_of(job, struct outbound, kick);
	unsigned links_n = outbound->links_n;
	struct dest *dest;

	outbound->is_kicked = false;
	for (unsigned i = 0; i < KICK_MAX && !is_full(outbound) &&
	    (dest = take_wanting(outbound)) != NULL; i++) {
		dest_continue(dest);
	}
	if (outbound->links_n > links_n)
		room_kick(outbound);		/* there may be more */
}
