/* SPDX-License-Identifier: Apache-2.0 */
/* talk: a session by hand: what `ehlo talk` does once its options are read. */
#ifndef EHLO_TALK_H
#define EHLO_TALK_H

#include "ehlo/login.h"
#include "ehlo/target.h"

struct talk_options {
	const struct target *target;	/* finished */
	struct login *login;		/* as typed: its user is a default */
	bool has_secret;		/* the login is finished: it has the
					 * password or token */
	bool logs_in;			/* before the first prompt */
	bool explains;			/* every reply */
	bool is_json;			/* a record for each reply, no prompt */
	bool stops;			/* a pipe: at the first refusal */
	const char *record;		/* file, or NULL */
};

/* Until it is over; an exit code of cmd.h. */
int talk_run(const struct talk_options *options);

#endif
