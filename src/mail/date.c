/* SPDX-License-Identifier: Apache-2.0 */
/* date: the calendar by arithmetic, because the C library's needs the system
 * (time zones, locale) and pure code may not ask it.
 *
 * Days are counted in years that begin on 1 March: then the odd day of a leap
 * year is the last of its year, and the lengths of the months follow one
 * rule, 153 days in every five. */
#include "mail/date.h"

#define DAY_SECONDS    86400
#define ERA_DAYS       146097	/* 400 years, after which all repeats */
#define DAYS_TO_1970   719468	/* from 1 March of the year 0 */

struct civil {
	uint64_t year;
	unsigned month;		/* 0 January */
	unsigned day;		/* 1-31 */
	unsigned weekday;	/* 0 Sunday */
};

static struct civil
civil_from_days(int64_t days_since_1970)
{
	/* never below 0: the earliest day we are asked for is in 1969 */
	uint64_t days = (uint64_t)(days_since_1970 + DAYS_TO_1970);
	uint64_t era = days / ERA_DAYS;
	uint64_t of_era = days % ERA_DAYS;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 -
	    of_era / (ERA_DAYS - 1)) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;	/* 0 March */

	return (struct civil){
		.year = era * 400 + year + (month >= 10),
		.month = (unsigned)((month + 2) % 12),
		.day = (unsigned)(of_year - (153 * month + 2) / 5 + 1),
		/* 1 March of the year 0 was a Wednesday */
		.weekday = (unsigned)((days + 3) % 7),
	};
}

static void
put_date(struct put *out, uint64_t real_ms, int zone_min, unsigned hour_width)
{
	static const char weekday[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char month[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int64_t local = (int64_t)(real_ms / 1000) + (int64_t)zone_min * 60;
	int64_t days = local / DAY_SECONDS - (local % DAY_SECONDS < 0);
	uint64_t second = (uint64_t)(local - days * DAY_SECONDS);
	uint64_t zone = (uint64_t)(zone_min < 0 ? -zone_min : zone_min);
	struct civil civil = civil_from_days(days);

	put_str(out, weekday[civil.weekday]);
	put_str(out, ", ");
	put_u64(out, civil.day);
	put_char(out, ' ');
	put_str(out, month[civil.month]);
	put_char(out, ' ');
	put_u64_width(out, civil.year, 4);
	put_char(out, ' ');
	put_u64_width(out, second / 3600, hour_width);
	put_char(out, ':');
	put_u64_width(out, second / 60 % 60, 2);
	put_char(out, ':');
	put_u64_width(out, second % 60, 2);
	put_str(out, zone_min < 0 ? " -" : " +");
	put_u64_width(out, zone / 60, 2);
	put_u64_width(out, zone % 60, 2);
}

void
date_put(struct put *out, uint64_t real_ms, int zone_min)
{
	put_date(out, real_ms, zone_min, 2);
}

void
date_put_short(struct put *out, uint64_t real_ms, int zone_min)
{
	put_date(out, real_ms, zone_min, 1);
}
