/* SPDX-License-Identifier: Apache-2.0 */
/* alias: the aliases file, `name: target, target` a line (like aliases(5)):
 *
 *   postmaster: admin
 *   sales@example.org: anna, bert@example.net
 *
 * A name with @ is one address, without it any of our domains; a target without
 * @ is in the domain of the address that led to it. A target that is its own
 * alias ("anna: anna, bert") is the mailbox of that name. A line that begins
 * with a space goes on with the one before, # begins a comment.
 *
 * Loops and chains of more than 10 are caught when the file is read, and told
 * with their line; the file is then refused whole. Immutable once loaded;
 * reference counted, thread-safe. */
#ifndef POLICY_ALIAS_H
#define POLICY_ALIAS_H

#include "base/span.h"

struct alias_table;

/* NULL and "file:line: what" in `error` if there is a mistake. */
struct alias_table *alias_load(const char *path, char *error,
    size_t error_len);
struct alias_table *alias_parse(const char *name, struct span text,
    char *error, size_t error_len);
struct alias_table *alias_ref(struct alias_table *table);
void alias_unref(struct alias_table *table);
/* The targets of an address (any case; the domain as conf_domain_canon() makes
 * it), NULL if it is no alias; one step: the caller follows. Valid as long as
 * the table; domains of targets are in that form too. */
const struct span *alias_find(const struct alias_table *table,
    struct span local, struct span domain, size_t *n);

#endif
