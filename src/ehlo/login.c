/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/login.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/netrc.h"
#include "ehlo/tell.h"

#define NETRC_MAX ((size_t)1 << 20)

const char login_help[] =
    "Login:\n"
    "  --user NAME           who logs in (also --auth-user, -au)\n"
    "  --authzid NAME        as whom, if not as the same\n"
    "  --auth [MECH,...]     a login is wanted; with these mechanisms, in\n"
    "                        this order; else the strongest (-a)\n"
    "  --auth-optional [MECH,...]         go on without if it fails (-ao)\n"
    "  --auth-optional-strict [MECH,...]  only if it is not offered (-aos)\n"
    "  --password-file FILE  the first line; - is the standard input\n"
    "  --password-fd N       a descriptor that is already open\n"
    "  --password-env NAME   an environment variable\n"
    "  --netrc [FILE]        machine ... login ... password ...; without any\n"
    "                        of these ~/.config/ehlo/netrc and ~/.netrc are\n"
    "                        looked at, then the terminal asks\n"
    "  --token-file FILE, --token-fd N, --token-env NAME\n"
    "                        an OAuth 2 token (XOAUTH2, OAUTHBEARER)\n"
    "  --no-initial-response the first response waits for its challenge\n"
    "  --domain NAME, --workstation NAME  for NTLM (-ae domain=NAME)\n"
    "  --auth-map NAME=MECH,...  other names of mechanisms (-am)\n";

void
login_init(struct login *login)
{
	*login = (struct login){ .need = LOGIN_NONE };
}

size_t
login_options(struct login *login, struct args_option *out)
{
	static const char everybody[] = "everybody on this machine can read "
	    "the arguments of a program; use --password-file, --password-fd, "
	    "--password-env or --netrc, or type it when asked";
	static const char token[] = "everybody on this machine can read the "
	    "arguments of a program; use --token-file, --token-fd or "
	    "--token-env";
	const struct args_option rows[] = {
		{ "--user", &login->user,
		    .also = "--auth-user -au --login" },
		{ "--authzid", &login->authzid },
		{ "--auth", &login->required, .also = "-a --mechanism",
		    .kind = ARGS_OPTIONAL },
		{ "--auth-optional", &login->optional, .also = "-ao",
		    .kind = ARGS_OPTIONAL },
		{ "--auth-optional-strict", &login->optional_strict,
		    .also = "-aos", .kind = ARGS_OPTIONAL },
		{ "--auth-map", &login->map, .also = "-am" },
		{ "--auth-extra", &login->extra, .also = "-ae" },
		{ "--domain", &login->domain },
		{ "--workstation", &login->workstation },
		{ "--password-file", &login->password_file },
		{ "--password-fd", &login->password_fd },
		{ "--password-env", &login->password_env },
		{ "--token-file", &login->token_file },
		{ "--token-fd", &login->token_fd },
		{ "--token-env", &login->token_env },
		{ "--netrc", &login->netrc, .kind = ARGS_OPTIONAL },
		{ "--no-initial-response",
		    .flag = &login->no_initial_response },
		{ "--auth-password", .also = "-ap --password",
		    .refusal = everybody },
		{ "--token", .refusal = token },
	};

	must(countof(rows) <= LOGIN_OPTIONS_MAX);
	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

bool
login_is_wanted(const struct login *login)
{
	return login->user != NULL || login->required != NULL ||
	    login->optional != NULL || login->optional_strict != NULL ||
	    login->map != NULL || login->password_file != NULL ||
	    login->password_fd != NULL || login->password_env != NULL ||
	    login->token_file != NULL || login->token_fd != NULL ||
	    login->token_env != NULL || login->netrc != NULL;
}

/* --- mechanisms */

/* What `name` stands for in "SPA=NTLM,X=PLAIN"; itself if nothing. */
static struct span
mapped(struct span map, struct span name)
{
	while (map.len != 0) {
		struct span base = span_cut(&map, ',');
		struct span alias = span_cut(&base, '=');

		if (span_caseeq(alias, name))
			return base;
	}
	/* as swaks has them without being told */
	if (span_caseeq(name, SPAN("SPA")) || span_caseeq(name, SPAN("MSN")))
		return SPAN("NTLM");
	return name;
}

static const struct sasl_client_mech *
nearest_mech(struct span name)
{
	const struct sasl_client_mech *best = NULL, *mech;
	unsigned least = 4;

	for (size_t i = 0; (mech = sasl_client_at(i)) != NULL; i++) {
		unsigned distance = text_distance(name, span_str(mech->name));

		if (distance < least) {
			least = distance;
			best = mech;
		}
	}
	return best;
}

static bool
refuse_mech(struct span name)
{
	const struct sasl_client_mech *near = nearest_mech(name);
	char shown[128];
	struct put out = put_init(shown, sizeof shown - 1);

	text_quote(span_first(name, 30), &out);
	(void)put_cstr(&out);	/* terminated in `shown` */
	if (near != NULL)
		tell_error("there is no mechanism %s, did you mean %s?",
		    shown, near->name);
	else
		tell_error("there is no mechanism %s; ehlo send "
		    "--support lists those there are", shown);
	return false;
}

/* A copy under the other name: that is what the server is told. */
static const struct sasl_client_mech *
rename_mech(struct login *login, const struct sasl_client_mech *mech,
    struct span name)
{
	struct sasl_client_mech *alias = &login->alias[login->alias_n];
	char *copy = mem_copy(name);

	for (char *p = copy; *p != '\0'; p++)
		*p = ascii_upper(*p);
	login->alias_name[login->alias_n++] = copy;
	*alias = *mech;
	alias->name = copy;
	return alias;
}

static bool
add_mech(struct login *login, struct span name)
{
	struct span base = mapped(span_str(login->map), name);
	const struct sasl_client_mech *mech = sasl_client_find(base);

	if (mech == NULL)
		return refuse_mech(base);
	if (login->mech_n == countof(login->mech)) {
		tell_error("--auth: at most %d mechanisms", LOGIN_MECHS_MAX);
		return false;
	}
	if (!span_caseeq(base, name))
		mech = rename_mech(login, mech, name);
	login->mech[login->mech_n++] = mech;
	return true;
}

static bool
add_mechs(struct login *login)
{
	const char *typed[] = { login->required, login->optional,
		login->optional_strict };
	struct span list = { NULL, 0 };

	for (size_t i = 0; i < countof(typed); i++)
		if (typed[i] != NULL)
			list = span_str(typed[i]);
	while (list.len != 0)
		if (!add_mech(login, span_trim(span_cut(&list, ','))))
			return false;
	/* a map alone names what it is for */
	list = span_str(login->mech_n == 0 ? login->map : NULL);
	while (list.len != 0) {
		struct span pair = span_cut(&list, ',');

		if (!add_mech(login, span_cut(&pair, '=')))
			return false;
	}
	return true;
}

/* realm=…,domain=… of swaks. */
static bool
take_extra(struct login *login)
{
	struct span list = span_str(login->extra);

	while (list.len != 0) {
		struct span value = span_cut(&list, ',');
		struct span key = span_cut(&value, '=');
		struct put out = put_init(login->domain_typed,
		    sizeof login->domain_typed - 1);

		if (!span_eq(key, SPAN("domain")) &&
		    !span_eq(key, SPAN("realm"))) {
			tell_error("--auth-extra: only domain=NAME (or "
			    "realm=NAME) is known, not %.*s", SPAN_ARG(key));
			return false;
		}
		put_bytes(&out, value);
		(void)put_cstr(&out);	/* terminated in its place */
		login->domain = login->domain_typed;
	}
	return true;
}

/* --- what is read */

static unsigned
flags_of_all(const struct login *login)
{
	unsigned flags = ~0u;

	for (size_t i = 0; i < login->mech_n; i++)
		flags &= login->mech[i]->flags;
	return login->mech_n != 0 ? flags : 0;
}

static bool
needs_password(const struct login *login)
{
	const unsigned without = SASL_CLIENT_TOKEN | SASL_CLIENT_TICKET |
	    SASL_CLIENT_NO_PASSWORD;

	if (login->mech_n == 0)
		return login->token.len == 0;
	for (size_t i = 0; i < login->mech_n; i++)
		if ((login->mech[i]->flags & without) == 0)
			return true;
	return false;
}

static bool
read_one(struct secret *secret, const char *file, const char *fd,
    const char *env)
{
	bool is_read = true;

	if (file != NULL)
		is_read = secret_read_file(secret, file);
	else if (fd != NULL)
		is_read = secret_read_number(secret, fd);
	else if (env != NULL)
		is_read = secret_read_env(secret, env);
	if (is_read && secret->len > SECRET_MAX) {
		tell_error("more than %d bytes are no secret", SECRET_MAX);
		return false;
	}
	return is_read;
}

/* The whole file, refused if anybody else may read it. NULL: says why, unless
 * it is not there and need not be. */
static char *
read_private(const char *path, bool must_be_there, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0) {
		if (must_be_there || errno != ENOENT)
			tell_error("%s: %s", path, log_errno(errno));
		return NULL;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 077) != 0 || (size_t)st.st_size > NETRC_MAX) {
		tell_error("%s: not used, it must be a file that nobody else "
		    "can read (chmod 600)", path);
	} else {
		text = mem_new((size_t)st.st_size + 1);
		for (*len = 0; (size_t)st.st_size > *len; *len += (size_t)n)
			if ((n = read(fd, text + *len,
			    (size_t)st.st_size - *len)) <= 0)
				break;
	}
	(void)close(fd);	/* only read */
	return text;
}

static void
take_entry(struct login *login, const struct netrc_entry *entry)
{
	if (login->user == NULL && entry->has_login) {
		memcpy(login->user_found, entry->login,
		    sizeof login->user_found);
		login->user = login->user_found;
	}
	if (entry->has_password)
		login->password = entry->password;
}

/* False: a mistake, which is told. */
static bool
look_into(struct login *login, const char *path, bool must_be_there,
    const char *host)
{
	struct netrc_entry entry;
	unsigned line = 0;
	size_t len = 0;
	char *text = read_private(path, must_be_there, &len);
	enum netrc_result result;

	if (text == NULL)
		return !must_be_there;
	result = netrc_find(span_of(text, len), span_str(host),
	    span_str(login->user), &entry, &line);
	mem_wipe(text, len);
	free(text);
	if (result == NETRC_FOUND)
		take_entry(login, &entry);
	else if (result == NETRC_BAD)
		tell_error("%s:%u: not understood, expected machine, default, "
		    "login, password, account or macdef", path, line);
	else if (must_be_there)
		tell_error("%s: no login for %s", path, host);
	secret_wipe(&entry.password);
	return result == NETRC_FOUND || !must_be_there;
}

static bool
look_into_netrc(struct login *login, const char *host)
{
	static const char *const places[] = { ".config/ehlo/netrc", ".netrc" };
	const char *home = getenv("HOME");

	if (login->netrc != NULL && login->netrc[0] != '\0')
		return look_into(login, login->netrc, true, host);
	for (size_t i = 0; i < countof(places) && home != NULL; i++) {
		char path[1024];

		if (snprintf(path, sizeof path, "%s/%s", home, places[i]) >=
		    (int)sizeof path)
			continue;
		if (!look_into(login, path, false, host))
			return false;
		if (login->password.len != 0)
			return true;
	}
	return true;
}

static bool
ask_for_password(struct login *login, const char *host)
{
	char memory[512], shown[256];
	struct put prompt = put_init(memory, sizeof memory - 1);
	struct put quoted = put_init(shown, sizeof shown);

	text_quote(span_first(span_str(login->user), 60), &quoted);
	put_str(&prompt, "Password for ");
	put_bytes(&prompt, put_span(&quoted));
	put_str(&prompt, " at ");
	put_bytes(&prompt, span_first(span_str(host), 200));
	put_str(&prompt, ": ");
	return secret_ask(&login->password, put_cstr(&prompt));
}

static bool
get_password(struct login *login, const char *host)
{
	bool is_given = login->password_file != NULL ||
	    login->password_fd != NULL || login->password_env != NULL;

	if (is_given)
		return read_one(&login->password, login->password_file,
		    login->password_fd, login->password_env);
	if (!needs_password(login) && login->netrc == NULL)
		return true;
	if (!look_into_netrc(login, host))
		return false;
	if (login->password.len != 0 || !needs_password(login))
		return true;
	if (login->user == NULL) {
		tell_error("a login wants a name: --user NAME");
		return false;
	}
	return ask_for_password(login, host);
}

static void
fill(struct login *login, const char *host, unsigned port)
{
	struct sasl_client_options *sasl = &login->sasl;

	sasl->authcid = span_str(login->user);
	if (span_eq(sasl->authcid, SPAN("<>")))
		sasl->authcid = SPAN("");
	sasl->authzid = span_str(login->authzid);
	sasl->password = span_of(login->password.bytes, login->password.len);
	sasl->token = span_of(login->token.bytes, login->token.len);
	sasl->host = span_str(host);
	sasl->port = (uint16_t)port;
	sasl->domain = span_str(login->domain);
	sasl->workstation = span_str(login->workstation);
}

static bool
set_need(struct login *login)
{
	int n = (login->required != NULL) + (login->optional != NULL) +
	    (login->optional_strict != NULL);

	if (n > 1) {
		tell_error("--auth, --auth-optional, --auth-optional-strict: "
		    "only one of them");
		return false;
	}
	login->need = login->optional != NULL ? LOGIN_OPTIONAL :
	    login->optional_strict != NULL ? LOGIN_OPTIONAL_STRICT :
	    LOGIN_REQUIRED;
	return true;
}

bool
login_finish(struct login *login, const char *host, unsigned port)
{
	if (!login_is_wanted(login)) {
		login->need = LOGIN_NONE;
		return true;
	}
	if (!set_need(login) || !take_extra(login) || !add_mechs(login))
		return false;
	if (!read_one(&login->token, login->token_file, login->token_fd,
	    login->token_env))
		return false;
	if (login->token.len == 0 &&
	    (flags_of_all(login) & SASL_CLIENT_TOKEN) != 0) {
		tell_error("%s wants a token: --token-file, --token-fd or "
		    "--token-env", login->mech[0]->name);
		return false;
	}
	if (!get_password(login, host))
		return false;
	fill(login, host, port);
	return true;
}

void
login_wipe(struct login *login)
{
	for (size_t i = 0; i < login->alias_n; i++)
		free(login->alias_name[i]);
	mem_wipe(login, sizeof *login);
}
