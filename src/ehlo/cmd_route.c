/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo route: the ways by which mail leaves a running daemon: which there are,
 * what waits for each, how its destinations do; pauses and resumes them. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "ehlo/args.h"
#include "ehlo/daemon.h"
#include "ehlo/tell.h"

static const char help[] =
    "usage: ehlo route list [--json]\n"
    "       ehlo route pause|resume ROUTE|--domain DOMAIN\n"
    "\n"
    "The ways by which mail leaves the running ehlod.\n"
    "\n"
    "  list      the routes of the configuration, what waits for each; and\n"
    "            the destinations: links, mail that waits for its turn, and\n"
    "            what went wrong last\n"
    "  pause     nothing goes that way, until it is resumed; a restart or a\n"
    "            reload changes nothing about it, and no mail grows too old\n"
    "            meanwhile. What is being sent is sent.\n"
    "  resume    what waits is tried at once\n"
    "\n"
    "ROUTE is a name of the configuration: '*', example.org. All routes of\n"
    "that name are meant.\n"
    "  --domain DOMAIN     the mail for this domain, whatever its route\n"
    "  --dry-run           only says how many recipients wait there\n"
    "  --yes               does not ask\n"
    "  --json              for programs: of list, one object a line\n"
    "  --control SOCKET    the daemon's; without it, the one that\n"
    "  --config FILE       this configuration names (" DAEMON_CONFIG ")\n"
    "\n"
    "Exit code: 0 done, 1 refused or it was so already, 2 no daemon, 3 not\n"
    "understood.\n";

struct options {
	struct daemon_place place;
	const char *domain;
	bool is_dry, is_yes, is_json, is_help;
};

/* --- list */

struct shown {
	bool is_json;
	size_t destinations_n;
};

static void
print_pair(const char *text, int width)
{
	size_t n = daemon_print(stdout, text);

	printf("%*s", (size_t)width > n ? width - (int)n : 1, "");
}

static void
print_route(const json_t *item)
{
	print_pair(daemon_text(item, "name"), 24);
	printf("%8" PRIu64 "  %-7s", daemon_number(item, "waiting"),
	    json_is_true(json_object_get(item, "paused")) ? "paused" : "");
	(void)daemon_print(stdout, daemon_text(item, "via"));
	putchar('\n');
}

static void
print_destination(const json_t *item)
{
	uint64_t closed = daemon_number(item, "closed_for");
	const char *why = daemon_text(item, "why");

	print_pair(daemon_text(item, "name"), 24);
	printf("%8" PRIu64 "  %" PRIu64 " of %" PRIu64,
	    daemon_number(item, "parked"), daemon_number(item, "links"),
	    daemon_number(item, "links_max"));
	if (closed != 0) {
		fputs(", closed for ", stdout);
		daemon_print_age(stdout, closed, 0);
	}
	putchar('\n');
	if (*why == '\0')
		return;
	printf("%34s", "");
	(void)daemon_print(stdout, why);
	putchar('\n');
}

static bool
take(void *arg, const json_t *item)
{
	struct shown *shown = arg;
	const char *kind = daemon_text(item, "kind");

	if (shown->is_json) {
		if (json_dumpf(item, stdout, JSON_COMPACT) == 0)
			putchar('\n');
	} else if (strcmp(kind, "route") == 0) {
		print_route(item);
	} else if (strcmp(kind, "domain") == 0) {
		print_pair(daemon_text(item, "name"), 34);
		puts("paused domain");
	} else {
		if (shown->destinations_n++ == 0)
			puts("\nDESTINATION              WAITING  LINKS");
		print_destination(item);
	}
	return true;
}

static int
list(struct ctl_client *client, const struct options *o)
{
	struct shown shown = { .is_json = o->is_json };
	enum ctl_answer answer;
	json_t *result;
	uint64_t none, unread;
	int code;

	if (!o->is_json)
		puts("ROUTE                    WAITING  STATE  VIA");
	answer = ctl_ask(client, json_pack("{s:s}", "do", "route.list"), take,
	    &shown, &result);
	code = daemon_result(answer, result);
	none = daemon_number(result, "without_route");
	unread = daemon_number(result, "unread");
	if (code == CMD_GOOD && !o->is_json && none != 0)
		printf("\n%" PRIu64 " without a route\n", none);
	if (code == CMD_GOOD && !o->is_json && unread != 0)
		printf("\n%" PRIu64 " messages are not counted yet\n", unread);
	json_decref(result);
	return code;
}

/* --- pause and resume */

static json_t *
make_request(const struct options *o, const char *action, const char *route,
    bool is_dry)
{
	char name[32];
	json_t *request;

	snprintf(name, sizeof name, "route.%s", action);
	request = json_pack("{s:s,s:s,s:b}", "do", name,
	    route != NULL ? "route" : "domain",
	    route != NULL ? route : o->domain, "dry_run", (int)is_dry);
	return request != NULL ? request : json_object();
}

static const char *
recipients(uint64_t n)
{
	return n == 1 ? "recipient waits" : "recipients wait";
}

static bool
confirm(const char *action, const char *what, uint64_t n)
{
	char answer[16];

	if (!isatty(STDIN_FILENO)) {
		tell_error("this would %s %s: say --yes if it is meant",
		    action, what);
		return false;
	}
	printf("%" PRIu64 " %s there: %s ", n, recipients(n), action);
	(void)daemon_print(stdout, what);
	fputs("? [y/N] ", stdout);
	fflush(stdout);
	if (fgets(answer, sizeof answer, stdin) == NULL)
		answer[0] = '\0';
	if (answer[0] == 'y' || answer[0] == 'Y')
		return true;
	tell_note("nothing done");
	return false;
}

static int
tell_done(const struct options *o, const char *action, const json_t *result)
{
	bool is_changed = json_is_true(json_object_get(result, "changed"));
	uint64_t n = daemon_number(result, "count");

	if (o->is_json)
		printf("{\"count\":%" PRIu64 ",\"changed\":%s}\n", n,
		    is_changed ? "true" : "false");
	else if (o->is_dry)
		printf("%" PRIu64 " %s there\n", n, recipients(n));
	else if (is_changed)
		printf("%sd: %" PRIu64 " %s there\n", action, n,
		    recipients(n));
	else
		printf("it was so already: %" PRIu64 " %s there\n", n,
		    recipients(n));
	return is_changed || o->is_dry ? CMD_GOOD : CMD_FAILED;
}

static int
change(struct ctl_client *client, const struct options *o,
    const char *action, const char *route)
{
	json_t *result = NULL;
	enum ctl_answer answer = ctl_ask(client, make_request(o, action,
	    route, true), NULL, NULL, &result);
	int code = daemon_result(answer, result);

	if (code == CMD_GOOD && !o->is_dry) {
		uint64_t n = daemon_number(result, "count");

		json_decref(result);
		result = NULL;
		if (!o->is_yes && !confirm(action, route != NULL ? route :
		    o->domain, n))
			return CMD_FAILED;
		answer = ctl_ask(client, make_request(o, action, route,
		    false), NULL, NULL, &result);
		code = daemon_result(answer, result);
	}
	if (code == CMD_GOOD)
		code = tell_done(o, action, result);
	json_decref(result);
	return code;
}

/* --- the command line */

static bool
parse(int *argc, char **argv, struct options *o)
{
	const struct args_option known[] = {
		{ "--control", &o->place.control },
		{ "--config", &o->place.config },
		{ "--domain", &o->domain },
		{ "--dry-run", .flag = &o->is_dry, .also = "-n" },
		{ "--yes", .flag = &o->is_yes, .also = "-y" },
		{ "--json", .flag = &o->is_json },
		{ "--help", .flag = &o->is_help },
	};

	return args_parse(argc, argv, known, countof(known));
}

static const char *
find_action(const char *word)
{
	static const char *const actions[] = { "list", "pause", "resume" };
	const char *nearest;

	for (size_t i = 0; i < countof(actions); i++)
		if (strcmp(actions[i], word) == 0)
			return actions[i];
	nearest = args_nearest(word, &actions[0], countof(actions),
	    sizeof actions[0]);
	tell_error("ehlo route has no \"%s\"%s%s%s", word,
	    nearest != NULL ? ", did you mean \"" : ", see ehlo help route",
	    nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
	return NULL;
}

int
cmd_route(int argc, char **argv)
{
	struct options o = { .is_dry = false };
	struct ctl_client *client;
	const char *action;
	bool is_list;
	int result;

	if (!parse(&argc, argv, &o))
		return CMD_USAGE;
	if (o.is_help || argc < 2) {
		fputs(help, o.is_help ? stdout : stderr);
		return o.is_help ? CMD_GOOD : CMD_USAGE;
	}
	action = find_action(argv[1]);
	if (action == NULL)
		return CMD_USAGE;
	is_list = strcmp(action, "list") == 0;
	if (!is_list && (argc > 3 || (argc == 3) == (o.domain != NULL))) {
		tell_error("ehlo route %s wants a ROUTE or --domain DOMAIN",
		    action);
		return CMD_USAGE;
	}
	client = daemon_open(&o.place);
	if (client == NULL)
		return CMD_UNREACHED;
	result = is_list ? list(client, &o) : change(client, &o, action,
	    argc == 3 ? argv[2] : NULL);
	ctl_close(client);
	return result;
}
