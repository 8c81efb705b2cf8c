/* SPDX-License-Identifier: Apache-2.0 */
/* outbound_tell: destinations as people want to see them. */
#include "deliver/outbound_state.h"
#include "deliver/tell.h"

static void
tell_of(const struct dest *dest, void (*tell)(void *arg,
    const struct outbound_told *told), void *arg)
{
	const struct route_target *target = &dest->order.target;
	uint64_t now = dest->outbound->options.now_ms();
	char words[512];
	struct outbound_told told = {
		.route = target->route != NULL ?
		    span_str(target->route->name) : SPAN(""),
		.name = span_str(target->via->way == CONF_VIA_MX ?
		    target->name : target->via->host),
		.links_n = dest->lane.active, .links_max = dest->lane.window,
		.waiting_n = dest->queue_n + lane_parked(&dest->lane) };

	if (lane_is_closed(&dest->lane, now))
		told.closed_ms = dest->lane.closed_until_ms - now;
	if (dest->words != NULL && dest->lane.failures != 0)
		told.why = tell_words(&dest->trouble, words, sizeof words);
	tell(arg, &told);
}

void
outbound_each(const struct outbound *outbound,
    void (*tell)(void *arg, const struct outbound_told *told), void *arg)
{
	size_t at = 0;
	void *value;

	while (map_next(&outbound->dests, &at, NULL, &value))
		tell_of(value, tell, arg);
}
