/* SPDX-License-Identifier: Apache-2.0 */
/* send_edit: what --header, --add-header and --expand change in a message that
 * is otherwise sent as it is. */
#ifndef EHLO_SEND_EDIT_H
#define EHLO_SEND_EDIT_H

#include "ehlo/send.h"

struct edit {
	struct send *send;
	struct span date;
};

/* Writes the message to `out`: the text itself if nothing is to be changed.
 * With --expand the tokens of swaks are replaced (%FROM_ADDRESS%,
 * %TO_ADDRESS%, %DATE%, %MESSAGEID%, %NEW_HEADERS%, %BODY%, %NEWLINE%,
 * %SWAKS_VERSION%). Fields of --header take the place of those in the text
 * with the same name, or are added behind the last one, as those of
 * --add-header are. Says what is wrong and returns false. */
bool send_edit(const struct edit *edit, struct span text, struct buf *out);

#endif
