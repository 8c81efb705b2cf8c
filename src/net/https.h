/* SPDX-License-Identifier: Apache-2.0 */
/* https: gets one small text from a web server (libcurl behind it; the only
 * code that knows libcurl). It stops its thread: for a pool, never for a loop.
 *
 * 1. The server must have a certificate for `host`, from an authority that we
 *    trust; nothing is read before.
 * 2. It goes to the addresses given and nowhere else: no look-up, no proxy, no
 *    redirection.
 * 3. No more than `body_max` octets are kept, and it is over at the latest
 *    after `timeout_ms`. */
#ifndef NET_HTTPS_H
#define NET_HTTPS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

#define HTTPS_WHY_MAX 256

struct https_request {
	const char *host;
	uint16_t port;			/* 0: 443 */
	const char *path;		/* "/.well-known/mta-sts.txt" */
	const char *type;		/* it must be, "text/plain" */
	const char *const *address;	/* of `host`, as text */
	size_t address_n;
	const char *ca_file;		/* NULL: whom the system trusts */
	size_t body_max;
	unsigned timeout_ms;
	const atomic_bool *is_stopping;	/* ends it early; may be NULL */
};

enum https_result {
	HTTPS_OK,
	HTTPS_FAILED,			/* not reached, no TLS, too slow … */
	HTTPS_BAD_CERTIFICATE,
	HTTPS_REFUSED			/* another status than 200, another
					 * type, too long */
};

/* Once, before there are threads. False: there is no libcurl to be had. */
bool https_init(void);
/* The text is appended to `body`, which is of use after HTTPS_OK only; else
 * `why` says it in words. */
enum https_result https_get(const struct https_request *request,
    struct buf *body, char why[HTTPS_WHY_MAX]);

#endif
