/* SPDX-License-Identifier: Apache-2.0 */
/* loadgen: sends mail to an SMTP server over many connections and counts only
 * what was answered 250 after the end of data. One thread, epoll; the dialogue
 * is checked at every step (a reply of another class ends that connection and
 * counts as an error). Prints one line of key=value and, with --json, JSON.
 *
 * With --idle it opens the connections, (logs in or starts TLS if asked,) says
 * "IDLE n=…" and holds them until its standard input ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum step { BANNER, EHLO, STARTTLS, HANDSHAKE, EHLO_TLS, AUTH, AUTH_USER,
	AUTH_PASSWORD, MAIL, RCPT, DATA, TEXT, QUIT, IDLE, STEPS };

/* What a step's reply must begin with. */
static const char wanted[STEPS] = { '2', '2', '2', 0, '2', '3', '3', '2', '2',
	'2', '3', '2', '2', 0 };

struct client {
	int fd;
	enum step step;
	unsigned sent_n;	/* messages begun on this connection */
	unsigned expected;	/* replies still to come in a pipelined group */
	SSL *ssl;
	char in[4096];
	size_t in_len;
	const char *out;	/* what is left to send */
	size_t out_len;
	char line[1024];	/* a command in the making */
	double begun_at;
	uint64_t number;	/* of the message under way */
	bool wants_out;
};

static struct {
	const char *host, *user, *password, *rcpt, *from, *acks;
	int port;
	unsigned connections, per_connection, users, pending_max;
	uint64_t total;
	size_t size;
	bool pipelining, starttls, implicit, quit, idle, json;
	double timeout;
} opt = { .host = "127.0.0.1", .rcpt = "user%d@example.org",
	.from = "load@example.org", .connections = 10, .per_connection = 20,
	.users = 50, .pending_max = 512, .total = 1000, .size = 4096,
	.quit = true, .timeout = 60 };

static int poller;
static SSL_CTX *tls;
static char *text;		/* one message with its final dot */
static size_t text_len;
static uint64_t begun, acknowledged, errors, sessions;
static unsigned open_n, pending_n, idle_n;
static double *latency;
static FILE *acks;
static char first_error[256];

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* RFC 5322 text of `size` octets with lines of 70, every message the same but
 * for the token that stands in its Subject when acknowledgements are kept. */
static void
make_text(void)
{
	static const char head[] = "From: <load@example.org>\r\n"
	    "To: <user@example.org>\r\nSubject: load\r\n"
	    "Date: Sat, 21 Nov 2026 06:37:03 +0000\r\n"
	    "Message-ID: <load@example.org>\r\n\r\n";
	size_t at = sizeof head - 1;

	text = malloc(opt.size + 256);
	memcpy(text, head, at);
	while (at + 72 <= opt.size) {
		memset(text + at, 'a' + (int)(at % 26), 70);
		memcpy(text + at + 70, "\r\n", 2);
		at += 72;
	}
	memcpy(text + at, ".\r\n", 3);
	text_len = at + 3;
}

static void
fail(struct client *client, const char *why)
{
	if (errors++ == 0)
		snprintf(first_error, sizeof first_error, "step %d: %.200s",
		    (int)client->step, why);
	/* it stands in JSON */
	for (char *p = first_error; *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
			*p = '?';
}

static void start(struct client *client);

static void
finish(struct client *client)
{
	if (client->ssl != NULL)
		SSL_free(client->ssl);
	close(client->fd);
	client->ssl = NULL;
	client->fd = -1;
	open_n--;
	if (client->step < EHLO_TLS && client->step <= EHLO)
		pending_n--;
}

static void
watch(struct client *client, bool out)
{
	struct epoll_event event = { .events = EPOLLIN |
	    (out ? EPOLLOUT : 0u), .data.ptr = client };

	if (client->wants_out == out)
		return;
	client->wants_out = out;
	epoll_ctl(poller, EPOLL_CTL_MOD, client->fd, &event);
}

/* -1: broken. */
static int
push(struct client *client)
{
	while (client->out_len != 0) {
		ssize_t n;

		if (client->ssl != NULL) {
			n = SSL_write(client->ssl, client->out,
			    (int)client->out_len);
			if (n <= 0) {
				int e = SSL_get_error(client->ssl, (int)n);

				if (e == SSL_ERROR_WANT_WRITE ||
				    e == SSL_ERROR_WANT_READ)
					break;
				return -1;
			}
		} else {
			n = send(client->fd, client->out, client->out_len,
			    MSG_NOSIGNAL);
			if (n < 0 && errno == EAGAIN)
				break;
			if (n < 0)
				return -1;
		}
		client->out += n;
		client->out_len -= (size_t)n;
	}
	watch(client, client->out_len != 0);
	return 0;
}

static void
say(struct client *client, const char *line)
{
	client->out = line;
	client->out_len = strlen(line);
}

static void
base64(const char *s, char *out)
{
	int n = EVP_EncodeBlock((unsigned char *)out, (const void *)s,
	    (int)strlen(s));

	memcpy(out + n, "\r\n", 3);
}

static const char *
recipient(uint64_t number)
{
	static char name[256];
	const char *percent = strstr(opt.rcpt, "%d");

	if (percent == NULL)
		return opt.rcpt;
	snprintf(name, sizeof name, "%.*s%u%s", (int)(percent - opt.rcpt),
	    opt.rcpt, (unsigned)(number % opt.users), percent + 2);
	return name;
}

/* The next message, or the end of this connection. */
static void
next_message(struct client *client)
{
	if (client->sent_n == opt.per_connection || begun == opt.total) {
		client->step = QUIT;
		client->expected = 1;
		say(client, "QUIT\r\n");
		return;
	}
	client->number = begun++;
	client->sent_n++;
	client->begun_at = now();
	client->step = MAIL;
	client->expected = 1;
	if (opt.pipelining) {
		snprintf(client->line, sizeof client->line,
		    "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n", opt.from,
		    recipient(client->number));
	} else {
		snprintf(client->line, sizeof client->line,
		    "MAIL FROM:<%s>\r\n", opt.from);
	}
	say(client, client->line);
}

static void
ready(struct client *client)
{
	if (opt.idle) {
		client->step = IDLE;
		idle_n++;
		return;
	}
	next_message(client);
}

static void
say_auth_or_go(struct client *client)
{
	if (opt.user != NULL) {
		client->step = AUTH;
		say(client, "AUTH LOGIN\r\n");
	} else {
		ready(client);
	}
}

static int
shake(struct client *client)
{
	int n = SSL_connect(client->ssl), e;

	if (n == 1) {
		if (opt.implicit) {
			client->step = BANNER;
		} else {
			client->step = EHLO_TLS;
			say(client, "EHLO load.example.org\r\n");
		}
		return push(client);
	}
	e = SSL_get_error(client->ssl, n);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		watch(client, e == SSL_ERROR_WANT_WRITE);
		return 0;
	}
	return -1;
}

static int
begin_tls(struct client *client)
{
	client->ssl = SSL_new(tls);
	SSL_set_fd(client->ssl, client->fd);
	client->step = HANDSHAKE;
	return shake(client);
}

static void
acknowledge(struct client *client)
{
	latency[acknowledged % opt.total] = now() - client->begun_at;
	acknowledged++;
	if (acks != NULL)
		fprintf(acks, "%.*s\n", (int)(strcspn(client->in, "\r")),
		    client->in);
	next_message(client);
}

/* One whole reply has come. -1: over. */
static int
on_reply(struct client *client)
{
	if (wanted[client->step] != client->in[0]) {
		fail(client, client->in);
		return -1;
	}
	switch (client->step) {
	case BANNER:
		client->step = EHLO;
		say(client, "EHLO load.example.org\r\n");
		break;
	case EHLO:
		pending_n--;
		if (opt.starttls && client->ssl == NULL) {
			client->step = STARTTLS;
			say(client, "STARTTLS\r\n");
		} else {
			say_auth_or_go(client);
		}
		break;
	case STARTTLS:
		return begin_tls(client);
	case EHLO_TLS:
		say_auth_or_go(client);
		break;
	case AUTH:
		client->step = AUTH_USER;
		base64(opt.user, client->line);
		say(client, client->line);
		break;
	case AUTH_USER:
		client->step = AUTH_PASSWORD;
		base64(opt.password, client->line);
		say(client, client->line);
		break;
	case AUTH_PASSWORD:
		ready(client);
		break;
	case MAIL:
		client->step = RCPT;
		if (opt.pipelining)
			return 0;
		snprintf(client->line, sizeof client->line, "RCPT TO:<%s>\r\n",
		    recipient(client->number));
		say(client, client->line);
		break;
	case RCPT:
		client->step = DATA;
		if (opt.pipelining)
			return 0;
		say(client, "DATA\r\n");
		break;
	case DATA:
		client->step = TEXT;
		client->out = text;
		client->out_len = text_len;
		break;
	case TEXT:
		acknowledge(client);
		break;
	case QUIT:
		sessions++;
		return -1;
	case HANDSHAKE:
	case IDLE:
	case STEPS:
		return -1;
	}
	if (client->step == QUIT && !opt.quit) {
		sessions++;
		return -1;
	}
	return push(client);
}

/* Takes every whole reply out of the input. -1: over. */
static int
read_replies(struct client *client)
{
	for (;;) {
		size_t end = 0, at = 0;
		bool is_whole = false;

		while (!is_whole) {
			char *lf = memchr(client->in + at, '\n',
			    client->in_len - at);

			if (lf == NULL)
				return client->in_len < sizeof client->in
				    ? 0 : -1;
			end = (size_t)(lf - client->in) + 1;
			is_whole = end - at < 5 || client->in[at + 3] != '-';
			at = end;
		}
		/* the last line is what counts and what is recorded */
		{
			size_t last = end - 1;

			while (last > 0 && client->in[last - 1] != '\n')
				last--;
			memmove(client->in, client->in + last,
			    client->in_len - last);
			client->in_len -= last;
			end -= last;
		}
		client->in[end - 1] = '\0';
		if (on_reply(client) != 0)
			return -1;
		client->in_len -= end;
		memmove(client->in, client->in + end, client->in_len);
	}
}

static int
pull(struct client *client)
{
	for (;;) {
		size_t room = sizeof client->in - client->in_len;
		ssize_t n;

		if (client->ssl != NULL) {
			n = SSL_read(client->ssl, client->in + client->in_len,
			    (int)room);
			if (n <= 0)
				return SSL_get_error(client->ssl, (int)n) ==
				    SSL_ERROR_WANT_READ ? 0 : -1;
		} else {
			n = recv(client->fd, client->in + client->in_len, room,
			    0);
			if (n < 0 && errno == EAGAIN)
				return 0;
			if (n <= 0)
				return -1;
		}
		client->in_len += (size_t)n;
		if (read_replies(client) != 0)
			return -1;
		/* level-triggered: more comes again; and SSL_read() would end
		 * the handshake behind shake()'s back */
		if (client->ssl == NULL || client->step == HANDSHAKE)
			return 0;
	}
}

static void
start(struct client *client)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)opt.port) };
	struct epoll_event event = { .events = EPOLLIN,
		.data.ptr = client };
	int on = 1;

	memset(client, 0, offsetof(struct client, in));
	client->in_len = 0;
	client->out_len = 0;
	client->wants_out = false;
	inet_pton(AF_INET, opt.host, &to.sin_addr);
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	open_n++;
	pending_n++;
	/* a server whose backlog is full answers later; until then nothing is
	 * heard, and that is all it means */
	if (client->fd < 0 ||
	    (connect(client->fd, (void *)&to, sizeof to) != 0 &&
	    errno != EINPROGRESS)) {
		fail(client, strerror(errno));
		finish(client);
		return;
	}
	epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event);
	if (opt.implicit && begin_tls(client) != 0) {
		fail(client, "handshake");
		finish(client);
	}
}

static bool
step_client(struct client *client, uint32_t events)
{
	int result = 0;

	if (client->step == HANDSHAKE) {
		result = shake(client);
		if (result == 0 && client->step != HANDSHAKE)
			result = pull(client);
	} else {
		if ((events & EPOLLOUT) != 0)
			result = push(client);
		if (result == 0 && (events & ~(uint32_t)EPOLLOUT) != 0)
			result = pull(client);
	}
	if (result != 0) {
		if (client->step != QUIT)
			fail(client, "connection lost");
		finish(client);
	}
	return result == 0;
}

static void
run(struct client *clients)
{
	struct epoll_event events[256];
	double deadline = now() + opt.timeout;
	unsigned started = 0;

	while (now() < deadline) {
		int n;

		while (started < opt.connections &&
		    pending_n < opt.pending_max)
			start(&clients[started++]);
		if (opt.idle && idle_n == opt.connections)
			return;
		if (open_n == 0 && (begun == opt.total || errors != 0))
			return;
		n = epoll_wait(poller, events, 256, 100);
		for (int i = 0; i < n; i++) {
			struct client *client = events[i].data.ptr;

			if (client->fd >= 0 &&
			    !step_client(client, events[i].events) &&
			    begun < opt.total && !opt.idle &&
			    pending_n < opt.pending_max)
				start(client);
		}
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
percentile(double p)
{
	uint64_t n = acknowledged < opt.total ? acknowledged : opt.total;

	return n != 0 ? latency[(uint64_t)((double)(n - 1) * p)] * 1e3 : 0;
}

static void
report(double seconds)
{
	struct rusage usage;
	double cpu;

	getrusage(RUSAGE_SELF, &usage);
	cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	qsort(latency, acknowledged < opt.total ? acknowledged : opt.total,
	    sizeof *latency, by_value);
	printf(opt.json
	    ? "{\"rate\": %.1f, \"acknowledged\": %llu, \"errors\": %llu, "
	      "\"seconds\": %.4f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
	      "\"sessions\": %llu, \"cpu_us\": %.1f, \"error\": \"%s\"}\n"
	    : "rate=%.1f acknowledged=%llu errors=%llu seconds=%.4f "
	      "p50_ms=%.3f p99_ms=%.3f sessions=%llu cpu_us=%.1f "
	      "error=\"%s\"\n",
	    (double)acknowledged / seconds, (unsigned long long)acknowledged,
	    (unsigned long long)errors, seconds, percentile(0.5),
	    percentile(0.99), (unsigned long long)sessions,
	    acknowledged ? cpu / (double)acknowledged * 1e6 : 0, first_error);
}

static const struct option options[] = {
	{ "host", 1, NULL, 'h' }, { "port", 1, NULL, 'p' },
	{ "connections", 1, NULL, 'c' }, { "per-connection", 1, NULL, 'm' },
	{ "messages", 1, NULL, 'n' }, { "size", 1, NULL, 's' },
	{ "rcpt", 1, NULL, 'r' }, { "from", 1, NULL, 'f' },
	{ "users", 1, NULL, 'u' }, { "pipelining", 0, NULL, 'P' },
	{ "starttls", 0, NULL, 'S' }, { "tls", 0, NULL, 'T' },
	{ "login", 1, NULL, 'L' }, { "password-file", 1, NULL, 'W' },
	{ "no-quit", 0, NULL, 'Q' }, { "idle", 0, NULL, 'I' },
	{ "timeout", 1, NULL, 't' }, { "acks", 1, NULL, 'a' },
	{ "pending", 1, NULL, 'g' }, { "json", 0, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static char *
read_password(const char *path)
{
	static char line[1024];
	FILE *file = fopen(path, "r");

	if (file == NULL || fgets(line, sizeof line, file) == NULL) {
		perror(path);
		exit(3);
	}
	fclose(file);
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static void
parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "h:p:c:m:n:s:r:f:u:t:a:g:", options,
	    NULL)) != -1) {
		switch (c) {
		case 'h': opt.host = optarg; break;
		case 'p': opt.port = (int)strtol(optarg, NULL, 10); break;
		case 'c': opt.connections =
		    (unsigned)strtoul(optarg, NULL, 10); break;
		case 'm': opt.per_connection =
		    (unsigned)strtoul(optarg, NULL, 10); break;
		case 'n': opt.total = strtoull(optarg, NULL, 10); break;
		case 's': opt.size = strtoul(optarg, NULL, 10); break;
		case 'r': opt.rcpt = optarg; break;
		case 'f': opt.from = optarg; break;
		case 'u': opt.users = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'P': opt.pipelining = true; break;
		case 'S': opt.starttls = true; break;
		case 'T': opt.implicit = true; break;
		case 'L': opt.user = optarg; break;
		case 'W': opt.password = read_password(optarg); break;
		case 'Q': opt.quit = false; break;
		case 'I': opt.idle = true; break;
		case 't': opt.timeout = strtod(optarg, NULL); break;
		case 'a': opt.acks = optarg; break;
		case 'g': opt.pending_max =
		    (unsigned)strtoul(optarg, NULL, 10); break;
		case 'j': opt.json = true; break;
		default: exit(3);
		}
	}
	if (opt.port == 0 || opt.connections == 0 || opt.users == 0 ||
	    opt.total == 0 || (opt.user != NULL && opt.password == NULL)) {
		fputs("usage: loadgen --port N [--connections N] "
		    "[--per-connection N] [--messages N] [--size N]\n"
		    "  [--pipelining] [--starttls|--tls] [--login USER "
		    "--password-file F] [--idle] [--json] …\n", stderr);
		exit(3);
	}
}

int
main(int argc, char **argv)
{
	struct client *clients;
	struct rlimit limit;
	double begin;
	char c;

	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	make_text();
	latency = calloc(opt.total, sizeof *latency);
	clients = calloc(opt.connections, sizeof *clients);
	if (opt.acks != NULL) {
		acks = fopen(opt.acks, "a");
		setvbuf(acks, NULL, _IOLBF, 0);
	}
	tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	poller = epoll_create1(EPOLL_CLOEXEC);
	begin = now();
	run(clients);
	if (opt.idle) {
		printf("IDLE n=%u errors=%llu error=\"%s\"\n", idle_n,
		    (unsigned long long)errors, first_error);
		fflush(stdout);
		while (read(0, &c, 1) > 0)
			;
		return idle_n != opt.connections;
	}
	report(now() - begin);
	return acknowledged == opt.total ? 0 : 1;
}
