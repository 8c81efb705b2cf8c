/* SPDX-License-Identifier: Apache-2.0 */
/* limit: counts by peer address, shared by all shards (one lock, short):
 * sessions that are open, and failed logins in a sliding ten minutes. IPv6
 * counts by /64, IPv4 written in IPv6 as IPv4. Bounded: with 100,000 addresses
 * known, the oldest without an open session is forgotten. Addresses are 4 or 16
 * bytes, or none where there is no IP. Time is given. */
#ifndef POLICY_LIMIT_H
#define POLICY_LIMIT_H

#include <stdint.h>

#include "base/span.h"

struct limit;

struct limit *limit_new(void);
void limit_free(struct limit *limit);
/* One more session from there; false (and not counted) if `max` are open. Each
 * that was counted is closed once. */
bool limit_open(struct limit *limit, struct span address, unsigned max,
    uint64_t now_ms);
void limit_close(struct limit *limit, struct span address);
void limit_auth_failed(struct limit *limit, struct span address,
    uint64_t now_ms);
/* Failures of the last ten minutes, to the minute: none is forgotten before,
 * none is kept a minute longer. */
unsigned limit_auth_failures(struct limit *limit, struct span address,
    uint64_t now_ms);

#endif
