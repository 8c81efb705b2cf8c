/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo sink: a server that takes mail, throws it away and counts. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/sink.h"
#include "ehlo/target.h"
#include "ehlo/tell.h"

#define LIVE_MS 500	/* between two versions of the live line */

static const char help[] =
    "usage: ehlo sink [ADDRESS:]PORT | --unix PATH [options]\n"
    "\n"
    "A server that takes every mail, throws it away and counts it, until\n"
    "Ctrl-C. ADDRESS is 127.0.0.1; port 0 is one that is free.\n"
    "\n"
    "  --unix PATH           listens at a local socket\n"
    "  --lmtp                LMTP instead of SMTP\n"
    "  --cert FILE, --key FILE  offers STARTTLS\n"
    "  --tls-on-connect      TLS from the first byte instead\n"
    "  --auth                offers AUTH, and takes every password\n"
    "  --hostname NAME       what it calls itself\n"
    "  --size OCTETS         the largest message (no limit)\n"
    "  --reject STEP,...     refuses for good (5xx): CONNECT, EHLO, AUTH,\n"
    "                        MAIL, RCPT, DATA, DOT\n"
    "  --defer STEP,...      refuses for now (4xx)\n"
    "  --every N             of those only each N-th\n"
    "  --count N             ends after N messages\n"
    "  --once                ends with the first session\n"
    "  --save FOLDER         keeps messages: NUMBER.eml, NUMBER.envelope\n"
    "  --show-dialogue       every dialogue on the screen\n"
    "  --quiet               no live line\n"
    "  --json                the totals for programs\n"
    "\n"
    "Exit code: 0 ended as wished, 1 something failed, 2 cannot listen,\n"
    "3 not understood.\n";

struct request {
	const char *socket, *certificate, *key, *hostname, *size, *reject,
	    *defer, *every, *count, *save;
	bool is_lmtp, is_implicit, has_auth, is_once, shows, is_quiet, is_json,
	    is_help;
	char name[256], auth[256];
};

struct live {
	struct sink *sink;
	struct timer timer;
	struct watch signals;
	uint64_t begin_ms, last_messages;
	bool is_on;
};

/* --- options */

static bool
parse(int *argc, char **argv, struct request *r)
{
	const struct args_option option[] = {
		{ "--unix", &r->socket, .also = "--socket" },
		{ "--lmtp", .flag = &r->is_lmtp },
		{ "--cert", &r->certificate, .also = "--tls-cert" },
		{ "--key", &r->key, .also = "--tls-key" },
		{ "--tls-on-connect", .flag = &r->is_implicit,
		    .also = "-tlsc" },
		{ "--auth", .flag = &r->has_auth, .also = "-a" },
		{ "--hostname", &r->hostname },
		{ "--size", &r->size },
		{ "--reject", &r->reject },
		{ "--defer", &r->defer },
		{ "--every", &r->every },
		{ "--count", &r->count },
		{ "--once", .flag = &r->is_once },
		{ "--save", &r->save },
		{ "--show-dialogue", .flag = &r->shows },
		{ "--quiet", .flag = &r->is_quiet },
		{ "--json", .flag = &r->is_json },
		{ "--help", .flag = &r->is_help },
	};

	return args_parse(argc, argv, option, countof(option));
}

static bool
parse_steps(const char *option, const char *typed, unsigned *out)
{
	static const struct {
		const char *name;
		enum sink_refuse bit;
	} steps[] = { { "CONNECT", SINK_CONNECT }, { "EHLO", SINK_HELLO },
		{ "HELO", SINK_HELLO }, { "AUTH", SINK_AUTH },
		{ "MAIL", SINK_MAIL }, { "RCPT", SINK_RCPT },
		{ "DATA", SINK_DATA }, { "DOT", SINK_TEXT } };
	struct span list = span_str(typed);

	while (list.len != 0) {
		struct span word = span_cut(&list, ',');
		size_t i = 0;

		while (i < countof(steps) &&
		    !span_caseeq(word, span_str(steps[i].name)))
			i++;
		if (i == countof(steps)) {
			tell_error("%s %.*s: CONNECT, EHLO, AUTH, MAIL, RCPT, "
			    "DATA or DOT is expected", option, SPAN_ARG(word));
			return false;
		}
		*out |= steps[i].bit;
	}
	return true;
}

/* "PLAIN LOGIN": what our side of SASL can judge without knowing anybody. */
static void
list_mechanisms(struct request *r)
{
	struct put out = put_init(r->auth, sizeof r->auth - 1);

	if (r->has_auth)
		put_str(&out, "PLAIN LOGIN");
	(void)put_cstr(&out);	/* terminated in its place */
}

static bool
make_tls(const struct request *r, struct sink_options *o)
{
	const struct tls_cert_files files = { .certificate = r->certificate,
		.key = r->key };
	char error[1024];

	if (r->certificate == NULL && r->key == NULL && !r->is_implicit)
		return true;
	if (r->certificate == NULL || r->key == NULL) {
		tell_error("TLS wants --cert and --key");
		return false;
	}
	o->tls = tls_server_new(&files, 1, TLS_1_2, error, sizeof error);
	if (o->tls == NULL)
		tell_error("%s", error);
	o->is_implicit_tls = r->is_implicit;
	o->smtp.has_starttls = !r->is_implicit;
	return o->tls != NULL;
}

static bool
make_options(struct request *r, struct sink_options *o)
{
	unsigned long size = 0;

	if (r->hostname == NULL) {
		if (gethostname(r->name, sizeof r->name - 1) != 0)
			r->name[0] = '\0';
		r->hostname = r->name[0] != '\0' ? r->name : "localhost";
	}
	list_mechanisms(r);
	if (r->size != NULL && !args_number("--size", r->size, 1, INT64_MAX,
	    &size))
		return false;
	*o = (struct sink_options){ .save = r->save, .is_once = r->is_once,
		.dialogue = r->shows ? stdout : NULL,
		.idle_ms = 300000,	/* RFC 5321 4.5.3.2.7 */
		.smtp = { .hostname = span_str(r->hostname),
		    .is_lmtp = r->is_lmtp, .auth_clear = span_str(r->auth),
		    .auth_tls = span_str(r->auth), .size_max = size,
		    .rcpt_max = 100000, .errors_max = 1000000,
		    .commands_max = 100000000, .transactions_max = UINT32_MAX,
		    .auth_failures_max = 1000 } };
	if (!parse_steps("--reject", r->reject, &o->refuse) ||
	    !parse_steps("--defer", r->defer, &o->defer))
		return false;
	if ((r->every != NULL && !args_number("--every", r->every, 1,
	    1000000000, &o->every)) ||
	    (r->count != NULL && !args_number("--count", r->count, 1,
	    UINT32_MAX, &o->count)))
		return false;
	if (r->save != NULL && mkdir(r->save, 0700) != 0 && errno != EEXIST) {
		tell_error("%s: %s", r->save, log_errno(errno));
		return false;
	}
	return make_tls(r, o);
}

/* --- listening */

static int
listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof address.sun_path) {
		tell_error("%s: too long for a socket", path);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address,
	    sizeof address) == 0 && listen(fd, 4096) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		(void)close(fd);
	tell_error("%s: %s", path, log_errno(error));
	return -1;
}

/* "2525", "0.0.0.0:2525", "[::1]:2525". */
static int
listen_tcp(const char *word)
{
	struct sockaddr_storage address;
	socklen_t len;
	char text[128];
	bool is_port = word[0] != '\0' && strspn(word, "0123456789") ==
	    strlen(word);
	int fd;

	if (snprintf(text, sizeof text, "%s%s", is_port ? "127.0.0.1:" : "",
	    word) >= (int)sizeof text ||
	    !listen_parse(span_str(text), &address, &len)) {
		tell_error("%s: PORT or ADDRESS:PORT is expected", word);
		return -1;
	}
	fd = listen_socket(&address, len);
	if (fd < 0)
		tell_error("%s: %s", text, log_errno(fd));
	return fd;
}

/* --- telling */

static double
rate_of(const struct sink_totals *t)
{
	uint64_t ms = t->last_ms - t->first_ms;

	/* between the first and the last: n messages make n - 1 steps */
	return ms != 0 ? (double)(t->messages - 1) * 1000 / (double)ms : 0;
}

static void
on_live(struct timer *timer)
{
	struct live *live = container_of(timer, struct live, timer);
	const struct sink_totals *t = &live->sink->totals;
	uint64_t per_second = (t->messages - live->last_messages) * 1000 /
	    LIVE_MS;

	live->last_messages = t->messages;
	fprintf(stderr, "\r" TELL_CUT "%" PRIu64 " messages, %" PRIu64
	    "/s, %" PRIu64 " sessions, %" PRIu64 " open\033[K" TELL_WRAP,
	    t->messages, per_second, t->sessions, t->open);
	(void)fflush(stderr);	/* who looks at it sees it or not */
	timer_set(live->sink->loop, timer, LIVE_MS);
}

static void
print_totals(const struct sink_totals *t)
{
	printf("%" PRIu64 " messages for %" PRIu64 " recipients, %" PRIu64
	    " octets, in %" PRIu64 " sessions\n", t->messages, t->recipients,
	    t->octets, t->sessions);
	printf("%.1f messages a second, %" PRIu64 " sessions with TLS, %"
	    PRIu64 " logins, %" PRIu64 " refused, %" PRIu64 " broken off\n",
	    rate_of(t), t->tls, t->logins, t->refused, t->broken);
}

static void
print_json(const struct sink_totals *t)
{
	printf("{\"messages\":%" PRIu64 ",\"recipients\":%" PRIu64
	    ",\"octets\":%" PRIu64 ",\"sessions\":%" PRIu64 ",\"tls\":%"
	    PRIu64 ",\"logins\":%" PRIu64 ",\"refused\":%" PRIu64
	    ",\"broken\":%" PRIu64 ",\"rate\":%.1f}\n", t->messages,
	    t->recipients, t->octets, t->sessions, t->tls, t->logins,
	    t->refused, t->broken, rate_of(t));
}

/* --- running */

static void
on_signal(struct watch *watch, uint32_t events)
{
	struct live *live = container_of(watch, struct live, signals);

	(void)events;
	live->sink->is_over = true;
	loop_stop(live->sink->loop);
}

static void
on_turn(void *arg)
{
	struct sink *sink = arg;

	conn_pool_flush(sink->pool);
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

/* Thousands of sessions want descriptors. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);	/* then fewer */
}

static void
announce(const struct request *r, int fd)
{
	if (r->is_json)
		return;
	if (r->socket != NULL)
		printf("listening at %s\n", r->socket);
	else
		printf("listening at port %u\n", listen_port(fd));
	(void)fflush(stdout);	/* main() sees what cannot be written */
}

static int
serve(const struct request *r, const struct sink_options *options, int fd)
{
	struct loop *loop = loop_new();
	struct sink *sink = mem_new(sizeof *sink);
	struct live live = { .sink = sink, .timer.on_time = on_live,
		.signals.on_ready = on_signal,
		.is_on = !r->is_quiet && !r->is_json && !r->shows &&
		    isatty(2) };
	int signals = open_signals(), result = CMD_FAILED;
	struct listener *listener;

	must(loop != NULL);
	sink_init(sink, loop, options);
	listener = listen_start(loop, fd, sink_accept, sink);
	if (listener == NULL || signals < 0 ||
	    watch_open(loop, &live.signals, signals, EPOLLIN) != 0) {
		tell_error("the loop: %s", log_errno(errno));
		goto out;
	}
	loop_on_turn(loop, on_turn, sink);
	announce(r, fd);
	if (live.is_on)
		timer_set(loop, &live.timer, LIVE_MS);
	result = loop_run(loop) == 0 && sink->error == NULL ? CMD_GOOD :
	    CMD_FAILED;
	if (live.is_on)
		fputs("\r\033[K", stderr);
	if (sink->error != NULL)
		tell_error("%s", sink->error);
	if (r->is_json)
		print_json(&sink->totals);
	else
		print_totals(&sink->totals);
	timer_stop(loop, &live.timer);
	watch_close(loop, &live.signals);
out:
	if (listener != NULL)
		listen_stop(listener);
	sink_free(sink);
	loop_free(loop);
	if (signals >= 0)
		(void)close(signals);
	free(sink);
	return result;
}

int
cmd_sink(int argc, char **argv)
{
	struct request r = { .socket = NULL };
	struct sink_options options = { .tls = NULL };
	int fd, result;

	if (argc < 2) {
		fputs(help, stderr);
		return CMD_USAGE;
	}
	if (!parse(&argc, argv, &r))
		return CMD_USAGE;
	if (r.is_help) {
		fputs(help, stdout);
		return CMD_GOOD;
	}
	if ((argc == 2) == (r.socket != NULL) || argc > 2) {
		tell_error("one place to listen at is wanted: PORT, "
		    "ADDRESS:PORT or --unix PATH");
		return CMD_USAGE;
	}
	if (!make_options(&r, &options))
		return CMD_USAGE;
	raise_limit();
	fd = r.socket != NULL ? listen_unix(r.socket) : listen_tcp(argv[1]);
	result = fd >= 0 ? serve(&r, &options, fd) : CMD_UNREACHED;
	if (fd >= 0 && r.socket != NULL)
		(void)unlink(r.socket);	/* it was ours */
	tls_server_unref(options.tls);
	return result;
}
