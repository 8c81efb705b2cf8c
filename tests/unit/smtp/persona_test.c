/* SPDX-License-Identifier: Apache-2.0 */
/* The names that personas give to mail are made of its id and of nothing else,
 * and no two ids share one; what EHLO lists is listed once. */
#include "../test.h"

#include <stdlib.h>

#include "base/text.h"
#include "smtp/persona.h"

#define IDS 4096

static char text[IDS][PERSONA_ID_MAX];

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static const char *
name(enum persona persona, uint64_t id, const char *hostname, char *memory)
{
	struct put out = put_init(memory, PERSONA_ID_MAX);

	persona_put_id(persona, id, span_str(hostname), &out);
	assert_false(out.full);
	return put_cstr(&out);
}

/* Neighbours, and ids that differ in one of the higher bits. */
static uint64_t
id_at(size_t i)
{
	const uint64_t first = UINT64_C(0x000001945ba4d700);

	return i < IDS - 48 ? first + i
	    : first ^ UINT64_C(1) << (16 + IDS - 1 - i);
}

static void
ids_differ(void **state)
{
	size_t same = 0;

	(void)state;
	for (unsigned p = PERSONA_NATIVE + 1; p < PERSONA_COUNT; p++) {
		for (size_t i = 0; i < IDS; i++)
			(void)name(p, id_at(i), "a.example", text[i]);
		qsort(text, IDS, sizeof text[0], compare);
		for (size_t i = 1; i < IDS; i++)
			same += strcmp(text[i - 1], text[i]) == 0;
		assert_int_equal(same, 0);
	}
}

static bool
has_form(const char *s, const char *form)
{
	for (; *form != '\0'; form++, s++) {
		bool is_lower = *s >= 'a' && *s <= 'f';
		bool is_digit = ascii_is_digit(*s);

		if (*form == 'x' && (is_lower || is_digit))
			continue;
		if (*form == 'X' && (is_digit || (*s >= 'A' && *s <= 'F')))
			continue;
		if (*form == '?' && ascii_is_alnum(*s))
			continue;
		if (*form == *s && *s != '\0')
			continue;
		return false;
	}
	return *s == '\0';
}

static void
ids_look_right(void **state)
{
	char memory[PERSONA_ID_MAX];

	(void)state;
	for (size_t i = 0; i < IDS; i++) {
		uint64_t id = id_at(i);

		assert_true(has_form(name(PERSONA_EXCHANGE2007, id, "h.x",
		    memory), "xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx@h.x"));
		assert_true(strchr("89ab", memory[19]) != NULL);
		assert_true(has_form(name(PERSONA_IIS6, id, "C34495-51701",
		    memory), "C34495-51701???????xxxxxxxx@C34495-51701"));
		assert_true(has_form(name(PERSONA_POSTFIX_OLD, id, "h",
		    memory), "XXXXXXXXXXXXXXXX"));
		assert_string_equal(name(PERSONA_NATIVE, id, "h", memory), "");
	}
}

static void
lines(void **state)
{
	(void)state;
	for (unsigned p = 0; p < PERSONA_COUNT; p++) {
		const struct persona_line *a, *b;

		assert_non_null(persona_line_at(p, 0));
		for (size_t i = 0; (a = persona_line_at(p, i)) != NULL; i++)
			for (size_t j = 0; j < i; j++) {
				b = persona_line_at(p, j);
				assert_int_equal(b->persona, p);
				assert_string_not_equal(a->text, b->text);
			}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_differ),
		cmocka_unit_test(ids_look_right),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
