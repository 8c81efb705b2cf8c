/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt: see tlsrpt.h. `fresh` is what was counted since the last save, `days`
 * the rest; each has its lock, and a save moves the one to the other, so that
 * nobody who counts ever waits for the disk.
 *
 * Both are JSON of the same form, so that what lies on disk, what is merged and
 * what is reported is one thing:
 *
 *   { "2026-11-21": { "example.org": { "sts-1a2b3c4d": policy, … }, … }, … }
 */
#include "deliver/tlsrpt.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/die.h"
#include "base/log.h"
#include "base/text.h"

#define DAY_MS      UINT64_C(86400000)
#define WORDS_MAX   256
#define GOOD_COUNT  "total-successful-session-count"	/* RFC 8460 4.4 */
#define BAD_COUNT   "total-failure-session-count"
#define FAIL_COUNT  "failed-session-count"

struct tlsrpt {
	char *folder;
	pthread_mutex_t fresh_lock;
	json_t *fresh;
	pthread_mutex_t lock;		/* taken before fresh_lock */
	json_t *days;
	json_t *dirty;			/* days that are to be written */
};

static void
day_of(uint64_t ms, char out[16])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	must(gmtime_r(&seconds, &tm) != NULL);
	must(strftime(out, 16, "%Y-%m-%d", &tm) == 10);
}

/* --- JSON */

/* What was not there is made. */
static json_t *
child(json_t *parent, const char *key, size_t max)
{
	json_t *value = json_object_get(parent, key);

	if (value == NULL && json_object_size(parent) < max) {
		value = json_object();
		(void)json_object_set_new(parent, key, value);
	}
	return value;
}

static json_t *
printable(struct span text)
{
	char memory[WORDS_MAX * 4];
	struct put out = put_init(memory, sizeof memory);

	text_quote(span_first(text, WORDS_MAX), &out);
	return json_stringn(out.p, out.len);
}

static void
add_count(json_t *object, const char *key, json_int_t n)
{
	n += json_integer_value(json_object_get(object, key));
	(void)json_object_set_new(object, key, json_integer(n));
}

/* RFC 8460 4.4: the lines, and of STS its mx patterns once more. */
static json_t *
describe_policy(const struct tlsrpt_session *session)
{
	json_t *lines = json_array(), *hosts = json_array();
	struct span text = span_first(session->policy, TLSRPT_OCTETS);

	while (text.len != 0) {
		struct span line = span_cut(&text, '\n'), value, key;

		if (line.len != 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len == 0)
			continue;
		(void)json_array_append_new(lines, printable(line));
		value = line;
		key = span_trim(span_cut(&value, ':'));
		if (session->kind == TLSRPT_STS && span_eq(key, SPAN("mx")))
			(void)json_array_append_new(hosts,
			    printable(span_trim(value)));
	}
	if (json_array_size(hosts) == 0 && session->host[0] != '\0')
		(void)json_array_append_new(hosts,
		    printable(span_str(session->host)));
	return json_pack("{s:s,s:o,s:s,s:o}", "policy-type",
	    tlsrpt_kind_name(session->kind), "policy-string", lines,
	    "policy-domain", session->domain, "mx-host", hosts);
}

static json_t *
new_policy(json_t *description)
{
	return json_pack("{s:o,s:{s:i,s:i},s:[]}", "policy", description,
	    "summary", GOOD_COUNT, 0, BAD_COUNT, 0, "failure-details");
}

static json_t *
new_detail(const struct tlsrpt_session *session)
{
	const struct {
		const char *key, *value;
	} row[] = {
		{ "sending-mta-ip", session->local },
		{ "receiving-mx-hostname", session->host },
		{ "receiving-ip", session->address },
		{ "failure-reason-code", session->why },
	};
	json_t *detail = json_pack("{s:s,s:i}", "result-type",
	    tlsrpt_result_name(session->result), FAIL_COUNT, 1);

	for (size_t i = 0; i < countof(row); i++)
		if (row[i].value != NULL && row[i].value[0] != '\0')
			(void)json_object_set_new(detail, row[i].key,
			    printable(span_str(row[i].value)));
	return detail;
}

/* But for how often. */
static bool
is_same_detail(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach((json_t *)(uintptr_t)a, key, value)
		if (strcmp(key, FAIL_COUNT) != 0 &&
		    !json_equal(value, json_object_get(b, key)))
			return false;
	return true;
}

static void
add_detail(json_t *policy, const json_t *detail)
{
	json_t *details = json_object_get(policy, "failure-details");
	json_int_t n = json_integer_value(json_object_get(detail,
	    FAIL_COUNT));

	for (size_t i = 0; i < json_array_size(details); i++) {
		json_t *one = json_array_get(details, i);

		if (!is_same_detail(one, detail))
			continue;
		add_count(one, FAIL_COUNT, n);
		return;
	}
	if (json_array_size(details) < TLSRPT_DETAILS)
		(void)json_array_append_new(details, json_deep_copy(detail));
}

/* --- counting */

static json_t *
find_policy(json_t *days, const struct tlsrpt_session *session)
{
	char day[16], key[64];
	json_t *domain, *policy;

	day_of(clock_real_ms(), day);
	snprintf(key, sizeof key, "%s-%08x", tlsrpt_kind_name(session->kind),
	    (unsigned)crc32c(0, session->policy));
	domain = child(child(days, day, TLSRPT_DAYS + 1), session->domain,
	    TLSRPT_DOMAINS);
	policy = json_object_get(domain, key);
	if (policy == NULL && json_object_size(domain) < TLSRPT_POLICIES) {
		policy = new_policy(describe_policy(session));
		if (json_object_set_new(domain, key, policy) != 0)
			policy = NULL;	/* no room for its domain */
	}
	return policy;
}

void
tlsrpt_note(struct tlsrpt *book, const struct tlsrpt_session *session)
{
	bool is_good = session->result == TLSRPT_GOOD;
	json_t *policy;

	pthread_mutex_lock(&book->fresh_lock);
	policy = find_policy(book->fresh, session);
	if (policy != NULL) {
		add_count(json_object_get(policy, "summary"), is_good ?
		    GOOD_COUNT : BAD_COUNT, 1);
		if (!is_good) {
			json_t *detail = new_detail(session);

			add_detail(policy, detail);
			json_decref(detail);
		}
	}
	pthread_mutex_unlock(&book->fresh_lock);
}

/* --- merging */

static void
merge_policy(json_t *domain, const char *key, json_t *from)
{
	json_t *policy = json_object_get(domain, key), *value;
	const char *name;
	size_t i;

	if (policy == NULL) {
		if (json_object_size(domain) < TLSRPT_POLICIES)
			(void)json_object_set(domain, key, from);
		return;
	}
	json_object_foreach(json_object_get(from, "summary"), name, value)
		add_count(json_object_get(policy, "summary"), name,
		    json_integer_value(value));
	json_array_foreach(json_object_get(from, "failure-details"), i, value)
		add_detail(policy, value);
}

static void
merge(json_t *days, json_t *from)
{
	const char *day, *name, *key;
	json_t *domains, *policies, *policy;

	json_object_foreach(from, day, domains)
		json_object_foreach(domains, name, policies) {
			json_t *to = child(child(days, day, SIZE_MAX), name,
			    TLSRPT_DOMAINS);

			json_object_foreach(policies, key, policy)
				merge_policy(to, key, policy);
		}
}

/* Under the lock: takes what is fresh over. */
static void
take_fresh(struct tlsrpt *book)
{
	json_t *fresh, *value;
	const char *day;

	pthread_mutex_lock(&book->fresh_lock);
	fresh = book->fresh;
	book->fresh = json_object();
	pthread_mutex_unlock(&book->fresh_lock);
	json_object_foreach(fresh, day, value)
		(void)json_object_set_new(book->dirty, day, json_true());
	merge(book->days, fresh);
	json_decref(fresh);
}

/* --- files */

static void
path_of(const struct tlsrpt *book, const char *day, const char *ending,
    char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s.json%s", book->folder, day, ending);
}

static void
write_day(const struct tlsrpt *book, const char *day, const json_t *domains)
{
	char path[PATH_MAX], part[PATH_MAX];
	bool is_good;

	path_of(book, day, "", path);
	path_of(book, day, ".new", part);
	if (json_object_size(domains) == 0) {
		(void)unlink(path);	/* it may never have been written */
		return;
	}
	if (mkdir(book->folder, 0700) != 0 && errno != EEXIST)
		is_good = false;
	else
		is_good = json_dump_file(domains, part, JSON_COMPACT) == 0 &&
		    rename(part, path) == 0;
	if (!is_good)
		log_warning("tls-book-not-written", LOG_Z("file", path),
		    LOG_ERRNO(-errno));
}

static void
forget_old(struct tlsrpt *book)
{
	uint64_t now = clock_real_ms();
	const char *day;
	char oldest[16];
	json_t *value;
	void *next;

	day_of(now - TLSRPT_DAYS * DAY_MS, oldest);
	json_object_foreach_safe(book->days, next, day, value) {
		if (strcmp(day, oldest) >= 0)
			continue;
		write_day(book, day, NULL);
		(void)json_object_del(book->days, day);
	}
}

void
tlsrpt_save(struct tlsrpt *book)
{
	const char *day;
	json_t *value;

	pthread_mutex_lock(&book->lock);
	take_fresh(book);
	forget_old(book);
	json_object_foreach(book->dirty, day, value)
		write_day(book, day, json_object_get(book->days, day));
	(void)json_object_clear(book->dirty);
	pthread_mutex_unlock(&book->lock);
}

static bool
is_day_name(struct span name)
{
	if (name.len != 15 || memcmp(name.p + 10, ".json", 5) != 0)
		return false;
	for (size_t i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? name.p[i] != '-' :
		    !ascii_is_digit(name.p[i]))
			return false;
	return true;
}

/* Nobody but us writes them; one that is damaged is not believed. */
static void
read_day(struct tlsrpt *book, const char *name)
{
	char path[PATH_MAX], day[16];
	json_error_t error;
	json_t *domains, *days;

	snprintf(day, sizeof day, "%.10s", name);
	path_of(book, day, "", path);
	domains = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(domains)) {
		log_warning("tls-book-damaged", LOG_Z("file", path),
		    LOG_Z("why", error.text));
		json_decref(domains);
		(void)unlink(path);
		return;
	}
	days = json_pack("{s:o}", day, domains);
	merge(book->days, days);
	json_decref(days);
}

static void
read_folder(struct tlsrpt *book)
{
	DIR *dir = opendir(book->folder);
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (is_day_name(span_str(entry->d_name)))
			read_day(book, entry->d_name);
	closedir(dir);
}

/* --- reports */

/* The least key of an object that is greater than `than`. */
static const char *
next_key(json_t *object, const char *than)
{
	const char *key, *least = NULL;
	json_t *value;

	json_object_foreach(object, key, value)
		if (strcmp(key, than) > 0 &&
		    (least == NULL || strcmp(key, least) < 0))
			least = key;
	return least;
}

bool
tlsrpt_next_due(struct tlsrpt *book, uint64_t now_ms, struct tlsrpt_due *due)
{
	const char *day, *domain = NULL;
	char today[16];

	day_of(now_ms, today);
	pthread_mutex_lock(&book->lock);
	take_fresh(book);
	if (due->day[0] != '\0')
		domain = next_key(json_object_get(book->days, due->day),
		    due->domain);
	while (domain == NULL && (day = next_key(book->days, due->day)) !=
	    NULL && strcmp(day, today) < 0) {
		snprintf(due->day, sizeof due->day, "%s", day);
		domain = next_key(json_object_get(book->days, day), "");
	}
	if (domain != NULL)
		snprintf(due->domain, sizeof due->domain, "%s", domain);
	pthread_mutex_unlock(&book->lock);
	return domain != NULL;
}

json_t *
tlsrpt_policies(struct tlsrpt *book, const struct tlsrpt_due *due)
{
	json_t *list = json_array(), *policy;
	const char *key;

	pthread_mutex_lock(&book->lock);
	json_object_foreach(json_object_get(json_object_get(book->days,
	    due->day), due->domain), key, policy)
		(void)json_array_append_new(list, json_deep_copy(policy));
	pthread_mutex_unlock(&book->lock);
	return list;
}

void
tlsrpt_done(struct tlsrpt *book, const struct tlsrpt_due *due)
{
	pthread_mutex_lock(&book->lock);
	(void)json_object_del(json_object_get(book->days, due->day),
	    due->domain);
	(void)json_object_set_new(book->dirty, due->day, json_true());
	pthread_mutex_unlock(&book->lock);
}

json_t *
tlsrpt_show(struct tlsrpt *book)
{
	json_t *all;

	pthread_mutex_lock(&book->lock);
	take_fresh(book);
	all = json_deep_copy(book->days);
	pthread_mutex_unlock(&book->lock);
	return all;
}

/* --- beginning and end */

struct tlsrpt *
tlsrpt_new(const char *folder)
{
	struct tlsrpt *book = mem_new(sizeof *book);

	book->folder = mem_copy(span_str(folder));
	must(pthread_mutex_init(&book->lock, NULL) == 0);
	must(pthread_mutex_init(&book->fresh_lock, NULL) == 0);
	book->fresh = json_object();
	book->days = json_object();
	book->dirty = json_object();
	read_folder(book);
	return book;
}

void
tlsrpt_free(struct tlsrpt *book)
{
	if (book == NULL)
		return;
	tlsrpt_save(book);
	json_decref(book->fresh);
	json_decref(book->days);
	json_decref(book->dirty);
	pthread_mutex_destroy(&book->lock);
	pthread_mutex_destroy(&book->fresh_lock);
	free(book->folder);
	free(book);
}
