/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the script module share. */
#ifndef EHLO_SCRIPT_PRIVATE_H
#define EHLO_SCRIPT_PRIVATE_H

#include "ehlo/script.h"

enum script_role {
	ROLE_UNKNOWN,
	ROLE_NONE,		/* neither: prose, notes, telnet's own lines */
	ROLE_CLIENT,
	ROLE_SERVER,
	ROLE_ELIDED,
	ROLE_TLS,
	ROLE_SESSION,		/* text "tls": s_client -starttls */
	ROLE_CLOSED
};

/* A line of the file on its way to an item. */
struct script_raw {
	struct span text;	/* without marks; spaces at the ends cut off */
	unsigned line;
	enum script_role role;
	bool is_fixed;
	bool is_message;	/* CLIENT: between DATA and the dot */
};

struct script_raws {
	struct script_raw *raw;
	size_t n, room;
};

void script_raws_add(struct script_raws *raws,
    struct script_raw raw);
/* The item for the caller to fill further. */
struct script_item *script_add(struct script *script,
    enum script_kind kind, unsigned line, struct span text);
bool script_bad(struct script *script, unsigned line,
    const char *why);

/* "ehlo", "MAIL FROM:<a>", "auth login": looks like a command of SMTP. */
bool script_is_command(struct span line);

/* Gives roles to lines with marks ("<- 250 ok"), and takes the marks off.
 * Returns the name of the style, or NULL: there are no such marks. */
const char *script_find_marks(struct script_raws *raws);
/* The same for lines without marks, by the grammar of SMTP. */
void script_find_roles(struct script *script,
    struct script_raws *raws);
/* Where a command of a tool leads to ("telnet HOST 25"): notes it. True if the
 * line is one; `*is_starttls` for s_client. */
bool script_is_tool(struct script *script, struct span line,
    bool *is_starttls);
/* From lines with roles to items. */
void script_build(struct script *script,
    const struct script_raws *raws);

#endif
