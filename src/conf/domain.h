/* SPDX-License-Identifier: Apache-2.0 */
/* domain: domain names as we compare them: lower case, A-labels. */
#ifndef CONF_DOMAIN_H
#define CONF_DOMAIN_H

#include "base/span.h"

/* False if it is no valid name: labels of 1-63 letters, digits, hyphens (not
 * at their ends) and underscores, 253 octets in all. A dot at the end is
 * dropped. */
bool conf_domain_canon(struct span domain, char out[256]);

#endif
