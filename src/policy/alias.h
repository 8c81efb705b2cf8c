/* SPDX-License-Identifier: Apache-2.0 */
/* alias: the aliases file, `name: target, target` a line (like aliases(5)):
 *
 *   postmaster: admin
 *   sales@example.org: anna, bert@example.net
 *
 * A name with @ is one address, without it any of our domains. Loops and
 * depth (10) are caught when the file is read, and told with their line; the
 * file is then refused whole. Immutable once loaded; reference counted. */
#ifndef POLICY_ALIAS_H
#define POLICY_ALIAS_H

#include "base/span.h"

struct alias_table;

struct alias_table *alias_load(const char *path, char *error,
    size_t error_len);
struct alias_table *alias_parse(const char *name, struct span text,
    char *error, size_t error_len);
struct alias_table *alias_ref(struct alias_table *table);
void alias_unref(struct alias_table *table);
/* The targets of an address (case-insensitive), NULL if it is no alias; one
 * step: the caller follows. */
const struct span *alias_find(const struct alias_table *table,
    struct span local, struct span domain, size_t *n);

#endif
