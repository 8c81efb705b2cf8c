/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages: their structure, and what is refused. */
#include "../test.h"

#include "mail/compose.h"

static char memory[65536];

static void
collect(void *arg, struct span bytes)
{
	put_bytes(arg, bytes);
}

static struct span
compose(const struct compose *compose)
{
	struct put out = put_init(memory, sizeof memory);

	assert_int_equal(compose_put(compose, collect, &out, NULL),
	    COMPOSE_OK);
	assert_false(out.full);
	return put_span(&out);
}

static void
one_text(void **state)
{
	const struct compose_field field[] = { { SPAN("Subject"), SPAN("x") } };
	const struct compose_part body = { .bytes = SPAN("Hi\n.") };

	(void)state;
	assert_span(compose(&(struct compose){ .field = field, .field_n = 1,
	    .body = &body, .body_n = 1, .boundary = SPAN("B") }),
	    SPAN("Subject: x\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\nHi\r\n.\r\n"));
	assert_span(compose(&(struct compose){ .boundary = SPAN("B") }),
	    SPAN("MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"));
}

static void
forms_and_files(void **state)
{
	const struct compose_part body[] = { { .bytes = SPAN("text") },
		{ .bytes = SPAN("<b>"), .type = SPAN("text/html") } };
	const struct compose_part file = { .bytes = SPAN("\0\n"),
		.name = SPAN("n"), .id = SPAN("i@d"), .is_inline = true };

	(void)state;
	assert_span(compose(&(struct compose){ .body = body, .body_n = 2,
	    .attached = &file, .attached_n = 1, .boundary = SPAN("B") }),
	    SPAN("MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n"
	    " boundary=\"=_m_B\"\r\n\r\n--=_m_B\r\n"
	    "Content-Type: multipart/alternative;\r\n"
	    " boundary=\"=_a_B\"\r\n\r\n--=_a_B\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\ntext\r\n\r\n--=_a_B\r\n"
	    "Content-Type: text/html; charset=us-ascii\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n<b>\r\n\r\n"
	    "--=_a_B--\r\n\r\n--=_m_B\r\n"
	    "Content-Type: application/octet-stream\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: inline;\r\n filename=\"n\"\r\n"
	    "Content-ID: <i@d>\r\n\r\nAAo=\r\n\r\n--=_m_B--\r\n"));
}

/* The caller's own fields take the place of ours. */
static void
own_fields(void **state)
{
	const struct compose_field field[] = {
		{ SPAN("content-type"), SPAN("text/html; charset=utf-8") },
		{ SPAN("Content-Transfer-Encoding"), SPAN("8bit") },
		{ SPAN("MIME-Version"), SPAN("1.0 (x)") } };
	const struct compose_part body = { .bytes = SPAN("\xc3\xbc\n") };

	(void)state;
	assert_span(compose(&(struct compose){ .field = field, .field_n = 3,
	    .body = &body, .body_n = 1, .boundary = SPAN("B") }),
	    SPAN("content-type: text/html; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0 (x)\r\n"
	    "\r\n\xc3\xbc\r\n"));
}

static bool
contains(struct span s, const char *what)
{
	return memmem(s.p, s.len, what, strlen(what)) != NULL;
}

static void
transfers(void **state)
{
	struct compose_part body = { .bytes = SPAN("K\xc3\xb6ln am Rhein") };
	struct compose_part mail = { .type = SPAN("message/rfc822"),
		.bytes = SPAN("A: b\n\nx\n"), .name = SPAN("x.eml") };
	struct compose c = { .body = &body, .body_n = 1,
		.boundary = SPAN("B") };
	struct span out;

	(void)state;
	assert_true(contains(compose(&c), "quoted-printable\r\n\r\n"
	    "K=C3=B6ln am Rhein\r\n"));
	c.has_8bit = true;
	assert_true(contains(compose(&c), "8bit\r\n\r\nK\xc3\xb6ln am"));
	body.transfer = TRANSFER_BASE64;
	assert_true(contains(compose(&c), "base64\r\n\r\n"
	    "S8O2bG4gYW0gUmhlaW4NCg==\r\n"));
	body.bytes = SPAN("\xff\xfe");
	assert_true(contains(compose(&c), "charset=unknown-8bit"));
	/* RFC 2046 5.2.1: a message is not encoded … */
	c.attached = &mail;
	c.attached_n = 1;
	out = compose(&c);
	assert_true(contains(out, "message/rfc822\r\n"
	    "Content-Transfer-Encoding: 7bit"));
	/* … and one that would have to be is a file */
	mail.bytes = SPAN("A: \xc3\xbc\n");
	c.has_8bit = false;
	out = compose(&c);
	assert_true(contains(out, "application/octet-stream\r\n"
	    "Content-Transfer-Encoding: base64"));
	c.has_binary = true;
	mail.type = SPAN("image/png");
	assert_true(contains(compose(&c), "binary\r\n"));
}

static void
refusals(void **state)
{
	const struct {
		struct compose_field field;
		struct compose_part part;
		enum compose_result result;
	} row[] = {
		{ { SPAN("Sub ject"), SPAN("x") }, .result = COMPOSE_BAD_NAME },
		{ { SPAN("A:b"), SPAN("x") }, .result = COMPOSE_BAD_NAME },
		{ { SPAN(""), SPAN("x") }, .result = COMPOSE_BAD_NAME },
		{ { SPAN("S"), SPAN("\xff") }, .result = COMPOSE_BAD_NAME },
		{ { SPAN("To"), SPAN("\xc3\xbc@x") },
		  .result = COMPOSE_NEEDS_UTF8 },
		{ { SPAN("S"), SPAN("x") }, { .type = SPAN("a/b\r\nX: y") },
		  COMPOSE_BAD_NAME },
		{ { SPAN("S"), SPAN("x") }, { .type = SPAN("text") },
		  COMPOSE_BAD_NAME },
		{ { SPAN("S"), SPAN("x") }, { .id = SPAN("a>b") },
		  COMPOSE_BAD_NAME },
		{ { SPAN("S"), SPAN("x") }, { .bytes = SPAN("a\n--=_m_B\n") },
		  COMPOSE_BOUNDARY },
	};

	(void)state;
	for (size_t i = 0; i < countof(row); i++) {
		struct put out = put_init(memory, sizeof memory);
		struct compose c = { .field = &row[i].field, .field_n = 1,
			.body = &row[i].part, .body_n = 1,
			.boundary = SPAN("=_m_B") };

		if (compose_put(&c, collect, &out, NULL) != row[i].result)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_text),
		cmocka_unit_test(forms_and_files),
		cmocka_unit_test(own_fields),
		cmocka_unit_test(transfers),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
