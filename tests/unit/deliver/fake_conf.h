/* SPDX-License-Identifier: Apache-2.0 */
/* fake_conf: a configuration of one domain, without a file. Stands in for the
 * functions of conf/conf.h that delivery calls. */
#ifndef TESTS_FAKE_CONF_H
#define TESTS_FAKE_CONF_H

#include "conf/conf.h"

/* Mail for `domain` goes to root/%d/%u; retries come after 1 to 10 ms. One
 * reference is the caller's. */
struct conf *fake_conf_new(const char *root, const char *domain);
/* How many were not unreferenced to the end. */
extern int fake_conf_living;

#endif
