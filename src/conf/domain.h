/* SPDX-License-Identifier: Apache-2.0 */
/* domain: a domain name as we compare it: lower case, A-labels (RFC 5890).
 * Everything that asks whether two names are the same goes through here. */
#ifndef CONF_DOMAIN_H
#define CONF_DOMAIN_H

#include "base/span.h"

#define CONF_DOMAIN_MAX 253	/* octets without a last dot, RFC 1035 */

/* Writes the compared form and a NUL to `out`. False if `name` is no host name:
 * an empty label (a dot at the end too), one of more than 63 octets, or
 * anything but letters, digits and inner hyphens once it is in A-label form.
 * Applied to its own result it changes nothing. */
bool conf_domain_canon(struct span name, char out[256]);

#endif
