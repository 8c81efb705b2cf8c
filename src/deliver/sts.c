/* SPDX-License-Identifier: Apache-2.0 */
/* sts: see sts.h. What is known of a domain is an entry of a map under one
 * lock; a question looks at it, has it fetched if need be, and looks again ten
 * times a second until that is over. */
#include "deliver/sts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "base/map.h"
#include "deliver/sts_file.h"
#include "net/https.h"
#include "net/pool.h"

#define THREADS      8	/* they sleep most of the time */
#define QUEUE_MAX    64
#define LOOK_MS      100
#define FETCH_MS     10000
#define ADDRESSES    8
#define DAY_MS       UINT64_C(86400000)
#define LEAST_MS     UINT64_C(60000)	/* a policy holds at least: whoever had
					 * it got shall see it */
#define POLICY_PATH  "/.well-known/mta-sts.txt"	/* RFC 8461 3.3 */

struct entry {
	char *domain;
	struct sts_copy *copy;		/* NULL: none */
	uint64_t used_at;		/* monotonic */
	bool is_fetching;
	/* the last try, if it failed */
	uint64_t sulks_until;		/* monotonic; 0: it did not */
	char failed_id[STS_ID_MAX + 1];
	enum tlsrpt_result trouble;
	char why[HTTPS_WHY_MAX];
};

struct sts {
	struct dns *dns;
	char *folder, *ca_file;
	struct pool *pool;
	atomic_bool is_stopping;
	pthread_mutex_t lock;		/* of all that follows */
	struct map entries;		/* by domain */
	size_t octets;			/* of all texts */
	struct fetch *fetches;		/* under way */
};

struct fetch {
	struct pool_job job;
	struct sts *sts;
	struct fetch *next, **link;
	char domain[256], id[STS_ID_MAX + 1];
};

struct sts_query {
	struct sts *sts;
	struct loop *loop;
	struct dns_query *txt;
	struct timer nap;
	char domain[256], id[STS_ID_MAX + 1];	/* "": no record */
	char why[HTTPS_WHY_MAX];
	sts_done *done;
	void *arg;
};

/* --- copies */

struct sts_copy *
sts_copy_ref(struct sts_copy *copy)
{
	atomic_fetch_add(&copy->refs, 1);
	return copy;
}

void
sts_copy_unref(struct sts_copy *copy)
{
	if (copy == NULL || atomic_fetch_sub(&copy->refs, 1) != 1)
		return;
	free(copy->text);
	free(copy);
}

/* NULL, with `*why`, if the text is no policy. */
static struct sts_copy *
copy_new(const char *id, uint64_t fetched_at, struct span text,
    const char **why)
{
	struct sts_copy *copy = mem_new(sizeof *copy);

	copy->refs = 1;
	copy->text = mem_copy(text);
	copy->fetched_at = fetched_at;
	snprintf(copy->id, sizeof copy->id, "%s", id);
	*why = sts_policy_read(span_of(copy->text, text.len), &copy->policy);
	copy->expires_at = fetched_at + copy->policy.max_age * 1000;
	if (copy->expires_at < fetched_at + LEAST_MS)
		copy->expires_at = fetched_at + LEAST_MS;
	if (*why == NULL)
		return copy;
	sts_copy_unref(copy);
	return NULL;
}

/* --- entries, under the lock */

static void
set_copy(struct sts *sts, struct entry *entry, struct sts_copy *copy)
{
	if (entry->copy != NULL)
		sts->octets -= entry->copy->policy.text.len;
	if (copy != NULL)
		sts->octets += copy->policy.text.len;
	sts_copy_unref(entry->copy);
	entry->copy = copy;
}

static void
entry_free(struct sts *sts, struct entry *entry)
{
	(void)map_take(&sts->entries, span_str(entry->domain));
	set_copy(sts, entry, NULL);
	free(entry->domain);
	free(entry);
}

/* The one that was not asked for the longest; its file goes when it has run
 * out and is read again. */
static void
make_room(struct sts *sts)
{
	struct entry *oldest;

	do {
		size_t at = 0;
		void *value;

		if (sts->entries.n < STS_DOMAINS && sts->octets < STS_OCTETS)
			return;
		oldest = NULL;
		while (map_next(&sts->entries, &at, NULL, &value)) {
			struct entry *entry = value;

			if (!entry->is_fetching && (oldest == NULL ||
			    entry->used_at < oldest->used_at))
				oldest = entry;
		}
		if (oldest != NULL)
			entry_free(sts, oldest);
	} while (oldest != NULL);
}

static struct entry *
find_entry(struct sts *sts, const char *domain)
{
	return map_find(&sts->entries, span_str(domain));
}

static struct entry *
make_entry(struct sts *sts, const char *domain)
{
	struct entry *entry = find_entry(sts, domain);

	if (entry != NULL)
		return entry;
	make_room(sts);
	entry = mem_new(sizeof *entry);
	entry->domain = mem_copy(span_str(domain));
	entry->used_at = clock_mono_ms();
	(void)map_put(&sts->entries, span_str(entry->domain), entry);
	return entry;
}

static bool
is_in_force(const struct entry *entry)
{
	return entry != NULL && entry->copy != NULL &&
	    clock_real_ms() < entry->copy->expires_at;
}

static bool
is_sulking(const struct entry *entry)
{
	return entry->sulks_until > clock_mono_ms();
}

/* Promise 3. */
static bool
is_stale(const struct entry *entry)
{
	const struct sts_copy *copy = entry->copy;
	uint64_t half = copy->policy.max_age * 500;
	uint64_t now = clock_real_ms();

	return now - copy->fetched_at >= (half < DAY_MS ? half : DAY_MS) &&
	    !is_sulking(entry);
}

/* --- fetching, on a thread of the pool */

static size_t
find_addresses(struct sts *sts, const char *host,
    char address[ADDRESSES][64])
{
	static const enum dns_type types[] = { DNS_AAAA, DNS_A };
	size_t n = 0;

	for (size_t t = 0; t < countof(types) &&
	    !atomic_load(&sts->is_stopping); t++) {
		struct dns_answer *answer = dns_ask_wait(sts->dns,
		    span_str(host), types[t]);

		/* half of the places for each */
		for (size_t i = 0; answer != NULL && i < answer->record_n &&
		    n < (t + 1) * ADDRESSES / 2; i++)
			n += dns_get_address(&answer->record[i], types[t],
			    address[n]);
		dns_answer_free(answer);
	}
	return n;
}

/* GOOD with the text, or what is wrong. */
static enum tlsrpt_result
get(struct fetch *fetch, struct buf *body, char why[HTTPS_WHY_MAX])
{
	char host[300], text[ADDRESSES][64];
	const char *address[ADDRESSES];
	struct https_request request = { .host = host, .path = POLICY_PATH,
		.type = "text/plain", .address = address,
		.ca_file = fetch->sts->ca_file, .body_max = STS_TEXT_MAX,
		.timeout_ms = FETCH_MS,
		.is_stopping = &fetch->sts->is_stopping };

	snprintf(host, sizeof host, "mta-sts.%s", fetch->domain);
	request.address_n = find_addresses(fetch->sts, host, text);
	for (size_t i = 0; i < request.address_n; i++)
		address[i] = text[i];
	if (request.address_n == 0) {
		snprintf(why, HTTPS_WHY_MAX, "%.200s has no address", host);
		return TLSRPT_STS_FETCH;
	}
	switch (https_get(&request, body, why)) {
	case HTTPS_OK:
		return TLSRPT_GOOD;
	case HTTPS_BAD_CERTIFICATE:
		return TLSRPT_STS_WEBPKI;
	case HTTPS_FAILED:
	case HTTPS_REFUSED:
		break;
	}
	return TLSRPT_STS_FETCH;
}

static void
keep_failure(struct fetch *fetch, enum tlsrpt_result trouble, const char *why)
{
	struct sts *sts = fetch->sts;
	struct entry *entry;

	log_notice("sts-policy-failed", LOG_Z("domain", fetch->domain),
	    LOG_Z("result", tlsrpt_result_name(trouble)),
	    LOG_Z("why", why));
	pthread_mutex_lock(&sts->lock);
	entry = find_entry(sts, fetch->domain);
	entry->is_fetching = false;
	entry->sulks_until = clock_mono_ms() + STS_SULK_MS;
	entry->trouble = trouble;
	memcpy(entry->failed_id, fetch->id, sizeof entry->failed_id);
	snprintf(entry->why, sizeof entry->why, "%s", why);
	pthread_mutex_unlock(&sts->lock);
}

/* On disk first: what mail went by once is not forgotten. */
static void
keep_copy(struct fetch *fetch, struct sts_copy *copy)
{
	struct sts *sts = fetch->sts;
	struct sts_file file = { .domain = fetch->domain,
		.fetched_at = copy->fetched_at, .text = copy->policy.text };
	struct entry *entry;
	int error;

	memcpy(file.id, fetch->id, sizeof file.id);
	error = sts_file_write(sts->folder, &file);
	if (error != 0)
		log_warning("sts-policy-not-stored", LOG_Z("domain",
		    fetch->domain), LOG_ERRNO(error));
	log_info("sts-policy", LOG_Z("domain", fetch->domain),
	    LOG_Z("id", fetch->id),
	    LOG_Z("mode", sts_mode_name(copy->policy.mode)));
	pthread_mutex_lock(&sts->lock);
	entry = find_entry(sts, fetch->domain);
	entry->is_fetching = false;
	entry->sulks_until = 0;
	set_copy(sts, entry, copy);
	pthread_mutex_unlock(&sts->lock);
}

static void
work(struct pool_job *job)
{
	struct fetch *fetch = container_of(job, struct fetch, job);
	char why[HTTPS_WHY_MAX];
	const char *flaw = why;
	struct sts_copy *copy = NULL;
	enum tlsrpt_result result;
	struct buf body;

	buf_init(&body, STS_TEXT_MAX);
	result = get(fetch, &body, why);
	if (result == TLSRPT_GOOD) {
		copy = copy_new(fetch->id, clock_real_ms(), buf_span(&body),
		    &flaw);
		result = TLSRPT_STS_INVALID;
	}
	if (copy != NULL)
		keep_copy(fetch, copy);
	else
		keep_failure(fetch, result, flaw);
	buf_free(&body);
}

static void
fetch_free(struct fetch *fetch)
{
	*fetch->link = fetch->next;
	if (fetch->next != NULL)
		fetch->next->link = fetch->link;
	free(fetch);
}

static void
on_fetched(struct pool_job *job)
{
	struct fetch *fetch = container_of(job, struct fetch, job);
	struct sts *sts = fetch->sts;

	pthread_mutex_lock(&sts->lock);
	fetch_free(fetch);
	pthread_mutex_unlock(&sts->lock);
}

/* Under the lock. If all threads have much to do: at the next look. */
static void
start_fetch(struct sts *sts, struct loop *loop, struct entry *entry,
    const char *id)
{
	struct fetch *fetch = mem_new(sizeof *fetch);

	fetch->job.work = work;
	fetch->job.done = on_fetched;
	fetch->sts = sts;
	snprintf(fetch->domain, sizeof fetch->domain, "%s", entry->domain);
	snprintf(fetch->id, sizeof fetch->id, "%s", id);
	fetch->next = sts->fetches;
	fetch->link = &sts->fetches;
	if (fetch->next != NULL)
		fetch->next->link = &fetch->next;
	sts->fetches = fetch;
	entry->is_fetching = true;
	if (pool_add(sts->pool, loop, &fetch->job) == 0)
		return;
	entry->is_fetching = false;
	fetch_free(fetch);
}

/* --- questions */

/* Is it over? Under the lock; a copy in the answer is counted. */
static bool
look(struct sts_query *query, struct sts_answer *answer)
{
	struct sts *sts = query->sts;
	struct entry *entry = find_entry(sts, query->domain);
	bool is_known = is_in_force(entry);

	*answer = (struct sts_answer){ .why = "" };
	if (query->id[0] == '\0' && !is_known)
		return true;
	if (entry == NULL)
		entry = make_entry(sts, query->domain);
	entry->used_at = clock_mono_ms();
	if (is_known && (query->id[0] == '\0' ||
	    strcmp(query->id, entry->copy->id) == 0)) {
		if (is_stale(entry) && !entry->is_fetching &&
		    !atomic_load(&sts->is_stopping))
			start_fetch(sts, query->loop, entry, entry->copy->id);
	} else if (atomic_load(&sts->is_stopping)) {
		answer->is_later = !is_known;
	} else if (entry->is_fetching) {
		return false;
	} else if (is_sulking(entry) &&
	    strcmp(query->id, entry->failed_id) == 0) {
		answer->trouble = entry->trouble;
		memcpy(query->why, entry->why, sizeof query->why);
		answer->why = query->why;
	} else {
		start_fetch(sts, query->loop, entry, query->id);
		return false;
	}
	if (is_known)
		answer->copy = sts_copy_ref(entry->copy);
	return true;
}

static void
look_again(struct sts_query *query)
{
	struct sts_answer answer;
	bool is_over;

	pthread_mutex_lock(&query->sts->lock);
	is_over = look(query, &answer);
	pthread_mutex_unlock(&query->sts->lock);
	if (!is_over) {
		timer_set(query->loop, &query->nap, LOOK_MS);
		return;
	}
	query->done(query->arg, &answer);
	sts_copy_unref(answer.copy);
	free(query);
}

static void
on_nap_over(struct timer *timer)
{
	look_again(container_of(timer, struct sts_query, nap));
}

/* RFC 8461 3.1: exactly one, or none. */
static void
on_txt(void *arg, const struct dns_answer *answer)
{
	struct sts_query *query = arg;
	size_t n = 0;

	query->txt = NULL;
	for (size_t i = 0; answer->result == DNS_OK && i < answer->record_n;
	    i++) {
		char text[512];
		struct span record = span_of(text, dns_get_text(
		    &answer->record[i], text, sizeof text));

		if (!sts_record_is_one(record))
			continue;
		if (n++ != 0 || !sts_record_read(record, query->id))
			query->id[0] = '\0';
	}
	look_again(query);
}

struct sts_query *
sts_ask(struct sts *sts, struct loop *loop, const char *domain,
    sts_done *done, void *arg)
{
	struct sts_query *query = mem_new(sizeof *query);
	char name[300];

	query->sts = sts;
	query->loop = loop;
	query->done = done;
	query->arg = arg;
	query->nap.on_time = on_nap_over;
	snprintf(query->domain, sizeof query->domain, "%s", domain);
	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	query->txt = dns_ask(sts->dns, loop, span_str(name), DNS_TXT, on_txt,
	    query);
	if (query->txt == NULL)		/* too long to have one */
		timer_set(loop, &query->nap, 1);
	return query;
}

void
sts_cancel(struct sts_query *query)
{
	if (query == NULL)
		return;
	timer_stop(query->loop, &query->nap);
	if (query->txt != NULL)
		dns_cancel(query->txt);
	free(query);
}

/* --- beginning and end */

static void
on_file(void *arg, const struct sts_file *file)
{
	struct sts *sts = arg;
	const char *why;
	struct sts_copy *copy = copy_new(file->id, file->fetched_at,
	    file->text, &why);

	if (copy != NULL && clock_real_ms() < copy->expires_at) {
		set_copy(sts, make_entry(sts, file->domain), copy);
		return;
	}
	sts_copy_unref(copy);
	sts_file_remove(sts->folder, file->domain);
}

struct sts *
sts_new(const struct sts_options *options)
{
	struct sts *sts = mem_new(sizeof *sts);

	sts->dns = options->dns;
	sts->folder = mem_copy(span_str(options->folder));
	if (options->ca_file != NULL)
		sts->ca_file = mem_copy(span_str(options->ca_file));
	must(pthread_mutex_init(&sts->lock, NULL) == 0);
	map_init(&sts->entries);
	if (https_init())
		sts->pool = pool_new(THREADS, QUEUE_MAX);
	if (sts->pool == NULL) {
		sts_free(sts);
		return NULL;
	}
	sts_file_read_all(sts->folder, on_file, sts);
	return sts;
}

void
sts_stop(struct sts *sts)
{
	if (sts == NULL)
		return;
	/* who holds the lock may be about to start a fetch */
	pthread_mutex_lock(&sts->lock);
	atomic_store(&sts->is_stopping, true);
	pthread_mutex_unlock(&sts->lock);
	pool_free(sts->pool);
	sts->pool = NULL;
}

void
sts_free(struct sts *sts)
{
	size_t at = 0;
	void *value;

	if (sts == NULL)
		return;
	must(sts->pool == NULL);
	while (sts->fetches != NULL)
		fetch_free(sts->fetches);
	while (map_next(&sts->entries, &at, NULL, &value)) {
		entry_free(sts, value);
		at = 0;		/* taking moves entries */
	}
	map_free(&sts->entries);
	pthread_mutex_destroy(&sts->lock);
	free(sts->folder);
	free(sts->ca_file);
	free(sts);
}
