/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo: the companion of ehlod. One program, a table of subcommands; a
 * subcommand is one file and one row. */
#include <stdio.h>

#include "base/span.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/tell.h"

static const struct command {
	const char *name;
	const char *line;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "b64", "base64 as SMTP wants it, taken apart in words", cmd_b64 },
	{ "explain", "what a server's reply means, and what to do",
	    cmd_explain },
	{ "replay", "a transcript run as a test against a server",
	    cmd_replay },
	{ "fault", "faults on purpose, to test clients: add, list, remove",
	    cmd_fault },
	{ "load", "how many messages a server takes, and how fast",
	    cmd_load },
	{ "queue", "the mail that waits: list, show, hold, retry, move",
	    cmd_queue },
	{ "route", "the ways out: list, pause, resume", cmd_route },
	{ "send", "one message, with everything that SMTP knows", cmd_send },
	{ "sendmail", "sendmail(8) for cron, PHP and scripts", cmd_sendmail },
	{ "sink", "a server that takes all mail and counts it", cmd_sink },
	{ "check", "examines a server or a domain: what is wrong, what to do",
	    cmd_check },
	{ "mx", "the road of mail to a domain, host by host", cmd_mx },
	{ "relay", "whose mail a server takes for whom", cmd_relay },
	{ "spool", "the waiting mail on disk, offline: check, dump",
	    cmd_spool },
	{ "talk", "a session with a mail server by hand", cmd_talk },
	{ "tls", "certificate, versions and ciphers of a server", cmd_tls },
	{ "trace", "the sessions with one peer, live", cmd_trace },
	{ "trail", "what became of a mail", cmd_trail },
	{ "status", "what the daemon is doing, once or live", cmd_status },
	{ "user", "accounts of the server: add, passwd, remove, list",
	    cmd_user },
};

static void
print_help(FILE *out)
{
	fprintf(out, "usage: ehlo COMMAND ...\n\n");
	for (size_t i = 0; i < countof(commands); i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name,
		    commands[i].line);
	fprintf(out, "\n  ehlo help COMMAND   what it can do\n"
	    "  ehlo --version\n");
}

static const struct command *
find_command(const char *word)
{
	const char *nearest;

	for (size_t i = 0; i < countof(commands); i++)
		if (strcmp(word, commands[i].name) == 0)
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
