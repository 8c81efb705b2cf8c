/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo load: how many messages a server takes, and how long it takes for
 * each. */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/cmd.h"
#include "ehlo/load.h"
#include "ehlo/send_file.h"
#include "ehlo/tell.h"
#include "mail/transfer.h"

#define LIVE_MS 500
#define OPTIONS_MAX (TARGET_OPTIONS_MAX + LOGIN_OPTIONS_MAX + 24)
#define RCPTS_MOST 1000

static const char help[] =
    "usage: ehlo load [HOST[:PORT]] [options]\n"
    "\n"
    "Sends mail over many connections and measures. Only what was answered\n"
    "250 after the end of the text counts. Mind whose server it is.\n"
    "\n"
    "  --connections N       at the same time (10; also -c)\n"
    "  --per-connection N    messages, then a new connection (no limit)\n"
    "  --count N             messages in all (1000; also -n)\n"
    "  --duration TIME       for so long instead: 30s, 5m\n"
    "  --rate N              messages a second (as many as can be)\n"
    "  --size OCTETS|N-M     of a message, or between both (4096)\n"
    "  --data FILE           this message instead\n"
    "  --from ADDRESS        sender (load@localhost; also -f)\n"
    "  --to ADDRESS          recipient; %d in it is a number (-t)\n"
    "  --users N             the numbers go from 0 to N-1 (1000)\n"
    "  --rcpts N             recipients a message (1)\n"
    "  --quiet               no live line\n"
    "  --json                the result for programs\n";

static const char help_end[] =
    "Exit code: 0 all was taken; 1 something was not; 2 not reached; 3 not\n"
    "understood.\n";

struct request {
	struct target target;
	struct login login;
	const char *connections, *per_connection, *count, *duration, *rate,
	    *size, *data, *from, *to, *users, *rcpts;
	bool is_quiet, is_json, is_help;
	char *message;
	char hello[256];
	struct buf text;
};

struct live {
	struct load *load;
	struct loop *loop;
	struct timer timer;
	struct watch signals;
	uint64_t last_sent, last_us;
	unsigned signals_n;
};

/* --- options */

static bool
parse(int *argc, char **argv, struct request *r)
{
	const struct args_option own[] = {
		{ "--connections", &r->connections, .also = "-c" },
		{ "--per-connection", &r->per_connection },
		{ "--count", &r->count, .also = "-n" },
		{ "--duration", &r->duration },
		{ "--rate", &r->rate },
		{ "--size", &r->size },
		{ "--data", &r->data, .also = "-d" },
		{ "--from", &r->from, .also = "-f" },
		{ "--to", &r->to, .also = "-t" },
		{ "--users", &r->users },
		{ "--rcpts", &r->rcpts },
		{ "--quiet", .flag = &r->is_quiet },
		{ "--json", .flag = &r->is_json },
		{ "--help", .flag = &r->is_help },
	};
	struct args_option option[OPTIONS_MAX];
	size_t n = countof(own);

	memcpy(option, own, sizeof own);
	n += target_options(&r->target, option + n);
	n += login_options(&r->login, option + n);
	must(n <= countof(option));
	if (!args_parse(argc, argv, option, n))
		return false;
	for (int i = 1; i < *argc; i++)
		if (!target_take(&r->target, argv[i]))
			return false;
	return true;
}

/* "4096" or "1000-20000". */
static bool
parse_size(const char *typed, struct load_options *o)
{
	struct span most = span_str(typed), least = span_cut(&most, '-');
	uint64_t a, b;

	if (!text_u64(least, &a))
		goto bad;
	b = a;
	if (most.len != 0 && !text_u64(most, &b))
		goto bad;
	if (a > b || b > (uint64_t)1 << 30)
		goto bad;
	o->size_least = (size_t)a;
	o->size_most = (size_t)b;
	return true;
bad:
	tell_error("--size %s: octets are expected, 4096 or 1000-20000",
	    typed);
	return false;
}

static bool
number(const char *name, const char *typed, unsigned long most,
    unsigned long *out)
{
	return typed == NULL || args_number(name, typed, 1, most, out);
}

/* "100", "0.5" */
static bool
parse_rate(const char *typed, double *out)
{
	char *end;

	if (typed == NULL)
		return true;
	*out = strtod(typed, &end);
	if (end != typed && *end == '\0' && *out > 0 && *out < 1e7)
		return true;
	tell_error("--rate %s: messages a second are expected", typed);
	return false;
}

static bool
check_address(const char *name, const char *address)
{
	for (const char *p = address; *p != '\0'; p++)
		if (ascii_is_cntrl(*p) || *p == '<' || *p == '>')
			goto bad;
	if (strlen(address) <= 250)
		return true;
bad:
	tell_error("%s: a bare address of at most 250 bytes is expected",
	    name);
	return false;
}

static void
collect(void *arg, struct span bytes)
{
	(void)buf_append(arg, bytes);	/* it fits: a quarter of its maximum */
}

static bool
read_message(struct request *r, struct load_options *o)
{
	size_t len;
	int result;

	if (r->data == NULL)
		return true;
	result = send_read_file(r->data[0] == '@' ? r->data + 1 : r->data,
	    &r->message, &len);
	if (result != 0) {
		tell_error("--data %s: %s", r->data, log_errno(result));
		return false;
	}
	buf_init(&r->text, 2 * len + 16);
	transfer_put(TRANSFER_8BIT, span_of(r->message, len), collect,
	    &r->text);
	o->message = buf_span(&r->text);
	if (o->message.len == 0)
		tell_error("--data %s: it is empty", r->data);
	return o->message.len != 0;
}

static bool
make_numbers(const struct request *r, struct load_options *o)
{
	unsigned long connections = 10, count = 1000;
	unsigned ms = 0;

	o->users = 1000;
	o->rcpt_n = 1;
	if (!number("--connections", r->connections, 100000, &connections) ||
	    !number("--per-connection", r->per_connection, UINT32_MAX,
	    &o->per_connection) ||
	    !number("--count", r->count, UINT32_MAX, &count) ||
	    !number("--users", r->users, UINT32_MAX, &o->users) ||
	    !number("--rcpts", r->rcpts, RCPTS_MOST, &o->rcpt_n) ||
	    !parse_rate(r->rate, &o->rate) ||
	    (r->duration != NULL && !args_duration("--duration", r->duration,
	    &ms)))
		return false;
	o->connections = (unsigned)connections;
	o->duration_ms = ms;
	/* a duration alone has no count */
	o->count = r->duration != NULL && r->count == NULL ? 0 : count;
	if (o->count != 0 && o->connections > o->count)
		o->connections = (unsigned)o->count;
	return parse_size(r->size != NULL ? r->size : "4096", o);
}

/* --- where to */

static bool
resolve(const char *host, unsigned port, int family,
    struct sockaddr_storage *out, socklen_t *len)
{
	const struct addrinfo hints = { .ai_family = family,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char service[16];
	int error;

	(void)snprintf(service, sizeof service, "%u", port);
	error = getaddrinfo(host, service, &hints, &found);
	if (error != 0) {
		tell_error("%s: %s", host, gai_strerror(error));
		return false;
	}
	memcpy(out, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static bool
find_addresses(const struct session_options *s, struct load_options *o)
{
	struct sockaddr_un *local = (struct sockaddr_un *)&o->address;

	if (s->unix_path != NULL) {
		if (strlen(s->unix_path) >= sizeof local->sun_path) {
			tell_error("%s: too long for a socket", s->unix_path);
			return false;
		}
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, s->unix_path, strlen(s->unix_path));
		o->address_len = sizeof *local;
		return true;
	}
	if (!resolve(s->host, s->port, s->family, &o->address,
	    &o->address_len))
		return false;
	return s->source == NULL || resolve(s->source, 0,
	    o->address.ss_family, &o->source, &o->source_len);
}

static bool
make_options(struct request *r, struct load_options *o)
{
	const struct session_options *s = &r->target.session;

	*o = (struct load_options){ .login = &r->login,
		.tls = s->tls, .tls_mode = r->target.tls,
		.tls_name = s->tls_name != NULL ? s->tls_name : s->host,
		.is_lmtp = s->is_lmtp, .no_pipelining = s->no_pipelining,
		.from = r->from != NULL ? r->from : "load@localhost",
		.to = r->to != NULL ? r->to : "user%d@localhost",
		.answer_ms = s->answer_ms != 0 ? s->answer_ms : 60000,
		.hello = s->hello };
	if (o->hello == NULL) {
		if (gethostname(r->hello, sizeof r->hello - 1) != 0)
			r->hello[0] = '\0';
		o->hello = r->hello[0] != '\0' ? r->hello : "localhost";
	}
	if (s->proxy.len != 0 || r->target.is_helo) {
		tell_error("ehlo load does not do this: a PROXY header, HELO");
		return false;
	}
	if (!login_finish(&r->login, s->host, s->port))
		return false;
	return check_address("--from", o->from) &&
	    check_address("--to", o->to) && make_numbers(r, o) &&
	    read_message(r, o);
}

/* --- telling */

static double
seconds_of(const struct load_totals *t)
{
	uint64_t end = t->end_us != 0 ? t->end_us : load_now_us();

	return (double)(end - t->begin_us) / 1e6;
}

static double
ms_at(const struct load_times *times, double part)
{
	return (double)load_times_at(times, part) / 1e3;
}

static void
on_live(struct timer *timer)
{
	struct live *live = container_of(timer, struct live, timer);
	const struct load_totals *t = load_totals(live->load);
	uint64_t now = load_now_us();
	double per_second = (double)(t->sent - live->last_sent) * 1e6 /
	    (double)(now - live->last_us);

	live->last_sent = t->sent;
	live->last_us = now;
	fprintf(stderr, "\r" TELL_CUT "%5.1f s  %" PRIu64 " sent  %.0f/s  %"
	    PRIu64 " open  p50 %.1f ms  p99 %.1f ms  %" PRIu64
	    " errors\033[K" TELL_WRAP, seconds_of(t), t->sent, per_second,
	    t->open, ms_at(&t->message, 0.5), ms_at(&t->message, 0.99),
	    t->errors);
	(void)fflush(stderr);	/* who looks at it sees it or not */
	timer_set(live->loop, timer, LIVE_MS);
}

static void
print_times(const char *name, const struct load_times *times)
{
	printf("%-9s ms  p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  "
	    "most %.2f\n", name, ms_at(times, 0.5), ms_at(times, 0.9),
	    ms_at(times, 0.99), ms_at(times, 0.999),
	    (double)times->most / 1e3);
}

static void
print_result(const struct load_totals *t)
{
	double s = seconds_of(t);

	printf("%" PRIu64 " messages in %.2f s: %.1f a second, %.2f MB/s\n",
	    t->sent, s, (double)t->sent / s, (double)t->octets / s / 1e6);
	if (t->message.n != 0)
		print_times("message", &t->message);
	if (t->greeting.n != 0)
		print_times("greeting", &t->greeting);
	printf("%" PRIu64 " connections, at most %" PRIu64 " at once, %" PRIu64
	    " with TLS, %" PRIu64 " logins\n", t->opened, t->most_open,
	    t->tls, t->logins);
	if (t->turned_away != 0)
		printf("%" PRIu64 " sessions were ended by the server between "
		    "two messages\n", t->turned_away);
	printf("%" PRIu64 " errors\n", t->errors);
	for (size_t i = 0; i < t->kind_n; i++)
		printf("  %8" PRIu64 "  %s%s%s\n", t->kind[i].n,
		    t->kind[i].what, t->kind[i].example[0] != '\0' ? ": " : "",
		    t->kind[i].example);
}

static void
json_times(const char *name, const struct load_times *times)
{
	printf(",\n \"%s_ms\":{\"n\":%" PRIu64 ",\"p50\":%.3f,\"p90\":%.3f,"
	    "\"p99\":%.3f,\"p999\":%.3f,\"most\":%.3f}", name, times->n,
	    ms_at(times, 0.5), ms_at(times, 0.9), ms_at(times, 0.99),
	    ms_at(times, 0.999), (double)times->most / 1e3);
}

static void
print_json(const struct load_totals *t)
{
	double s = seconds_of(t);

	printf("{\"sent\":%" PRIu64 ",\"begun\":%" PRIu64 ",\"seconds\":%.4f,"
	    "\"rate\":%.1f,\"octets\":%" PRIu64 ",\"errors\":%" PRIu64
	    ",\n \"connections\":%" PRIu64 ",\"most_open\":%" PRIu64
	    ",\"tls\":%" PRIu64 ",\"logins\":%" PRIu64
	    ",\"recipients_refused\":%" PRIu64 ",\"turned_away\":%" PRIu64,
	    t->sent, t->begun, s,
	    (double)t->sent / s, t->octets, t->errors, t->opened,
	    t->most_open, t->tls, t->logins, t->rcpt_refused,
	    t->turned_away);
	json_times("message", &t->message);
	json_times("greeting", &t->greeting);
	fputs(",\n \"error_kinds\":[", stdout);
	for (size_t i = 0; i < t->kind_n; i++) {
		printf("%s\n  {\"n\":%" PRIu64 ",\"what\":", i != 0 ? "," : "",
		    t->kind[i].n);
		tell_json(stdout, span_str(t->kind[i].what));
		fputs(",\"example\":", stdout);
		tell_json(stdout, span_str(t->kind[i].example));
		putchar('}');
	}
	puts("]}");
}

/* --- running */

/* The first one ends it in order, the second at once. */
static void
on_signal(struct watch *watch, uint32_t events)
{
	struct live *live = container_of(watch, struct live, signals);
	struct signalfd_siginfo info;

	(void)events;
	while (read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info)
		live->signals_n++;
	load_wind_down(live->load);
	if (live->signals_n > 1)
		loop_stop(live->loop);
}

static int
open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool
raise_limit(unsigned connections)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return true;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);	/* then we say so */
	if (connections + 32 < limit.rlim_cur)
		return true;
	tell_error("%u connections want more descriptors than the %llu that "
	    "we may have (ulimit -n)", connections,
	    (unsigned long long)limit.rlim_cur);
	return false;
}

static int
exit_code(const struct load_totals *t)
{
	if (t->opened == 0)
		return CMD_UNREACHED;
	return t->errors != 0 || t->sent == 0 ? CMD_FAILED : CMD_GOOD;
}

static int
run(const struct request *r, const struct load_options *options)
{
	struct loop *loop = loop_new();
	struct live live = { .loop = loop, .timer.on_time = on_live,
		.signals.on_ready = on_signal };
	bool is_live = !r->is_quiet && !r->is_json && isatty(2);
	int signals = open_signals(), code = CMD_FAILED;

	must(loop != NULL);
	live.load = load_new(loop, options);
	live.last_us = load_now_us();
	if (signals < 0 ||
	    watch_open(loop, &live.signals, signals, EPOLLIN) != 0) {
		tell_error("signals: %s", log_errno(errno));
		goto out;
	}
	(void)signal(SIGPIPE, SIG_IGN);	/* OpenSSL writes without a flag */
	load_start(live.load);
	if (is_live)
		timer_set(loop, &live.timer, LIVE_MS);
	if (loop_run(loop) != 0)
		goto out;
	if (is_live)
		fputs("\r\033[K", stderr);
	if (r->is_json)
		print_json(load_totals(live.load));
	else
		print_result(load_totals(live.load));
	code = exit_code(load_totals(live.load));
	watch_close(loop, &live.signals);
out:
	timer_stop(loop, &live.timer);
	load_free(live.load);
	loop_free(loop);
	if (signals >= 0)
		(void)close(signals);
	return code;
}

static int
prepare(struct request *r, int argc, char **argv)
{
	struct load_options options;

	if (!parse(&argc, argv, r))
		return CMD_USAGE;
	if (r->is_help) {
		fputs(help, stdout);
		fputs(target_help, stdout);
		fputs(login_help, stdout);
		fputs(help_end, stdout);
		return CMD_GOOD;
	}
	if (!target_finish(&r->target, 0))
		return CMD_USAGE;
	if (!make_options(r, &options))
		return CMD_USAGE;
	if (!raise_limit(options.connections))
		return CMD_USAGE;
	if (!find_addresses(&r->target.session, &options))
		return CMD_UNREACHED;
	return run(r, &options);
}

int
cmd_load(int argc, char **argv)
{
	struct request *r;
	int code;

	if (argc < 2) {
		fputs(help, stderr);
		return CMD_USAGE;
	}
	r = mem_new(sizeof *r);
	target_init(&r->target);
	login_init(&r->login);
	code = prepare(r, argc, argv);
	login_wipe(&r->login);
	target_free(&r->target);
	buf_free(&r->text);
	free(r->message);
	free(r);
	return code;
}
