/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo trace: the dialogues with one peer, live, without a word of it in the
 * log. Ends with the daemon or when it is interrupted. */
#include <stdlib.h>

#include "ehlo/args.h"
#include "ehlo/daemon.h"
#include "ehlo/tell.h"

static const char help[] =
    "usage: ehlo trace --peer IP|DOMAIN [--json]\n"
    "\n"
    "What is said in the sessions with a peer, while it is said; passwords\n"
    "and the text of messages are left out. A DOMAIN is what the peer calls\n"
    "itself in EHLO, or where mail is delivered to, and all names below it.\n"
    "\n"
    "  --json             for programs: one object a line\n"
    "  --control SOCKET   the daemon's; without it, the one that\n"
    "  --config FILE      this configuration names (" DAEMON_CONFIG ")\n"
    "\n"
    "Exit code: 1 refused, 2 no daemon, or it has ended, 3 not understood.\n";

struct trace {
	bool is_json, is_coloured;
};

static bool
print_line(void *arg, const json_t *item)
{
	const struct trace *trace = arg;
	bool is_ours = json_is_true(json_object_get(item, "ours"));
	uint64_t at = daemon_number(item, "at");

	if (json_object_get(item, "watching") != NULL) {
		tell_note("watching; Ctrl-C ends it");
		return true;
	}
	if (trace->is_json) {
		if (json_dumpf(item, stdout, JSON_COMPACT) == 0)
			putchar('\n');
	} else {
		daemon_print_time(stdout, at);
		printf(".%03u ", (unsigned)(at % 1000));
		(void)daemon_print(stdout, daemon_text(item, "peer"));
		putchar(' ');
		(void)daemon_print(stdout, daemon_text(item, "session"));
		fputs(is_ours ? " S: " : " C: ", stdout);
		if (trace->is_coloured)
			fputs(is_ours ? "\033[36m" : "\033[1m", stdout);
		(void)daemon_print(stdout, daemon_text(item, "text"));
		fputs(trace->is_coloured ? "\033[0m\n" : "\n", stdout);
	}
	return fflush(stdout) == 0;
}

int
cmd_trace(int argc, char **argv)
{
	struct daemon_place place = { .control = NULL };
	struct trace trace = { .is_json = false };
	const char *peer = NULL;
	bool is_help = false;
	const struct args_option known[] = {
		{ "--peer", &peer }, { "--control", &place.control },
		{ "--config", &place.config },
		{ "--json", .flag = &trace.is_json },
		{ "--help", .flag = &is_help },
	};
	struct ctl_client *client;
	enum ctl_answer answer;
	json_t *result;
	int code;

	if (!args_parse(&argc, argv, known, countof(known)))
		return CMD_USAGE;
	if (is_help || argc != 1 || peer == NULL) {
		fputs(help, is_help ? stdout : stderr);
		return is_help ? CMD_GOOD : CMD_USAGE;
	}
	client = daemon_open(&place);
	if (client == NULL)
		return CMD_UNREACHED;
	trace.is_coloured = tell_has_colour(stdout);
	answer = ctl_ask(client, json_pack("{s:s,s:s}", "do", "trace", "peer",
	    peer), print_line, &trace, &result);
	code = daemon_result(answer, result);
	json_decref(result);
	ctl_close(client);
	return code;
}
