/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: see snapshot.h. */
#include "ehlod/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/put.h"
#include "base/text.h"
#include "deliver/route.h"
#include "ehlod/faults.h"
#include "sasl/sasl.h"

#define ERROR_MAX 512

/* Input kept of a peer that is ahead of us: an AUTH line and some. */
#define IN_MAX  32768
/* Replies waiting for a peer that does not read them. */
#define OUT_MAX 262144

static enum tls_version
tls_version_of(const char *text)
{
	static const struct {
		const char *text;
		enum tls_version version;
	} known[] = { { "1.0", TLS_1_0 }, { "1.1", TLS_1_1 },
		{ "1.2", TLS_1_2 }, { "1.3", TLS_1_3 } };

	for (size_t i = 0; i < countof(known); i++)
		if (strcmp(known[i].text, text) == 0)
			return known[i].version;
	return TLS_1_2;
}

bool
snapshot_is_decoy(const struct snapshot_listener *listener, struct span name)
{
	const struct conf_listener *conf = listener->conf;

	for (size_t i = 0; i < conf->decoy_n; i++)
		if (span_caseeq(span_str(conf->decoy[i]), name))
			return true;
	return false;
}

/* Adds "NAME-PLUS" where there is one. */
static void
put_plus(const char *name, struct put *out)
{
	char memory[64];
	struct put plus = put_init(memory, sizeof memory);

	put_str(&plus, name);
	put_str(&plus, "-PLUS");
	if (sasl_mech_find(put_span(&plus)) == NULL)
		return;
	if (out->len != 0)
		put_char(out, ' ');
	put_bytes(out, put_span(&plus));
}

/* The names in `list` as one string; in TLS with those that bind to it, first;
 * with `is_clear` without those that show
 * the password, if the listener wants TLS for them. */
static struct span
join_auth(const struct snapshot_listener *listener, const char *const *list,
    size_t n, bool is_clear, struct put out)
{
	const struct conf_listener *conf = listener->conf;

	for (size_t i = 0; i < n; i++) {
		const struct sasl_mech *mech =
		    sasl_mech_find(span_str(list[i]));

		if (is_clear && conf->basic_auth_only_after_tls &&
		    mech != NULL && (mech->flags & SASL_PLAINTEXT) != 0)
			continue;
		if (!is_clear && !snapshot_is_decoy(listener,
		    span_str(list[i])))
			put_plus(list[i], &out);
		if (out.len != 0)
			put_char(&out, ' ');
		put_str(&out, list[i]);
	}
	return put_span(&out);
}

/* What is listed works, or is said to be a decoy. */
static bool
check_mechanisms(const struct snapshot *snapshot,
    const struct snapshot_listener *listener, const char *const *list,
    size_t n, FILE *errors)
{
	bool is_good = true;

	for (size_t i = 0; i < n; i++) {
		struct span name = span_str(list[i]);

		if (sasl_mech_find(name) != NULL ||
		    snapshot_is_decoy(listener, name))
			continue;
		fprintf(errors, "%s:%d: error: listener '%s': nobody can log "
		    "in by %s here; to offer it all the same, and refuse "
		    "whoever tries, name it in 'auth-decoys'\n",
		    snapshot->conf->file, listener->conf->line,
		    listener->conf->name, list[i]);
		is_good = false;
	}
	return is_good;
}

static bool
prepare_auth(const struct snapshot *snapshot,
    struct snapshot_listener *listener, FILE *errors)
{
	const struct conf_listener *conf = listener->conf;
	struct smtp_server_conf *smtp = &listener->smtp;

	smtp->auth_clear = join_auth(listener, conf->auth, conf->auth_n, true,
	    put_init(listener->auth_clear, sizeof listener->auth_clear));
	smtp->auth_tls = join_auth(listener, conf->auth, conf->auth_n, false,
	    put_init(listener->auth_tls, sizeof listener->auth_tls));
	smtp->exps_clear = join_auth(listener, conf->exps, conf->exps_n, true,
	    put_init(listener->exps_clear, sizeof listener->exps_clear));
	smtp->exps_tls = join_auth(listener, conf->exps, conf->exps_n, false,
	    put_init(listener->exps_tls, sizeof listener->exps_tls));
	return check_mechanisms(snapshot, listener, conf->auth, conf->auth_n,
		   errors) &&
	    check_mechanisms(snapshot, listener, conf->exps, conf->exps_n,
		errors);
}

static bool
wants_kerberos(const struct snapshot_listener *listener)
{
	const struct conf_listener *conf = listener->conf;
	bool is_listed = false;

	for (size_t i = 0; i < conf->auth_n; i++)
		is_listed |= strcmp(conf->auth[i], "GSSAPI") == 0;
	for (size_t i = 0; i < conf->exps_n; i++)
		is_listed |= strcmp(conf->exps[i], "GSSAPI") == 0;
	return is_listed && !snapshot_is_decoy(listener, SPAN("GSSAPI"));
}

/* Keys are opened once, so that a wrong keytab is told now. */
static bool
load_keys(struct snapshot *snapshot, const struct snapshot_listener *listener,
    FILE *errors)
{
	char why[GSS_WHY_MAX] = "";

	if (snapshot->gss_keys != NULL || !wants_kerberos(listener))
		return true;
	snapshot->gss_keys = gss_keys_open(snapshot->conf->keytab, why);
	if (snapshot->gss_keys == NULL)
		fprintf(errors, "%s:%d: error: listener '%s': no Kerberos: "
		    "%s\n", snapshot->conf->file, listener->conf->line,
		    listener->conf->name, why);
	return snapshot->gss_keys != NULL;
}

static bool
load_tls(struct snapshot *snapshot, struct snapshot_listener *listener,
    FILE *errors)
{
	const struct conf *conf = snapshot->conf;
	struct tls_cert_files *files;
	char error[ERROR_MAX] = "";

	if (listener->conf->tls == CONF_TLS_NONE)
		return true;
	files = mem_new_array(conf->tls_n, sizeof *files);
	for (size_t i = 0; i < conf->tls_n; i++)
		files[i] = (struct tls_cert_files){ conf->tls[i].name,
			conf->tls[i].certificate, conf->tls[i].key };
	listener->tls = tls_server_new(files, conf->tls_n,
	    tls_version_of(listener->conf->tls_min), error, sizeof error);
	free(files);
	if (listener->tls == NULL)
		fprintf(errors, "%s:%d: error: listener '%s': %s\n",
		    conf->file, listener->conf->line, listener->conf->name,
		    error);
	return listener->tls != NULL;
}

static bool
prepare_listener(struct snapshot *snapshot, size_t i, FILE *errors)
{
	struct snapshot_listener *listener = &snapshot->listener[i];
	const struct conf_listener *conf = &snapshot->conf->listener[i];

	listener->conf = conf;
	listener->limits = (struct conn_limits){ IN_MAX, OUT_MAX };
	listener->smtp = (struct smtp_server_conf){
		.hostname = span_str(conf->greeting_name),
		.persona = persona_from_name(span_str(conf->persona)),
		.is_lmtp = conf->lmtp,
		.is_typist = conf->typist,
		.has_etrn = conf->etrn != 0 && !conf->lmtp,
		.has_starttls = conf->tls == CONF_TLS_STARTTLS,
		.is_tls_required = conf->tls_required,
		.is_auth_required = conf->auth_required,
		.size_max = conf->max_message_size,
		.hold_max_s = conf->max_hold_ms / 1000,
		.rcpt_max = conf->max_recipients,
		.errors_max = conf->max_errors,
		.commands_max = conf->max_commands,
		.transactions_max = conf->max_transactions,
		.auth_failures_max = conf->max_auth_failures,
	};
	return prepare_auth(snapshot, listener, errors) &&
	    load_keys(snapshot, listener, errors) &&
	    load_tls(snapshot, listener, errors);
}

/* A file with a mistake says where it is; one that is missing is made thus. */
static void
tell_table(const struct conf *conf, const char *option, const char *path,
    const char *error, const char *remedy, FILE *errors)
{
	if (access(path, R_OK) == 0) {
		fprintf(errors, "%s\n", error);
		return;
	}
	if (errno == EACCES)
		remedy = "let the user that ehlod runs as read it (chgrp "
		    "ehlod, chmod 640)";
	fprintf(errors, "%s: error: %s: %s; %s\n", conf->file, option, error,
	    remedy);
}

static bool
load_tables(struct snapshot *snapshot, FILE *errors)
{
	const struct conf *conf = snapshot->conf;
	char error[ERROR_MAX] = "";

	if (conf->users_file[0] != '\0') {
		snapshot->users = user_db_open(conf->users_file, error,
		    sizeof error);
		if (snapshot->users == NULL) {
			tell_table(conf, "users", conf->users_file, error,
			    "`ehlo user add NAME` makes it", errors);
			return false;
		}
	}
	if (conf->aliases_file[0] != '\0') {
		snapshot->aliases = alias_load(conf->aliases_file, error,
		    sizeof error);
		if (snapshot->aliases == NULL) {
			tell_table(conf, "aliases", conf->aliases_file, error,
			    "an empty one will do", errors);
			return false;
		}
	}
	return true;
}

/* They are read anew when they are needed; here for `--check`. */
static bool
check_passwords(const struct conf *conf, FILE *errors)
{
	char password[256], error[ERROR_MAX];
	bool is_good = true;

	for (size_t i = 0; i < conf->route_n; i++) {
		const struct conf_route *route = &conf->route[i];

		if (route->login[0] == '\0' || route_read_password(route,
		    password, sizeof password, error, sizeof error) == 0)
			continue;
		is_good = false;
		fprintf(errors, "%s:%d: error: route '%s': %s\n", conf->file,
		    route->line, route->name, error);
	}
	mem_wipe(password, sizeof password);
	return is_good;
}

struct snapshot *
snapshot_load(const char *path, FILE *errors)
{
	struct conf *conf = conf_load(path, errors);
	char error[ERROR_MAX];
	struct snapshot *snapshot;
	bool is_good;

	if (conf == NULL)
		return NULL;
	snapshot = mem_new(sizeof *snapshot);
	snapshot->refs = 1;
	snapshot->conf = conf;
	snapshot->listener = mem_new_array(conf->listener_n,
	    sizeof *snapshot->listener);
	is_good = load_tables(snapshot, errors) &&
	    check_passwords(conf, errors);
	for (size_t i = 0; i < conf->listener_n; i++)
		if (!prepare_listener(snapshot, i, errors))
			is_good = false;
	if (!faults_check(conf, error, sizeof error)) {
		fprintf(errors, "%s: error: a fault's certificate: %s\n",
		    conf->file, error);
		is_good = false;
	}
	if (is_good)
		return snapshot;
	snapshot_unref(snapshot);
	return NULL;
}

struct snapshot *
snapshot_ref(struct snapshot *snapshot)
{
	__atomic_add_fetch(&snapshot->refs, 1, __ATOMIC_RELAXED);
	return snapshot;
}

void
snapshot_unref(struct snapshot *snapshot)
{
	if (snapshot == NULL ||
	    __atomic_sub_fetch(&snapshot->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	for (size_t i = 0; i < snapshot->conf->listener_n; i++)
		if (snapshot->listener[i].tls != NULL)
			tls_server_unref(snapshot->listener[i].tls);
	if (snapshot->aliases != NULL)
		alias_unref(snapshot->aliases);
	if (snapshot->users != NULL)
		user_db_close(snapshot->users);
	gss_keys_close(snapshot->gss_keys);
	free(snapshot->listener);
	conf_unref(snapshot->conf);
	free(snapshot);
}

/* What is not as everywhere. */
static void
print_manners(const struct conf_listener *conf, FILE *out)
{
	if (strcmp(conf->persona, "native") != 0)
		fprintf(out, "  persona: %s, as %s\n", conf->persona,
		    conf->greeting_name);
	for (size_t i = 0; i < conf->exps_n; i++)
		fprintf(out, "%s%s%s", i == 0 ? "  X-EXPS: " : " ",
		    conf->exps[i], i + 1 == conf->exps_n ? "\n" : "");
	for (size_t i = 0; i < conf->decoy_n; i++)
		fprintf(out, "%s%s%s", i == 0 ? "  offered, always refused: "
		    : " ", conf->decoy[i], i + 1 == conf->decoy_n ? "\n" : "");
	if (conf->capture)
		fprintf(out, "  captures all mail; %s\n",
		    conf->capture_any_login ? "every login is good"
		    : "logins are checked");
}

void
snapshot_print(const struct snapshot *snapshot, FILE *out)
{
	const struct conf *conf = snapshot->conf;

	fprintf(out, "%s: good\n", conf->file);
	for (size_t i = 0; i < conf->listener_n; i++) {
		const struct snapshot_listener *listener =
		    &snapshot->listener[i];
		char names[512];

		fprintf(out, "listener %s:", listener->conf->name);
		for (size_t j = 0; j < listener->conf->address_n; j++)
			fprintf(out, " %s", listener->conf->address[j].text);
		fprintf(out, "\n  login in clear: %s\n  login in TLS: %s\n",
		    listener->auth_clear[0] ? listener->auth_clear : "none",
		    listener->tls == NULL ? "no TLS"
		    : listener->auth_tls[0] ? listener->auth_tls : "none");
		print_manners(listener->conf, out);
		if (listener->tls == NULL)
			continue;
		tls_server_names(listener->tls, names, sizeof names);
		fprintf(out, "  certificate for: %s (%d days left)\n", names,
		    tls_server_days_left(listener->tls));
	}
	for (size_t i = 0; i < conf->fault_n; i++)
		fprintf(out, "fault %s: %s\n", conf->fault[i].name,
		    conf->faults_allowed ? "on" : "off");
	for (size_t i = 0; i < conf->domain_n; i++)
		fprintf(out, "domain %s: %s\n", conf->domain[i].name,
		    conf->domain[i].lmtp.way != CONF_VIA_NONE ?
		    conf->domain[i].lmtp.host : conf->domain[i].maildir);
}
