/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo queue: the mail that waits in a running daemon: looks at it, holds,
 * releases, retries and removes it; by id, or by what it is. What a filter
 * would change is counted first, and asked about. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ehlo/args.h"
#include "ehlo/daemon.h"
#include "ehlo/queue_print.h"
#include "ehlo/tell.h"

static const char help[] =
    "usage: ehlo queue list [FILTER] [--limit N] [--json]\n"
    "       ehlo queue show ID [--json]\n"
    "       ehlo queue hold|release|retry|bounce|remove ID ...|FILTER|--all\n"
    "       ehlo queue move --via ROUTE|--back ID ...|FILTER|--all\n"
    "\n"
    "The mail that waits in the running ehlod.\n"
    "\n"
    "  list      what waits, the oldest first\n"
    "  show      one message: envelope, recipients, header\n"
    "  hold      not tried again until it is released\n"
    "  release   what was held is tried again, at once\n"
    "  retry     tried at once, whenever it is due\n"
    "  bounce    back to its sender, with a notice\n"
    "  move      goes by that route of the configuration, whatever fits it;\n"
    "            kept with the mail. Of a filter's --rcpt or --domain only\n"
    "            these recipients. --back: by what fits, again\n"
    "  remove    gone, without a notice to anybody\n"
    "\n"
    "FILTER: all that is given must be true; * and ? stand for anything\n"
    "  --sender ADDRESS    \"\" is the sender of notices\n"
    "  --rcpt ADDRESS      --domain DOMAIN   of a recipient still open\n"
    "  --reason TEXT       is part of why it waits\n"
    "  --state STATE       ready, waiting or held\n"
    "  --older TIME        --younger TIME    30s, 5m, 3h, 2d\n"
    "  --larger SIZE       --smaller SIZE    500, 100K, 25M\n"
    "  --login NAME        --listener NAME   that brought it\n"
    "\n"
    "  --all               every message\n"
    "  --dry-run           only says how many it would be\n"
    "  --yes               does not ask\n"
    "  --limit N           not more than N\n"
    "  --json              for programs: of list, one object a line\n"
    "  --control SOCKET    the daemon's; without it, the one that\n"
    "  --config FILE       this configuration names (" DAEMON_CONFIG ")\n"
    "\n"
    "Exit code: 0 done, 1 refused or none was meant, 2 no daemon, 3 not\n"
    "understood.\n";

struct options {
	struct daemon_place place;
	const char *sender, *rcpt, *domain, *reason, *state, *login,
	    *listener;
	const char *older, *younger, *larger, *smaller, *limit;
	const char *via;
	bool is_all, is_dry, is_yes, is_json, is_help, is_back;
};

struct action {
	const char *name;
	const char *request;
	const char *verb;	/* "hold 3 messages?" */
	const char *done;	/* "held 3 messages" */
	bool is_dangerous;	/* ids are asked about, too */
};

static const struct action actions[] = {
	{ "list", "queue.list", NULL, NULL, false },
	{ "show", "queue.show", NULL, NULL, false },
	{ "hold", "queue.hold", "hold", "held", false },
	{ "release", "queue.release", "release", "released", false },
	{ "retry", "queue.retry", "try again", "to be tried again:", false },
	{ "bounce", "queue.bounce", "send back", "to be sent back:", true },
	{ "remove", "queue.remove", "remove", "removed", true },
	{ "move", "queue.move", "move", "moved", false },
};

/* --- the request */

static void
set_text(json_t *request, const char *name, const char *value)
{
	if (value != NULL)
		(void)json_object_set_new(request, name, json_string(value));
}

static bool
set_age(json_t *request, const char *name, const char *option,
    const char *value)
{
	uint64_t ms;

	if (value == NULL)
		return true;
	if (!daemon_read_age(option, value, &ms))
		return false;
	(void)json_object_set_new(request, name,
	    json_integer((json_int_t)(clock_real_ms() - ms)));
	return true;
}

static bool
set_size(json_t *request, const char *name, const char *option,
    const char *value)
{
	uint64_t octets;

	if (value == NULL)
		return true;
	if (!daemon_read_size(option, value, &octets))
		return false;
	(void)json_object_set_new(request, name,
	    json_integer((json_int_t)octets));
	return true;
}

static bool
has_filter(const struct options *o)
{
	return o->sender != NULL || o->rcpt != NULL || o->domain != NULL ||
	    o->reason != NULL || o->state != NULL || o->login != NULL ||
	    o->listener != NULL || o->older != NULL || o->younger != NULL ||
	    o->larger != NULL || o->smaller != NULL;
}

/* The filter as a request of that name; NULL after having said why not. */
static json_t *
make_request(const struct action *action, const struct options *o, int n,
    char **ids)
{
	json_t *request = json_pack("{s:s}", "do", action->request);
	json_t *list;

	set_text(request, "sender", o->sender);
	set_text(request, "rcpt", o->rcpt);
	set_text(request, "domain", o->domain);
	set_text(request, "reason", o->reason);
	set_text(request, "state", o->state);
	set_text(request, "login", o->login);
	set_text(request, "listener", o->listener);
	set_text(request, "route", o->is_back ? "" : o->via);
	if (!set_age(request, "before", "--older", o->older) ||
	    !set_age(request, "after", "--younger", o->younger) ||
	    !set_size(request, "larger", "--larger", o->larger) ||
	    !set_size(request, "smaller", "--smaller", o->smaller)) {
		json_decref(request);
		return NULL;
	}
	if (n == 0)
		return request;
	list = json_array();
	for (int i = 0; i < n; i++)
		(void)json_array_append_new(list, json_string(ids[i]));
	(void)json_object_set_new(request, "id", list);
	return request;
}

/* --- list and show */

static int
list(struct ctl_client *client, const struct options *o, json_t *request)
{
	struct queue_list items = { .is_json = o->is_json };
	unsigned long limit = 0;
	enum ctl_answer answer;
	json_t *result;
	int code;

	if (o->limit != NULL) {
		if (!args_number("--limit", o->limit, 1, 1000000000, &limit)) {
			json_decref(request);
			return CMD_USAGE;
		}
		(void)json_object_set_new(request, "limit",
		    json_integer((json_int_t)limit));
	}
	answer = ctl_ask(client, request, queue_take, &items, &result);
	code = daemon_result(answer, result);
	if (code == CMD_GOOD)
		queue_print_list(&items);
	queue_list_free(&items);
	json_decref(result);
	return code;
}

static bool
print_message(void *arg, const json_t *item)
{
	const struct options *o = arg;

	if (o->is_json)
		queue_print_json(item);
	else
		queue_print_message(item);
	return true;
}

static int
show(struct ctl_client *client, struct options *o, const char *id)
{
	json_t *result;
	enum ctl_answer answer = ctl_ask(client, json_pack("{s:s,s:s}", "do",
	    "queue.show", "id", id), print_message, o, &result);
	int code = daemon_result(answer, result);

	json_decref(result);
	return code;
}

/* --- changes */

/* How many it would be; -1 after having said what went wrong. */
static int64_t
count(struct ctl_client *client, const json_t *request, int *code)
{
	json_t *question = json_copy((json_t *)(uintptr_t)request), *result;
	enum ctl_answer answer;
	int64_t n = -1;

	(void)json_object_set_new(question, "dry_run", json_true());
	answer = ctl_ask(client, question, NULL, NULL, &result);
	*code = daemon_result(answer, result);
	if (*code == CMD_GOOD)
		n = (int64_t)daemon_number(result, "count");
	json_decref(result);
	return n;
}

static const char *
messages(int64_t n)
{
	return n == 1 ? "message" : "messages";
}

static bool
confirm(const struct action *action, int64_t n)
{
	char answer[16];

	if (!isatty(STDIN_FILENO)) {
		tell_error("this would %s %" PRId64 " %s: say --yes if it is "
		    "meant", action->verb, n, messages(n));
		return false;
	}
	printf("%s %" PRId64 " %s? [y/N] ", action->verb, n, messages(n));
	fflush(stdout);
	if (fgets(answer, sizeof answer, stdin) == NULL)
		answer[0] = '\0';
	if (answer[0] == 'y' || answer[0] == 'Y')
		return true;
	tell_note("nothing done");
	return false;
}

static int
tell_count(const struct options *o, const char *what, int64_t n)
{
	if (o->is_json)
		printf("{\"count\":%" PRId64 "}\n", n);
	else
		printf("%s %" PRId64 " %s\n", what, n, messages(n));
	return n != 0 ? CMD_GOOD : CMD_FAILED;
}

static int
change(struct ctl_client *client, const struct action *action,
    const struct options *o, json_t *request, bool is_asked)
{
	json_t *result = NULL;
	enum ctl_answer answer;
	int code = CMD_GOOD;
	int64_t n;

	/* what comes while we ask is not meant, nor what came within the same
	 * tick of the clock */
	if (is_asked && json_object_get(request, "before") == NULL)
		(void)json_object_set_new(request, "before",
		    json_integer((json_int_t)clock_real_ms()));
	if (o->is_dry || is_asked) {
		n = count(client, request, &code);
		if (n < 0 || o->is_dry || n == 0 || !confirm(action, n)) {
			json_decref(request);
			if (n < 0)
				return code;
			return n == 0 || o->is_dry ? tell_count(o,
			    o->is_dry ? "it would be" : action->done, n)
			    : CMD_FAILED;
		}
	}
	answer = ctl_ask(client, request, NULL, NULL, &result);
	code = daemon_result(answer, result);
	if (code == CMD_GOOD)
		code = tell_count(o, action->done,
		    (int64_t)daemon_number(result, "count"));
	json_decref(result);
	return code;
}

/* --- the command line */

static const struct action *
find_action(const char *word)
{
	const char *nearest;

	for (size_t i = 0; i < countof(actions); i++)
		if (strcmp(actions[i].name, word) == 0)
			return &actions[i];
	nearest = args_nearest(word, &actions[0].name, countof(actions),
	    sizeof actions[0]);
	tell_error("ehlo queue has no \"%s\"%s%s%s", word,
	    nearest != NULL ? ", did you mean \"" : ", see ehlo help queue",
	    nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
	return NULL;
}

static bool
parse(int *argc, char **argv, struct options *o)
{
	const struct args_option known[] = {
		{ "--control", &o->place.control },
		{ "--config", &o->place.config },
		{ "--sender", &o->sender, .also = "--from" },
		{ "--rcpt", &o->rcpt, .also = "--recipient --to" },
		{ "--domain", &o->domain }, { "--reason", &o->reason },
		{ "--state", &o->state }, { "--login", &o->login },
		{ "--listener", &o->listener }, { "--older", &o->older },
		{ "--younger", &o->younger }, { "--larger", &o->larger },
		{ "--smaller", &o->smaller }, { "--limit", &o->limit },
		{ "--via", &o->via },
		{ "--back", .flag = &o->is_back },
		{ "--all", .flag = &o->is_all },
		{ "--dry-run", .flag = &o->is_dry, .also = "-n" },
		{ "--yes", .flag = &o->is_yes, .also = "-y" },
		{ "--json", .flag = &o->is_json },
		{ "--help", .flag = &o->is_help },
	};

	return args_parse(argc, argv, known, countof(known));
}

/* The words behind the action; false after having said what is missing. */
static bool
check_words(const struct action *action, const struct options *o, int n)
{
	bool is_change = action->verb != NULL;
	bool is_move = strcmp(action->name, "move") == 0;

	if (strcmp(action->name, "show") == 0 && n != 1) {
		tell_error("ehlo queue show wants one ID");
		return false;
	}
	if (is_change && n == 0 && !has_filter(o) && !o->is_all) {
		tell_error("ehlo queue %s wants an ID, a filter or --all",
		    action->name);
		return false;
	}
	if (is_move ? (o->via != NULL) == o->is_back :
	    o->via != NULL || o->is_back) {
		tell_error(is_move ? "ehlo queue move wants --via ROUTE, or "
		    "--back" : "--via and --back belong to ehlo queue move");
		return false;
	}
	if (o->is_all && (n != 0 || has_filter(o))) {
		tell_error("--all and a filter contradict each other");
		return false;
	}
	return true;
}

int
cmd_queue(int argc, char **argv)
{
	struct options o = { .is_all = false };
	const struct action *action;
	struct ctl_client *client;
	json_t *request;
	int result;

	if (!parse(&argc, argv, &o))
		return CMD_USAGE;
	if (o.is_help || argc < 2) {
		fputs(help, o.is_help ? stdout : stderr);
		return o.is_help ? CMD_GOOD : CMD_USAGE;
	}
	action = find_action(argv[1]);
	if (action == NULL || !check_words(action, &o, argc - 2))
		return CMD_USAGE;
	request = make_request(action, &o, argc - 2, argv + 2);
	if (request == NULL)
		return CMD_USAGE;
	client = daemon_open(&o.place);
	if (client == NULL) {
		json_decref(request);
		return CMD_UNREACHED;
	}
	if (action == &actions[0]) {
		result = list(client, &o, request);
	} else if (action == &actions[1]) {
		json_decref(request);
		result = show(client, &o, argv[2]);
	} else {
		result = change(client, action, &o, request, !o.is_yes &&
		    (argc == 2 || action->is_dangerous));
	}
	ctl_close(client);
	return result;
}
