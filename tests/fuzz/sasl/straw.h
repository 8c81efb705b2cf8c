/* SPDX-License-Identifier: Apache-2.0 */
/* straw: a Kerberos that takes any token but "bad" and seals with a word. */
#ifndef STRAW_H
#define STRAW_H

#include "base/put.h"
#include "sasl/gss.h"

static char straw_memory[16384];

static int
straw_step(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	(void)arg;
	if (span_eq(in, SPAN("bad")) && why_len > 4) {
		memcpy(why, "\033bad", 5);
		return -1;
	}
	*out = in.len % 3 == 1 ? SPAN("") : SPAN("token");
	return in.len % 2 == 0;
}

static int
straw_wrap(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	struct put put = put_init(straw_memory, sizeof straw_memory);

	(void)arg;
	(void)why;
	(void)why_len;
	put_str(&put, "seal");
	put_bytes(&put, in);
	*out = put_span(&put);
	return put.full ? -1 : 0;
}

static int
straw_unwrap(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	(void)arg;
	if (!span_starts(in, SPAN("seal")) && why_len > 4) {
		memcpy(why, "\033bad", 5);
		return -1;
	}
	*out = span_skip(in, 4);
	return 0;
}

static int
straw_peer(void *arg, struct span *out, char *why, size_t why_len)
{
	(void)arg;
	(void)why;
	(void)why_len;
	*out = SPAN("guyt");
	return 0;
}

static const struct sasl_gss straw = { NULL, straw_step, straw_wrap,
	straw_unwrap, straw_peer };

/* The next message: two octets of length, and as much as there is. In memory
 * of exactly its length, so that a read behind it is seen. */
static inline struct span
straw_take(struct span *in)
{
	struct span message = SPAN("");
	size_t n;

	if (in->len >= 2) {
		n = (size_t)(unsigned char)in->p[0] << 8 |
		    (unsigned char)in->p[1];
		*in = span_skip(*in, 2);
		message = span_first(*in, n);
	}
	*in = span_skip(*in, message.len != 0 ? message.len : in->len);
	return message;
}

#endif
