/* SPDX-License-Identifier: Apache-2.0 */
/* dial: one outgoing connection of a program that waits: TCP or a local
 * socket, plain or TLS, every call with a deadline. Knows nothing of SMTP.
 *
 * 1. No call lasts longer than its `wait_ms`.
 * 2. What fails is told in words that name the address and the port. */
#ifndef EHLO_DIAL_H
#define EHLO_DIAL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"
#include "net/tls_client.h"

struct dial_options {
	const char *host;
	uint16_t port;
	const char *unix_path;		/* instead of both */
	int family;
	const char *source;
	unsigned source_port;
	unsigned wait_ms;		/* for all addresses together */
	/* "trying 192.0.2.1 port 25"; may be NULL */
	void (*note)(void *arg, const char *text);
	void *note_arg;
};

enum dial_result { DIAL_OK, DIAL_UNREACHED, DIAL_TIMEOUT, DIAL_CLOSED,
	DIAL_TLS_FAILED };

struct dial {
	int fd;				/* -1: closed */
	struct ssl_st *ssl;
	char peer[64], local[64];	/* "" for a local socket */
	uint16_t peer_port, local_port;
	char why[512];			/* after anything but OK */
};

void dial_init(struct dial *dial);
enum dial_result dial_open(struct dial *dial,
    const struct dial_options *options);
/* The handshake; the session is kept even if it failed, for its facts. */
enum dial_result dial_start_tls(struct dial *dial, struct tls_client *tls,
    const struct tls_target *target, unsigned wait_ms);
/* All of it. */
enum dial_result dial_write(struct dial *dial, struct span bytes,
    unsigned wait_ms);
/* At least one byte, at most `len`, into `*got`. 0 ms: what is there. */
enum dial_result dial_read(struct dial *dial, char *out, size_t len,
    unsigned wait_ms, size_t *got);
/* Is there something to read that poll(2) does not know of? */
bool dial_has_input(const struct dial *dial);
void dial_close(struct dial *dial);	/* close_notify, then close */
void dial_reset(struct dial *dial);	/* RST */

#endif
