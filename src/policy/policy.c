/* SPDX-License-Identifier: Apache-2.0 */
/* policy: see policy.h.
 *
 * An address of ours is looked for in this order, each step with and without
 * its +detail: alias, mailbox; then the domain's catch-all. Anything else,
 * however it is spelled ("a%b@ours", "b!a@ours", "@x,@y:a@ours"), is the name
 * of nobody: no address is ever taken apart to send it elsewhere. */
#include "policy/policy.h"

#include "base/text.h"

#define DEPTH_MAX 10

/* --- who may send */

static bool
is_in_network(struct span client, const struct conf_network *network)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (client.len != network->len ||
	    memcmp(client.p, network->bytes, whole) != 0)
		return false;
	return rest == 0 || (((unsigned char)client.p[whole] ^
	    network->bytes[whole]) >> (8 - rest)) == 0;
}

bool
policy_may_relay(const struct policy *policy)
{
	const struct conf_listener *listener = policy->listener;

	if ((listener->relay & CONF_RELAY_AUTHENTICATED) != 0 &&
	    policy->login.len != 0)
		return true;
	if ((listener->relay & CONF_RELAY_NETWORKS) == 0)
		return false;
	for (size_t i = 0; i < listener->network_n; i++)
		if (is_in_network(policy->client, &listener->network[i]))
			return true;
	return false;
}

static const struct conf_domain *
domain_of(const struct policy *policy, struct span domain)
{
	return conf_find_domain(policy->conf, domain.p, domain.len);
}

/* As the reply tells it; lives as long as the policy. */
static struct span
tell(struct policy *policy, const struct addr *addr)
{
	struct put out = put_init(policy->text, sizeof policy->text);

	if (addr->local.len == 0)
		return SPAN("");
	if (addr->domain.len == 0)
		put_bytes(&out, addr->local);
	else
		addr_put(addr, &out);
	return put_span(&out);
}

bool
policy_mail(struct policy *policy, const struct smtp_event *event,
    struct reply *reply)
{
	const struct addr *from = &event->mail.from;
	struct span address = tell(policy, from);

	*reply = (struct reply){ .id = REPLY_MAIL_OK, .arg = { address } };
	if (policy->login.len == 0 || policy->users == NULL ||
	    !policy->listener->sender_must_match_login ||
	    from->local.len == 0)
		return true;
	if (user_owns(policy->users, policy->login, address,
	    domain_of(policy, from->domain) != NULL))
		return true;
	reply->id = REPLY_SENDER_NOT_OWNED;
	reply->arg[1] = policy->login;
	return false;
}

/* --- where it goes */

struct search {
	const struct policy *policy;
	struct arena *arena;
	struct policy_rcpts *list;
	struct envelope_rcpt proto;	/* parameters of the RCPT */
	bool is_caught;			/* by a catch-all: only once */
	bool is_full;
};

static void
add(struct search *s, struct span address, struct span mailbox)
{
	struct policy_rcpts *list = s->list;
	struct envelope_rcpt *new;

	for (size_t i = 0; i < list->n; i++)
		if (span_caseeq(list->rcpt[i].address, address))
			return;
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 4;
		struct envelope_rcpt *bigger =
		    arena_alloc(s->arena, cap * sizeof *bigger);

		if (bigger == NULL) {
			s->is_full = true;
			return;
		}
		if (list->n != 0)
			memcpy(bigger, list->rcpt, list->n * sizeof *bigger);
		list->rcpt = bigger;
		list->cap = cap;
	}
	new = &list->rcpt[list->n];
	*new = s->proto;
	new->address = arena_copy(s->arena, address);
	new->mailbox = arena_copy(s->arena, mailbox);
	if (new->address.p == NULL || new->mailbox.p == NULL) {
		s->is_full = true;
		return;
	}
	list->n++;
}

static bool find_local(struct search *s, struct span local,
    const struct conf_domain *domain, unsigned depth);

/* One target of an alias: one of ours, or an address of the outside, which
 * the administrator wants, whoever is sending. */
static bool
find_target(struct search *s, struct span target,
    const struct conf_domain *home, unsigned depth)
{
	struct span domain = target;
	struct span local = span_cut(&domain, '@');
	const struct conf_domain *ours = domain.len == 0 ? home
	    : domain_of(s->policy, domain);

	if (ours != NULL)
		return find_local(s, local, ours, depth);
	add(s, target, SPAN(""));
	return true;
}

static bool
find_alias(struct search *s, struct span local,
    const struct conf_domain *domain, unsigned depth)
{
	const struct span *target;
	bool is_found = false;
	char account[256];
	size_t n;

	if (s->policy->aliases == NULL || depth > DEPTH_MAX)
		return false;
	target = alias_find(s->policy->aliases, local,
	    span_str(domain->name), &n);
	if (target == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct span rest = target[i];
		struct span name = span_cut(&rest, '@');
		bool is_itself = span_caseeq(name, local) && (rest.len == 0 ||
		    span_caseeq(rest, span_str(domain->name)));

		/* "anna: anna, bert": the first is her mailbox */
		if (is_itself && s->policy->users != NULL &&
		    user_mailbox(s->policy->users, local,
		    span_str(domain->name), account)) {
			char memory[600];
			struct put address = put_init(memory, sizeof memory);

			put_bytes(&address, local);
			put_char(&address, '@');
			put_str(&address, domain->name);
			add(s, put_span(&address), span_str(account));
			is_found = true;
		} else if (!is_itself) {
			is_found |= find_target(s, target[i], domain,
			    depth + 1);
		}
	}
	return is_found;
}

static bool
find_mailbox(struct search *s, struct span local,
    const struct conf_domain *domain)
{
	char account[256], memory[600];
	struct put address = put_init(memory, sizeof memory);

	if (s->policy->users == NULL || !user_mailbox(s->policy->users, local,
	    span_str(domain->name), account))
		return false;
	put_bytes(&address, local);
	put_char(&address, '@');
	put_str(&address, domain->name);
	if (address.full)
		return false;
	add(s, put_span(&address), span_str(account));
	return true;
}

static bool
find_local(struct search *s, struct span local,
    const struct conf_domain *domain, unsigned depth)
{
	const char *delimiter = s->policy->conf->recipient_delimiter;
	size_t detail = local.len;

	if (depth > DEPTH_MAX)
		return false;
	if (find_alias(s, local, domain, depth) ||
	    find_mailbox(s, local, domain))
		return true;
	if (delimiter[0] != '\0')
		detail = span_find(local, delimiter[0]);
	if (detail != 0 && detail < local.len &&
	    (find_alias(s, span_first(local, detail), domain, depth) ||
	    find_mailbox(s, span_first(local, detail), domain)))
		return true;
	if (domain->catch_all[0] == '\0' || s->is_caught)
		return false;
	s->is_caught = true;
	return find_target(s, span_str(domain->catch_all), domain, depth + 1);
}

/* <postmaster> without a domain (RFC 5321 4.5.1) is ours. */
static const struct conf_domain *
home_of(const struct policy *policy, const struct addr *to)
{
	if (to->domain.len != 0)
		return domain_of(policy, to->domain);
	if (!span_caseeq(to->local, SPAN("postmaster")) ||
	    policy->conf->domain_n == 0)
		return NULL;
	return &policy->conf->domain[0];
}

static bool
refuse_relay(const struct policy *policy, struct reply *reply)
{
	bool login_helps = policy->login.len == 0 &&
	    policy->listener->auth_n != 0 &&
	    (policy->listener->relay & CONF_RELAY_AUTHENTICATED) != 0;

	reply->id = login_helps ? REPLY_RELAY_REFUSED_LOGIN
	    : REPLY_RELAY_REFUSED;
	return false;
}

bool
policy_rcpt(struct policy *policy, const struct smtp_event *event,
    struct arena *arena, struct policy_rcpts *list, struct reply *reply)
{
	const struct addr *to = &event->rcpt.to;
	const struct rcpt_params *params = &event->rcpt.params;
	const struct conf_domain *home = home_of(policy, to);
	struct search s = { .policy = policy, .arena = arena, .list = list };
	char memory[ADDR_MAX + 1];
	struct put local = put_init(memory, sizeof memory);
	struct span address = tell(policy, to);

	*reply = (struct reply){ .id = REPLY_RCPT_OK, .arg = { address } };
	s.proto.original = arena_copy(arena, address);
	s.proto.orcpt = arena_copy(arena, span_str(params->orcpt));
	s.proto.notify = params->notify;
	if (s.proto.original.p == NULL || s.proto.orcpt.p == NULL) {
		reply->id = REPLY_RCPT_TEMP;
		return false;
	}
	if (home == NULL) {
		if (!policy_may_relay(policy))
			return refuse_relay(policy, reply);
		add(&s, address, SPAN(""));
	} else {
		addr_put_local(to, &local);
		if (!find_local(&s, put_span(&local), home, 0)) {
			reply->id = REPLY_USER_UNKNOWN;
			return false;
		}
	}
	if (s.is_full)
		reply->id = REPLY_RCPT_TEMP;
	return !s.is_full;
}
