/* SPDX-License-Identifier: Apache-2.0 */
/* login: who logs in, and with what: the options that all client subcommands
 * have in common, and where the password or token comes from. In this order:
 * file, descriptor, environment variable, netrc file, the person at the
 * terminal. Never an argument. */
#ifndef EHLO_LOGIN_H
#define EHLO_LOGIN_H

#include "ehlo/args.h"
#include "ehlo/secret.h"
#include "sasl/client.h"

#define LOGIN_OPTIONS_MAX 24	/* rows that login_options() makes */
#define LOGIN_MECHS_MAX   16

enum login_need {
	LOGIN_NONE,		/* no login is wanted */
	LOGIN_REQUIRED,
	LOGIN_OPTIONAL,		/* goes on without, whatever happens */
	LOGIN_OPTIONAL_STRICT	/* goes on without if AUTH is not offered */
};

struct login {
	/* as typed */
	const char *user, *authzid, *domain, *workstation;
	const char *required, *optional, *optional_strict; /* mechanisms */
	const char *map, *extra;
	const char *password_file, *password_fd, *password_env;
	const char *token_file, *token_fd, *token_env;
	const char *netrc;
	bool no_initial_response;
	/* made by login_finish() */
	enum login_need need;
	struct sasl_client_options sasl;	/* random, bindings: not yet */
	/* to be tried in this order; none: the strongest that fits */
	const struct sasl_client_mech *mech[LOGIN_MECHS_MAX];
	size_t mech_n;
	/* private: what the spans point to */
	struct sasl_client_mech alias[LOGIN_MECHS_MAX];
	char *alias_name[LOGIN_MECHS_MAX];
	size_t alias_n;
	struct secret password, token;
	char user_found[256], domain_typed[256];
};

/* For --help: one option a line. */
extern const char login_help[];

/* Zeroes it. */
void login_init(struct login *login);
/* Writes the rows of the options; returns how many. */
size_t login_options(struct login *login, struct args_option *out);
/* Whether a login was asked for by any of the options. */
bool login_is_wanted(const struct login *login);
/* Judges what was typed, reads or asks for what is missing, fills
 * login->sasl. `host` and `port` are the server's (netrc's machine, GSSAPI,
 * OAUTHBEARER); they live as long as the login. Says what is wrong and returns
 * false. Without a wish for a login it only sets LOGIN_NONE. */
bool login_finish(struct login *login, const char *host, unsigned port);
/* Overwrites the secrets, frees the rest. */
void login_wipe(struct login *login);

#endif
