/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/put.h"
#include "base/text.h"

#define LOG_LINE_MAX 4096
#define LOG_VALUE_MAX 800	/* octets of a value, before quoting */
#define LOG_RING_MAX ((size_t)4 << 20)
/* Behind a write, lines wait so long for others to come with them: to wake the
 * writer for each costs more than to take a message. */
#define LOG_LINGER_NS 1000000

/* A warning or an error of late. */
struct recent {
	size_t len;
	char text[512];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_t writer;
	struct buf pending;	/* whole lines; taken all at once */
	uint64_t dropped;
	bool running;
	bool stopping;
	enum log_target target;
	_Atomic int least;
	struct recent recent[8];
	size_t recent_n;	/* ever */
} logger = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.filled = PTHREAD_COND_INITIALIZER,
	.pending = { .max = LOG_RING_MAX },
	.least = 1,
};

static const char *const level_name[] = { "debug", "info", "notice",
	"warning", "error" };

void
log_configure(enum log_target target, enum log_level least)
{
	pthread_mutex_lock(&logger.lock);
	if (target == LOG_TO_SYSLOG)
		openlog("ehlod", LOG_PID | LOG_NDELAY, LOG_MAIL);
	logger.target = target;
	logger.least = (int)least;
	pthread_mutex_unlock(&logger.lock);
}

enum log_level
log_least(void)
{
	return (enum log_level)logger.least;
}

static void
write_stderr(struct span bytes)
{
	while (bytes.len != 0) {
		ssize_t n = write(2, bytes.p, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;	/* nobody reads: there is nobody to tell */
		bytes = span_skip(bytes, (size_t)n);
	}
}

static int
syslog_priority(struct span line)
{
	static const int priority[] = { LOG_DEBUG, LOG_INFO, LOG_NOTICE,
		LOG_WARNING, LOG_ERR };

	for (size_t i = 0; i < countof(level_name); i++)
		if (span_starts(line, span_str(level_name[i])))
			return priority[i];
	return LOG_INFO;
}

/* Hands whole lines to where they belong. */
static void
deliver(enum log_target target, struct span lines)
{
	if (target == LOG_TO_STDERR) {
		write_stderr(lines);
		return;
	}
	while (lines.len != 0) {
		struct span line = span_cut(&lines, '\n');
		size_t stamp = span_find(line, ' ');

		/* syslog has its own time stamp */
		if (stamp < line.len)
			line = span_skip(line, stamp + 1);
		syslog(syslog_priority(line), "%.*s", SPAN_ARG(line));
	}
}

static void
put_stamp(struct put *out)
{
	uint64_t now = clock_real_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm utc;
	char text[32];

	gmtime_r(&seconds, &utc);
	put_bytes(out, span_of(text,
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &utc)));
	put_u64_width(out, now % 1000, 3);
	put_str(out, "Z ");
}

static bool
needs_quotes(struct span s)
{
	if (s.len == 0)
		return true;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == ' ' || s.p[i] == '"' || s.p[i] == '\\' ||
		    ascii_is_cntrl(s.p[i]))
			return true;
	return false;
}

static void
put_field(struct put *out, const struct log_field *field)
{
	/* an octet becomes \xHH at most: a value is never cut behind its
	 * quoting, where a lone backslash would hide the closing quote */
	char text[LOG_VALUE_MAX * 4];
	struct put quoted = put_init(text, sizeof text);
	struct span value = span_first(field->text, LOG_VALUE_MAX);

	put_char(out, ' ');
	put_str(out, field->key);
	put_char(out, '=');
	if (field->kind == LOG_NUMBER) {
		put_u64(out, field->number);
		return;
	}
	text_quote(value, &quoted);
	if (!needs_quotes(value)) {
		put_bytes(out, put_span(&quoted));
		return;
	}
	put_char(out, '"');
	put_bytes(out, put_span(&quoted));
	put_char(out, '"');
}

static size_t
format_line(char *line, enum log_level level, const char *event,
    const struct log_field *field, size_t n)
{
	struct put out = put_init(line, LOG_LINE_MAX - 1);

	put_stamp(&out);
	put_str(&out, level_name[level]);
	put_char(&out, ' ');
	put_str(&out, event);
	for (size_t i = 0; i < n; i++) {
		size_t before = out.len;

		put_field(&out, &field[i]);
		if (out.full) {	/* a field fits whole or not at all */
			out.len = before;
			break;
		}
	}
	line[out.len] = '\n';
	return out.len + 1;
}

static void
enqueue(struct span line)
{
	pthread_mutex_lock(&logger.lock);
	if (!logger.running) {
		deliver(logger.target, line);
	} else if (buf_append(&logger.pending, line) != 0) {
		logger.dropped++;
	} else if (logger.pending.len == line.len) {
		pthread_cond_signal(&logger.filled);
	}
	pthread_mutex_unlock(&logger.lock);
}

/* With the lock. */
static void
remember(struct span line)
{
	struct recent *recent = &logger.recent[logger.recent_n++ %
	    countof(logger.recent)];

	line = span_first(line, sizeof recent->text);
	recent->len = line.len;
	memcpy(recent->text, line.p, line.len);
}

void
log_recent(void (*each)(void *arg, struct span line), void *arg)
{
	struct recent copy[countof(logger.recent)];
	size_t n;

	pthread_mutex_lock(&logger.lock);
	memcpy(copy, logger.recent, sizeof copy);
	n = logger.recent_n;
	pthread_mutex_unlock(&logger.lock);
	for (size_t i = n > countof(copy) ? n - countof(copy) : 0; i < n; i++)
		each(arg, span_of(copy[i % countof(copy)].text,
		    copy[i % countof(copy)].len));
}

void
log_write(enum log_level level, const char *event,
    const struct log_field *field, size_t n)
{
	char line[LOG_LINE_MAX];
	size_t len;

	if ((int)level < logger.least && level < LOG_LEVEL_WARNING)
		return;
	len = format_line(line, level, event, field, n);
	if (level >= LOG_LEVEL_WARNING) {
		pthread_mutex_lock(&logger.lock);
		remember(span_of(line, len - 1));
		pthread_mutex_unlock(&logger.lock);
	}
	if ((int)level >= logger.least)
		enqueue(span_of(line, len));
}

void
log_line(struct span line)
{
	char text[LOG_LINE_MAX];
	struct put out = put_init(text, sizeof text);

	put_bytes(&out, span_first(line, sizeof text - 1));
	put_char(&out, '\n');
	enqueue(put_span(&out));
}

static void
deliver_dropped(enum log_target target, uint64_t dropped)
{
	char line[LOG_LINE_MAX];

	deliver(target, span_of(line, format_line(line, LOG_LEVEL_WARNING,
	    "log-lines-dropped",
	    (const struct log_field[]){ LOG_U("n", dropped) }, 1)));
}

/* Called and left with the lock. */
static void
linger(void)
{
	const struct timespec pause = { .tv_nsec = LOG_LINGER_NS };

	if (logger.stopping)
		return;
	pthread_mutex_unlock(&logger.lock);
	(void)nanosleep(&pause, NULL);
	pthread_mutex_lock(&logger.lock);
}

static void *
write_lines(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&logger.lock);
	for (;;) {
		struct buf lines;
		uint64_t dropped;
		enum log_target target;

		while (logger.pending.len == 0 && !logger.stopping)
			pthread_cond_wait(&logger.filled, &logger.lock);
		if (logger.pending.len == 0)
			break;
		lines = logger.pending;
		dropped = logger.dropped;
		target = logger.target;
		buf_init(&logger.pending, LOG_RING_MAX);
		logger.dropped = 0;
		pthread_mutex_unlock(&logger.lock);
		deliver(target, buf_span(&lines));
		if (dropped != 0)
			deliver_dropped(target, dropped);
		buf_free(&lines);
		pthread_mutex_lock(&logger.lock);
		linger();
	}
	pthread_mutex_unlock(&logger.lock);
	return NULL;
}

int
log_start(void)
{
	int error;

	logger.stopping = false;
	error = pthread_create(&logger.writer, NULL, write_lines, NULL);
	if (error != 0)
		return -error;
	pthread_mutex_lock(&logger.lock);
	logger.running = true;
	pthread_mutex_unlock(&logger.lock);
	return 0;
}

void
log_stop(void)
{
	if (!logger.running)
		return;
	pthread_mutex_lock(&logger.lock);
	logger.stopping = true;
	logger.running = false;	/* from here on lines are written at once */
	pthread_cond_signal(&logger.filled);
	pthread_mutex_unlock(&logger.lock);
	pthread_join(logger.writer, NULL);
}

const char *
log_errno(int error)
{
	const char *text = strerrordesc_np(error < 0 ? -error : error);

	return text != NULL ? text : "unknown error";
}
