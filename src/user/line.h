/* SPDX-License-Identifier: Apache-2.0 */
/* line: one line of the users file, taken apart and judged.
 *
 *   name ":" hash [ ":" attributes ]
 *   attributes = attribute *( white space attribute )
 *   attribute  = "send-as=" address *( "," address )    ; or *@domain
 *              / "mailbox=" ( "yes" / "no" )            ; yes
 *              / "disabled=" ( "yes" / "no" )           ; no
 *              / "scram=" key *( "," key )              ; user/keys.h
 *              / "nt=" 32hexdig                         ; user/keys.h
 *
 * White space around the fields does not count; blank lines and lines that
 * begin with # mean nothing. The spans point into what was given. */
#ifndef USER_LINE_H
#define USER_LINE_H

#include "base/put.h"
#include "base/span.h"

#define USER_NAME_MAX 255

struct user_line {
	struct span name;	/* as written */
	struct span hash;	/* as written: may begin with '!' */
	struct span attributes;	/* as written, trimmed */
};

struct user_attributes {
	struct span send_as;	/* the list as written; empty: none */
	struct span scram, nt;	/* keys as written; empty: none */
	bool has_no_mailbox;
	bool is_disabled;
};

enum user_line_result { USER_LINE_BLANK, USER_LINE_ACCOUNT, USER_LINE_BAD };

/* `text` comes without its line end; a CR there is ignored. When BAD, `why`
 * says what was wrong and what was expected. */
enum user_line_result user_line_parse(struct span text,
    struct user_line *line, struct put *why);
/* A name is used in paths and in lists: no white space, control, or any of
 * : / , * " < > and not beginning with . # - ! */
bool user_name_check(struct span name, struct put *why);
bool user_attributes_parse(struct span attributes,
    struct user_attributes *out, struct put *why);

/* Does the account's send-as list hold this address? Without ASCII case. */
bool user_send_as_has(struct span list, struct span address);

#endif
