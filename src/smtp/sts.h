/* SPDX-License-Identifier: Apache-2.0 */
/* sts: what a domain says about TLS to its mail hosts (MTA-STS, RFC 8461), read
 * and asked: the record in the name system, the policy from the web server.
 * Where they are got from, and how long they are kept, is others' business.
 *
 * 1. Nothing is copied: a policy is its text, looked at again when it is asked.
 * 2. A field that comes twice counts as it came first; unknown ones are
 *    passed over (RFC 8461 3.2). */
#ifndef SMTP_STS_H
#define SMTP_STS_H

#include <stdint.h>

#include "base/span.h"

#define STS_ID_MAX   32
#define STS_TEXT_MAX ((size_t)64 << 10)	/* of a policy, RFC 8461 3.3 */
#define STS_AGE_MAX  UINT64_C(31557600)	/* seconds, RFC 8461 3.2 */

/* Is this TXT record one of MTA-STS? More than one of them is none at all. */
bool sts_record_is_one(struct span text);
/* False if it is damaged. */
bool sts_record_read(struct span text, char id[STS_ID_MAX + 1]);

enum sts_mode { STS_MODE_NONE, STS_MODE_TESTING, STS_MODE_ENFORCE };

struct sts_policy {
	struct span text;	/* the whole */
	enum sts_mode mode;
	uint64_t max_age;	/* seconds */
	size_t mx_n;
};

/* NULL, or why it is no policy; `*out` is of no use then. Its span points to
 * `text`. */
const char *sts_policy_read(struct span text, struct sts_policy *out);
/* May mail go to this host? */
bool sts_policy_allows(const struct sts_policy *policy, struct span host);
/* The patterns of its hosts: begin with *at = 0; false at the end. */
bool sts_policy_next_mx(const struct sts_policy *policy, size_t *at,
    struct span *pattern);
const char *sts_mode_name(enum sts_mode mode);

#endif
