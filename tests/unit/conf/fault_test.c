/* SPDX-License-Identifier: Apache-2.0 */
/* Faults in the configuration: what could never happen is a mistake, told
 * where it stands; what is printed is read back as the same fault.
 *
 * Seen to catch: a pattern that was compared before it was there, "tls own"
 * accepted without a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/span.h"
#include "conf/conf.h"

#define HOST "hostname mail.example.org;\n"                                   \
	     "listener mx { address 127.0.0.1:25; }\n"

/* What is said about it; `*conf` is NULL if it is refused. To be freed. */
static char *
parse(const char *text, bool is_alone, struct conf **conf)
{
	char *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	assert_non_null(out);
	*conf = is_alone ? conf_parse_fault(text, strlen(text), out)
	    : conf_parse("f", text, strlen(text), out);
	assert_int_equal(fclose(out), 0);
	return said;
}

static const struct {
	const char *text, *said;
} mistakes[] = {
	{ "fault a { at rcpt; }", "this fault does nothing" },
	{ "fault a { at nowhere; then drop; }", "is no value of 'at'" },
	{ "fault a { then drop; }", "has no 'at'" },
	{ "fault { at rcpt; then drop; }", "needs a name" },
	{ "fault a { at ehlo; sender x; then drop; }",
	    "the sender is known from mail on" },
	{ "fault a { at mail; recipient x; then drop; }",
	    "recipients are known from rcpt on" },
	{ "fault a { at banner; login x; then drop; }",
	    "the login is known from auth on" },
	{ "fault a { at mail; per triplet; then drop; }", "not known at this" },
	{ "fault a { at data; per recipient; then drop; }",
	    "not known at this" },
	{ "fault a { at ehlo; per sender; then drop; }", "not known at this" },
	{ "fault a { at ehlo; per login; then drop; }", "not known at this" },
	{ "fault a { at mail; tls broken; }", "goes with 'at starttls'" },
	{ "fault a { at mail; ehlo-with X; }", "said 'at ehlo'" },
	{ "fault a { at mail; ehlo-without X; }", "said 'at ehlo'" },
	{ "fault a { at starttls; tls own; }", "goes with a 'certificate'" },
	{ "fault a { at starttls; tls own; key k; }",
	    "goes with a 'certificate'" },
	{ "fault a { at starttls; tls expired; key k; }",
	    "goes with a 'certificate'" },
	{ "fault a { at mail; reply \"450 a\tb\"; }", "control bytes" },
	{ "fault a { at mail; every 0; then drop; }", "too small" },
	{ "fault a { at mail; limit 2000; then drop; }", "too large" },
	{ "fault a { at mail; then drop; }\nfault a { at mail; then drop; }",
	    "is there already" },
};

static void
mistakes_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(mistakes); i++) {
		struct conf *conf;
		char *said = parse(mistakes[i].text, true, &conf);

		if (conf != NULL || strstr(said, mistakes[i].said) == NULL)
			fail_msg("%s\nexpected: %s\ngot: %s",
			    mistakes[i].text, mistakes[i].said, said);
		free(said);
	}
}

static void
only_a_fault(void **state)
{
	const char *const texts[] = { "", "hostname a.example;",
		"listener x { address 127.0.0.1:1; }",
		"fault a { at mail; then drop; } "
		"fault b { at mail; then drop; }" };

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		struct conf *conf;
		char *said = parse(texts[i], true, &conf);

		assert_null(conf);
		assert_int_not_equal(said[0], '\0');
		free(said);
	}
}

/* Said once, it is off; where there is no such listener it is a mistake. */
static void
in_a_file(void **state)
{
	struct conf *conf;
	char *said = parse(HOST "fault a { at mail; then drop; }\n", false,
	    &conf);

	(void)state;
	assert_non_null(conf);
	assert_false(conf->faults_allowed);
	assert_non_null(strstr(said, "warning: off: faults need"));
	conf_unref(conf);
	free(said);
	said = parse(HOST "faults-allowed yes;\n"
	    "fault a { at mail; listener MX; then drop; }\n", false, &conf);
	assert_non_null(conf);
	assert_string_equal(said, "");
	conf_unref(conf);
	free(said);
	said = parse(HOST "faults-allowed yes;\n"
	    "fault a { at mail; listener m; then drop; }\n", false, &conf);
	assert_null(conf);
	assert_non_null(strstr(said, "there is no listener of this name"));
	free(said);
}

/* In a line, and again. */
static char *
printed(const struct conf_fault *fault)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	conf_print_fault(fault, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
prints_are_read_back(void **state)
{
	static const char *const texts[] = {
		"fault grey { at rcpt; per triplet; first 1;"
		" reply \"450 4.7.1 \\\"Later\\\" \\\\o/\"; }",
		"fault \"a b\" { at ehlo; listener m*; client 10.0.0.0/8 "
		"::1/128; skip 1; every 3; delay 3s; slow 10ms; cut 5; "
		"then reset; ehlo-without SIZE STARTTLS; "
		"ehlo-with \"SIZE 1\" X; }",
		"fault own { at starttls; tls own; certificate /c; key /k; }",
		"fault rate { at mail; sender *@a.example; login g*; limit 2; "
		"within 1h; then drop; }",
	};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		struct conf *conf, *again;
		char *said = parse(texts[i], true, &conf), *text, *twice;

		assert_string_equal(said, "");
		free(said);
		text = printed(&conf->fault[0]);
		said = parse(text, true, &again);
		assert_string_equal(said, "");
		twice = printed(&again->fault[0]);
		assert_string_equal(text, twice);
		assert_string_equal(conf->fault[0].reply,
		    again->fault[0].reply);
		assert_int_equal(conf->fault[0].delay_ms,
		    again->fault[0].delay_ms);
		assert_int_equal(conf->fault[0].client_n,
		    again->fault[0].client_n);
		conf_unref(conf);
		conf_unref(again);
		free(said);
		free(text);
		free(twice);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(only_a_fault),
		cmocka_unit_test(in_a_file),
		cmocka_unit_test(prints_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
