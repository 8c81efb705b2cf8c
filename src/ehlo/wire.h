/* SPDX-License-Identifier: Apache-2.0 */
/* wire: one outgoing connection of a program that waits: TCP or a local
 * socket, plain or TLS, every call with a deadline. Knows nothing of SMTP.
 *
 * 1. No call lasts longer than its `wait_ms`.
 * 2. What fails is told in words that name the address and the port. */
#ifndef EHLO_WIRE_H
#define EHLO_WIRE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"
#include "net/tls_client.h"

struct wire_options {
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

enum wire_result { WIRE_OK, WIRE_UNREACHED, WIRE_TIMEOUT, WIRE_CLOSED,
	WIRE_TLS_FAILED };

struct wire {
	int fd;				/* -1: closed */
	struct ssl_st *ssl;
	char peer[64], local[64];	/* "" for a local socket */
	uint16_t peer_port, local_port;
	char why[512];			/* after anything but OK */
};

void wire_init(struct wire *wire);
enum wire_result wire_open(struct wire *wire,
    const struct wire_options *options);
/* The handshake; the session is kept even if it failed, for its facts. */
enum wire_result wire_start_tls(struct wire *wire, struct tls_client *tls,
    const struct tls_target *target, unsigned wait_ms);
/* All of it. */
enum wire_result wire_write(struct wire *wire, struct span bytes,
    unsigned wait_ms);
/* At least one byte, at most `len`, into `*got`. 0 ms: what is there. */
enum wire_result wire_read(struct wire *wire, char *out, size_t len,
    unsigned wait_ms, size_t *got);
/* Is there something to read that poll(2) does not know of? */
bool wire_has_input(const struct wire *wire);
void wire_close(struct wire *wire);	/* close_notify, then close */
void wire_reset(struct wire *wire);	/* RST */

#endif
