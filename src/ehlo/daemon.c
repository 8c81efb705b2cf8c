/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: see daemon.h. */
#include "ehlo/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/tell.h"

/* --- where it is */

struct conf *
daemon_conf(const struct daemon_place *place)
{
	const char *file = place->config != NULL ? place->config
	    : DAEMON_CONFIG;
	char *text = NULL;
	size_t len = 0;
	FILE *errors = open_memstream(&text, &len);
	struct conf *conf = errors != NULL ? conf_load(file, errors) : NULL;

	if (errors != NULL)
		(void)fclose(errors);
	/* warnings are the daemon's */
	if (conf == NULL && text != NULL)
		fputs(text, stderr);
	if (conf == NULL)
		tell_error("%s: cannot be used", file);
	free(text);
	return conf;
}

/* The socket's path, to be freed; NULL after having said why. */
static char *
find_control(const struct daemon_place *place)
{
	struct conf *conf;
	char *path;

	if (place->control != NULL)
		return mem_copy(span_str(place->control));
	/* it may be for its owner's eyes only */
	if (place->config == NULL && access(DAEMON_CONFIG, R_OK) != 0)
		return mem_copy(SPAN(DAEMON_CONTROL));
	conf = daemon_conf(place);
	if (conf == NULL)
		return NULL;
	path = mem_copy(span_str(conf->control));
	conf_unref(conf);
	return path;
}

struct ctl_client *
daemon_open(const struct daemon_place *place)
{
	char *path = find_control(place);
	struct ctl_client *client;
	int error = 0;

	if (path == NULL)
		return NULL;
	client = ctl_open(path, &error);
	if (client == NULL && error == -EACCES)
		tell_error("%s: not for you: be root, the user that runs "
		    "ehlod, or of its 'control-group'", path);
	else if (client == NULL)
		tell_error("%s: %s: no ehlod is running there", path,
		    log_errno(error));
	free(path);
	return client;
}

int
daemon_result(enum ctl_answer answer, const json_t *result)
{
	switch (answer) {
	case CTL_DONE:
	case CTL_STOPPED:
		return CMD_GOOD;
	case CTL_REFUSED:
		tell_error("%s", ctl_why(result));
		return CMD_FAILED;
	case CTL_BROKEN:
		tell_error("ehlod ended the conversation, or it is no ehlod");
		return CMD_UNREACHED;
	}
	return CMD_FAILED;
}

/* --- showing */

size_t
daemon_print(FILE *out, const char *text)
{
	size_t columns = 0;

	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		/* C1, too: U+0080 to U+009F */
		if (ascii_is_cntrl(*p) || (c == 0xc2 &&
		    (unsigned char)p[1] >= 0x80 &&
		    (unsigned char)p[1] < 0xa0)) {
			fputc('?', out);
			p += c == 0xc2;
		} else {
			fputc(*p, out);
		}
		columns += (c & 0xc0) != 0x80;
	}
	return columns;
}

void
daemon_print_age(FILE *out, uint64_t ms, int width)
{
	uint64_t seconds = ms / 1000;
	char text[32];

	if (seconds < 120)
		snprintf(text, sizeof text, "%" PRIu64 "s", seconds);
	else if (seconds < 7200)
		snprintf(text, sizeof text, "%" PRIu64 "m", seconds / 60);
	else if (seconds < 172800)
		snprintf(text, sizeof text, "%" PRIu64 "h", seconds / 3600);
	else
		snprintf(text, sizeof text, "%" PRIu64 "d", seconds / 86400);
	fprintf(out, "%*s", width, text);
}

void
daemon_print_size(FILE *out, uint64_t octets)
{
	static const char units[] = "KMGT";
	double n = (double)octets;
	size_t i = 0;
	char text[32];

	if (octets < 1000) {
		fprintf(out, "%6" PRIu64, octets);
		return;
	}
	for (n /= 1024; n >= 1000 && i + 2 < sizeof units; i++)
		n /= 1024;
	snprintf(text, sizeof text, n < 10 ? "%.1f%c" : "%.0f%c", n,
	    units[i]);
	fprintf(out, "%6s", text);
}

void
daemon_print_time(FILE *out, uint64_t real_ms)
{
	time_t seconds = (time_t)(real_ms / 1000);
	struct tm tm;
	char text[64];

	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		text[0] = '\0';
	fputs(text, out);
}

const char *
daemon_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

uint64_t
daemon_number(const json_t *object, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(object, name));

	return n < 0 ? 0 : (uint64_t)n;
}

/* --- values */

struct unit {
	char name;
	uint64_t factor;
};

static bool
read_with_unit(const char *value, const struct unit *unit, size_t n,
    uint64_t *out)
{
	struct span digits = span_str(value);
	uint64_t factor = 1;

	for (size_t i = 0; i < n && digits.len != 0; i++)
		if (ascii_lower(digits.p[digits.len - 1]) == unit[i].name) {
			factor = unit[i].factor;
			digits.len--;
			break;
		}
	return text_u64(digits, out) &&
	    !__builtin_mul_overflow(*out, factor, out) &&
	    *out < UINT64_C(1) << 53;
}

bool
daemon_read_age(const char *name, const char *value, uint64_t *ms)
{
	static const struct unit units[] = {
		{ 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 }
	};

	if (!ascii_is_digit(value[strlen(value) - (*value != '\0')]) &&
	    read_with_unit(value, units, countof(units), ms))
		return true;
	tell_error("%s wants a time like 30s, 5m, 3h or 2d, not \"%s\"", name,
	    value);
	return false;
}

bool
daemon_read_size(const char *name, const char *value, uint64_t *octets)
{
	static const struct unit units[] = {
		{ 'k', 1 << 10 }, { 'm', 1 << 20 }, { 'g', 1 << 30 }
	};

	if (read_with_unit(value, units, countof(units), octets))
		return true;
	tell_error("%s wants a size like 500, 100K or 25M, not \"%s\"", name,
	    value);
	return false;
}
