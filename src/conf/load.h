/* SPDX-License-Identifier: Apache-2.0 */
/* load: what the parser needs of a conf in the making. */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "base/arena.h"
#include "conf/conf.h"

struct conf *load_new(void);
struct arena *load_memory(struct conf *conf);
/* Sorts the domains for conf_find_domain(). */
void load_sort(struct conf *conf);

#endif
