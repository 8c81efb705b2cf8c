/* SPDX-License-Identifier: Apache-2.0 */
/* envelope: 1. Decoding anything is safe, and what it gives lies within the
 * input. 2. What was decoded, encoded and decoded again is the same, and its
 * bytes are the same from then on. 3. An envelope made of the input is the
 * same after encode and decode.
 * Seen to catch: the length compared after adding it to the position (wraps);
 * a number written without its highest octet. */
#include <stdint.h>

#include "base/die.h"
#include "mail/envelope.h"

#define SIZE_MAX_HERE ((size_t)1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_same_rcpt(const struct envelope_rcpt *a, const struct envelope_rcpt *b)
{
	return span_eq(a->address, b->address) &&
	    span_eq(a->original, b->original) && span_eq(a->orcpt, b->orcpt) &&
	    a->notify == b->notify && span_eq(a->mailbox, b->mailbox) &&
	    span_eq(a->route, b->route);
}

static bool
is_same(const struct envelope *a, const struct envelope *b)
{
	if (a->rcpt_n != b->rcpt_n)
		return false;
	for (size_t i = 0; i < a->rcpt_n; i++)
		if (!is_same_rcpt(&a->rcpt[i], &b->rcpt[i]))
			return false;
	return span_eq(a->sender, b->sender) &&
	    a->received_at == b->received_at && a->size == b->size &&
	    a->body == b->body && a->is_utf8 == b->is_utf8 &&
	    a->ret == b->ret && span_eq(a->envid, b->envid) &&
	    span_eq(a->auth, b->auth) && span_eq(a->listener, b->listener) &&
	    span_eq(a->session, b->session) && span_eq(a->login, b->login) &&
	    span_eq(a->client, b->client) && span_eq(a->hello, b->hello) &&
	    span_eq(a->tls, b->tls) && a->tls_need == b->tls_need &&
	    a->release_at == b->release_at && a->by == b->by &&
	    a->by_at == b->by_at && a->by_trace == b->by_trace;
}

static void
check_round(const struct envelope *envelope)
{
	struct buf bytes, again;
	struct envelope got;
	struct arena arena;

	buf_init(&bytes, SIZE_MAX_HERE);
	buf_init(&again, SIZE_MAX_HERE);
	arena_init(&arena, 64 * SIZE_MAX_HERE);
	must(envelope_encode(envelope, &bytes) == 0);
	must(envelope_decode(buf_span(&bytes), &arena, &got) == 0);
	must(is_same(envelope, &got));
	must(envelope_encode(&got, &again) == 0);
	must(span_eq(buf_span(&bytes), buf_span(&again)));
	arena_reset(&arena);
	buf_free(&again);
	buf_free(&bytes);
}

/* The first octet of what is left says how long the value is. */
static struct span
take_text(struct span *in)
{
	size_t n = in->len != 0 ? (unsigned char)in->p[0] & 63 : 0;
	struct span text = span_first(span_skip(*in, 1), n);

	*in = span_skip(*in, n + 1);
	return text;
}

static uint64_t
take_number(struct span *in)
{
	struct span text = take_text(in);
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n = n << 8 | (unsigned char)text.p[i];
	return n;
}

static void
check_made(struct span in)
{
	struct envelope_rcpt rcpt[8];
	struct envelope made = {
		.sender = take_text(&in), .received_at = take_number(&in),
		.size = take_number(&in), .body = take_number(&in),
		.is_utf8 = take_number(&in), .ret = take_number(&in),
		.envid = take_text(&in), .auth = take_text(&in),
		.listener = take_text(&in), .session = take_text(&in),
		.login = take_text(&in), .client = take_text(&in),
		.hello = take_text(&in), .tls = take_text(&in),
		.tls_need = take_number(&in),
		.release_at = take_number(&in), .by = take_number(&in),
		.by_at = take_number(&in), .by_trace = take_number(&in),
		.rcpt = rcpt,
	};

	while (in.len != 0 && made.rcpt_n < countof(rcpt))
		rcpt[made.rcpt_n++] = (struct envelope_rcpt){
			.address = take_text(&in), .original = take_text(&in),
			.orcpt = take_text(&in), .notify = take_number(&in),
			.mailbox = take_text(&in), .route = take_text(&in),
		};
	check_round(&made);
}

static void
check_inside(struct span text, struct span whole)
{
	must(text.len == 0 || (text.p >= whole.p &&
	    text.p + text.len <= whole.p + whole.len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct envelope got;
	struct arena arena;

	if (size > SIZE_MAX_HERE / 4)
		return 0;
	arena_init(&arena, 64 * SIZE_MAX_HERE);
	if (envelope_decode(in, &arena, &got) == 0) {
		check_inside(got.sender, in);
		check_inside(got.tls, in);
		for (size_t i = 0; i < got.rcpt_n; i++)
			check_inside(got.rcpt[i].mailbox, in);
		check_round(&got);
	}
	arena_reset(&arena);
	check_made(in);
	return 0;
}
