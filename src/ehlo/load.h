/* SPDX-License-Identifier: Apache-2.0 */
/* load: many connections that send mail, on one loop, over the client engine
 * (smtp/client.h).
 *
 * 1. Only what was answered 2xx after the end of data is a message sent.
 * 2. A server that refuses, breaks off or says nonsense is counted by kind and
 *    cannot make it spin: behind an error a connection waits before it is
 *    opened again.
 * 3. Memory is bounded by the number of connections. */
#ifndef EHLO_LOAD_H
#define EHLO_LOAD_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/span.h"
#include "ehlo/login.h"
#include "ehlo/target.h"
#include "net/loop.h"
#include "net/tls_client.h"

#define LOAD_KINDS_MAX 64	/* of errors told apart */
#define LOAD_BINS      2048	/* of the histogram: 64 to a doubling */

struct load_options {
	struct sockaddr_storage address;	/* of the server */
	socklen_t address_len;
	struct sockaddr_storage source;		/* ours; len 0: any */
	socklen_t source_len;
	const char *hello;		/* the name we give */
	const char *tls_name;
	struct tls_client *tls;
	enum target_tls tls_mode;
	bool is_lmtp, no_pipelining;
	const struct login *login;
	uint64_t answer_ms;
	unsigned connections;
	unsigned long per_connection;	/* messages; 0: no limit */
	uint64_t count;			/* messages in all; 0: no limit */
	uint64_t duration_ms;		/* 0: no limit */
	double rate;			/* messages a second; 0: no limit */
	const char *from;
	const char *to;			/* "%d" is a number below `users` */
	unsigned long rcpt_n, users;
	size_t size_least, size_most;	/* octets of a message */
	struct span message;		/* one that is sent instead; CRLF */
};

/* Microseconds, 64 steps to a doubling: at most 1.6 % off. */
struct load_times {
	uint64_t n, most;
	uint64_t bin[LOAD_BINS];
};

struct load_kind {
	char what[48];		/* "RCPT 550", "connect: Connection refused" */
	char example[200];	/* the first answer, quoted */
	uint64_t n;
};

struct load_totals {
	uint64_t begun, sent, rcpt_refused, octets, errors;
	uint64_t opened, open, most_open, tls, logins;
	uint64_t turned_away;	/* sessions that the server had enough of */
	struct load_times message, greeting;
	struct load_kind kind[LOAD_KINDS_MAX];
	size_t kind_n;
	uint64_t begin_us, end_us;
};

struct load;
/* The options outlive it. */
struct load *load_new(struct loop *loop, const struct load_options *options);
void load_free(struct load *load);
/* Opens the connections; loop_stop() when all is done. */
void load_start(struct load *load);
/* Begins no more messages; what is under way is finished. */
void load_wind_down(struct load *load);
const struct load_totals *load_totals(const struct load *load);

void load_times_add(struct load_times *times, uint64_t us);
/* The time that `part` (0 to 1) of them did not pass, in us. */
uint64_t load_times_at(const struct load_times *times, double part);
/* Of the clock that all this is measured by. */
uint64_t load_now_us(void);

#endif
