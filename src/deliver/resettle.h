/* SPDX-License-Identifier: Apache-2.0 */
/* resettle: what became of recipients is written down, or else asked to be
 * again and again.
 *
 * 1. A settle that names recipients and that the disk did not take is tried
 *    again every second. It is not given up before the delivery stops: without
 *    it they would get the mail once more.
 * 2. As long as one waits nothing new is tried: what goes out meanwhile could
 *    not be written down either. So their number is bounded by what was under
 *    way. */
#ifndef DELIVER_RESETTLE_H
#define DELIVER_RESETTLE_H

#include "deliver/delivery_state.h"

/* As store_settle(), but `done` comes when it is durable, or with -errno when
 * that is to be heard: it names nobody, or the delivery was stopped. */
void resettle(struct delivery *delivery, const struct store_settle *settle,
    store_done *done, void *arg);
/* Those that wait end now, and later ones do not wait. */
void resettle_stop(struct delivery *delivery);

#endif
