/* SPDX-License-Identifier: Apache-2.0 */
/* domain: which names are the same, and which are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf/domain.h"

#define LABEL_63 \
	"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"

struct name_case {
	struct span name;
	const char *canon;	/* NULL: refused */
};

/* SPAN() is no constant expression to a pedantic compiler. */
#define TEXT(s) { s, sizeof(s) - 1 }

static const struct name_case names[] = {
	{ TEXT("example.org"), "example.org" },
	{ TEXT("EXAMPLE.Org"), "example.org" },
	{ TEXT("localhost"), "localhost" },
	{ TEXT("a-b.c--d.example"), "a-b.c--d.example" },
	{ TEXT("1.2.example"), "1.2.example" },
	{ TEXT("b\u00fccher.example"), "xn--bcher-kva.example" },
	{ TEXT("B\u00dcCHER.example"), "xn--bcher-kva.example" },
	{ TEXT("bu\u0308cher.example"), "xn--bcher-kva.example" }, /* NFD */
	{ TEXT("XN--BCHER-KVA.Example"), "xn--bcher-kva.example" },
	{ TEXT("a\u3002b\u00fc.example"), "a.xn--b-eha.example" },
	{ TEXT("fa\u00df.example"), "xn--fa-hia.example" },	/* not fass */
	{ TEXT("\u4f8b.\u6d4b\u8bd5"), "xn--fsq.xn--0zwm56d" },
	{ TEXT(LABEL_63 ".example"), LABEL_63 ".example" },
	{ TEXT(""), NULL },
	{ TEXT("."), NULL },
	{ TEXT("example.org."), NULL },
	{ TEXT(".example.org"), NULL },
	{ TEXT("a..b"), NULL },
	{ TEXT("\u00fc..b"), NULL },	/* libidn2 takes it */
	{ TEXT("\u00fc.b."), NULL },
	{ TEXT("a_b.example"), NULL },
	{ TEXT("a_b.\u00fc.example"), NULL },	/* never ab.… */
	{ TEXT("-a.example"), NULL },
	{ TEXT("a-.example"), NULL },
	{ TEXT("a b.example"), NULL },
	{ TEXT("a%b.example"), NULL },
	{ TEXT("a@b.example"), NULL },
	{ TEXT("[127.0.0.1]"), NULL },
	{ TEXT("a\0b.example"), NULL },
	{ TEXT("\u00fc\0b.example"), NULL },
	{ TEXT("xn--a.example"), NULL },	/* no A-label */
	{ TEXT("\xff.example"), NULL },
	{ TEXT("\xc0\x80.example"), NULL },
	{ TEXT(LABEL_63 "d.example"), NULL },
	{ TEXT(LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63), NULL },
	{ TEXT(LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63),
	    NULL },
};

/* Seen to catch: is_host_name() without the test for an empty label. */
static void
names_are_canonical(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		char out[256], again[256];
		bool is_good = conf_domain_canon(names[i].name, out);

		if (is_good != (names[i].canon != NULL))
			fail_msg("'%.*s' %s", SPAN_ARG(names[i].name),
			    is_good ? "is taken" : "is refused");
		if (!is_good)
			continue;
		assert_string_equal(out, names[i].canon);
		assert_true(conf_domain_canon(span_str(out), again));
		assert_string_equal(again, out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_canonical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
