/* SPDX-License-Identifier: Apache-2.0 */
/* print: what is written can be read back as the same, and the manual knows
 * every option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/span.h"
#include "conf/conf.h"
#include "conf/option.h"

/* What `print` writes; freed by the caller. */
static char *
printed(void (*print)(FILE *out))
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	print(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *
conf_text(const struct conf *conf)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	conf_print(conf, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static struct conf *
parse(const char *text)
{
	struct conf *conf = conf_parse("f", text, strlen(text), stderr);

	assert_non_null(conf);
	return conf;
}

/* The printed defaults are the built-in ones: a file with nothing but what must
 * be given prints the same. Seen to catch: examples printed where there is a
 * default. */
static void
defaults_are_the_defaults(void **state)
{
	static const char least[] =
	    "listener \"submission\" { address 127.0.0.1:2525 [::1]:2525; }\n"
	    "tls { certificate /etc/ehlod/cert.pem;\n"
	    "      key /etc/ehlod/key.pem; }\n"
	    "users { file /etc/ehlod/users; }\n"
	    "aliases { file /etc/ehlod/aliases; }\n"
	    "trail { file /var/lib/ehlod/trail.db; }\n"
	    "domain \"example.org\" { deliver maildir /var/mail/%d/%u; }\n"
	    "route \"*\" { via mx; }\n";
	char *text = printed(conf_print_defaults), *one, *other;
	struct conf *from_defaults = parse(text), *from_least = parse(least);

	(void)state;
	one = conf_text(from_defaults);
	other = conf_text(from_least);
	assert_string_equal(one, other);
	conf_unref(from_defaults);
	conf_unref(from_least);
	free(one);
	free(other);
	free(text);
}

static void
defaults_name_every_option(void **state)
{
	char *text = printed(conf_print_defaults);
	const struct option *option;
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < OPTION_BLOCKS; i++)
		for (size_t j = 0; (option = option_at((enum option_block)i,
		    j)) != NULL; j++, n++) {
			char line[80];

			snprintf(line, sizeof line, "%s ", option->name);
			if (strstr(text, line) == NULL)
				fail_msg("'%s' is not there", option->name);
		}
	assert_true(n >= 40);
	for (const char *p = text, *end; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		assert_non_null(end);
		assert_true(end - p <= 80);
	}
	free(text);
}

/* Seen to catch: unit_print() that does not divide; a quote that is not
 * escaped. */
static void
prints_are_read_back(void **state)
{
	static const char text[] =
	    "hostname mail.example.org; spool \"/a \\\"b\\\\ #;\";\n"
	    "recipient-delimiter none; retry-first 1500ms; log syslog;\n"
	    "shutdown-grace 0s;\n"
	    "listener \"x y\" { address [::1]:0 1.2.3.4:25; tls starttls;\n"
	    "  auth login plain; relay authenticated networks;\n"
	    "  networks 10.0.0.0/8 ::1 0.0.0.0/0; max-message-size 0;\n"
	    "  tls-min 1.3; persona iis6; typist yes; timeout 90s; }\n"
	    "listener \"{\" { address 1.2.3.4:26; max-message-size 66560; }\n"
	    "tls { certificate c; key k; }\n"
	    "tls m\u00fc.example { certificate c; key k; }\n"
	    "users { file \"\xc3\xbc ;\"; } aliases { file a; }\n"
	    "domain B\u00fccher.example { deliver maildir \"/ %u%%\";\n"
	    "  catch-all Anna@example.org; }\n";
	struct conf *conf = parse(text), *again;
	char *one = conf_text(conf), *other;

	(void)state;
	again = parse(one);
	other = conf_text(again);
	assert_string_equal(one, other);
	assert_non_null(strstr(one, "spool \"/a \\\"b\\\\ #;\";\n"));
	assert_non_null(strstr(one, "max-message-size 65K;\n"));
	assert_non_null(strstr(one, "timeout 90s;\n"));
	assert_non_null(strstr(one, "networks 10.0.0.0/8 ::1/128 0.0.0.0/0;"));
	assert_non_null(strstr(one, "domain xn--bcher-kva.example {\n"));
	conf_unref(conf);
	conf_unref(again);
	free(one);
	free(other);
}

/* mdoc(7): every option once, every list closed, no stray macro. */
static void
manual_is_whole(void **state)
{
	char *text = printed(conf_print_manual);
	const struct option *option;
	unsigned begun = 0, ended = 0, items = 0, n = 0;
	bool is_literal = false;

	(void)state;
	for (const char *p = text, *end; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		assert_non_null(end);
		if (strncmp(p, ".Bd", 3) == 0 || strncmp(p, ".Ed", 3) == 0)
			is_literal = p[1] == 'B';
		assert_true(end > p || is_literal);
		begun += strncmp(p, ".Bl", 3) == 0;
		ended += strncmp(p, ".El", 3) == 0;
		items += strncmp(p, ".It Ic", 6) == 0;
	}
	for (size_t i = 0; i < OPTION_BLOCKS; i++)
		for (size_t j = 0; (option = option_at((enum option_block)i,
		    j)) != NULL; j++)
			n++;
	assert_int_equal(begun, OPTION_BLOCKS);
	assert_int_equal(ended, OPTION_BLOCKS);
	assert_int_equal(items, n);
	assert_non_null(strstr(text, ".It Ic tls\\-required Cm no | Cm yes\n"
	    "Refuse mail and logins until TLS is up.\nDefault:\n.Cm no .\n"));
	free(text);
}

/* The page in the tree is the one the table makes: `ehlod --manual >
 * man/ehlod.conf.5` when options.def has changed. */
static void
manual_is_up_to_date(void **state)
{
	char *text = printed(conf_print_manual);
	size_t len = strlen(text);
	char *kept = calloc(1, len + 2);
	FILE *file = fopen(MANUAL, "r");

	(void)state;
	assert_non_null(kept);
	assert_non_null(file);
	assert_int_equal(fread(kept, 1, len + 1, file), len);
	assert_string_equal(kept, text);
	assert_int_equal(fclose(file), 0);
	free(kept);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_defaults),
		cmocka_unit_test(defaults_name_every_option),
		cmocka_unit_test(prints_are_read_back),
		cmocka_unit_test(manual_is_whole),
		cmocka_unit_test(manual_is_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
