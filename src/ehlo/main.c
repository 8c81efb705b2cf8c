/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo: the companion of ehlod. One program, a table of subcommands; a
 * subcommand is one file and one row. */
#include <stdio.h>

#include "base/span.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/tell.h"

/* As people look for them; a row without a function is a heading. */
static const struct command {
	const char *name;
	const char *line;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "Any mail server", NULL, NULL },
	{ "talk", "a session by hand, in place of telnet", cmd_talk },
	{ "send", "one message, with everything that SMTP knows", cmd_send },
	{ "check", "examines a server or a domain: what is wrong, what to do",
	    cmd_check },
	{ "relay", "whose mail a server takes for whom", cmd_relay },
	{ "tls", "certificate, versions and ciphers of a server", cmd_tls },
	{ "mx", "the road of mail to a domain, host by host", cmd_mx },
	{ "replay", "a transcript run as a test against a server",
	    cmd_replay },
	{ "load", "how many messages a server takes, and how fast",
	    cmd_load },
	{ "sink", "is a server that takes all mail and counts it", cmd_sink },
	{ "Without a server", NULL, NULL },
	{ "explain", "what a server's reply means, and what to do",
	    cmd_explain },
	{ "b64", "base64 as SMTP wants it, taken apart in words", cmd_b64 },
	{ "Our server, ehlod", NULL, NULL },
	{ "status", "what it is doing, once or live", cmd_status },
	{ "queue", "the mail that waits: list, show, hold, retry, move",
	    cmd_queue },
	{ "route", "the ways out: list, pause, resume", cmd_route },
	{ "trail", "what became of a mail", cmd_trail },
	{ "trace", "the sessions with one peer, live", cmd_trace },
	{ "user", "its accounts: add, passwd, remove, list", cmd_user },
	{ "spool", "the waiting mail on disk, offline: check, dump",
	    cmd_spool },
	{ "fault", "faults on purpose, to test clients: add, list, remove",
	    cmd_fault },
	{ "sendmail", "sendmail(8) for cron, PHP and scripts", cmd_sendmail },
};

static void
print_help(FILE *out)
{
	fprintf(out, "usage: ehlo COMMAND ...\n\n");
	for (size_t i = 0; i < countof(commands); i++)
		if (commands[i].run == NULL)
			fprintf(out, "%s:\n", commands[i].name);
		else
			fprintf(out, "  %-8s  %s\n", commands[i].name,
			    commands[i].line);
	fprintf(out, "\nehlo help COMMAND tells what it can do, its manual is "
	    "ehlo-COMMAND(1).\nehlo --version\n");
}

static const struct command *
find_command(const char *word)
{
	const char *nearest;

	for (size_t i = 0; i < countof(commands); i++)
		if (commands[i].run != NULL &&
		    strcmp(word, commands[i].name) == 0)
			return &commands[i];
	nearest = args_nearest(word, &commands[0].name, countof(commands),
	    sizeof commands[0]);
	if (nearest != NULL)
		tell_error("there is no \"%s\", did you mean \"%s\"?", word,
		    nearest);
	else
		tell_error("there is no \"%s\", see ehlo help", word);
	return NULL;
}

/* `word` may be NULL. */
static int
explain(char *word)
{
	char option[] = "--help";
	const struct command *command;

	if (word == NULL || strcmp(word, option) == 0) {
		print_help(stdout);
		return CMD_GOOD;
	}
	command = find_command(word);
	if (command == NULL)
		return CMD_USAGE;
	return command->run(2, (char *[]){ word, option, NULL });
}

static int
run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return explain(argv[2]);
	if (strcmp(argv[1], "--version") == 0) {
		puts("ehlo " EHLO_VERSION);
		return CMD_GOOD;
	}
	command = find_command(argv[1]);
	return command != NULL ? command->run(argc - 1, argv + 1) : CMD_USAGE;
}

/* Called by the name that scripts know. */
static bool
is_sendmail(const char *program)
{
	const char *slash = program != NULL ? strrchr(program, '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : program;

	return name != NULL && (strcmp(name, "sendmail") == 0 ||
	    strcmp(name, "ehlo-sendmail") == 0);
}

int
main(int argc, char **argv)
{
	int result = is_sendmail(argv[0]) ? cmd_sendmail(argc, argv)
	    : run(argc, argv);

	/* a full disk is a failure, too */
	if (fflush(stdout) != 0 && result == CMD_GOOD) {
		tell_error("cannot write to the standard output");
		result = CMD_FAILED;
	}
	return result;
}
