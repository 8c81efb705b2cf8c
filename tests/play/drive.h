/* SPDX-License-Identifier: Apache-2.0 */
/* drive: an engine with a caller that says yes to everything sensible, or what
 * a script tells it. Keeps what was said, told and delivered, and watches the
 * promises of server.h that hold for every session:
 *
 *  2. a question is answered once and nothing is read meanwhile;
 *  3. every MAIL answered 2xx is followed by exactly one OVER;
 *  4. a body comes only between a go-ahead and END or OVER.
 *
 * For tests: dies of its own mistakes. */
#ifndef TESTS_PLAY_DRIVE_H
#define TESTS_PLAY_DRIVE_H

#include "base/buf.h"
#include "smtp/server.h"

#define DRIVE_SCRIPT_MAX 16

/* The n-th question of a kind gets this answer. */
struct drive_script {
	enum smtp_event_type question;
	unsigned nth;			/* from 1 */
	enum reply_id reply;
	struct span arg;
};

struct drive {
	struct smtp_server server;
	struct smtp_server_conf conf;
	struct smtp_server_hooks hooks;
	struct smtp_event *event;	/* large: on the heap */
	struct drive_script script[DRIVE_SCRIPT_MAX];
	size_t script_n;

	struct buf in;		/* not consumed yet */
	struct buf said;	/* what the server wrote */
	struct buf told;	/* "MAIL RCPT …", all events but BODY */
	struct buf notes;	/* "backspace " … */
	struct buf delivered;	/* bodies of messages that were answered 2xx */
	struct buf body;	/* of the one under way */
	struct buf shown;	/* the transcript, both directions */
	unsigned asked[SMTP_CLOSE + 1];
	unsigned replies;	/* whole replies said */
	unsigned mails_taken, overs, ends;
	bool is_closed, is_body_allowed, is_tls_due, is_mail_open;
	bool is_plain, is_stranger;	/* the AUTH under way */
	char user[256];		/* of AUTH LOGIN */
	const char *broken;	/* the promise that was broken, or NULL */
};

/* A listener with the defaults of tests/dlg/README.md. */
struct smtp_server_conf drive_conf(void);
void drive_init(struct drive *drive, const struct smtp_server_conf *conf,
    struct span client, bool is_tls);
void drive_free(struct drive *drive);
/* One read's worth of bytes. */
void drive_feed(struct drive *drive, struct span bytes);
/* The handshake that STARTTLS asked for; what was not read is gone. */
void drive_tls(struct drive *drive);
const char *drive_event_name(enum smtp_event_type type);

#endif
