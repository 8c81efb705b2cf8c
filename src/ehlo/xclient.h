/* SPDX-License-Identifier: Apache-2.0 */
/* xclient: Postfix' XCLIENT, by which a trusted client says who it stands for:
 * options in the order they were typed, made into commands. */
#ifndef EHLO_XCLIENT_H
#define EHLO_XCLIENT_H

#include "ehlo/args.h"
#include "base/put.h"

#define XCLIENT_OPTIONS_MAX 16
#define XCLIENT_LINE_MAX    2048

struct xclient {
	struct args_list name;	/* "ADDR", …; "" is a break, "=" free text */
	struct args_list value;
	bool no_verify, is_before_tls, is_optional, is_optional_strict;
};

extern const char xclient_help[];
size_t xclient_options(struct xclient *xclient, struct args_option *out);
void xclient_free(struct xclient *xclient);
static inline bool
xclient_is_wanted(const struct xclient *xclient)
{
	return xclient->name.n != 0;
}
/* The next command, `*at` being 0 at first; false at the end. */
bool xclient_next(const struct xclient *xclient, size_t *at, struct put *line);
/* The first attribute that `offered` (" NAME ADDR …" of the EHLO list) lacks,
 * or NULL; free text is not looked at. */
const char *xclient_missing(const struct xclient *xclient,
    struct span offered);

#endif
