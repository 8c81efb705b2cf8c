/* SPDX-License-Identifier: Apache-2.0 */
/* conn: real sockets on the loopback, in clear and through TLS; the peer is
 * OpenSSL itself, or bytes chosen to harm. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certs.h"
#include "talker.h"

static struct certs certs;
static struct tls_server *tls_context;

/* --- send(2) of the server, counted and cut short --- */

static _Atomic unsigned sends;
static _Atomic size_t send_max;		/* 0: as it comes */
ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	size_t max = send_max;

	sends++;
	return __real_send(fd, p, max != 0 && n > max ? max : n, flags);
}

/* --- the client --- */

struct client {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
};

static void
client_open(struct client *c, const struct talker *talker)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(talker->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	/* Only so that a broken server fails the test instead of hanging. */
	const struct timeval patience = { .tv_sec = 20 };
	const int on = 1;

	*c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM, 0) };
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void
client_close(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		close(c->fd);
	ERR_clear_error();
	*c = (struct client){ .fd = -1 };
}

/* Takes leave as one should: close_notify, then FIN. */
static void
client_leave(struct client *c)
{
	if (c->ssl != NULL)
		(void)SSL_shutdown(c->ssl);
	client_close(c);
}

/* What follows at the other side is a reset. */
static void
client_reset(struct client *c)
{
	const struct linger none = { .l_onoff = 1 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	client_close(c);
}

static void
client_write(struct client *c, const char *p, size_t len)
{
	while (len != 0) {
		ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, p, (int)len) :
		    write(c->fd, p, len);

		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

static void
client_say(struct client *c, const char *text)
{
	client_write(c, text, strlen(text));
}

static ssize_t
client_read(struct client *c, char *p, size_t len)
{
	return c->ssl != NULL ? SSL_read(c->ssl, p, (int)len) :
	    read(c->fd, p, len);
}

static void
client_hear(struct client *c, const char *wanted)
{
	char got[1024] = "";
	size_t len = 0;

	while (len < strlen(wanted)) {
		ssize_t n = client_read(c, got + len, strlen(wanted) - len);

		if (n <= 0)
			fail_msg("expected \"%s\", got \"%s\" and the end",
			    wanted, got);
		len += (size_t)n;
	}
	assert_string_equal(got, wanted);
}

/* The stream ends here, in order: no byte more, no reset. */
static void
client_hear_end(struct client *c)
{
	char got[64] = "";
	ssize_t n = client_read(c, got, sizeof got - 1);

	if (n > 0)
		fail_msg("expected the end, got \"%s\"", got);
	if (c->ssl != NULL)
		assert_int_equal(SSL_get_error(c->ssl, (int)n),
		    SSL_ERROR_ZERO_RETURN);
	else
		assert_int_equal(n, 0);
}

static void
client_shake_hands(struct client *c)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	c->ssl = SSL_new(c->ctx);
	assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
	assert_int_equal(SSL_connect(c->ssl), 1);
	client_hear(c, "hello\n");
}

/* Connected, greeted, and through STARTTLS if wanted. */
static void
client_begin(struct client *c, const struct talker *talker, bool tls)
{
	client_open(c, talker);
	client_hear(c, "220 hello\n");
	if (!tls)
		return;
	client_say(c, "STARTTLS\n");
	client_hear(c, "220 go\n");
	client_shake_hands(c);
}

static void
serve(struct talker *talker)
{
	talker_start(talker, "127.0.0.1:0", tls_context, false);
}

static void
expect_end(struct talker *talker, unsigned n, enum conn_end end)
{
	talker_wait_ends(talker, n + 1);
	assert_int_equal(talker->end[n], end);
}

/* --- the stream --- */

static void
test_echo(void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		struct talker talker;
		struct client c;

		(void)state;
		serve(&talker);
		client_begin(&c, &talker, tls);
		client_say(&c, "ECHO one\n");
		client_hear(&c, "one\n");
		client_say(&c, "ECHO two\nECHO three\n");
		client_hear(&c, "two\nthree\n");
		client_leave(&c);
		expect_end(&talker, 0, CONN_BY_PEER);
		assert_string_equal(talker.peer, "127.0.0.1");
		assert_int_equal(strlen(talker.tls_text[0]) != 0, tls);
		if (tls)
			assert_string_equal(talker.tls_text[0],
			    "TLSv1.3 TLS_AES_256_GCM_SHA384");
		talker_stop(&talker);
	}
}

static void
test_byte_by_byte(void **state)
{
	static const char said[] = "ECHO a long enough line\nECHO b\nWORDS 3\n";

	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct talker talker;
		struct client c;

		serve(&talker);
		client_begin(&c, &talker, tls);
		for (size_t i = 0; i < sizeof said - 1; i++)
			client_write(&c, &said[i], 1);
		client_hear(&c, "a long enough line\nb\nwordwordword");
		client_leave(&c);
		expect_end(&talker, 0, CONN_BY_PEER);
		talker_stop(&talker);
	}
}

/* Promise 2. Seen to catch: a send() in every conn_write(). */
static void
test_one_send_a_turn(void **state)
{
	struct talker talker;
	struct client c;
	unsigned before;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, false);
	before = sends;
	client_say(&c, "WORDS 20\n");
	for (int i = 0; i < 20; i++)
		client_hear(&c, "word");
	assert_int_equal(sends - before, 1);
	client_leave(&c);
	talker_stop(&talker);
}

/* Commands that came together while the owner was busy with the first. */
static void
test_pause_and_resume(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct talker talker;
		struct client c;

		serve(&talker);
		client_begin(&c, &talker, tls);
		client_say(&c, "LATER a\nLATER b\nECHO c\nLATER d\nECHO e\n");
		client_hear(&c, "a\nb\nc\nd\ne\n");
		client_leave(&c);
		expect_end(&talker, 0, CONN_BY_PEER);
		talker_stop(&talker);
	}
}

/* The client closes its half right behind its commands: all are answered. */
static void
test_half_closed_peer_gets_all_answers(void **state)
{
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, false);
	client_say(&c, "LATER a\nECHO b\nLATER c\nBIG 26\n");
	assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
	client_hear(&c, "a\nb\nc\nabcdefghijklmnopqrstuvwxyz");
	client_hear_end(&c);
	expect_end(&talker, 0, CONN_BY_PEER);
	client_close(&c);
	talker_stop(&talker);
}

/* What the peer sends while nobody takes it stays with the peer and in the
 * kernel. Seen to catch: reading on while paused (all is taken) */
static void
test_paused_input_is_bounded(void **state)
{
	struct talker talker;
	struct client c;
	static char block[65536];
	size_t sent = 0;

	(void)state;
	memset(block, 'x', sizeof block);
	serve(&talker);
	client_begin(&c, &talker, false);
	client_say(&c, "HOLD\nEAT 90000000\n");
	talker_wait_held(&talker, 1);
	for (;;) {
		/* Full for a while (not only until it is read): it holds. */
		struct timeval brief = { .tv_usec = 300000 };
		ssize_t n;

		setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof brief);
		n = write(c.fd, block, sizeof block);
		if (n < 0)
			break;
		sent += (size_t)n;
		assert_true(sent < 64 << 20);
	}
	talker_release(&talker);
	client_close(&c);
	talker_stop(&talker);
	assert_true(talker.largest_input <= 65536);
}

static void
bulk_in(bool tls)
{
	enum { TOTAL = 5 << 20 };
	static char block[100000];
	struct talker talker;
	struct client c;
	char command[32];
	size_t sent = 0;

	memset(block, 'x', sizeof block);
	serve(&talker);
	client_begin(&c, &talker, tls);
	snprintf(command, sizeof command, "EAT %d\n", TOTAL);
	client_say(&c, command);
	while (sent < TOTAL) {
		size_t n = TOTAL - sent < sizeof block ? TOTAL - sent :
		    sizeof block;

		client_write(&c, block, n);
		sent += n;
	}
	client_say(&c, "ECHO after\n");
	client_hear(&c, "eaten\nafter\n");
	client_leave(&c);
	expect_end(&talker, 0, CONN_BY_PEER);
	talker_stop(&talker);
}

/* A record larger than a read: the rest lies inside OpenSSL, and the socket
 * has nothing more to say. Seen to catch: waiting for the socket only. */
static void
test_record_larger_than_a_read(void **state)
{
	static char block[5000];
	struct talker talker;
	struct client c;

	(void)state;
	memset(block, 'x', sizeof block);
	serve(&talker);
	talker.limits.in_max = 512;
	client_begin(&c, &talker, true);
	client_say(&c, "EAT 5000\n");
	client_write(&c, block, sizeof block);
	client_hear(&c, "eaten\n");
	client_leave(&c);
	expect_end(&talker, 0, CONN_BY_PEER);
	talker_stop(&talker);
}

static void
test_bulk_in(void **state)
{
	(void)state;
	bulk_in(false);
	bulk_in(true);
}

static void
hear_big(struct client *c, size_t total)
{
	static char block[30000];
	size_t got = 0;

	while (got < total) {
		ssize_t n = client_read(c, block, total - got < sizeof block ?
		    total - got : sizeof block);

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++, got++)
			if (block[i] != (char)('a' + got % 26))
				fail_msg("wrong byte at %zu", got);
	}
	assert_int_equal(got, total);
}

/* More than the socket takes at once; in pieces of all sizes. */
static void
test_bulk_out(void **state)
{
	static const size_t cut[] = { 0, 1000, 65537 };

	(void)state;
	for (size_t i = 0; i < 2 * countof(cut); i++) {
		bool tls = i >= countof(cut);
		struct talker talker;
		struct client c;

		serve(&talker);
		talker.limits.out_max = 64 << 20;
		client_begin(&c, &talker, tls);
		send_max = cut[i % countof(cut)];
		client_say(&c, "BIG 9000000\n");
		hear_big(&c, 9000000);
		client_say(&c, "BIG 100\nDRAINED\n");
		hear_big(&c, 100);
		client_hear(&c, "drained\n");
		send_max = 0;
		client_leave(&c);
		expect_end(&talker, 0, CONN_BY_PEER);
		talker_stop(&talker);
	}
}

static void
test_drained_comes_after_the_last_byte(void **state)
{
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	talker.limits.out_max = 64 << 20;
	client_begin(&c, &talker, false);
	client_say(&c, "BIG 20000000\nDRAINED\n");
	hear_big(&c, 20000000);
	client_hear(&c, "drained\n");
	client_leave(&c);
	talker_stop(&talker);
}

/* --- ends --- */

/* A peer that asks and never reads. */
static void
test_too_slow(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct talker talker;
		struct client c;

		serve(&talker);
		client_begin(&c, &talker, tls);
		client_say(&c, "BIG 90000000\n");
		expect_end(&talker, 0, CONN_TOO_SLOW);
		client_close(&c);
		talker_stop(&talker);
	}
}

/* What the socket itself has to complain about, e.g. a reset. */
static int
client_complaint(const struct client *c)
{
	int error = -1;
	socklen_t len = sizeof error;

	assert_int_equal(getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len),
	    0);
	return error;
}

/* Promise 6: the last reply arrives, and then an end, although the peer had
 * more to say. Our kernel keeps what came before a reset, others do not: so
 * there must be none, however long the peer waits. Seen to catch: close()
 * without draining. */
static void
test_last_reply_survives_unread_input(void **state)
{
	static char junk[200000];

	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct talker talker;
		struct client c;

		serve(&talker);
		client_begin(&c, &talker, tls);
		client_say(&c, "HOLD\nCLOSE\n");
		talker_wait_held(&talker, 1);
		client_write(&c, junk, sizeof junk);
		talker_release(&talker);
		client_hear(&c, "221 bye\n");
		client_hear_end(&c);
		expect_end(&talker, 0, CONN_BY_US);
		assert_int_equal(client_complaint(&c), 0);
		client_close(&c);
		talker_stop(&talker);
	}
}

/* All that was written before conn_close() leaves, however much. */
static void
test_close_flushes(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct talker talker;
		struct client c;

		serve(&talker);
		talker.limits.out_max = 64 << 20;
		client_begin(&c, &talker, tls);
		client_say(&c, "BIG 9000000\nCLOSE\nECHO never\n");
		hear_big(&c, 9000000);
		client_hear(&c, "221 bye\n");
		client_hear_end(&c);
		client_close(&c);
		expect_end(&talker, 0, CONN_BY_US);
		talker_stop(&talker);
	}
}

/* A peer that neither closes nor stops sending does not hold us. */
static void
test_close_is_bounded(void **state)
{
	static char junk[65536];
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, false);
	client_say(&c, "CLOSE\n");
	while (send(c.fd, junk, sizeof junk, MSG_NOSIGNAL) > 0)
		;
	expect_end(&talker, 0, CONN_BY_US);
	client_close(&c);
	client_begin(&c, &talker, false);
	client_say(&c, "CLOSE\n");	/* and then silence */
	expect_end(&talker, 1, CONN_BY_US);
	client_close(&c);
	talker_stop(&talker);
}

enum moment { CONNECTED, GREETED, HALF_A_LINE, PAUSED, BLOCKED, IN_HANDSHAKE,
	HALF_A_HELLO, IN_TLS, PAUSED_IN_TLS, CLOSING, MOMENTS };

static void
come_to(struct client *c, struct talker *talker, enum moment moment)
{
	client_open(c, talker);
	if (moment == CONNECTED)
		return;
	client_hear(c, "220 hello\n");
	switch (moment) {
	case CONNECTED:
	case GREETED:
	case MOMENTS:
		return;
	case HALF_A_LINE:
		client_say(c, "ECHO ha");
		return;
	case PAUSED:
		client_say(c, "HOLD\nECHO x\n");
		talker_wait_held(talker, 1);
		return;
	case BLOCKED:
		client_say(c, "BIG 1000000\n");
		client_hear(c, "abc");
		return;
	case IN_HANDSHAKE:
	case HALF_A_HELLO:
		client_say(c, "STARTTLS\n");
		client_hear(c, "220 go\n");
		if (moment == HALF_A_HELLO)
			client_write(c, "\x16\x03\x01\x02\x00\x01", 6);
		return;
	case IN_TLS:
	case PAUSED_IN_TLS:
		client_say(c, "STARTTLS\n");
		client_hear(c, "220 go\n");
		client_shake_hands(c);
		client_say(c, moment == IN_TLS ? "ECHO ha" : "HOLD\nECHO x\n");
		if (moment == PAUSED_IN_TLS)
			talker_wait_held(talker, 1);
		return;
	case CLOSING:
		client_say(c, "CLOSE\n");
		client_hear(c, "221 bye\n");
		return;
	}
}

static void
gone_at(enum moment moment, void (*go)(struct client *))
{
	struct talker talker;
	struct client c;

	serve(&talker);
	come_to(&c, &talker, moment);
	go(&c);
	if (moment == PAUSED || moment == PAUSED_IN_TLS)
		talker_release(&talker);
	talker_wait_ends(&talker, 1);
	/* The loop still serves others. */
	client_begin(&c, &talker, true);
	client_say(&c, "ECHO next\n");
	client_hear(&c, "next\n");
	client_leave(&c);
	expect_end(&talker, 1, CONN_BY_PEER);
	talker_stop(&talker);
}

static void
test_peer_goes_at_any_moment(void **state)
{
	(void)state;
	for (int moment = 0; moment < MOMENTS; moment++) {
		gone_at((enum moment)moment, client_leave);
		gone_at((enum moment)moment, client_close);
		gone_at((enum moment)moment, client_reset);
	}
}

/* conn_free inside each of the callbacks. */
static void
test_free_in_callbacks(void **state)
{
	static const char *const last[] = { "FREE\nECHO x\n",
		"FREEON time\nCLOCK 1\n", "FREEON drained\nDRAINED\n",
		"FREEON tls\nSTARTTLS\n" };

	(void)state;
	for (size_t i = 0; i < countof(last); i++) {
		struct talker talker;
		struct client c;

		serve(&talker);
		client_begin(&c, &talker, false);
		client_say(&c, last[i]);
		if (i == 3) {
			client_hear(&c, "220 go\n");
			c.ctx = SSL_CTX_new(TLS_client_method());
			c.ssl = SSL_new(c.ctx);
			SSL_set_fd(c.ssl, c.fd);
			assert_int_equal(SSL_connect(c.ssl), 1);
		}
		talker_wait_frees(&talker, 1);
		client_close(&c);
		assert_int_equal(talker.ends, 0);
		talker_stop(&talker);
	}
}

static void
test_deadline(void **state)
{
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, false);
	client_say(&c, "CLOCK 1\n");
	client_hear(&c, "421 too slow\n");
	client_hear_end(&c);
	client_close(&c);
	expect_end(&talker, 0, CONN_BY_US);
	assert_int_equal(talker.timeouts, 1);
	talker_stop(&talker);
}

/* The owner's deadline holds while the peer dawdles over the handshake, and
 * nothing is written into it. */
static void
test_deadline_in_handshake(void **state)
{
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, false);
	client_say(&c, "CLOCK 200\nSTARTTLS\n");
	client_hear(&c, "220 go\n");
	client_write(&c, "\x16\x03\x01", 3);
	client_hear_end(&c);
	client_close(&c);
	expect_end(&talker, 0, CONN_BY_US);
	assert_int_equal(talker.timeouts, 1);
	talker_stop(&talker);
}

/* --- TLS --- */

/* RFC 3207 6: what came in clear behind STARTTLS is no command. Seen to
 * catch: unconsumed input kept over conn_start_tls(). */
static void
test_injected_commands_are_dropped(void **state)
{
	static const char injected[] = "ECHO evil\nECHO worse\nhalf";
	struct talker talker;
	struct client c;
	char said[100];

	(void)state;
	serve(&talker);
	client_open(&c, &talker);
	client_hear(&c, "220 hello\n");
	snprintf(said, sizeof said, "STARTTLS\n%s", injected);
	client_say(&c, said);
	client_hear(&c, "220 go\n");
	client_shake_hands(&c);
	client_say(&c, "ECHO good\n");
	client_hear(&c, "good\n");
	assert_int_equal(talker.injected, strlen(injected));
	client_leave(&c);
	expect_end(&talker, 0, CONN_BY_PEER);
	talker_stop(&talker);
}

static void
handshake_fails(const char *bytes, size_t len, const char *why)
{
	struct talker talker;
	struct client c;
	char got[512];
	ssize_t n;

	serve(&talker);
	client_open(&c, &talker);
	client_hear(&c, "220 hello\n");
	client_say(&c, "STARTTLS\n");
	client_hear(&c, "220 go\n");
	client_write(&c, bytes, len);
	/* An alert at most (a record of type 21), then the end: no reset. */
	n = read(c.fd, got, sizeof got);
	if (n > 0) {
		assert_int_equal(got[0], 21);
		n = read(c.fd, got, sizeof got);
	}
	assert_int_equal(n, 0);
	client_close(&c);
	expect_end(&talker, 0, CONN_ERROR);
	if (strstr(talker.error[0], why) == NULL)
		fail_msg("expected \"%s\", got \"%s\"", why, talker.error[0]);
	talker_stop(&talker);
}

static void
test_bad_handshakes(void **state)
{
	static char noise[5000];

	(void)state;
	handshake_fails("ECHO in a second packet\n", 24,
	    "TLS handshake: wrong version number");
	handshake_fails("GET / HTTP/1.0\r\n\r\n", 18,
	    "TLS handshake: http request");
	handshake_fails("EHLO\r\n", 6, "TLS handshake: ");
	srandom(7);
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (char)random();
	handshake_fails(noise, sizeof noise, "TLS handshake: ");
}

static void
test_implicit_tls(void **state)
{
	struct talker talker;
	struct client c;

	(void)state;
	talker_start(&talker, "127.0.0.1:0", tls_context, true);
	client_open(&c, &talker);
	client_shake_hands(&c);
	client_say(&c, "ECHO x\nCLOSE\n");
	client_hear(&c, "x\n221 bye\n");
	client_hear_end(&c);
	client_close(&c);
	expect_end(&talker, 0, CONN_BY_US);
	talker_stop(&talker);
}

static void
test_truncation_is_told(void **state)
{
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, true);
	client_say(&c, "ECHO x\nECHO ha");
	client_hear(&c, "x\n");
	client_close(&c);	/* FIN, but no close_notify */
	expect_end(&talker, 0, CONN_TRUNCATED);
	talker_stop(&talker);
}

/* The end without close_notify comes together with commands, and the owner
 * is still answering the first: nothing is written into the dead session.
 * Seen to catch: a dead session asked to write. */
static void
test_answers_to_a_dead_session(void **state)
{
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, true);
	client_say(&c, "HOLD\n");
	talker_wait_held(&talker, 1);
	client_say(&c, "LATER a\nWORDS 20000\nECHO x\n");
	client_close(&c);
	talker_release(&talker);
	expect_end(&talker, 0, CONN_TRUNCATED);
	talker_stop(&talker);
}

/* Promise 3 (CVE-2026-45185): after close_notify a clear byte, or a whole
 * command, gets no answer but the end. Seen to catch: reading the socket in
 * clear once TLS is over. */
static void
test_nothing_in_clear_after_close_notify(void **state)
{
	static const char *const clear[] = { "x", "ECHO evil\n" };

	(void)state;
	for (size_t i = 0; i < countof(clear); i++) {
		struct talker talker;
		struct client c;
		char got[100];

		serve(&talker);
		client_begin(&c, &talker, true);
		client_say(&c, "EAT 100\n1234567890");
		assert_int_equal(SSL_shutdown(c.ssl), 0);
		assert_true(write(c.fd, clear[i], strlen(clear[i])) > 0);
		/* Their close_notify, and nothing else. */
		client_hear_end(&c);
		assert_int_equal(read(c.fd, got, sizeof got), 0);
		client_close(&c);
		expect_end(&talker, 0, CONN_BY_PEER);
		talker_stop(&talker);
	}
}

/* A byte changed on the way: only the end follows. */
static void
test_forged_record_ends_it(void **state)
{
	static const char forged[] = "\x17\x03\x03\x00\x20"
	    "0123456789abcdef0123456789abcdef";
	struct talker talker;
	struct client c;

	(void)state;
	serve(&talker);
	client_begin(&c, &talker, true);
	client_say(&c, "ECHO x\n");
	client_hear(&c, "x\n");
	assert_true(write(c.fd, forged, sizeof forged - 1) > 0);
	expect_end(&talker, 0, CONN_ERROR);
	assert_non_null(strstr(talker.error[0], "TLS: "));
	client_close(&c);
	talker_stop(&talker);
}

/* --- many at once --- */

static void
test_many_conns(void **state)
{
	enum { N = 200 };
	struct talker talker;
	struct client *c = calloc(N, sizeof *c);
	char word[32];

	(void)state;
	serve(&talker);
	for (int i = 0; i < N; i++)
		client_begin(&c[i], &talker, i % 8 == 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			snprintf(word, sizeof word, "ECHO %d\n", i * round);
			client_say(&c[i], word);
		}
		for (int i = 0; i < N; i++) {
			snprintf(word, sizeof word, "%d\n", i * round);
			client_hear(&c[i], word);
		}
	}
	for (int i = 0; i < N; i++)
		client_leave(&c[i]);
	talker_wait_ends(&talker, N);
	talker_stop(&talker);
	free(c);
}

static int
begin(void **state)
{
	static const struct cert_wish wish = { "one", "one", "DNS:one.example",
		.days = 30 };
	struct tls_cert_files files;
	char error[256];

	(void)state;
	certs_make_folder(&certs);
	certs_make(&certs, &wish);
	files = (struct tls_cert_files){
		.certificate = certs_path(&certs, "one.pem"),
		.key = certs_path(&certs, "one.key") };
	tls_context = tls_server_new(&files, 1, TLS_1_2, error, sizeof error);
	return tls_context == NULL;
}

static int
end(void **state)
{
	(void)state;
	tls_server_unref(tls_context);
	certs_remove(&certs);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_one_send_a_turn),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_half_closed_peer_gets_all_answers),
		cmocka_unit_test(test_paused_input_is_bounded),
		cmocka_unit_test(test_bulk_in),
		cmocka_unit_test(test_record_larger_than_a_read),
		cmocka_unit_test(test_bulk_out),
		cmocka_unit_test(test_drained_comes_after_the_last_byte),
		cmocka_unit_test(test_too_slow),
		cmocka_unit_test(test_last_reply_survives_unread_input),
		cmocka_unit_test(test_close_flushes),
		cmocka_unit_test(test_close_is_bounded),
		cmocka_unit_test(test_peer_goes_at_any_moment),
		cmocka_unit_test(test_free_in_callbacks),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_deadline_in_handshake),
		cmocka_unit_test(test_injected_commands_are_dropped),
		cmocka_unit_test(test_bad_handshakes),
		cmocka_unit_test(test_implicit_tls),
		cmocka_unit_test(test_truncation_is_told),
		cmocka_unit_test(test_answers_to_a_dead_session),
		cmocka_unit_test(test_nothing_in_clear_after_close_notify),
		cmocka_unit_test(test_forged_record_ends_it),
		cmocka_unit_test(test_many_conns),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
