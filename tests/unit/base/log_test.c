/* SPDX-License-Identifier: Apache-2.0 */
/* log: one event a line that nobody can forge; a reader who sleeps stops
 * nobody. The lines are caught in a pipe that stands in for stderr. */
#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

struct catcher {
	int saved;
	int from;
	pthread_t thread;
	struct buf all;
};

static void *
read_all(void *arg)
{
	struct catcher *catcher = arg;
	char text[65536];
	ssize_t n;

	while ((n = read(catcher->from, text, sizeof text)) > 0)
		if (buf_append(&catcher->all, span_of(text, (size_t)n)) != 0)
			break;
	return NULL;
}

static void
catch_begin(struct catcher *catcher)
{
	int ends[2];

	buf_init(&catcher->all, (size_t)64 << 20);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	catcher->saved = dup(2);
	assert_true(catcher->saved >= 0);
	assert_int_equal(dup2(ends[1], 2), 2);
	close(ends[1]);
	catcher->from = ends[0];
}

static void
catch_read(struct catcher *catcher)
{
	assert_int_equal(pthread_create(&catcher->thread, NULL, read_all,
	    catcher), 0);
}

/* Gives stderr back; `all` holds what was written. */
static void
catch_end(struct catcher *catcher)
{
	assert_int_equal(dup2(catcher->saved, 2), 2);
	close(catcher->saved);
	assert_int_equal(pthread_join(catcher->thread, NULL), 0);
	close(catcher->from);
}

/* Cuts one "key=value" from `*line` as a machine would read it. */
static bool
take_field(struct span *line, struct span *key, struct span *value)
{
	size_t n = 1;

	if (line->len == 0 || line->p[0] != ' ')
		return false;
	*line = span_skip(*line, 1);
	*key = span_cut(line, '=');
	if (line->len == 0 || line->p[0] != '"') {
		n = span_find(*line, ' ');
		*value = span_first(*line, n);
		*line = span_skip(*line, n);
		return true;
	}
	while (n < line->len && line->p[n] != '"')
		n += line->p[n] == '\\' ? 2 : 1;
	if (n >= line->len)
		return false;
	*value = span_skip(span_first(*line, n), 1);
	*line = span_skip(*line, n + 1);
	return true;
}

/* The one line that this value gives, checked: two fields, `a` and `b`. */
static void
check_value(struct span value)
{
	struct catcher catcher;
	struct span line, key, got;
	size_t stamp;

	catch_begin(&catcher);
	catch_read(&catcher);
	log_info("tried", LOG_S("a", value), LOG_U("b", 7));
	catch_end(&catcher);
	line = buf_span(&catcher.all);
	assert_int_equal(span_find(line, '\n'), line.len - 1);
	line.len--;
	for (size_t i = 0; i < line.len; i++)
		assert_false(ascii_is_cntrl(line.p[i]));
	stamp = strlen("2026-11-21T06:37:03.123Z");
	assert_int_equal(span_find(line, ' '), stamp);
	assert_int_equal(line.p[stamp - 1], 'Z');
	line = span_skip(line, stamp);
	assert_true(span_starts(line, SPAN(" info tried a=")));
	line = span_skip(line, strlen(" info tried"));
	assert_true(take_field(&line, &key, &got));
	assert_span(key, SPAN("a"));
	if (!take_field(&line, &key, &got)) {
		test_print("forged", buf_span(&catcher.all));
		fail();
	}
	assert_span(key, SPAN("b"));
	assert_span(got, SPAN("7"));
	assert_int_equal(line.len, 0);
	buf_free(&catcher.all);
}

static void
nobody_forges_a_field(void **state)
{
	static const char *const value[] = { "", "plain", "a b", "a=b",
		"a\nb", "evil\r\n2026-11-21T06:37:03.123Z info x=y", "\"",
		"\\", "x\" b=8", "x\\\" b=8", "\\\\\" b=8 \"", " b=8",
		"\x1b[2J", "\xc2\x85", "j\xc3\xb6rg" };

	(void)state;
	for (size_t i = 0; i < countof(value); i++)
		check_value(span_str(value[i]));
}

/* A value too long for its place is cut, and never inside an escape. Seen to
 * catch: a value of control bytes cut behind a backslash, which then hid the
 * closing quote (base-log-cut-escape). */
static void
long_values_are_cut_whole(void **state)
{
	static const char filler[] = { 'x', ' ', '"', '\\', '\n', '\x01',
		'\xff' };
	char text[1300];

	(void)state;
	for (size_t i = 0; i < countof(filler); i++) {
		for (size_t lead = 0; lead < 5; lead++) {
			memset(text, filler[i], sizeof text);
			memset(text, 'y', lead);
			check_value(span_of(text, sizeof text));
			check_value(span_of(text, 800 + lead));
		}
	}
}

/* Fields that do not fit into the line are left out whole. */
static void
long_lines(void **state)
{
	struct catcher catcher;
	char text[700];
	struct span line;

	(void)state;
	memset(text, '"', sizeof text);
	catch_begin(&catcher);
	catch_read(&catcher);
	log_info("tried", LOG_S("a", span_of(text, 700)),
	    LOG_S("b", span_of(text, 700)), LOG_S("c", span_of(text, 700)),
	    LOG_U("d", 1));
	catch_end(&catcher);
	line = buf_span(&catcher.all);
	assert_int_equal(span_find(line, '\n'), line.len - 1);
	assert_true(line.len <= 4096);
	assert_int_equal(line.p[line.len - 2], '"');
	buf_free(&catcher.all);
}

static void
levels_and_lines(void **state)
{
	struct catcher catcher;
	struct span all;

	(void)state;
	catch_begin(&catcher);
	catch_read(&catcher);
	log_configure(LOG_TO_STDERR, LOG_LEVEL_WARNING);
	assert_int_equal(log_least(), LOG_LEVEL_WARNING);
	log_notice("quiet", LOG_U("n", 1));
	log_error("loud", LOG_ERRNO(-ENOENT));
	log_line(SPAN("as it is"));
	log_configure(LOG_TO_STDERR, LOG_LEVEL_INFO);
	catch_end(&catcher);
	all = buf_span(&catcher.all);
	all = span_skip(all, span_find(all, ' '));
	assert_span(span_cut(&all, '\n'),
	    SPAN(" error loud error=\"No such file or directory\""));
	assert_span(all, SPAN("as it is\n"));
	assert_string_equal(log_errno(EIO), log_errno(-EIO));
	assert_string_equal(log_errno(123456), "unknown error");
	buf_free(&catcher.all);
}

/* Logs one more line before every read, until one of these comes out: it
 * stands behind all that was lost. Returns how many were logged. */
static uint64_t
read_until_after(struct catcher *catcher, uint64_t i)
{
	static const char what[] = "info after";
	uint64_t n = 0;
	size_t from = 0;
	char text[65536];
	struct span got;

	do {
		ssize_t len;

		log_info("after", LOG_U("i", i + n));
		n++;
		len = read(catcher->from, text, sizeof text);
		assert_true(len > 0);
		from = catcher->all.len > sizeof what ?
		    catcher->all.len - sizeof what : 0;
		assert_int_equal(buf_append(&catcher->all, span_of(text,
		    (size_t)len)), 0);
		got = span_skip(buf_span(&catcher->all), from);
	} while (memmem(got.p, got.len, what, strlen(what)) == NULL);
	return n;
}

/* Nobody reads: the callers go on, and what was lost is counted, once. Seen
 * to catch: `dropped` not reset, lines lost without a count. */
static void
a_full_pipe_stops_nobody(void **state)
{
	enum { LINES = 100000 };
	struct catcher catcher;
	struct span all, value;
	uint64_t kept = 0, dropped = 0, next = 0, after;
	char filler[100];

	(void)state;
	memset(filler, 'x', sizeof filler);
	catch_begin(&catcher);
	assert_int_equal(log_start(), 0);
	for (uint64_t i = 0; i < LINES; i++)
		log_info("line", LOG_U("i", i),
		    LOG_S("x", span_of(filler, sizeof filler)));
	after = read_until_after(&catcher, LINES);	/* only now */
	catch_read(&catcher);
	log_stop();
	catch_end(&catcher);
	all = buf_span(&catcher.all);
	while (all.len != 0) {
		struct span line = span_cut(&all, '\n'), key;
		uint64_t n;

		(void)span_cut(&line, ' ');	/* time stamp */
		if (span_starts(line, SPAN("info "))) {
			line = span_skip(line, strlen("info "));
			line = span_skip(line, span_find(line, ' '));
			assert_true(take_field(&line, &key, &value));
			assert_true(text_u64(value, &n));
			assert_true(n >= next);	/* in order */
			next = n + 1;
			kept++;
			continue;
		}
		assert_true(span_starts(line,
		    SPAN("warning log-lines-dropped")));
		line = span_skip(line, strlen("warning log-lines-dropped"));
		assert_true(take_field(&line, &key, &value));
		assert_true(text_u64(value, &n));
		dropped += n;
	}
	assert_true(dropped > 0);
	assert_int_equal(kept + dropped, LINES + after);
	buf_free(&catcher.all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_forges_a_field),
		cmocka_unit_test(long_values_are_cut_whole),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(levels_and_lines),
		cmocka_unit_test(a_full_pipe_stops_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
