/* SPDX-License-Identifier: Apache-2.0 */
/* idle_conns: what an idle connection costs.
 *
 *	idle-conns [N]
 *
 * N conns (default 2000) in clear, then N with TLS, are opened by a child
 * process, greeted, asked one thing and left alone; then the heap of this
 * process is compared with what it was before. */
#include <arpa/inet.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/die.h"
#include "certs.h"
#include "net/conn.h"
#include "net/listen.h"

struct bench {
	struct loop *loop;
	struct conn_pool *pool;
	struct tls_server *tls;		/* NULL: in clear */
	struct conn **conn;
	size_t n, idle, wanted;
};

static const struct conn_limits limits = { 32768, 1 << 20 };

static void
on_input(struct conn *conn, void *owner)
{
	struct bench *bench = owner;

	conn_consume(conn, conn_input(conn).len);
	conn_write(conn, SPAN("250 2.0.0 idle from here on\r\n"));
	conn_deadline(conn, 3600000);
	if (++bench->idle == bench->wanted)
		loop_stop(bench->loop);
}

static void
on_tls(struct conn *conn, void *owner)
{
	(void)owner;
	conn_write(conn, SPAN("220 mail.example.org ESMTP\r\n"));
}

static void
on_time(struct conn *conn, void *owner)
{
	(void)conn;
	(void)owner;
}

static void
on_closed(struct conn *conn, void *owner, enum conn_end end)
{
	(void)owner;
	(void)end;
	fprintf(stderr, "closed: %s\n", conn_error(conn));
	exit(1);
}

static const struct conn_ops ops = { .on_input = on_input,
	.on_tls = on_tls, .on_time = on_time, .on_closed = on_closed };

static void
accepted(void *arg, int fd)
{
	struct bench *bench = arg;
	struct conn *conn = conn_new(bench->pool, fd, &ops, &limits, bench);

	must(conn != NULL);
	bench->conn[bench->n++] = conn;
	if (bench->tls != NULL)
		(void)conn_start_tls(conn, bench->tls);
	else
		on_tls(conn, bench);
}

static void
turn(void *arg)
{
	conn_pool_flush(arg);
}

/* The clients: one after the other, in blocking calls; then they wait for
 * their parent's end. */
static void
call_all(uint16_t port, size_t n, bool tls)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char text[200];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		SSL *ssl = NULL;

		must(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
		if (!tls) {
			must(read(fd, text, sizeof text) > 0);
			must(write(fd, "NOOP\r\n", 6) == 6);
			must(read(fd, text, sizeof text) > 0);
			continue;
		}
		ssl = SSL_new(ctx);
		must(SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1);
		must(SSL_read(ssl, text, sizeof text) > 0);
		must(SSL_write(ssl, "NOOP\r\n", 6) == 6);
		must(SSL_read(ssl, text, sizeof text) > 0);
	}
	pause();
}

static void
measure(const char *what, size_t n, struct tls_server *tls)
{
	struct bench bench = { .loop = loop_new(), .tls = tls, .wanted = n };
	struct sockaddr_storage any;
	struct listener *listener;
	socklen_t len;
	size_t before;
	uint16_t port;
	pid_t child;
	int fd;

	must(listen_parse(SPAN("127.0.0.1:0"), &any, &len));
	fd = listen_socket(&any, len);
	must(fd >= 0);
	port = listen_port(fd);
	child = fork();
	must(child >= 0);
	if (child == 0) {
		close(fd);
		call_all(port, n, tls != NULL);
		_exit(0);
	}
	bench.pool = conn_pool_new(bench.loop);
	bench.conn = mem_new_array(n, sizeof bench.conn[0]);
	loop_on_turn(bench.loop, turn, bench.pool);
	listener = listen_start(bench.loop, fd, accepted, &bench);
	must(listener != NULL);
	before = mallinfo2().uordblks;
	must(loop_run(bench.loop) == 0);
	printf("%s: %zu idle, %.0f bytes of heap each\n", what, n,
	    (double)(mallinfo2().uordblks - before) / (double)n);
	kill(child, SIGKILL);
	must(waitpid(child, NULL, 0) == child);
	for (size_t i = 0; i < bench.n; i++)
		conn_free(bench.conn[i]);
	listen_stop(listener);
	conn_pool_free(bench.pool);
	loop_free(bench.loop);
	free(bench.conn);
}

int
main(int argc, char **argv)
{
	static const struct cert_wish wish = { "one", "one", "DNS:one.example",
		.days = 30 };
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	const struct rlimit files = { n + 100, n + 100 };
	struct tls_cert_files pair;
	struct tls_server *tls;
	struct certs certs;
	char error[256];

	must(n > 0 && setrlimit(RLIMIT_NOFILE, &files) == 0);
	certs_make_folder(&certs);
	certs_make(&certs, &wish);
	pair = (struct tls_cert_files){
		.certificate = certs_path(&certs, "one.pem"),
		.key = certs_path(&certs, "one.key") };
	tls = tls_server_new(&pair, 1, TLS_1_2, error, sizeof error);
	must(tls != NULL);
	certs_remove(&certs);
	measure("in clear", n, NULL);
	measure("first TLS (with OpenSSL's own tables)", 1, tls);
	measure("TLS", n, tls);
	tls_server_unref(tls);
	return 0;
}
