/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY headers, octet for octet (haproxy's proxy-protocol.txt 2.1, 2.2). */
#include "../test.h"

#include "ehlo/proxy.h"

static bool
make(const struct proxy *proxy, struct put *out, char *memory, size_t len)
{
	*out = put_init(memory, len);
	return proxy_put(proxy, out);
}

static void
good(void **state)
{
	const struct {
		struct proxy proxy;
		struct span expected;
	} row[] = {
		{ { NULL }, SPAN("") },
		{ { .source = "1.2.3.4", .source_port = "5", .dest = "6.7.8.9",
		    .dest_port = "10" },
		  SPAN("PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n") },
		{ { .source = "::1", .source_port = "5", .dest = "::2",
		    .dest_port = "10", .version = "1" },
		  SPAN("PROXY TCP6 ::1 ::2 5 10\r\n") },
		{ { .family = "UNKNOWN" }, SPAN("PROXY UNKNOWN\r\n") },
		/* nonsense is the tester's right */
		{ { .family = "TCP9", .source = "a", .source_port = "x",
		    .dest = "b", .dest_port = "y" },
		  SPAN("PROXY TCP9 a b x y\r\n") },
		{ { .raw = "" }, SPAN("PROXY \r\n") },
		{ { .version = "2", .source = "1.2.3.4", .source_port = "258",
		    .dest = "6.7.8.9", .dest_port = "25" },
		  SPAN("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\1\2\3\4\6\7\x8\x9"
		  "\1\2\0\x19") },
		{ { .version = "2", .command = "LOCAL" },
		  SPAN("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0") },
		{ { .version = "2", .raw = "\\x20\\x00\\\\" },
		  SPAN("\r\n\r\n\0\r\nQUIT\n\x20\0\\") },
	};
	char memory[PROXY_HEADER_MAX];
	struct put out;

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		assert_true(make(&row[i].proxy, &out, memory, sizeof memory));
		assert_span(put_span(&out), row[i].expected);
	}
}

static void
of_local_sockets(void **state)
{
	const struct proxy proxy = { .version = "2", .family = "AF_UNIX",
		.protocol = "DGRAM", .source = "/a", .dest = "/b" };
	char memory[PROXY_HEADER_MAX];
	struct put out;

	(void)state;
	assert_true(make(&proxy, &out, memory, sizeof memory));
	assert_int_equal(out.len, 16 + 216);
	assert_memory_equal(memory + 12, "\x21\x32\0\xd8/a\0", 7);
	assert_memory_equal(memory + 16 + 108, "/b\0", 3);
}

static void
bad(void **state)
{
	const struct proxy row[] = {
		{ .source = "1.2.3.4" },
		{ .version = "3", .raw = "x" },
		{ .raw = "x", .source = "1.2.3.4" },
		{ .version = "2", .raw = "\\x2" },
		{ .version = "2", .raw = "\\n" },
		{ .version = "2", .source = "1.2.3", .source_port = "1",
		    .dest = "1.2.3.4", .dest_port = "1" },
		{ .version = "2", .source = "::1", .source_port = "1",
		    .dest = "1.2.3.4", .dest_port = "1" },
		{ .version = "2", .source = "1.2.3.4", .source_port = "70000",
		    .dest = "1.2.3.4", .dest_port = "1" },
		{ .version = "2", .family = "AF_X25" },
		{ .version = "2", .command = "16" },
	};
	char memory[PROXY_HEADER_MAX];
	struct put out;

	(void)state;
	for (size_t i = 0; i < countof(row); i++)
		if (make(&row[i], &out, memory, sizeof memory))
			fail_msg("row %zu", i);
	/* one that has no place */
	assert_false(make(&(struct proxy){ .raw = "long enough" }, &out,
	    memory, 10));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(of_local_sockets),
		cmocka_unit_test(bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
