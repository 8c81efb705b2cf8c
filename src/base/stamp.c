/* SPDX-License-Identifier: Apache-2.0 */
/* stamp: see stamp.h. Days are counted by the calendar that begins its years
 * in March, so that the leap day is the last one. */
#include "base/stamp.h"

#include "base/text.h"

#define DAY    86400u
#define LATEST INT64_C(253402300799)	/* the year 9999 ends */

/* Days from 1 March of the year 0 to 1 January 1970. */
#define EPOCH_DAYS 719468u

static uint64_t
days_of(unsigned year, unsigned month, unsigned day)
{
	uint64_t y = year - (month <= 2);
	unsigned m = (month + 9) % 12;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 +
	    day - 1;
}

static void
put_digits(struct put *out, uint64_t n, unsigned width)
{
	char digits[8];

	for (unsigned i = width; i-- > 0; n /= 10)
		digits[i] = (char)('0' + n % 10);
	put_bytes(out, span_of(digits, width));
}

void
stamp_put(struct put *out, uint64_t seconds)
{
	uint64_t days = seconds / DAY + EPOCH_DAYS, rest = seconds % DAY;
	uint64_t era = days / 146097, in = days % 146097;
	uint64_t year = (in - in / 1460 + in / 36524 - in / 146096) / 365;
	uint64_t day = in - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * day + 2) / 153;

	day -= (153 * month + 2) / 5;
	year += era * 400 + (month >= 10);
	if (year > 9999)
		return;
	put_digits(out, year, 4);
	put_char(out, '-');
	put_digits(out, month < 10 ? month + 3 : month - 9, 2);
	put_char(out, '-');
	put_digits(out, day + 1, 2);
	put_char(out, 'T');
	put_digits(out, rest / 3600, 2);
	put_char(out, ':');
	put_digits(out, rest / 60 % 60, 2);
	put_char(out, ':');
	put_digits(out, rest % 60, 2);
	put_char(out, 'Z');
}

/* `width` digits and the character behind them, unless it is 0. */
static bool
take(struct span *text, unsigned width, char end, unsigned *n)
{
	*n = 0;
	if (text->len < width + (end != 0))
		return false;
	for (unsigned i = 0; i < width; i++) {
		if (!ascii_is_digit(text->p[i]))
			return false;
		*n = *n * 10 + (unsigned)(text->p[i] - '0');
	}
	if (end != 0 && ascii_upper(text->p[width]) != end)
		return false;
	*text = span_skip(*text, width + (end != 0));
	return true;
}

static bool
is_date(unsigned year, unsigned month, unsigned day)
{
	static const unsigned char len[] = { 31, 29, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month >= 1 && month <= 12 && day >= 1 &&
	    day <= len[month - 1] && (month != 2 || day != 29 || is_leap);
}

/* "Z", "+01:00": minutes east. */
static bool
take_zone(struct span text, int *minutes)
{
	unsigned hour, minute;
	bool is_west;

	*minutes = 0;
	if (text.len == 1 && ascii_upper(text.p[0]) == 'Z')
		return true;
	if (text.len == 0 || (text.p[0] != '+' && text.p[0] != '-'))
		return false;
	is_west = text.p[0] == '-';
	text = span_skip(text, 1);
	if (!take(&text, 2, ':', &hour) || !take(&text, 2, 0, &minute) ||
	    text.len != 0 || hour > 23 || minute > 59)
		return false;
	*minutes = (int)(hour * 60 + minute) * (is_west ? -1 : 1);
	return true;
}

static bool
skip_fraction(struct span *text)
{
	size_t n = 1;

	if (text->len == 0 || text->p[0] != '.')
		return true;
	while (n < text->len && ascii_is_digit(text->p[n]))
		n++;
	*text = span_skip(*text, n);
	return n > 1;
}

bool
stamp_read(struct span text, uint64_t *seconds)
{
	unsigned year, month, day, hour, minute, second;
	int64_t at;
	int zone;

	if (!take(&text, 4, '-', &year) || !take(&text, 2, '-', &month) ||
	    !take(&text, 2, 'T', &day) || !take(&text, 2, ':', &hour) ||
	    !take(&text, 2, ':', &minute) || !take(&text, 2, 0, &second) ||
	    !skip_fraction(&text) || !take_zone(text, &zone))
		return false;
	if (year < 1969 || !is_date(year, month, day) || hour > 23 ||
	    minute > 59 || second > 60)
		return false;
	at = ((int64_t)days_of(year, month, day) - EPOCH_DAYS) * DAY;
	at += hour * 3600 + minute * 60 + second - (int64_t)zone * 60;
	*seconds = (uint64_t)at;
	return at >= 0 && at <= LATEST;
}
