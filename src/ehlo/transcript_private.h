/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the transcript module share. */
#ifndef EHLO_TRANSCRIPT_PRIVATE_H
#define EHLO_TRANSCRIPT_PRIVATE_H

#include "ehlo/transcript.h"

enum transcript_role {
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
struct transcript_raw {
	struct span text;	/* without marks; spaces at the ends cut off */
	unsigned line;
	enum transcript_role role;
	bool is_fixed;
	bool is_message;	/* CLIENT: between DATA and the dot */
};

struct transcript_raws {
	struct transcript_raw *raw;
	size_t n, room;
};

void transcript_raws_add(struct transcript_raws *raws,
    struct transcript_raw raw);
/* The item for the caller to fill further. */
struct transcript_item *transcript_add(struct transcript *transcript,
    enum transcript_kind kind, unsigned line, struct span text);
bool transcript_bad(struct transcript *transcript, unsigned line,
    const char *why);

/* "250-…", "250 …", "250": its code if it is one of SMTP, else 0. */
unsigned transcript_reply_code(struct span line);
/* "ehlo", "MAIL FROM:<a>", "auth login": looks like a command of SMTP. */
bool transcript_is_command(struct span line);

/* Gives roles to lines with marks ("<- 250 ok"), and takes the marks off.
 * Returns the name of the style, or NULL: there are no such marks. */
const char *transcript_find_marks(struct transcript_raws *raws);
/* The same for lines without marks, by the grammar of SMTP. */
void transcript_find_roles(struct transcript *transcript,
    struct transcript_raws *raws);
/* Where a command of a tool leads to ("telnet HOST 25"): notes it. True if the
 * line is one; `*is_starttls` for s_client. */
bool transcript_is_tool(struct transcript *transcript, struct span line,
    bool *is_starttls);
/* From lines with roles to items. */
void transcript_build(struct transcript *transcript,
    const struct transcript_raws *raws);

#endif
