/* SPDX-License-Identifier: Apache-2.0 */
/* conf: the configuration as an immutable, typed value. One text file, one
 * table of options (conf/options.def) that makes the parser, `--check`,
 * `--defaults` and the manual's reference. Reference counted: a reload makes a
 * new one, sessions keep the one they began with. Strings are NUL-terminated
 * and live as long as the conf. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/span.h"

enum conf_tls { CONF_TLS_NONE, CONF_TLS_STARTTLS, CONF_TLS_IMPLICIT };
enum conf_relay { CONF_RELAY_AUTHENTICATED = 1, CONF_RELAY_NETWORKS = 2 };
enum conf_capture { CONF_CAPTURE_RECIPIENT, CONF_CAPTURE_LOGIN };
enum conf_log { CONF_LOG_STDERR, CONF_LOG_SYSLOG };

struct conf_address {
	struct sockaddr_storage address;
	socklen_t len;
	const char *text;	/* as written */
};

struct conf_network {	/* CIDR; IPv4 as 4 bytes, IPv6 as 16 */
	unsigned char bytes[16];
	unsigned char len;	/* 4 or 16 */
	unsigned char bits;
};

struct conf_listener {
	const char *name;
	int line;		/* where it begins in the file */
	struct conf_address *address;
	size_t address_n;
	enum conf_tls tls;
	const char *tls_min;	/* "1.0" "1.1" "1.2" "1.3" */
	bool tls_required;	/* 530 before MAIL and AUTH in clear */
	const char **auth;	/* upper-case mechanism names */
	size_t auth_n;
	bool auth_required;	/* 530 before MAIL */
	bool basic_auth_only_after_tls;
	bool typist;
	bool lmtp;
	const char *persona;
	const char *greeting_name;	/* as written */
	const char **exps;		/* as auth, behind X-EXPS */
	size_t exps_n;
	const char **decoy;		/* of auth and exps: nobody gets in */
	size_t decoy_n;
	unsigned relay;		/* enum conf_relay bits; 0: nobody */
	unsigned etrn;		/* the same: who may ask for held mail */
	struct conf_network *network;	/* for relay and etrn networks */
	size_t network_n;
	bool sender_must_match_login;
	bool capture;			/* takes everything, sends nothing */
	bool capture_any_login;
	uint64_t max_message_size;	/* octets */
	uint64_t max_hold_ms;	/* FUTURERELEASE; 0: not offered */
	unsigned max_recipients, max_errors, max_commands, max_transactions;
	unsigned max_auth_failures;	/* a session */
	unsigned max_sessions;		/* in all */
	unsigned max_sessions_per_address;
	uint64_t timeout_ms;		/* between commands, 4.5.3.2.7: 5 min */
	uint64_t data_timeout_ms;	/* between reads of text: 3 min */
};

struct conf_tls_files {
	const char *name;	/* SNI; "" for the default block */
	const char *certificate, *key;
	int line;
};

/* Where mail is handed over. */
enum conf_way {
	CONF_VIA_NONE, CONF_VIA_MX, CONF_VIA_SMARTHOST, CONF_VIA_LMTP,
	CONF_VIA_HOLD, CONF_VIA_DISCARD
};
struct conf_via {
	enum conf_way way;
	const char *host;	/* name (compared form), address, path; "" */
	bool is_unix;
	uint16_t port;
};

/* What is asked of TLS on the way out. */
enum conf_route_tls {
	CONF_ROUTE_TLS_NONE,	/* never */
	CONF_ROUTE_TLS_MAY,	/* if offered, or if DANE says so */
	CONF_ROUTE_TLS_MUST,	/* or not at all; any certificate */
	CONF_ROUTE_TLS_VERIFIED	/* and the right certificate */
};

/* The first one in the order of the file that fits is taken. */
struct conf_route {
	const char *name;	/* "*", "example.org", "*.example.org" */
	int line;
	struct conf_via via;
	struct conf_via release_via;	/* of what `via hold` held */
	const char **from;	/* senders: addresses, domains, "<>" */
	size_t from_n;
	const char **listener;	/* names of listeners it came in by */
	size_t listener_n;
	enum conf_route_tls tls;
	bool implicit_tls;	/* from the first byte */
	const char *tls_name;	/* the certificate's; "": the host's */
	const char **source;	/* our addresses */
	size_t source_n;
	const char *login, *password_file;	/* "" without */
	unsigned port;			/* of `via mx` */
	const char *hello;		/* "": the host name */
	unsigned max_connections;	/* to one destination */
	uint64_t timeout_ms;	/* of every step; 0: RFC 5321 4.5.3.2 */
};

struct conf_domain {
	const char *name;	/* lower case, A-label form */
	const char *maildir;	/* path with %d %u %%; "": see lmtp */
	struct conf_via lmtp;	/* `deliver lmtp`, else CONF_VIA_NONE */
	const char *catch_all;	/* address or "" */
	int line;
};

enum conf_fault_stage {
	CONF_AT_CONNECT, CONF_AT_BANNER, CONF_AT_EHLO, CONF_AT_STARTTLS,
	CONF_AT_AUTH, CONF_AT_MAIL, CONF_AT_RCPT, CONF_AT_DATA, CONF_AT_END
};
enum conf_fault_per {
	CONF_PER_ALL, CONF_PER_SESSION, CONF_PER_CLIENT, CONF_PER_LOGIN,
	CONF_PER_SENDER, CONF_PER_RECIPIENT, CONF_PER_TRIPLET
};
enum conf_fault_then { CONF_THEN_GO_ON, CONF_THEN_DROP, CONF_THEN_RESET };
enum conf_fault_tls {
	CONF_FAULT_TLS_GOOD, CONF_FAULT_TLS_EXPIRED, CONF_FAULT_TLS_WRONG_NAME,
	CONF_FAULT_TLS_BROKEN, CONF_FAULT_TLS_OWN
};

struct conf_fault {
	const char *name;
	enum conf_fault_stage stage;
	const char *listener, *sender, *recipient, *login;	/* patterns */
	struct conf_network *client;
	size_t client_n;
	enum conf_fault_per per;
	unsigned skip, first, every, limit;
	uint64_t within_ms;
	const char *reply;	/* "" if it is ours */
	uint64_t delay_ms, slow_ms;
	unsigned cut;		/* octets; 0: none */
	enum conf_fault_then then;
	enum conf_fault_tls tls;
	const char *certificate, *key;
	const char **without, **with;	/* of the EHLO list */
	size_t without_n, with_n;
	int line;
};

struct conf {
	const char *file;
	const char *hostname;
	const char *spool;
	unsigned shards;	/* 0: one a core */
	enum conf_log log;
	const char *log_level;
	const char *control;	/* socket */
	const char *control_group;	/* or "" */
	const char *drop_folder;
	bool show_dialogue;
	const char *recipient_delimiter;	/* "+" or "" */
	uint64_t shutdown_grace_ms;
	uint64_t retry_first_ms, retry_max_ms;	/* back-off */
	uint64_t expire_ms, warn_after_ms;	/* 0: never warn */
	uint64_t bounce_size;	/* larger texts come back without body */
	const char **resolver;	/* "ADDRESS" or "ADDRESS@PORT" */
	size_t resolver_n;
	const char *trust_anchor, *hosts_file, *ca_file;	/* "" */
	bool mta_sts;
	const char *tls_report_from;	/* "": no reports */
	unsigned max_hops;	/* Received fields, 5.4.6 */
	unsigned max_auth_failures_per_address;	/* in 10 min, then 421 */
	const char *keytab;	/* "": the machine's */
	const char *users_file;	/* "" if there is none */
	const char *aliases_file;
	const char *trail_file;	/* "": no trail; then the rest is 0 */
	uint64_t trail_keep_ms;
	uint64_t trail_max_size, trail_transcripts;	/* octets */
	struct conf_tls_files *tls;
	size_t tls_n;
	struct conf_listener *listener;
	size_t listener_n;
	struct conf_domain *domain;
	size_t domain_n;
	const char *capture_folder;	/* "": nothing is captured */
	enum conf_capture capture_per;	/* a mailbox each */
	unsigned capture_max;		/* messages in all */
	uint64_t capture_age_ms;
	bool faults_allowed;
	struct conf_fault *fault;
	size_t fault_n;
	struct conf_route *route;
	size_t route_n;
	/* private: reference count, memory */
	void *private;
};

/* Reads and cross-checks. All mistakes are written to `errors` as
 * "file:line:column: error: …" with the line and a caret below, not just the
 * first; NULL if there was one. Warnings go there too. Relative paths in the
 * file are relative to the file's folder. */
struct conf *conf_load(const char *path, FILE *errors);
/* The same from memory, `name` for messages (tests, fuzzing). */
struct conf *conf_parse(const char *name, const char *text, size_t len,
    FILE *errors);
/* One fault, as it stands in a file: `fault "name" { … }`. The conf holds it
 * and nothing else. */
struct conf *conf_parse_fault(const char *text, size_t len, FILE *errors);
struct conf *conf_ref(struct conf *conf);	/* thread-safe */
void conf_unref(struct conf *conf);
/* Every option with its default and one line of meaning, as a configuration
 * file that could be read back. */
void conf_print_defaults(FILE *out);
/* The same table as a manual page's section (man/ehlod.conf.5). */
void conf_print_manual(FILE *out);
/* What was understood, canonical, for `--check -v`. */
void conf_print(const struct conf *conf, FILE *out);
/* A fault in a line, without what is as by default. */
void conf_print_fault(const struct conf_fault *fault, FILE *out);

/* The block for this domain (any case, U- or A-label), or NULL. */
const struct conf_domain *conf_find_domain(const struct conf *conf,
    const char *name, size_t len);
/* The line of the file at which an option stands, or 0 if it is not there and
 * its default holds. `block`: "" for the top level, "listener", "domain" …;
 * `item`: its place in the conf's array of those. */
int conf_option_line(const struct conf *conf, const char *block, size_t item,
    const char *option);
/* Does the route's name fit this domain (compared form)? */
bool conf_route_fits(const struct conf_route *route, struct span domain);

#endif
