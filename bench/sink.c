/* SPDX-License-Identifier: Apache-2.0 */
/* sink: the null server: speaks enough SMTP to take mail and keeps nothing. It
 * shows what the generator and the loopback alone can do, the limit for any
 * server that must also store. One thread a listener, SO_REUSEPORT; ends when
 * its standard input ends. usage: sink PORT [THREADS [COUNT-FILE]]
 *
 * With COUNT-FILE it listens on every address and keeps the number of messages
 * in the first eight octets of that file, for who watches a relay. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	int fd;
	bool in_text;
	size_t len;
	char in[65536];
};

static int port;
static _Atomic(unsigned long long) here, *count = &here;

static int
open_listener(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(count == &here ? INADDR_LOOPBACK :
		    INADDR_ANY) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (bind(fd, (void *)&address, sizeof address) != 0 ||
	    listen(fd, 4096) != 0) {
		perror("sink: listen");
		exit(2);
	}
	return fd;
}

/* Bytes of text taken; *done when the dot came. A dot line cut by the end of
 * the input waits for its rest: at most four bytes stay. */
static size_t
eat_text(const char *p, size_t len, bool *done)
{
	const char *dot;

	if (len >= 3 && memcmp(p, ".\r\n", 3) == 0) {
		*done = true;
		return 3;
	}
	dot = memmem(p, len, "\r\n.\r\n", 5);
	*done = dot != NULL;
	if (dot != NULL)
		return (size_t)(dot - p) + 5;
	return len > 4 ? len - 4 : 0;
}

static const char *
reply_to(const char *line, bool *quit, bool *in_text)
{
	if (strncasecmp(line, "EHLO", 4) == 0)
		return "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
		    "250 SIZE 100000000\r\n";
	if (strncasecmp(line, "DATA", 4) == 0) {
		*in_text = true;
		return "354 go ahead\r\n";
	}
	if (strncasecmp(line, "QUIT", 4) == 0) {
		*quit = true;
		return "221 2.0.0 bye\r\n";
	}
	return "250 2.0.0 ok\r\n";
}

/* False: over. */
static bool
serve(struct peer *peer)
{
	char out[4096];
	size_t out_len = 0, at = 0;
	bool quit = false, done;
	ssize_t n = recv(peer->fd, peer->in + peer->len,
	    sizeof peer->in - peer->len, 0);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	peer->len += (size_t)n;
	while (at < peer->len && out_len < sizeof out - 256) {
		const char *reply, *end;

		if (peer->in_text) {
			size_t used = eat_text(peer->in + at, peer->len - at,
			    &done);

			at += used;
			if (!done)
				break;
			peer->in_text = false;
			atomic_fetch_add(count, 1);
			reply = "250 2.0.0 ok\r\n";
		} else {
			end = memchr(peer->in + at, '\n', peer->len - at);
			if (end == NULL)
				break;
			reply = reply_to(peer->in + at, &quit,
			    &peer->in_text);
			at = (size_t)(end - peer->in) + 1;
		}
		memcpy(out + out_len, reply, strlen(reply));
		out_len += strlen(reply);
	}
	peer->len -= at;
	memmove(peer->in, peer->in + at, peer->len);
	if (out_len != 0 &&
	    send(peer->fd, out, out_len, MSG_NOSIGNAL) != (ssize_t)out_len)
		return false;
	return !quit;
}

static void *
run(void *unused)
{
	int listener = open_listener(), poller = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN }, events[256];

	(void)unused;
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int n = epoll_wait(poller, events, 256, -1);

		for (int i = 0; i < n; i++) {
			struct peer *peer = events[i].data.ptr;
			int fd, on = 1;

			if (peer != NULL) {
				if (!serve(peer)) {
					close(peer->fd);
					free(peer);
				}
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL,
			    SOCK_NONBLOCK)) >= 0) {
				peer = malloc(sizeof *peer);
				peer->fd = fd;
				peer->len = 0;
				peer->in_text = false;
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
				    sizeof on);
				event.data.ptr = peer;
				epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
				send(fd, "220 sink ESMTP\r\n", 16,
				    MSG_NOSIGNAL);
			}
		}
	}
	return NULL;
}

static void
count_in(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	void *p;

	if (fd < 0 || ftruncate(fd, sizeof *count) != 0 ||
	    (p = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0)) == MAP_FAILED) {
		perror(path);
		exit(2);
	}
	count = p;
}

int
main(int argc, char **argv)
{
	int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2;
	struct rlimit limit;
	pthread_t thread;
	char c;

	if (argc < 2) {
		fputs("usage: sink PORT [THREADS [COUNT-FILE]]\n", stderr);
		return 3;
	}
	if (argc > 3)
		count_in(argv[3]);
	port = (int)strtol(argv[1], NULL, 10);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < threads; i++)
		pthread_create(&thread, NULL, run, NULL);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
