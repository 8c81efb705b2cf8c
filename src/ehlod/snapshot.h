/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: what a configuration becomes when it is put to use: the parsed
 * file, the accounts, the aliases, and for each listener its certificates and
 * what its engine offers. Immutable and reference counted: a reload makes a
 * new one or none, a session keeps the one it began with. */
#ifndef EHLOD_SNAPSHOT_H
#define EHLOD_SNAPSHOT_H

#include "conf/conf.h"
#include "net/conn.h"
#include "net/gss.h"
#include "net/tls.h"
#include "policy/alias.h"
#include "smtp/server.h"
#include "user/user.h"

struct snapshot_listener {
	const struct conf_listener *conf;
	struct smtp_server_conf smtp;
	struct tls_server *tls;		/* NULL: none */
	struct conn_limits limits;
	char auth_clear[256], auth_tls[256];
	char exps_clear[256], exps_tls[256];
};

struct snapshot {
	struct conf *conf;
	struct user_db *users;		/* NULL: none configured */
	struct alias_table *aliases;	/* NULL: none configured */
	struct gss_keys *gss_keys;	/* NULL: nobody offers GSSAPI */
	struct snapshot_listener *listener;	/* conf->listener_n of them */
	unsigned refs;			/* private, atomic */
};

/* Reads the file and everything it names. NULL if anything is wrong; every
 * mistake has then been written to `errors`. */
struct snapshot *snapshot_load(const char *path, FILE *errors);
struct snapshot *snapshot_ref(struct snapshot *snapshot);	/* any thread */
void snapshot_unref(struct snapshot *snapshot);
/* Offered here, but nobody gets in by it. */
bool snapshot_is_decoy(const struct snapshot_listener *listener,
    struct span name);
/* For --check: names and days of the certificates, what is offered. */
void snapshot_print(const struct snapshot *snapshot, FILE *out);

#endif
