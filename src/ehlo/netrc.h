/* SPDX-License-Identifier: Apache-2.0 */
/* netrc: logins kept in a file, in the words of ftp(1), curl(1) and swaks(1):
 *
 *   machine mail.example.org login guyt password "a b"
 *   default login anonymous password guest
 *
 * Words are separated by white space; "…" holds spaces, \" \\ \n \r \t; "#" at
 * the beginning of a word opens a comment; `account X` and `macdef` up to an
 * empty line are passed over. The first machine that fits counts, `default`
 * fits always. */
#ifndef EHLO_NETRC_H
#define EHLO_NETRC_H

#include "ehlo/secret.h"

enum netrc_result {
	NETRC_FOUND,
	NETRC_NONE,		/* no such machine, or not that login */
	NETRC_BAD		/* `*line` is where it is not understood */
};

struct netrc_entry {
	char login[256];
	struct secret password;
	bool has_login, has_password;
};

/* Looks for `machine` (case-insensitive), and for `login` if it is not empty.
 * Words that are too long for their place are NETRC_BAD. */
enum netrc_result netrc_find(struct span text, struct span machine,
    struct span login, struct netrc_entry *out, unsigned *line);

#endif
