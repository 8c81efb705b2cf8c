/* SPDX-License-Identifier: Apache-2.0 */
/* envelope: what is written is read, field by field; damage is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "mail/envelope.h"

#define ARENA_MAX 65536
/* SPAN for static data, where a compound literal is no constant */
#define LIT(text) { (text), sizeof(text) - 1 }

static const struct envelope_rcpt two[] = {
	{ .address = LIT("a@example.org"), .original = LIT("A@example.org"),
	  .orcpt = LIT("rfc822;A@example.org"), .notify = 6,
	  .mailbox = LIT("a"), .route = LIT("*.example.org") },
	{ .address = LIT("b\0\r\n@example.net") },
};

/* Another value in every field, so that two mixed up are seen. */
static struct envelope
full(void)
{
	return (struct envelope){
		.sender = SPAN("s@example.org"),
		.received_at = 1795243023123, .size = UINT64_MAX, .body = 1,
		.is_utf8 = 2, .ret = 255, .envid = SPAN("id+2B"),
		.auth = SPAN("<>"), .listener = SPAN("submission"),
		.session = SPAN("2222222222234"), .login = SPAN("guyt"),
		.client = SPAN("192.0.2.1"), .hello = SPAN("there"),
		.tls = SPAN("TLSv1.3"), .tls_need = 77,
		.release_at = 1795243024000, .by = 1,
		.by_at = 1795243025000, .by_trace = 3,
		.rcpt = (void *)(uintptr_t)two, .rcpt_n = 2,
	};
}

#define SAME_TEXT(a, b, name) assert_true(span_eq((a)->name, (b)->name))
#define SAME_NUMBER(a, b, name) assert_true((a)->name == (b)->name)

/* By hand and not by the rows: a row that is missing is seen. */
static void
assert_same(const struct envelope *a, const struct envelope *b)
{
	SAME_TEXT(a, b, sender);
	SAME_NUMBER(a, b, received_at);
	SAME_NUMBER(a, b, size);
	SAME_NUMBER(a, b, body);
	SAME_NUMBER(a, b, is_utf8);
	SAME_NUMBER(a, b, ret);
	SAME_TEXT(a, b, envid);
	SAME_TEXT(a, b, auth);
	SAME_TEXT(a, b, listener);
	SAME_TEXT(a, b, session);
	SAME_TEXT(a, b, login);
	SAME_TEXT(a, b, client);
	SAME_TEXT(a, b, hello);
	SAME_TEXT(a, b, tls);
	SAME_NUMBER(a, b, tls_need);
	SAME_NUMBER(a, b, release_at);
	SAME_NUMBER(a, b, by);
	SAME_NUMBER(a, b, by_at);
	SAME_NUMBER(a, b, by_trace);
	SAME_NUMBER(a, b, rcpt_n);
	for (size_t i = 0; i < a->rcpt_n; i++) {
		SAME_TEXT(&a->rcpt[i], &b->rcpt[i], address);
		SAME_TEXT(&a->rcpt[i], &b->rcpt[i], original);
		SAME_TEXT(&a->rcpt[i], &b->rcpt[i], orcpt);
		SAME_NUMBER(&a->rcpt[i], &b->rcpt[i], notify);
		SAME_TEXT(&a->rcpt[i], &b->rcpt[i], mailbox);
		SAME_TEXT(&a->rcpt[i], &b->rcpt[i], route);
	}
}

struct fixture {
	struct buf bytes;
	struct arena arena;
	struct envelope got;
};

static struct fixture f;

static int
setup(void **state)
{
	struct envelope envelope = full();

	(void)state;
	buf_init(&f.bytes, 1 << 20);
	arena_init(&f.arena, ARENA_MAX);
	return envelope_encode(&envelope, &f.bytes);
}

static int
teardown(void **state)
{
	(void)state;
	arena_reset(&f.arena);
	buf_free(&f.bytes);
	return 0;
}

/* Seen to catch: a row of the .def left out; the offsets of two swapped. */
static void
test_identity(void **state)
{
	struct envelope envelope = full();

	(void)state;
	assert_int_equal(envelope_decode(buf_span(&f.bytes), &f.arena,
	    &f.got), 0);
	assert_same(&envelope, &f.got);
}

static void
test_empty_identity(void **state)
{
	struct envelope envelope = { 0 };

	(void)state;
	buf_clear(&f.bytes);
	assert_int_equal(envelope_encode(&envelope, &f.bytes), 0);
	assert_int_equal(f.bytes.len, 1);
	assert_int_equal(envelope_decode(buf_span(&f.bytes), &f.arena,
	    &f.got), 0);
	assert_same(&envelope, &f.got);
}

/* A recipient of whom nothing is known is still one. */
static void
test_blank_recipients_count(void **state)
{
	struct envelope_rcpt blank[3] = { 0 };
	struct envelope envelope = { .rcpt = blank, .rcpt_n = 3 };

	(void)state;
	buf_clear(&f.bytes);
	assert_int_equal(envelope_encode(&envelope, &f.bytes), 0);
	assert_int_equal(envelope_decode(buf_span(&f.bytes), &f.arena,
	    &f.got), 0);
	assert_int_equal(f.got.rcpt_n, 3);
}

/* Every cut is refused or is an envelope with less in it; never one with a
 * shortened field. Seen to catch: the length not compared with what is left. */
static void
test_every_cut(void **state)
{
	struct span whole = buf_span(&f.bytes);
	unsigned good = 0;

	(void)state;
	for (size_t n = 0; n < whole.len; n++) {
		char *copy = malloc(n ? n : 1);

		memcpy(copy, whole.p, n);
		if (envelope_decode(span_of(copy, n), &f.arena, &f.got) == 0) {
			struct envelope envelope = full();

			good++;
			assert_true(f.got.rcpt_n < 2);
			assert_true(f.got.sender.len == 0 ||
			    span_eq(f.got.sender, envelope.sender));
			assert_true(f.got.tls.len == 0 ||
			    span_eq(f.got.tls, envelope.tls));
		}
		free(copy);
	}
	/* behind the version and behind each of 19 fields and a recipient */
	assert_int_equal(good, 21);
}

static void
test_unknown_tags_are_skipped(void **state)
{
	struct envelope envelope = full();

	(void)state;
	assert_int_equal(buf_append(&f.bytes, SPAN("\x3f\3\0\0\0new")), 0);
	assert_int_equal(envelope_decode(buf_span(&f.bytes), &f.arena,
	    &f.got), 0);
	assert_same(&envelope, &f.got);
}

static void
test_damage(void **state)
{
	static const struct span bad[] = {
		LIT(""), LIT("\2"), LIT("\0"), LIT("\1\1"),
		LIT("\1\1\0\0\0"), LIT("\1\1\1\0\0\0"),
		LIT("\1\1\xff\xff\xff\xffx"),
		/* a sender twice */
		LIT("\1\1\1\0\0\0a\1\1\0\0\0a"),
		/* a number of nine octets */
		LIT("\1\2\x9\0\0\0" "123456789"),
		/* a recipient whose field is longer than he */
		LIT("\1\x40\6\0\0\0\1\2\0\0\0a"),
	};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(envelope_decode(bad[i], &f.arena, &f.got),
		    -EBADMSG);
}

static void
test_limits_are_told(void **state)
{
	struct envelope envelope = full();
	struct arena small;
	struct buf tight;

	(void)state;
	arena_init(&small, sizeof(struct envelope_rcpt));
	assert_int_equal(envelope_decode(buf_span(&f.bytes), &small, &f.got),
	    -ENOBUFS);
	for (size_t max = 0; max < f.bytes.len; max++) {
		buf_init(&tight, max);
		assert_int_equal(envelope_encode(&envelope, &tight), -ENOBUFS);
		buf_free(&tight);
	}
	buf_init(&tight, f.bytes.len);
	assert_int_equal(envelope_encode(&envelope, &tight), 0);
	buf_free(&tight);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_identity, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_empty_identity, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_blank_recipients_count,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_cut, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_unknown_tags_are_skipped,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits_are_told, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
