/* SPDX-License-Identifier: Apache-2.0 */
/* send: what the files of `ehlo send` share: the request, from the words of
 * the command line to the message, the envelope and the end of it. */
#ifndef EHLO_SEND_H
#define EHLO_SEND_H

#include "base/buf.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/login.h"
#include "ehlo/send_mx.h"
#include "ehlo/send_show.h"
#include "ehlo/target.h"
#include "ehlo/xclient.h"
#include "mail/compose.h"

#define SEND_MESSAGE_MAX ((size_t)2 << 30)	/* octets that we hold */

/* Where to stop, in the order of the dialogue. */
enum send_point {
	SEND_NOWHERE, SEND_CONNECT, SEND_FIRST_HELLO, SEND_STARTTLS,
	SEND_XCLIENT, SEND_HELLO, SEND_AUTH, SEND_MAIL, SEND_RCPT, SEND_DATA,
	SEND_DOT
};
enum send_stop {
	SEND_QUIT,		/* --quit-after: QUIT */
	SEND_DROP,		/* --drop-after: no word more */
	SEND_DROP_UNHEARD	/* --drop-after-send: not even the answer */
};

/* Something that becomes a part of the message. */
struct send_part {
	struct span bytes;
	char *memory;		/* owned; NULL: an argument */
	const char *type, *name;
	bool is_body, is_inline;
};

struct send {
	struct target target;
	struct login login;
	struct xclient xclient;
	struct show show;
	/* --- as typed: envelope */
	struct args_list to, cc, bcc;
	const char *from;
	struct args_list mail_param, rcpt_param, orcpt;
	const char *notify, *ret, *envid, *size, *body_kind, *deliver_by,
	    *hold_for, *hold_until, *priority, *mail_auth;
	bool has_smtputf8, has_8bitmime, has_binarymime, has_requiretls,
	    no_size;
	const char *bdat;
	/* --- message */
	const char *subject, *data, *transfer;
	struct args_list field_set, field_add;	/* "Name: value" */
	struct send_part *part;
	size_t part_n;
	const char *next_type, *next_name;	/* of the next --attach */
	bool is_next_unnamed;
	char *stdin_text;	/* read once, used often */
	size_t stdin_len;
	char **kept;		/* made of options, freed at the end */
	size_t kept_n;
	/* --- dialogue */
	const char *quit_after, *drop_after, *drop_after_send;
	bool is_stubborn;
	unsigned long repeat;
	const char *repeat_typed, *interval_typed;
	unsigned interval_ms;
	bool is_reconnecting;
	const char *pipe;
	bool uses_mx;
	const char *route, *resolver;	/* --copy-routing */
	/* --- output */
	bool is_json, is_help, is_version, is_quiet, is_dump, is_dump_mail,
	    is_support, uses_getpwuid, expands;
	const char *silent, *lapse, *output, *output_out, *output_err,
	    *cert_file, *config;
	bool hides_all, no_marks;
	/* --- made of it */
	enum send_point stop;
	enum send_stop stop_how;
	struct span sender;		/* of the envelope, without < > */
	struct span *rcpt;
	size_t rcpt_n;
	struct buf message;		/* CRLF, dots not doubled */
	char message_id[160];
	bool is_message_bad;
	struct send_mx mx;		/* n 0: target's server */
	/* --- what became of it */
	const char *failed_step;	/* for --json; NULL: nothing failed */
	char why[1024];
	unsigned long sent_n, refused_rcpt_n;
	size_t octets;			/* of the last message */
	/* of the last session */
	char peer[64], local[64], mech[32];
	unsigned connect_took;
	struct tls_facts tls;
	bool has_tls;
};

/* --- send_options.c */
extern const char send_help[];
/* Says what is wrong and returns false. */
bool send_parse(struct send *send, int *argc, char **argv);
void send_free(struct send *send);
/* Kept until send_free(): a copy. */
char *send_keep(struct send *send, struct span text);
/* "-", "@FILE", "@@text", "text" with \n for line ends. */
bool send_load(struct send *send, const char *option, const char *word,
    struct send_part *part);

/* --- send_message.c */
/* Envelope: sender and recipients without names and brackets. */
bool send_make_envelope(struct send *send);
/* Makes send->message anew: date and Message-ID differ each time. */
bool send_make_message(struct send *send);

/* --- send_report.c */
/* Notes what --json tells of a session that is over. */
void send_note_session(struct send *send, const struct session *session);
/* The server's certificate as PEM; "" is the standard output. */
bool send_save_certificate(struct ssl_st *ssl, const char *path);
void send_print_json(const struct send *send, int code, FILE *out);
/* What would be done (--dump). */
void send_print_plan(const struct send *send, FILE *out);
/* What is built in (--support). */
void send_print_support(FILE *out);

/* --- send_dialogue.c */
/* All of it, from connecting to QUIT; CMD_GOOD, _FAILED, _UNREACHED. */
int send_run(struct send *send);

#endif
