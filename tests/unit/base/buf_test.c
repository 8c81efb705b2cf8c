/* SPDX-License-Identifier: Apache-2.0 */
/* buf: its maximum holds, its bytes stay in order. */
#include "../test.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"

static void
the_maximum_holds(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10);
	assert_null(buf.p);
	assert_int_equal(buf_append(&buf, SPAN("")), 0);
	assert_null(buf.p);
	assert_int_equal(buf_append(&buf, SPAN("0123456789")), 0);
	assert_int_equal(buf_append(&buf, SPAN("x")), -ENOBUFS);
	assert_null(buf_room(&buf, 1));
	assert_null(buf_room(&buf, SIZE_MAX));
	assert_span(buf_span(&buf), SPAN("0123456789"));
	buf_consume(&buf, 4);
	assert_int_equal(buf_append(&buf, SPAN("abcde")), -ENOBUFS);
	assert_int_equal(buf_append(&buf, SPAN("abcd")), 0);
	assert_span(buf_span(&buf), SPAN("456789abcd"));
	buf_clear(&buf);
	assert_int_equal(buf.len, 0);
	assert_non_null(buf.p);
	buf_free(&buf);
	assert_null(buf.p);
	assert_int_equal(buf.max, 10);
	assert_span(buf_span(&buf), SPAN(""));
}

static void
room_and_grow(void **state)
{
	struct buf buf;
	char *room;

	(void)state;
	buf_init(&buf, 1000);
	room = buf_room(&buf, 600);
	assert_non_null(room);
	memset(room, 'x', 600);
	assert_int_equal(buf.len, 0);
	buf_grow(&buf, 600);
	assert_int_equal(buf.len, 600);
	buf_consume(&buf, 500);
	room = buf_room(&buf, 900);
	assert_non_null(room);
	memset(room, 'y', 900);
	buf_grow(&buf, 900);
	assert_int_equal(buf.len, 1000);
	assert_int_equal(buf_span(&buf).p[99], 'x');
	assert_int_equal(buf_span(&buf).p[100], 'y');
	buf_free(&buf);
}

/* At every length around the inner limit and around the maximum. Seen to
 * catch: asking room for the NUL of printf too, so that a text that just
 * fits was refused. */
static void
printing(void **state)
{
	char want[400];

	(void)state;
	memset(want, 'z', sizeof want);
	for (int len = 0; len < 400; len++) {
		for (int less = -1; less < 2; less++) {
			struct buf buf;
			int result;

			buf_init(&buf, (size_t)(len + 3 + less));
			assert_int_equal(buf_append(&buf, SPAN("ab")), 0);
			result = buf_printf(&buf, "%.*s%d", len, want, 7);
			if (less == -1) {
				assert_int_equal(result, -ENOBUFS);
				assert_span(buf_span(&buf), SPAN("ab"));
			} else {
				assert_int_equal(result, 0);
				assert_int_equal(buf.len, len + 3);
				assert_int_equal(buf_span(&buf).p[len + 2],
				    '7');
			}
			buf_free(&buf);
		}
	}
}

/* Against a long tape: what goes in at the back comes out at the front.
 * Seen to catch: buf_room() moving without resetting `start`. */
static void
random_use(void **state)
{
	static char tape[60000];
	uint64_t seed = 99;
	size_t in = 0, out = 0;
	struct buf buf;

	(void)state;
	for (size_t i = 0; i < sizeof tape; i++)
		tape[i] = (char)test_random(&seed);
	buf_init(&buf, 700);
	while (in < sizeof tape) {
		size_t n = test_random(&seed) % 200;

		if (n > sizeof tape - in)
			n = sizeof tape - in;
		if (in - out + n > 700) {
			assert_int_equal(buf_append(&buf, span_of(tape + in,
			    n)), -ENOBUFS);
		} else {
			assert_int_equal(buf_append(&buf, span_of(tape + in,
			    n)), 0);
			in += n;
		}
		n = test_random(&seed) % 200;
		if (n > in - out)
			n = in - out;
		buf_consume(&buf, n);
		out += n;
		assert_true(span_eq(buf_span(&buf), span_of(tape + out,
		    in - out)));
		assert_true(buf.cap <= 700);
	}
	buf_free(&buf);
}

static void
memory(void **state)
{
	char *text = mem_copy(SPAN("a\0b"));
	char *zero = mem_new_array(3, 5);
	char secret[] = "secret";

	(void)state;
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	for (int i = 0; i < 15; i++)
		assert_int_equal(zero[i], 0);
	zero = mem_grow_array(zero, 100, 5);
	assert_int_equal(zero[14], 0);
	free(zero);
	free(mem_new(0));
	text = mem_copy((struct span){ NULL, 0 });
	assert_string_equal(text, "");
	free(text);
	mem_wipe(secret, sizeof secret);
	for (size_t i = 0; i < sizeof secret; i++)
		assert_int_equal(secret[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_maximum_holds),
		cmocka_unit_test(room_and_grow),
		cmocka_unit_test(printing),
		cmocka_unit_test(random_use),
		cmocka_unit_test(memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
