/* SPDX-License-Identifier: Apache-2.0 */
/* sendmail: what the parts of `ehlo sendmail` share. Its exit codes are those
 * of sysexits(3), which callers of sendmail know. */
#ifndef EHLO_SENDMAIL_H
#define EHLO_SENDMAIL_H

#include "base/buf.h"
#include "mail/drop.h"

enum sendmail_exit {
	SENDMAIL_GOOD = 0,
	SENDMAIL_USAGE = 64,
	SENDMAIL_DATA = 65,
	SENDMAIL_NO_INPUT = 66,
	SENDMAIL_NO_USER = 67,
	SENDMAIL_CANNOT = 73,	/* the folder cannot be written */
	SENDMAIL_LATER = 75
};

/* Where it goes and who we are. */
struct sendmail {
	char *folder;
	char *origin;		/* the domain of names without one */
	const char *sender;	/* -f; NULL: the user */
	const char *full_name;	/* -F; NULL: the user's */
	const char *ret, *notify, *envid;	/* NULL: not given */
	char user[64];
	char user_name[256];	/* the full one */
};

/* `name` or `name@domain` with a domain. False if it does not fit. */
bool sendmail_put_address(const struct sendmail *s, struct span address,
    struct put *out);
/* SMTP on the standard input and output (-bs); each mail is dropped. */
int sendmail_smtp(const struct sendmail *s);

#endif
