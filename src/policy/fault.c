/* SPDX-License-Identifier: Apache-2.0 */
/* fault: see fault.h. */
#include "policy/fault.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/map.h"
#include "base/text.h"
#include "policy/network.h"

/* What one value of `per` has seen. */
struct count {
	struct count *next;
	char *key;
	uint64_t n;
	/* with a limit: when the last so many were let through, a ring */
	unsigned let_n, let_at;
	uint64_t let_ms[];
};

struct rule {
	struct rule *next;
	const struct conf_fault *fault;
	struct conf *conf;
	bool is_ours;
	uint64_t seen, played;
	struct map by_key;
	struct count *counts;
};

struct fault_set {
	struct rule *rules;
	size_t n;
};

bool
fault_matches(struct span pattern, struct span text)
{
	struct span star = SPAN(""), retry = SPAN("");
	bool has_star = false;

	/* at a difference the last star takes one octet more */
	while (text.len != 0 || pattern.len != 0) {
		if (pattern.len != 0 && pattern.p[0] == '*') {
			pattern = span_skip(pattern, 1);
			star = pattern;
			retry = text;
			has_star = true;
		} else if (pattern.len != 0 && text.len != 0 &&
		    ascii_lower(pattern.p[0]) == ascii_lower(text.p[0])) {
			pattern = span_skip(pattern, 1);
			text = span_skip(text, 1);
		} else if (has_star && retry.len != 0) {
			retry = span_skip(retry, 1);
			pattern = star;
			text = retry;
		} else {
			return false;
		}
	}
	return true;
}

/* --- the rules */

static void
forget_counts(struct rule *rule)
{
	struct count *count, *next;

	for (count = rule->counts; count != NULL; count = next) {
		next = count->next;
		free(count->key);
		free(count);
	}
	rule->counts = NULL;
	map_free(&rule->by_key);
	map_init(&rule->by_key);
}

static void
forget(struct fault_set *set, struct rule **link)
{
	struct rule *rule = *link;

	*link = rule->next;
	set->n--;
	forget_counts(rule);
	map_free(&rule->by_key);
	conf_unref(rule->conf);
	free(rule);
}

struct fault_set *
fault_set_new(void)
{
	return mem_new(sizeof(struct fault_set));
}

void
fault_set_free(struct fault_set *set)
{
	if (set == NULL)
		return;
	while (set->rules != NULL)
		forget(set, &set->rules);
	free(set);
}

static struct rule **
find_rule(struct fault_set *set, struct span name)
{
	struct rule **link = &set->rules;

	while (*link != NULL &&
	    !span_eq(span_str((*link)->fault->name), name))
		link = &(*link)->next;
	return link;
}

bool
fault_set_add(struct fault_set *set, struct conf *conf, bool is_ours)
{
	for (size_t i = 0; i < conf->fault_n; i++)
		if (*find_rule(set, span_str(conf->fault[i].name)) != NULL)
			return false;
	for (size_t i = 0; i < conf->fault_n; i++) {
		struct rule *rule = mem_new(sizeof *rule);

		rule->fault = &conf->fault[i];
		rule->conf = conf_ref(conf);
		rule->is_ours = is_ours;
		map_init(&rule->by_key);
		/* a name of its own: the end of the list */
		*find_rule(set, span_str(rule->fault->name)) = rule;
		set->n++;
	}
	return true;
}

bool
fault_set_remove(struct fault_set *set, struct span name)
{
	struct rule **link = find_rule(set, name);

	if (*link == NULL)
		return false;
	forget(set, link);
	return true;
}

void
fault_set_clear(struct fault_set *set, bool is_ours)
{
	struct rule **link = &set->rules;

	while (*link != NULL)
		if ((*link)->is_ours == is_ours)
			forget(set, link);
		else
			link = &(*link)->next;
}

size_t
fault_set_n(const struct fault_set *set)
{
	return set->n;
}

void
fault_set_each(const struct fault_set *set,
    void (*tell)(void *arg, const struct fault_told *told), void *arg)
{
	for (const struct rule *rule = set->rules; rule != NULL;
	    rule = rule->next)
		tell(arg, &(struct fault_told){ rule->fault, rule->is_ours,
		    rule->seen, rule->played });
}

/* --- does it fit */

static bool
fits_recipient(const char *pattern, const struct fault_moment *moment)
{
	struct span wanted = span_str(pattern);

	if (span_eq(wanted, SPAN("*")))
		return true;
	for (size_t i = 0; i < moment->recipient_n; i++)
		if (fault_matches(wanted, moment->recipient[i]))
			return true;
	return false;
}

static bool
fits_client(const struct conf_fault *fault, const struct fault_moment *moment)
{
	for (size_t i = 0; i < fault->client_n; i++)
		if (network_has(&fault->client[i], moment->client))
			return true;
	/* a peer without an address comes from nowhere and from everywhere */
	return moment->client.len == 0;
}

static bool
fits(const struct conf_fault *fault, const struct fault_moment *moment)
{
	return fault->stage == moment->stage &&
	    fault_matches(span_str(fault->listener), moment->listener) &&
	    fault_matches(span_str(fault->sender), moment->sender) &&
	    fault_matches(span_str(fault->login), moment->login) &&
	    fits_recipient(fault->recipient, moment) &&
	    fits_client(fault, moment);
}

/* --- is it its turn */

/* A part and a byte that is in none. */
static void
put_part(struct span part, struct put *out)
{
	text_lower(part, out);
	put_char(out, '\n');
}

static void
put_key(const struct conf_fault *fault, const struct fault_moment *moment,
    struct put *out)
{
	struct span recipient = moment->recipient_n != 0
	    ? moment->recipient[0] : SPAN("");

	switch (fault->per) {
	case CONF_PER_ALL:
		return;
	case CONF_PER_SESSION:
		put_part(moment->session, out);
		return;
	case CONF_PER_CLIENT:
		put_hex(out, moment->client);
		return;
	case CONF_PER_LOGIN:
		put_part(moment->login, out);
		return;
	case CONF_PER_SENDER:
		put_part(moment->sender, out);
		return;
	case CONF_PER_RECIPIENT:
		put_part(recipient, out);
		return;
	case CONF_PER_TRIPLET:
		put_hex(out, moment->client);
		put_part(moment->sender, out);
		put_part(recipient, out);
		return;
	}
}

static struct count *
count_of(struct rule *rule, const struct fault_moment *moment)
{
	char memory[1100];	/* two addresses and a client */
	struct put key = put_init(memory, sizeof memory);
	struct count *count;

	put_key(rule->fault, moment, &key);
	count = map_find(&rule->by_key, put_span(&key));
	if (count != NULL)
		return count;
	if (rule->by_key.n >= FAULT_KEYS_MAX)
		forget_counts(rule);
	count = mem_new(sizeof *count +
	    rule->fault->limit * sizeof count->let_ms[0]);
	count->key = mem_copy(put_span(&key));
	count->next = rule->counts;
	rule->counts = count;
	(void)map_put(&rule->by_key, span_of(count->key, key.len), count);
	return count;
}

/* True: one more would be too many. Otherwise it is let through. */
static bool
is_too_fast(struct count *count, const struct conf_fault *fault,
    uint64_t now_ms)
{
	uint64_t oldest = count->let_ms[count->let_at];

	if (count->let_n == fault->limit &&
	    now_ms - oldest < fault->within_ms)
		return true;
	count->let_ms[count->let_at] = now_ms;
	count->let_at = (count->let_at + 1) % fault->limit;
	count->let_n += count->let_n < fault->limit;
	return false;
}

static bool
is_its_turn(struct rule *rule, const struct fault_moment *moment)
{
	const struct conf_fault *fault = rule->fault;
	struct count *count = count_of(rule, moment);
	uint64_t n = ++count->n;

	if (n <= fault->skip)
		return false;
	n -= fault->skip;
	if ((fault->first != 0 && n > fault->first) || n % fault->every != 0)
		return false;
	return fault->limit == 0 ||
	    is_too_fast(count, fault, moment->now_ms);
}

const struct conf_fault *
fault_set_find(struct fault_set *set, const struct fault_moment *moment,
    struct conf **conf)
{
	for (struct rule *rule = set->rules; rule != NULL; rule = rule->next) {
		if (!fits(rule->fault, moment))
			continue;
		rule->seen++;
		if (!is_its_turn(rule, moment))
			continue;
		rule->played++;
		*conf = conf_ref(rule->conf);
		return rule->fault;
	}
	return NULL;
}
