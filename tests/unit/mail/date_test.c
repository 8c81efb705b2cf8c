/* SPDX-License-Identifier: Apache-2.0 */
/* date: against the C library's own calendar.
 * Seen to catch: the leap rule of the centuries left out; days counted from
 * the wrong weekday; the sign of the zone lost for half hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "mail/date.h"

static void
check(uint64_t seconds, int zone_min)
{
	time_t local = (time_t)seconds + zone_min * 60;
	char expected[64], got[64];
	struct put put = put_init(got, sizeof got);
	struct tm tm;
	size_t len;

	assert_non_null(gmtime_r(&local, &tm));
	/* %d would pad with 0; RFC 5322 takes 1 or 2 digits, we write 1 */
	len = strftime(expected, sizeof expected, "%a, ", &tm);
	len += (size_t)snprintf(expected + len, sizeof expected - len, "%d ",
	    tm.tm_mday);
	len += strftime(expected + len, sizeof expected - len, "%b %Y %T ",
	    &tm);
	snprintf(expected + len, sizeof expected - len, "%c%02d%02d",
	    zone_min < 0 ? '-' : '+', abs(zone_min) / 60, abs(zone_min) % 60);
	date_put(&put, seconds * 1000 + 999, zone_min);
	assert_string_equal(put_cstr(&put), expected);
}

/* Before ten the hour has one digit, and nothing else has. */
static void
test_short_hour(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {
		{ 1294488195, "Sat, 8 Jan 2011 6:03:15 -0600" },
		{ 1294488195 + 4 * 3600, "Sat, 8 Jan 2011 10:03:15 -0600" },
		{ 1294488195 - 6 * 3600, "Sat, 8 Jan 2011 0:03:15 -0600" },
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct put put = put_init(got, sizeof got);

		date_put_short(&put, rows[i].seconds * 1000, -360);
		assert_string_equal(put_cstr(&put), rows[i].text);
	}
}

static void
test_every_day_for_centuries(void **state)
{
	(void)state;
	/* 7919 is a prime, so that all hours and minutes come by too */
	for (uint64_t day = 0; day < 800 * 366; day++)
		check(day * 86400 + day * 7919 % 86400,
		    (int)(day % 113) * 15 - 12 * 60);
}

static void
test_edges(void **state)
{
	(void)state;
	check(0, 0);
	check(0, -1);		/* 1969 */
	check(0, -12 * 60);
	check(0, 14 * 60);
	check(951782399, 0);	/* 28 February 2000 */
	check(951782400, -30);	/* and its 29th */
	check(4107542399, 1);	/* 28 February 2100, no leap year */
	check(253402300799, 0);	/* the end of 9999 */
}

static void
test_example(void **state)
{
	char text[64];
	struct put put = put_init(text, sizeof text);

	(void)state;
	date_put(&put, 1795239423000, 60);
	assert_string_equal(put_cstr(&put), "Sat, 21 Nov 2026 06:37:03 +0100");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_hour),
		cmocka_unit_test(test_every_day_for_centuries),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
