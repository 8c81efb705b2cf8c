/* SPDX-License-Identifier: Apache-2.0 */
/* queue_count: see queue_count.h. */
#include "ehlod/queue_count.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlod/queue_filter.h"

#define DOMAINS_MAX 5000

struct domain_count {
	uint64_t n;
	size_t len;
	char name[];
};

void
queue_count_init(struct queue_count *count)
{
	*count = (struct queue_count){ .others = 0 };
	map_init(&count->domains);
}

void
queue_count_free(struct queue_count *count)
{
	size_t at = 0;
	void *value;

	while (map_next(&count->domains, &at, NULL, &value))
		free(value);
	map_free(&count->domains);
}

static void
add_domain(struct queue_count *count, struct span name, uint64_t n)
{
	struct domain_count *domain = map_find(&count->domains, name);

	if (domain == NULL && count->domains.n >= DOMAINS_MAX) {
		count->others += n;
		return;
	}
	if (domain == NULL) {
		domain = mem_new(sizeof *domain + name.len);
		domain->len = name.len;
		memcpy(domain->name, name.p, name.len);
		(void)map_put(&count->domains, span_of(domain->name,
		    domain->len), domain);
	}
	domain->n += n;
}

static void
add_rcpt(struct queue_count *count, struct span rcpt)
{
	const char *at = memrchr(rcpt.p, '@', rcpt.len);
	char memory[256];
	struct put name = put_init(memory, sizeof memory);

	if (at == NULL)
		return;
	text_lower(span_skip(rcpt, (size_t)(at + 1 - rcpt.p)), &name);
	if (name.len != 0)
		add_domain(count, put_span(&name), 1);
}

void
queue_count_add(struct queue_count *count, struct store *store,
    const struct store_look *look)
{
	const struct note *note = look->note;
	struct span rcpt;
	size_t at = 0;

	count->state[look->entry.state]++;
	if (note == NULL)
		return;
	for (uint32_t i = 0; note_next_rcpt(note, &at, &rcpt); i++)
		if (rcpt.len != 0 &&
		    !store_is_settled(store, look->entry.id, i))
			add_rcpt(count, rcpt);
}

void
queue_count_merge(struct queue_count *into, const struct queue_count *from)
{
	size_t at = 0;
	struct span name;
	void *value;

	for (size_t i = 0; i < QUEUE_COUNT_STATES; i++)
		into->state[i] += from->state[i];
	into->others += from->others;
	while (map_next(&from->domains, &at, &name, &value))
		add_domain(into, name,
		    ((const struct domain_count *)value)->n);
}

static int
compare(const void *a, const void *b)
{
	const struct domain_count *one = *(struct domain_count *const *)a;
	const struct domain_count *other = *(struct domain_count *const *)b;

	return one->n < other->n ? 1 : one->n > other->n ? -1 : 0;
}

static json_t *
json_of_domains(const struct queue_count *count, size_t max)
{
	struct domain_count **all = mem_new_array(count->domains.n + 1,
	    sizeof *all);
	json_t *list = json_array();
	size_t n = 0, at = 0;
	void *value;

	while (map_next(&count->domains, &at, NULL, &value))
		all[n++] = value;
	qsort(all, n, sizeof(struct domain_count *), compare);
	for (size_t i = 0; i < n && i < max; i++) {
		char memory[1024];
		struct put name = put_init(memory, sizeof memory);

		text_quote(span_of(all[i]->name, all[i]->len), &name);
		(void)json_array_append_new(list, json_pack("{s:s%,s:I}",
		    "domain", name.p, name.len, "rcpts",
		    (json_int_t)all[i]->n));
	}
	free(all);
	return list;
}

json_t *
queue_count_json(const struct queue_count *count, size_t max)
{
	json_t *object = json_pack("{s:o,s:I}", "domains",
	    json_of_domains(count, max), "others",
	    (json_int_t)count->others);

	for (size_t i = 0; i < QUEUE_COUNT_STATES; i++)
		(void)json_object_set_new(object,
		    queue_state_name((enum store_state)i),
		    json_integer((json_int_t)count->state[i]));
	return object;
}
