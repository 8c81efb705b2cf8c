/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo talk: a session by hand. Here are its options; what it does is in
 * talk.c. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/login.h"
#include "ehlo/talk.h"
#include "ehlo/target.h"
#include "ehlo/tell.h"

#define OWN_OPTIONS 5

static const char help_head[] =
    "usage: ehlo talk HOST[:PORT] [options]\n"
    "\n"
    "A session with a mail server by hand, in place of telnet, a base64 web\n"
    "site and openssl s_client. Lines of SMTP go out as they are typed, after\n"
    "they could be corrected; Tab completes what this server offers; in a\n"
    "login what is typed goes out in base64; starttls shows the certificate.\n"
    "/help there tells the rest.\n"
    "\n"
    "From a pipe: a line, its answer, the next line; without prompts.\n"
    "\n"
    "Talk:\n"
    "  --explain             every reply, in words (? explains the last one)\n"
    "  --record FILE         a transcript, which ehlo replay reads; secrets\n"
    "                        are left out\n"
    "  --json                a JSON record for each reply, one a line\n"
    "  --stop                from a pipe: end at the first refusal\n";

static const char help_tail[] =
    "\n"
    "Port 465 is TLS from the first byte; on port 587 EHLO and STARTTLS are\n"
    "said before the first prompt, unless --no-tls; on port 25 nothing is.\n"
    "--auth logs in before the first prompt; --user alone is remembered.\n"
    "\n"
    "Exit code: 0 good; 1 from a pipe: something was refused, or the\n"
    "connection was lost; 2 could not connect; 3 not understood.\n";

struct request {
	struct target target;
	struct login login;
	struct talk_options talk;
	bool is_help;
};

static void
print_help(void)
{
	fputs(help_head, stdout);
	fputs(target_help, stdout);
	fputs(login_help, stdout);
	fputs(proxy_help, stdout);
	fputs(help_tail, stdout);
}

static bool
parse(int *argc, char **argv, struct request *r)
{
	struct args_option option[TARGET_OPTIONS_MAX + LOGIN_OPTIONS_MAX +
	    OWN_OPTIONS] = {
		{ "--help", .flag = &r->is_help },
		{ "--explain", .flag = &r->talk.explains },
		{ "--record", &r->talk.record },
		{ "--json", .flag = &r->talk.is_json },
		{ "--stop", .flag = &r->talk.stops,
		    .also = "--stop-on-error" },
	};
	size_t n = OWN_OPTIONS;

	n += target_options(&r->target, option + n);
	n += login_options(&r->login, option + n);
	must(n <= countof(option));
	return args_parse(argc, argv, option, n);
}

/* A password that comes from somewhere is read now; one that must be asked for
 * is asked for when it is needed. */
static bool
read_login(struct request *r)
{
	struct login *login = &r->login;
	bool is_given = login->password_file != NULL ||
	    login->password_fd != NULL || login->password_env != NULL ||
	    login->token_file != NULL || login->token_fd != NULL ||
	    login->token_env != NULL || login->netrc != NULL;

	r->talk.logs_in = r->target.wants_login || login->required != NULL ||
	    login->optional != NULL || login->optional_strict != NULL;
	r->talk.login = login;
	if (!is_given)
		return true;
	r->talk.has_secret = true;
	return login_finish(login, r->target.session.host,
	    r->target.session.port);
}

static int
run(int argc, char **argv, struct request *r)
{
	if (argc < 2 && r->target.server == NULL && r->target.socket == NULL) {
		tell_error("ehlo talk wants a HOST, see ehlo help talk");
		return CMD_USAGE;
	}
	if (argc > 3) {
		tell_error("\"%s\" is one word too many", argv[3]);
		return CMD_USAGE;
	}
	if (argc > 1 && !target_take(&r->target, argv[1]))
		return CMD_USAGE;
	if (argc > 2 && r->target.port != NULL) {
		tell_error("\"%s\": a port was named already", argv[2]);
		return CMD_USAGE;
	}
	if (argc > 2)	/* as with telnet */
		r->target.port = argv[2];
	if (!target_finish(&r->target, 0) || !read_login(r))
		return CMD_USAGE;
	r->talk.target = &r->target;
	return talk_run(&r->talk);
}

int
cmd_talk(int argc, char **argv)
{
	struct request *r = mem_new(sizeof *r);
	int result = CMD_USAGE;

	target_init(&r->target);
	login_init(&r->login);
	if (!parse(&argc, argv, r)) {
		/* it has been said what is wrong */
	} else if (r->is_help) {
		print_help();
		result = CMD_GOOD;
	} else {
		result = run(argc, argv, r);
	}
	target_free(&r->target);
	login_wipe(&r->login);
	free(r);
	return result;
}
