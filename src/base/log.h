/* SPDX-License-Identifier: Apache-2.0 */
/* log: one event a line, key=value, readable by people and machines.
 *
 *   2026-11-21T06:37:03.123Z info accepted id=… from=<a@b> size=4096
 *
 * 1. A value can never forge a line or a field: control bytes are escaped,
 *    values with spaces, quotes or nothing in them are quoted.
 * 2. A full pipe, a dead syslog or a slow disk never stops mail: lines go
 *    through a bounded ring to a writer thread; what does not fit is dropped
 *    and counted, and the count is logged.
 * 3. Secrets are never handed to it. Thread-safe. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/span.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_NOTICE,
	LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

struct log_field {
	const char *key;
	enum { LOG_SPAN, LOG_NUMBER } kind;
	struct span text;
	uint64_t number;
};

#define LOG_S(k, v) \
	((struct log_field){ .key = (k), .kind = LOG_SPAN, .text = (v) })
#define LOG_Z(k, v) \
	((struct log_field){ .key = (k), .kind = LOG_SPAN, \
	    .text = span_str(v) })
#define LOG_U(k, v) \
	((struct log_field){ .key = (k), .kind = LOG_NUMBER, .number = (v) })
/* A negative errno as its text. */
#define LOG_ERRNO(v) LOG_Z("error", log_errno(v))

#define log_event(level, event, ...) \
	log_write(level, event, (const struct log_field[]){ __VA_ARGS__ }, \
	    sizeof((const struct log_field[]){ __VA_ARGS__ }) / \
	    sizeof(struct log_field))
#define log_debug(event, ...)   log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)    log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_notice(event, ...)  log_event(LOG_LEVEL_NOTICE, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_error(event, ...)   log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)

/* Until log_start() lines are written at once by the caller's thread. */
void log_configure(enum log_target target, enum log_level least);
enum log_level log_least(void);
/* Starts the writer thread: 0 or -errno. */
int log_start(void);
/* Writes what is pending and ends the thread. */
void log_stop(void);

void log_write(enum log_level level, const char *event,
    const struct log_field *field, size_t n);
/* The last warnings and errors (at most 8, cut at 512 octets), the oldest
 * first; the lines are valid inside `each`. */
void log_recent(void (*each)(void *arg, struct span line), void *arg);
/* A ready line (without its end) for people, e.g. one of the live dialogue:
 * goes the same way as events, unchanged; the caller has quoted it. */
void log_line(struct span line);
/* A thread-safe, static text for -errno or errno. */
const char *log_errno(int error);

#endif
