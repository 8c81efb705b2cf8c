/* SPDX-License-Identifier: Apache-2.0 */
/* target: which server, and how to reach it: the options that all client
 * subcommands have in common, and what they come to: a struct
 * session_options. */
#ifndef EHLO_TARGET_H
#define EHLO_TARGET_H

#include "ehlo/args.h"
#include "ehlo/proxy.h"
#include "ehlo/session.h"

#define TARGET_OPTIONS_MAX (44 + PROXY_OPTIONS_MAX)

enum target_tls {
	TARGET_TLS_AUTO,	/* STARTTLS where it is offered; from the first
				 * byte on port 465 */
	TARGET_TLS_NONE,
	TARGET_TLS_OPTIONAL,	/* STARTTLS where it is offered; goes on without
				 * if it is refused */
	TARGET_TLS_REQUIRED,	/* STARTTLS, or it is over */
	TARGET_TLS_IMPLICIT	/* from the first byte */
};

struct target {
	/* as typed */
	const char *server, *port, *source, *source_port, *socket;
	const char *hello, *protocol, *timeout, *connect_timeout;
	const char *ca_file, *tls_name, *tls_min, *tls_max, *tls_protocol;
	const char *ciphers, *ciphersuites, *certificate, *key;
	bool is_ipv4, is_ipv6, is_lmtp, no_pipelining;
	bool is_tls, is_starttls, is_no_tls, is_implicit, is_optional,
	    is_optional_strict, is_verify, is_no_verify;
	struct proxy proxy;
	/* made by target_finish() */
	enum target_tls tls;
	bool wants_login;	/* --protocol ESMTPA and its kind */
	bool is_helo;		/* --protocol SMTP: HELO, never EHLO */
	bool is_named;		/* a server was named, by option or word */
	/* `tell`, `tell_arg`, `is_stubborn` are the caller's to set */
	struct session_options session;
	/* private: what session points to */
	char host[256], address[256];
	char proxy_bytes[PROXY_HEADER_MAX];
};

/* For --help: one option a line. */
extern const char target_help[];

/* Zeroes it. */
void target_init(struct target *target);
/* Writes the rows of the options; returns how many. */
size_t target_options(struct target *target, struct args_option *out);
/* The word that names a server: "HOST", "HOST:PORT", "[v6]:PORT", "v6",
 * "HOST/PORT", "/path" or "unix:/path" of a local socket. Says what is wrong
 * and returns false; also when there is a server already. */
bool target_take(struct target *target, const char *word);
/* Judges it all and fills target->session; `host` localhost, the port
 * `default_port` (0: 25, LMTP 24, TLS from the first byte 465) if nothing was
 * said. Says what is wrong and returns false. */
bool target_finish(struct target *target, unsigned default_port);
/* The TLS context's reference goes. */
void target_free(struct target *target);

/* "25", "smtp", "submission", "submissions", "smtps", "lmtp": 0 if none. */
unsigned target_port(const char *word);
/* "HOST:PORT" and its kind, taken apart: `*port` 0 if none is there. False if
 * it is none, or longer than `host` has room. */
bool target_split(const char *word, char host[256], unsigned *port);

#endif
