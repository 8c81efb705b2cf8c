/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo status: what the daemon is doing: sessions, mail a second, what waits
 * and for whom, room on the disk, the last complaints. Once, or with --live as
 * a screen that follows until `q` is typed. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "ehlo/args.h"
#include "ehlo/daemon.h"
#include "ehlo/tell.h"

static const char help[] =
    "usage: ehlo status [--live [--every SECONDS] | --tls] [--json]\n"
    "\n"
    "What the running ehlod is doing.\n"
    "\n"
    "  --live             a screen that follows; q or Ctrl-C ends it\n"
    "  --every SECONDS    how often it looks (2)\n"
    "  --tls              what became of TLS to other domains these days;\n"
    "                     what failed comes first\n"
    "  --json             for programs\n"
    "  --control SOCKET   the daemon's; without it, the one that\n"
    "  --config FILE      this configuration names (" DAEMON_CONFIG ")\n"
    "\n"
    "Exit code: 0 it runs and can take mail, 1 it cannot, 2 no daemon, 3 not\n"
    "understood.\n";

struct options {
	struct daemon_place place;
	const char *every;
	bool is_live, is_tls, is_json, is_help;
};

/* What all shards have together. */
struct sums {
	uint64_t now, sessions, sessions_total, accepted, refused, logins,
	    login_failures, queued, disk_bytes, memory_bytes;
	bool is_read_only, is_full;
};

static struct sums
sum(const json_t *status)
{
	const json_t *shards = json_object_get(status, "shards");
	struct sums s = { .now = daemon_number(status, "now") };

	for (size_t i = 0; i < json_array_size(shards); i++) {
		const json_t *shard = json_array_get(shards, i);

		s.sessions += daemon_number(shard, "sessions");
		s.sessions_total += daemon_number(shard, "sessions_total");
		s.accepted += daemon_number(shard, "accepted");
		s.refused += daemon_number(shard, "refused");
		s.logins += daemon_number(shard, "logins");
		s.login_failures += daemon_number(shard, "login_failures");
		s.queued += daemon_number(shard, "queued");
		s.disk_bytes += daemon_number(shard, "disk_bytes");
		s.memory_bytes += daemon_number(shard, "memory_bytes");
		s.is_read_only |= json_is_true(json_object_get(shard,
		    "read_only"));
		s.is_full |= json_is_true(json_object_get(shard, "full"));
	}
	return s;
}

/* "1234  (56.7/s)"; the rate only if there was a look before. */
static void
print_count(const char *name, uint64_t now, uint64_t before, uint64_t ms)
{
	printf("%-14s %10" PRIu64, name, now);
	if (ms != 0)
		printf(" %8.1f/s", now < before ? 0.0
		    : (double)(now - before) * 1000 / (double)ms);
	putchar('\n');
}

static void
print_queue(const json_t *status)
{
	const json_t *queue = json_object_get(status, "queue");
	const json_t *domains = json_object_get(queue, "domains");
	size_t n = json_array_size(domains);

	printf("%-14s %10" PRIu64 "  ready %" PRIu64 ", waiting %" PRIu64
	    ", held %" PRIu64 "\n", "queue", daemon_number(queue, "ready") +
	    daemon_number(queue, "waiting") + daemon_number(queue, "held"),
	    daemon_number(queue, "ready"), daemon_number(queue, "waiting"),
	    daemon_number(queue, "held"));
	for (size_t i = 0; i < n && i < 10; i++) {
		const json_t *domain = json_array_get(domains, i);

		printf("  %10" PRIu64 "  to ",
		    daemon_number(domain, "rcpts"));
		(void)daemon_print(stdout, daemon_text(domain, "domain"));
		putchar('\n');
	}
}

static void
print_room(const json_t *status, const struct sums *s)
{
	const json_t *disk = json_object_get(status, "disk");

	printf("%-18s ", "spool");
	daemon_print_size(stdout, s->disk_bytes);
	fputs(" used, ", stdout);
	daemon_print_size(stdout, daemon_number(disk, "free"));
	fputs(" free of ", stdout);
	daemon_print_size(stdout, daemon_number(disk, "size"));
	printf("%s\n", s->is_read_only ? "; CANNOT BE WRITTEN" :
	    s->is_full ? "; TOO FULL FOR NEW MAIL" : "");
}

static void
print_recent(const json_t *status)
{
	const json_t *recent = json_object_get(status, "recent");

	for (size_t i = 0; i < json_array_size(recent); i++) {
		fputs("  ", stdout);
		(void)daemon_print(stdout,
		    json_string_value(json_array_get(recent, i)));
		putchar('\n');
	}
}

static void
print_status(const json_t *status, const struct sums *before)
{
	const json_t *trail = json_object_get(status, "trail");
	size_t shards = json_array_size(json_object_get(status, "shards"));
	struct sums s = sum(status);
	uint64_t ms = before != NULL && s.now > before->now
	    ? s.now - before->now : 0;
	static const struct sums nothing;

	if (before == NULL)
		before = &nothing;
	fputs("ehlod ", stdout);
	(void)daemon_print(stdout, daemon_text(status, "version"));
	fputs(" at ", stdout);
	(void)daemon_print(stdout, daemon_text(status, "hostname"));
	printf(", process %" PRIu64 ", %zu shard%s, up ",
	    daemon_number(status, "pid"), shards, shards == 1 ? "" : "s");
	daemon_print_age(stdout, s.now - daemon_number(status, "started"), 0);
	printf("\n\n%-14s %10" PRIu64 "\n", "sessions now", s.sessions);
	print_count("sessions", s.sessions_total, before->sessions_total, ms);
	print_count("mail accepted", s.accepted, before->accepted, ms);
	print_count("refusals", s.refused, before->refused, ms);
	print_count("logins", s.logins, before->logins, ms);
	print_count("failed logins", s.login_failures,
	    before->login_failures, ms);
	print_queue(status);
	print_room(status, &s);
	if (daemon_number(trail, "dropped") != 0)
		printf("%-14s %10" PRIu64 " events were dropped\n", "trail",
		    daemon_number(trail, "dropped"));
	print_recent(status);
}

/* NULL after having said why; the code in `*code`. */
static json_t *
ask(struct ctl_client *client, int *code)
{
	json_t *result;
	enum ctl_answer answer = ctl_ask(client, json_pack("{s:s}", "do",
	    "status"), NULL, NULL, &result);

	*code = daemon_result(answer, result);
	if (*code == CMD_GOOD)
		return result;
	json_decref(result);
	return NULL;
}

/* --- live */

/* Keys come at once and are not shown; false: there is no terminal. */
static bool
make_raw(struct termios *old)
{
	struct termios raw;

	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, old) != 0)
		return false;
	raw = *old;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* Until the next look; false if somebody has had enough. */
static bool
wait_for_key(int ms)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	char key = 0;

	if (poll(&fd, 1, ms) <= 0)
		return true;
	return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 3 &&
	    key != 4;
}

static int
follow(struct ctl_client *client, unsigned long seconds)
{
	struct sums before;
	struct termios old;
	bool is_first = true;
	int code = CMD_GOOD;
	json_t *status;

	if (!make_raw(&old)) {
		tell_error("--live wants a terminal");
		return CMD_USAGE;
	}
	while ((status = ask(client, &code)) != NULL) {
		fputs("\033[H\033[2J" TELL_CUT, stdout);
		print_status(status, is_first ? NULL : &before);
		fputs(TELL_WRAP, stdout);
		before = sum(status);
		is_first = false;
		json_decref(status);
		fflush(stdout);
		if (!wait_for_key((int)seconds * 1000))
			break;
	}
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &old);
	return code;
}

/* --- TLS */

/* "   2  certificate-expired  mx.example.net [192.0.2.1]: words" */
static void
print_failure(const json_t *detail)
{
	printf("  %8" PRIu64 "  ", daemon_number(detail,
	    "failed-session-count"));
	(void)daemon_print(stdout, daemon_text(detail, "result-type"));
	fputs("  ", stdout);
	(void)daemon_print(stdout, daemon_text(detail,
	    "receiving-mx-hostname"));
	if (*daemon_text(detail, "receiving-ip") != '\0') {
		fputs(" [", stdout);
		(void)daemon_print(stdout, daemon_text(detail,
		    "receiving-ip"));
		putchar(']');
	}
	if (*daemon_text(detail, "failure-reason-code") != '\0')
		fputs(": ", stdout);
	(void)daemon_print(stdout, daemon_text(detail,
	    "failure-reason-code"));
	putchar('\n');
}

static bool
print_tls(void *arg, const json_t *item)
{
	const bool *is_json = arg;
	const json_t *report = json_object_get(item, "report");
	const json_t *sums = json_object_get(report, "summary");
	const json_t *details = json_object_get(report, "failure-details");

	if (*is_json) {
		if (json_dumpf(item, stdout, JSON_COMPACT) == 0)
			putchar('\n');
		return true;
	}
	(void)daemon_print(stdout, daemon_text(item, "day"));
	fputs("  ", stdout);
	(void)daemon_print(stdout, daemon_text(item, "domain"));
	fputs(" (", stdout);
	(void)daemon_print(stdout, daemon_text(json_object_get(report,
	    "policy"), "policy-type"));
	printf("): %" PRIu64 " good, %" PRIu64 " failed\n",
	    daemon_number(sums, "total-successful-session-count"),
	    daemon_number(sums, "total-failure-session-count"));
	for (size_t i = 0; i < json_array_size(details); i++)
		print_failure(json_array_get(details, i));
	return true;
}

static int
show_tls(struct ctl_client *client, bool is_json)
{
	json_t *result;
	enum ctl_answer answer = ctl_ask(client, json_pack("{s:s}", "do",
	    "tls"), print_tls, &is_json, &result);
	int code = daemon_result(answer, result);
	uint64_t left = daemon_number(result, "left");

	if (code == CMD_GOOD && left != 0 && !is_json)
		printf("and %" PRIu64 " more\n", left);
	json_decref(result);
	return code;
}

static int
show_once(struct ctl_client *client, bool is_json)
{
	int code;
	json_t *status = ask(client, &code);

	if (status == NULL)
		return code;
	if (is_json) {
		if (json_dumpf(status, stdout, JSON_COMPACT) == 0)
			putchar('\n');
	} else {
		print_status(status, NULL);
	}
	if (sum(status).is_read_only || sum(status).is_full)
		code = CMD_FAILED;
	json_decref(status);
	return code;
}

int
cmd_status(int argc, char **argv)
{
	struct options o = { .is_live = false };
	const struct args_option known[] = {
		{ "--control", &o.place.control },
		{ "--config", &o.place.config }, { "--every", &o.every },
		{ "--live", .flag = &o.is_live },
		{ "--tls", .flag = &o.is_tls },
		{ "--json", .flag = &o.is_json },
		{ "--help", .flag = &o.is_help },
	};
	struct ctl_client *client;
	unsigned long every = 2;
	int code;

	if (!args_parse(&argc, argv, known, countof(known)) ||
	    (o.every != NULL &&
	    !args_number("--every", o.every, 1, 3600, &every)))
		return CMD_USAGE;
	if (o.is_help || argc != 1) {
		fputs(help, o.is_help ? stdout : stderr);
		return o.is_help ? CMD_GOOD : CMD_USAGE;
	}
	client = daemon_open(&o.place);
	if (client == NULL)
		return CMD_UNREACHED;
	code = o.is_live ? follow(client, every)
	    : o.is_tls ? show_tls(client, o.is_json)
	    : show_once(client, o.is_json);
	ctl_close(client);
	return code;
}
