/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo fault: faults on purpose in a running daemon: adds them, shows them,
 * removes them. What a fault is stands in doc/faults.md. */
#include <inttypes.h>

#include "base/put.h"
#include "ehlo/args.h"
#include "ehlo/daemon.h"
#include "ehlo/tell.h"

#define TEXT_MAX 1024	/* of a request's text */

static const char help[] =
    "usage: ehlo fault add 'NAME { at MOMENT; ...; }'\n"
    "       ehlo fault list [--json]\n"
    "       ehlo fault remove NAME ... | --all\n"
    "\n"
    "Faults on purpose in the running ehlod, to test clients with. Its\n"
    "configuration must say 'faults-allowed yes;'.\n"
    "\n"
    "  add      as in the configuration: greylist { at rcpt; per triplet;\n"
    "           first 1; reply \"450 4.7.1 Later\"; }\n"
    "  list     which there are, and how often each was played\n"
    "  remove   also those of the configuration, until it is read again\n"
    "\n"
    "  --json              for programs: one object a line\n"
    "  --control SOCKET    the daemon's; without it, the one that\n"
    "  --config FILE       this configuration names (" DAEMON_CONFIG ")\n"
    "\n"
    "Exit code: 0 done, 1 refused, 2 no daemon, 3 not understood.\n"
    "See ehlo-fault(1).\n";

struct options {
	struct daemon_place place;
	bool is_all, is_json, is_help;
};

static int
ask(struct ctl_client *client, json_t *request)
{
	json_t *result = NULL;
	enum ctl_answer answer = ctl_ask(client, request, NULL, NULL, &result);
	int code = daemon_result(answer, result);

	json_decref(result);
	return code;
}

/* --- add */

/* The words as one text, with the word `fault` in front if it is missing. */
static int
add(struct ctl_client *client, int n, char **word)
{
	char memory[TEXT_MAX];
	struct put text = put_init(memory, sizeof memory);

	if (n > 0 && !span_starts(span_str(word[0]), SPAN("fault ")) &&
	    !span_eq(span_str(word[0]), SPAN("fault")))
		put_str(&text, "fault ");
	for (int i = 0; i < n; i++) {
		put_str(&text, i != 0 ? " " : "");
		put_str(&text, word[i]);
	}
	if (text.full) {
		tell_error("a fault is at most %d octets", TEXT_MAX);
		return CMD_USAGE;
	}
	/* a file's lines are spaces here */
	for (size_t i = 0; i < text.len; i++)
		if (memory[i] == '\n' || memory[i] == '\t')
			memory[i] = ' ';
	return ask(client, json_pack("{s:s,s:s%}", "do", "fault.add", "text",
	    memory, text.len));
}

/* --- list */

static bool
show(void *arg, const json_t *item)
{
	const struct options *o = arg;

	if (o->is_json)
		return json_dumpf(item, stdout, JSON_COMPACT) == 0 &&
		    putchar('\n') != EOF;
	daemon_print(stdout, daemon_text(item, "text"));
	printf("\n    played %" PRIu64 " of %" PRIu64 " times, %s\n",
	    daemon_number(item, "played"), daemon_number(item, "seen"),
	    json_is_true(json_object_get(item, "from_file"))
	    ? "from the configuration" : "added at run time");
	return true;
}

static int
list(struct ctl_client *client, struct options *o)
{
	json_t *result = NULL;
	enum ctl_answer answer = ctl_ask(client,
	    json_pack("{s:s}", "do", "fault.list"), show, o, &result);
	int code = daemon_result(answer, result);

	if (code == CMD_GOOD && !o->is_json &&
	    !json_is_true(json_object_get(result, "allowed")))
		tell_note("faults are not allowed: the configuration does "
		    "not say 'faults-allowed yes;'");
	json_decref(result);
	return code;
}

/* --- remove */

static bool
collect(void *arg, const json_t *item)
{
	return json_array_append_new(arg,
	    json_string(daemon_text(item, "name"))) == 0;
}

static int
remove_one(struct ctl_client *client, const char *name)
{
	return ask(client, json_pack("{s:s,s:s}", "do", "fault.remove",
	    "name", name));
}

static int
remove_all(struct ctl_client *client)
{
	json_t *names = json_array(), *name, *result = NULL;
	enum ctl_answer answer = ctl_ask(client,
	    json_pack("{s:s}", "do", "fault.list"), collect, names, &result);
	int code = daemon_result(answer, result);
	size_t i;

	json_array_foreach(names, i, name) {
		if (code != CMD_GOOD)
			break;
		code = remove_one(client, json_string_value(name));
	}
	json_decref(result);
	json_decref(names);
	return code;
}

static int
remove_named(struct ctl_client *client, int n, char **name)
{
	int code = CMD_GOOD;

	for (int i = 0; i < n && code != CMD_UNREACHED; i++) {
		int one = remove_one(client, name[i]);

		if (one != CMD_GOOD)
			code = one;
	}
	return code;
}

/* --- */

enum action { ADD, LIST, REMOVE, NONE };

static enum action
find_action(const char *word)
{
	static const char *const names[] = { "add", "list", "remove" };
	const char *nearest;

	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(names[i], word) == 0)
			return (enum action)i;
	nearest = args_nearest(word, names, countof(names), sizeof names[0]);
	tell_error("ehlo fault has no \"%s\"%s%s%s", word,
	    nearest != NULL ? ", did you mean \"" : ", see ehlo help fault",
	    nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
	return NONE;
}

/* The number of words behind the action is right. */
static bool
check_words(enum action action, const struct options *o, int n)
{
	if (action == ADD && n == 0)
		tell_error("ehlo fault add wants a fault: 'name { at rcpt; "
		    "reply \"450 4.7.1 Later\"; }'");
	else if (action == REMOVE && (n == 0) != o->is_all)
		tell_error("ehlo fault remove wants names, or --all");
	else if (action == LIST && n != 0)
		tell_error("ehlo fault list wants no more words");
	else
		return true;
	return false;
}

int
cmd_fault(int argc, char **argv)
{
	struct options o = { .is_all = false };
	const struct args_option known[] = {
		{ "--control", &o.place.control },
		{ "--config", &o.place.config },
		{ "--all", .flag = &o.is_all },
		{ "--json", .flag = &o.is_json },
		{ "--help", .flag = &o.is_help },
	};
	struct ctl_client *client;
	enum action action;
	int code;

	if (!args_parse(&argc, argv, known, countof(known)))
		return CMD_USAGE;
	if (o.is_help || argc < 2) {
		fputs(help, o.is_help ? stdout : stderr);
		return o.is_help ? CMD_GOOD : CMD_USAGE;
	}
	action = find_action(argv[1]);
	if (action == NONE || !check_words(action, &o, argc - 2))
		return CMD_USAGE;
	client = daemon_open(&o.place);
	if (client == NULL)
		return CMD_UNREACHED;
	if (action == ADD)
		code = add(client, argc - 2, argv + 2);
	else if (action == LIST)
		code = list(client, &o);
	else
		code = o.is_all ? remove_all(client)
		    : remove_named(client, argc - 2, argv + 2);
	ctl_close(client);
	return code;
}
