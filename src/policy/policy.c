/* SPDX-License-Identifier: Apache-2.0 */
/* policy: who may send, and where mail goes.
 *
 * An address of ours is looked for in this order: alias, mailbox; the same two
 * without its +detail; then the domain's catch-all.
 *
 *  1. Anything else, however it is spelled ("a%b@ours", "b!a@ours",
 *     "a@b"@ours, <@x:a@ours>), is the name of nobody: no address is ever
 *     taken apart to send it elsewhere, and no catch-all takes it, so that
 *     nobody who tries us as a relay hears a yes.
 *  2. An alias that leads outside is what the administrator wants: mail to it
 *     is taken from everybody.
 *  3. Work is bounded: by depth, by steps and by the recipients of a mail.
 *  4. A refused RCPT leaves the list as it was. */
#include "policy/policy.h"

#include "base/log.h"
#include "base/text.h"
#include "conf/domain.h"
#include "policy/network.h"

#define DEPTH_MAX 10		/* aliases one behind another */
#define STEPS_MAX 10000		/* names looked up for one RCPT */
#define RCPTS_MAX 5000		/* of one mail, aliases followed */

/* --- who may send */

static bool
is_trusted(const struct policy *policy, unsigned whom)
{
	const struct conf_listener *listener = policy->listener;

	if ((whom & CONF_RELAY_AUTHENTICATED) != 0 && policy->login.len != 0)
		return true;
	if ((whom & CONF_RELAY_NETWORKS) == 0)
		return false;
	for (size_t i = 0; i < listener->network_n; i++)
		if (network_has(&listener->network[i], policy->client))
			return true;
	return false;
}

bool
policy_may_relay(const struct policy *policy)
{
	return is_trusted(policy, policy->listener->relay);
}

bool
policy_may_etrn(const struct policy *policy)
{
	return is_trusted(policy, policy->listener->etrn);
}

static const struct conf_domain *
domain_of(const struct policy *policy, const struct addr *addr)
{
	if (addr->is_literal)
		return NULL;
	return conf_find_domain(policy->conf, addr->domain.p,
	    addr->domain.len);
}

/* As the reply tells it; lives as long as the policy. */
static struct span
tell(struct policy *policy, const struct addr *addr)
{
	struct put out = put_init(policy->text, sizeof policy->text);

	if (addr->domain.len != 0)
		addr_put(addr, &out);
	else
		put_bytes(&out, addr->local);
	return put_span(&out);
}

/* The local part without quotes, unless it needs them. */
static struct span
unquoted(const struct addr *addr, struct put *memory)
{
	struct addr plain;
	size_t len;

	addr_put_local(addr, memory);
	len = memory->len;
	put_str(memory, "@a");
	if (memory->full || addr_parse(put_span(memory), &plain) != ADDR_OK)
		return addr->local;
	return span_first(put_span(memory), len);
}

/* Without quotes, in the form accounts are written in. A quoted @ would make
 * it look like another address. */
static bool
is_owned(const struct policy *policy, const struct addr *from)
{
	const struct conf_domain *ours = domain_of(policy, from);
	char memory[ADDR_MAX + 1], canon[256];
	struct put address = put_init(memory, sizeof memory);

	if (policy->users == NULL)
		return false;
	addr_put_local(from, &address);
	if (span_find(put_span(&address), '@') != address.len)
		return false;
	put_char(&address, '@');
	if (conf_domain_canon(from->domain, canon))
		put_str(&address, canon);
	else
		put_bytes(&address, from->domain);
	return !address.full && user_owns(policy->users, policy->login,
	    put_span(&address), ours != NULL);
}

bool
policy_mail(struct policy *policy, const struct smtp_event *event,
    struct reply *reply)
{
	const struct addr *from = &event->mail.from;

	*reply = (struct reply){ .id = REPLY_MAIL_OK,
		.arg = { tell(policy, from) } };
	/* <> is for notices (RFC 5321 4.5.5), whoever sends them */
	if (from->local.len == 0 && from->domain.len == 0)
		return true;
	if (from->domain.len == 0) {
		reply->id = REPLY_SENDER_NO_DOMAIN;
		return false;
	}
	if (policy->login.len == 0 || policy->listener->capture ||
	    !policy->listener->sender_must_match_login ||
	    is_owned(policy, from))
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
	struct envelope_rcpt proto;	/* what RCPT said beside the address */
	unsigned steps;
	enum reply_id problem;		/* REPLY_RCPT_OK: none */
};

/* A local part of ours: as it is compared, and as it is written. */
struct local {
	struct span name;
	struct span written;
};

enum find { FIND_NOT_THERE, FIND_NOBODY, FIND_SOMEBODY };

static bool
stop(struct search *search, enum reply_id problem)
{
	search->problem = problem;
	return false;
}

/* The same recipient? Local parts of ours have no case; those of others may
 * (RFC 5321 2.4). */
static bool
is_same(const struct envelope_rcpt *rcpt, struct span address,
    struct span mailbox)
{
	const char *at = memrchr(address.p, '@', address.len);
	size_t local = at != NULL ? (size_t)(at - address.p) : address.len;

	return span_eq(rcpt->mailbox, mailbox) &&
	    span_caseeq(rcpt->address, address) &&
	    (mailbox.len != 0 ||
		memcmp(rcpt->address.p, address.p, local) == 0);
}

static bool
make_room(struct search *search)
{
	struct policy_rcpts *list = search->list;
	size_t cap = list->cap != 0 ? list->cap * 2 : 4;
	struct envelope_rcpt *bigger;

	if (list->n < list->cap)
		return true;
	bigger = arena_alloc(search->arena, cap * sizeof *bigger);
	if (bigger == NULL)
		return false;
	if (list->n != 0)
		memcpy(bigger, list->rcpt, list->n * sizeof *bigger);
	list->rcpt = bigger;
	list->cap = cap;
	return true;
}

/* Nothing in `mailbox`: it goes outside. */
static bool
add(struct search *search, struct span address, struct span mailbox)
{
	struct policy_rcpts *list = search->list;
	struct envelope_rcpt rcpt = search->proto;

	for (size_t i = 0; i < list->n; i++)
		if (is_same(&list->rcpt[i], address, mailbox))
			return true;
	rcpt.address = arena_copy(search->arena, address);
	rcpt.mailbox = arena_copy(search->arena, mailbox);
	if (rcpt.address.p == NULL || rcpt.mailbox.p == NULL ||
	    list->n >= RCPTS_MAX || !make_room(search))
		return stop(search, REPLY_TOO_MANY_RCPTS);
	if (span_eq(rcpt.original, address))
		rcpt.original.len = 0;
	list->rcpt[list->n++] = rcpt;
	return true;
}

/* The mailbox of `name`, reached as `written`. */
static enum find
find_mailbox(struct search *search, struct span name, struct span written,
    const struct conf_domain *domain)
{
	char account[256], memory[ADDR_MAX + 1];
	struct put address = put_init(memory, sizeof memory);

	if (search->policy->users == NULL ||
	    !user_mailbox(search->policy->users, name,
		span_str(domain->name), account))
		return FIND_NOT_THERE;
	put_bytes(&address, written);
	put_char(&address, '@');
	put_str(&address, domain->name);
	if (address.full)
		return FIND_NOT_THERE;
	return add(search, put_span(&address), span_str(account))
	    ? FIND_SOMEBODY : FIND_NOBODY;
}

static bool find_local(struct search *search, struct local local,
    const struct conf_domain *domain, unsigned depth);

/* A target of an alias, or a catch-all: `anna` at the same domain, or an
 * address here or outside. */
static bool
find_target(struct search *search, struct span target,
    const struct conf_domain *home, unsigned depth)
{
	struct span domain = target, name = span_cut(&domain, '@');
	const struct conf_domain *ours = name.len == target.len ? home
	    : conf_find_domain(search->policy->conf, domain.p, domain.len);

	if (ours == NULL)
		return add(search, target, SPAN(""));
	return find_local(search, (struct local){ name, name }, ours, depth);
}

static bool
is_itself(struct span target, struct span name,
    const struct conf_domain *domain)
{
	struct span rest = target, local = span_cut(&rest, '@');

	return span_caseeq(local, name) && (local.len == target.len ||
	    span_caseeq(rest, span_str(domain->name)));
}

static enum find
find_alias(struct search *search, struct span name,
    const struct conf_domain *domain, unsigned depth)
{
	const struct alias_table *aliases = search->policy->aliases;
	const struct span *target;
	enum find found = FIND_NOBODY;
	size_t n = 0;

	if (aliases == NULL || (target = alias_find(aliases, name,
	    span_str(domain->name), &n)) == NULL)
		return FIND_NOT_THERE;
	for (size_t i = 0; i < n && search->problem == REPLY_RCPT_OK; i++) {
		/* "anna: anna, bert": the first is her mailbox */
		bool is_good = is_itself(target[i], name, domain)
		    ? find_mailbox(search, name, name, domain) == FIND_SOMEBODY
		    : find_target(search, target[i], domain, depth + 1);

		if (is_good)
			found = FIND_SOMEBODY;
		else if (search->problem == REPLY_RCPT_OK)
			log_warning("alias-target-unknown",
			    LOG_S("alias", name), LOG_Z("domain", domain->name),
			    LOG_S("target", target[i]));
	}
	return found;
}

static enum find
find_name(struct search *search, struct span name, struct span written,
    const struct conf_domain *domain, unsigned depth)
{
	enum find found = find_alias(search, name, domain, depth);

	return found != FIND_NOT_THERE ? found
	    : find_mailbox(search, name, written, domain);
}

/* Spelled like a way to somewhere else (promise 1). */
static bool
is_route(struct span name)
{
	return span_find(name, '%') != name.len ||
	    span_find(name, '!') != name.len;
}

/* What stands before the +detail; all of it if there is none. */
static struct span
without_detail(const struct policy *policy, struct span name)
{
	const char *delimiter = policy->conf->recipient_delimiter;
	size_t at = *delimiter != '\0' ? span_find(name, *delimiter) : 0;

	return at != 0 ? span_first(name, at) : name;
}

static bool
find_local(struct search *search, struct local local,
    const struct conf_domain *domain, unsigned depth)
{
	struct span base = without_detail(search->policy, local.name);
	struct span catch_all = span_str(domain->catch_all);
	enum find found;

	if (depth > DEPTH_MAX || search->steps++ >= STEPS_MAX) {
		log_warning("alias-endless", LOG_S("address", local.written),
		    LOG_Z("domain", domain->name));
		return stop(search, REPLY_RCPT_TEMP);
	}
	if (span_find(local.name, '@') != local.name.len)
		return false;
	found = find_name(search, local.name, local.written, domain, depth);
	if (found == FIND_NOT_THERE && base.len != local.name.len)
		found = find_name(search, base, local.written, domain, depth);
	if (found != FIND_NOT_THERE)
		return found == FIND_SOMEBODY;
	/* that it catches itself means that it does not exist */
	if (catch_all.len == 0 || is_route(local.name) ||
	    is_itself(catch_all, local.name, domain))
		return false;
	return find_target(search, catch_all, domain, depth + 1);
}

/* <postmaster> without a domain (RFC 5321 4.5.1): the first of ours that has
 * one. */
static bool
find_postmaster(struct search *search, struct span name)
{
	const struct conf *conf = search->policy->conf;

	for (size_t i = 0; i < conf->domain_n &&
	    search->problem == REPLY_RCPT_OK; i++)
		if (find_local(search, (struct local){ name, name },
		    &conf->domain[i], 0))
			return true;
	return false;
}

/* Answers for the outside. */
static enum reply_id
find_outside(struct search *search, struct span address)
{
	const struct policy *policy = search->policy;
	const struct conf_listener *listener = policy->listener;
	bool would_login_help = policy->login.len == 0 &&
	    listener->auth_n != 0 &&
	    (listener->relay & CONF_RELAY_AUTHENTICATED) != 0;

	if (!policy_may_relay(policy))
		return would_login_help ? REPLY_RELAY_REFUSED_LOGIN
		    : REPLY_RELAY_REFUSED;
	(void)add(search, address, SPAN(""));	/* or search->problem */
	return search->problem;
}

static enum reply_id
find_rcpt(struct search *search, const struct addr *to, struct span address)
{
	const struct conf_domain *ours = domain_of(search->policy, to);
	char memory[2][ADDR_MAX + 1];
	struct put name = put_init(memory[0], sizeof memory[0]);
	struct put plain = put_init(memory[1], sizeof memory[1]);
	bool is_found = false;

	if (ours == NULL && to->domain.len != 0)
		return find_outside(search, address);
	addr_put_local(to, &name);
	if (ours != NULL)
		is_found = find_local(search, (struct local){ put_span(&name),
		    unquoted(to, &plain) }, ours, 0);
	else if (span_caseeq(put_span(&name), SPAN("postmaster")))
		is_found = find_postmaster(search, put_span(&name));
	if (search->problem != REPLY_RCPT_OK)
		return search->problem;
	return is_found ? REPLY_RCPT_OK : REPLY_USER_UNKNOWN;
}

/* Mail for everybody, into a mailbox that is nobody's account: its name begins
 * with a slash. Aliases are not asked, nothing goes outside. */
static enum reply_id
capture(struct search *search, struct span address)
{
	const struct policy *policy = search->policy;
	char memory[ADDR_MAX + 2];
	struct put box = put_init(memory, sizeof memory);
	struct span login = policy->login.len != 0
	    ? policy->login : SPAN("nobody");

	put_char(&box, '/');
	put_bytes(&box, policy->conf->capture_per == CONF_CAPTURE_LOGIN
	    ? login : address);
	return add(search, address, put_span(&box)) ? REPLY_RCPT_OK
	    : search->problem;
}

bool
policy_rcpt(struct policy *policy, const struct smtp_event *event,
    struct arena *arena, struct policy_rcpts *list, struct reply *reply)
{
	const struct rcpt_params *params = &event->rcpt.params;
	struct span address = tell(policy, &event->rcpt.to);
	struct search search = {
		.policy = policy, .arena = arena, .list = list,
		.proto = { .original = arena_copy(arena, address),
		    .orcpt = arena_copy(arena, span_str(params->orcpt)),
		    .notify = params->notify },
		.problem = REPLY_RCPT_OK,
	};
	size_t before = list->n;

	*reply = (struct reply){ .id = REPLY_TOO_MANY_RCPTS,
		.arg = { address } };
	if (search.proto.original.p != NULL &&
	    search.proto.orcpt.p != NULL && policy->listener->capture)
		reply->id = capture(&search, address);
	else if (search.proto.original.p != NULL &&
	    search.proto.orcpt.p != NULL)
		reply->id = find_rcpt(&search, &event->rcpt.to, address);
	if (reply->id == REPLY_RCPT_OK)
		return true;
	list->n = before;
	/* one alias alone is too much: another mail would not help */
	if (reply->id == REPLY_TOO_MANY_RCPTS && before == 0)
		reply->id = REPLY_RCPT_TEMP;
	return false;
}

bool
policy_expand(const struct policy *policy, struct span address,
    struct arena *arena, struct policy_rcpts *list)
{
	struct search search = { .policy = policy, .arena = arena,
		.list = list, .proto = { .original =
		    arena_copy(arena, address) },
		.problem = REPLY_RCPT_OK };
	char memory[2][ADDR_MAX + 1];
	struct put name = put_init(memory[0], sizeof memory[0]);
	struct put plain = put_init(memory[1], sizeof memory[1]);
	const struct conf_domain *ours;
	struct addr addr;

	if (search.proto.original.p == NULL ||
	    addr_parse(address, &addr) != ADDR_OK)
		return false;
	ours = domain_of(policy, &addr);
	if (ours == NULL)
		return add(&search, address, SPAN(""));
	addr_put_local(&addr, &name);
	return find_local(&search, (struct local){ put_span(&name),
	    unquoted(&addr, &plain) }, ours, 0) &&
	    search.problem == REPLY_RCPT_OK;
}
