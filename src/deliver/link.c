/* SPDX-License-Identifier: Apache-2.0 */
/* link: hosts and addresses in turn; the beginning and the end of a session. */
#include "deliver/link_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "conf/conf.h"

#define DIAL_MS 30000	/* a SYN that nobody answers */
/* Addresses of an attempt. Each may cost minutes, and how many there are says
 * whoever writes the zone: others wait for the link. */
#define TRIES_MAX 20

static const struct conn_limits limits = { 32768, (size_t)1 << 20 };

/* --- trouble */

static struct span
keep(char *memory, size_t len, struct span text)
{
	text = span_first(text, len);
	if (text.len != 0)
		memcpy(memory, text.p, text.len);
	return span_of(memory, text.len);
}

static void
note(struct link *link, const struct outcome *why)
{
	struct outcome *kept = &link->trouble.outcome;

	/* another host may do later what this one never will */
	if (kept->fate == FATE_LATER && why->fate == FATE_FAILED)
		return;
	*kept = *why;
	kept->words = keep(link->words, sizeof link->words, why->words);
	kept->host = keep(link->host, sizeof link->host, why->host);
	kept->name = keep(link->name, sizeof link->name, why->name);
	kept->tls = SPAN("");
}

static void
drop_session(struct link *link)
{
	if (link->is_gone != NULL)
		*link->is_gone = true;
	link->is_gone = NULL;
	dial_cancel(link->dial);
	link->dial = NULL;
	conn_free(link->conn);
	link->conn = NULL;
	link_auth_free(link);
	smtp_client_drop(&link->client);
}

static void
link_free(struct link *link)
{
	drop_session(link);
	resolve_cancel(link->resolve);
	sts_cancel(link->sts);
	sts_copy_unref(link->policy);
	link_text_forget(link);
	smtp_out_free(&link->out);
	conf_unref(link->conf);
	free(link);
}

/* Ends the link; what it had goes back. */
static void
give_up(struct link *link)
{
	struct transfer *transfer = link->transfer;

	link->transfer = NULL;
	if (link->trouble.outcome.fate == FATE_OPEN)
		link->trouble.outcome = parcel_outcome(FATE_LATER, 4, 4, 1,
		    "no host could be reached");
	link->hooks->over(link->arg, link, transfer, &link->trouble);
	link_free(link);
}

static void
judge(struct link *link, const struct resolve_verdict *verdict)
{
	struct outcome why = { .fate = verdict->result == RESOLVE_NEVER ?
	    FATE_FAILED : FATE_LATER, .words = span_str(verdict->why) };

	memcpy(why.status, verdict->status, sizeof why.status);
	/* a host that the configuration names is the operator's: he will put
	 * it right, and nobody's mail has failed */
	if (link->target.via->way != CONF_VIA_MX) {
		why.fate = FATE_LATER;
		why.status[0] = 4;
	}
	note(link, &why);
}

/* --- addresses */

static void next_host(struct link *link);

/* A local address? The kernel lets us bind to it. */
static bool
is_local(const struct dial_address *address)
{
	struct dial_address probe = *address;
	int fd = socket(address->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC,
	    0);
	bool is_ours;

	if (fd < 0)
		return false;
	((struct sockaddr_in *)&probe.address)->sin_port = 0;
	is_ours = bind(fd, (const struct sockaddr *)&probe.address,
	    probe.len) == 0;
	close(fd);
	return is_ours;
}

static bool
is_wildcard(const struct sockaddr_storage *address)
{
	const void *p = address;

	if (address->ss_family == AF_INET)
		return ((const struct sockaddr_in *)p)->sin_addr.s_addr ==
		    htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(
	    &((const struct sockaddr_in6 *)p)->sin6_addr);
}

/* Would we be talking to one of our own listeners? (sin_port and sin6_port lie
 * at the same place.) */
static bool
is_ourselves(const struct link *link, const struct dial_address *to)
{
	in_port_t port = ((const struct sockaddr_in *)
	    (const void *)&to->address)->sin_port;

	if (link->target.via->way != CONF_VIA_MX)
		return false;
	for (size_t i = 0; i < link->conf->listener_n; i++) {
		const struct conf_listener *listener =
		    &link->conf->listener[i];

		for (size_t j = 0; j < listener->address_n; j++) {
			const struct conf_address *at = &listener->address[j];
			const void *p = &at->address;

			if (((const struct sockaddr_in *)p)->sin_port != port)
				continue;
			if (at->len == to->len &&
			    memcmp(&at->address, &to->address, at->len) == 0)
				return true;
			if (is_wildcard(&at->address) && is_local(to))
				return true;
		}
	}
	return false;
}

static void
set_peer(struct link *link, const struct dial_address *address)
{
	const char *name = link->hosts.host[link->host_at].name;
	char text[128];

	dial_text(address, text);
	snprintf(link->peer.name, sizeof link->peer.name, "%s", name);
	link->peer.tls[0] = '\0';
	if (link->target.via->is_unix)
		snprintf(link->peer.text, sizeof link->peer.text, "%s", text);
	else
		snprintf(link->peer.text, sizeof link->peer.text,
		    "%s [%s]:%u", name, text, ntohs(((const struct
			sockaddr_in *)(const void *)&address->address)->
			sin_port));
}

static void
on_dialed(void *arg, int fd)
{
	struct link *link = arg;

	link->dial = NULL;
	if (fd >= 0)
		link->conn = conn_new(link->env->conns, fd, &link_conn_ops,
		    &limits, link);
	if (link->conn == NULL) {
		link_fail_words(link, 4, 4, 1, log_errno(fd < 0 ? fd :
		    -errno));
		return;
	}
	link_talk_begin(link);
}

static const struct dial_address *
find_source(const struct link *link, const struct dial_address *to,
    struct dial_address *memory)
{
	const struct conf_route *route = link->target.route;

	for (size_t i = 0; route != NULL && i < route->source_n; i++)
		if (dial_parse(span_str(route->source[i]), 0, memory) &&
		    memory->address.ss_family == to->address.ss_family)
			return memory;
	return NULL;
}

static uint64_t
dial_time(const struct link *link)
{
	const struct conf_route *route = link->target.route;

	return route != NULL && route->timeout_ms != 0 &&
	    route->timeout_ms < DIAL_MS ? route->timeout_ms : DIAL_MS;
}

static void
dial(struct link *link)
{
	const struct dial_address *to =
	    &link->addresses.address[link->address_at];
	struct dial_address source;

	set_peer(link, to);
	link->dial = dial_start(link->env->loop, to, find_source(link, to,
	    &source), dial_time(link), on_dialed, link);
}

static void
next_address(struct link *link)
{
	struct outcome loop = parcel_outcome(FATE_FAILED, 5, 4, 6,
	    "the mail host of this domain is this server itself, which does "
	    "not deliver its mail: it would go in circles");

	link->is_plain = false;
	if (link->address_at >= link->addresses.n) {
		next_host(link);
		return;
	}
	if (!is_ourselves(link, &link->addresses.address[link->address_at])) {
		if (link->tried_n++ < TRIES_MAX)
			dial(link);
		else
			give_up(link);
		return;
	}
	/* hosts of the same and of less preference are worse than we are */
	if (link->trouble.outcome.fate == FATE_OPEN)
		note(link, &loop);
	give_up(link);
}

/* --- hosts */

static void
on_addresses(void *arg, const struct resolve_addresses *addresses)
{
	struct link *link = arg;
	struct resolve_verdict verdict;

	link->resolve = NULL;
	link->addresses = *addresses;
	link->address_at = 0;
	if (addresses->verdict.result != RESOLVE_GOOD) {
		/* a host without address among others is no verdict */
		if (link->trouble.outcome.fate == FATE_OPEN ||
		    addresses->verdict.result == RESOLVE_LATER)
			judge(link, &addresses->verdict);
		link_tls_note_lookup(link, &addresses->verdict);
		next_host(link);
		return;
	}
	if (!link_tls_allows_host(link, &verdict)) {
		judge(link, &verdict);
		next_host(link);
		return;
	}
	next_address(link);
}

static struct resolve_env
resolve_env(const struct link *link)
{
	struct resolve_env env = link->env->resolve;

	env.hostname = link->conf->hostname;
	env.random = clock_mono_ms();
	return env;
}

static void
resolve_next(struct link *link)
{
	struct resolve_env env = resolve_env(link);
	const struct conf_via *via = link->target.via;
	bool is_mx = via->way == CONF_VIA_MX;
	uint16_t port = is_mx ? (uint16_t)link->target.route->port :
	    via->port;

	link->resolve = resolve_host(&env,
	    span_str(link->hosts.host[link->host_at].name), port,
	    link_tls_wants_dane(link), on_addresses, link);
}

static void
next_host(struct link *link)
{
	if (++link->host_at < link->hosts.n)
		resolve_next(link);
	else
		give_up(link);
}

static void
first_host(struct link *link)
{
	link->host_at = 0;
	if (link->hosts.n == 0)
		give_up(link);
	else
		resolve_next(link);
}

static void
on_policy(void *arg, const struct sts_answer *answer)
{
	struct link *link = arg;
	struct outcome later = parcel_outcome(FATE_LATER, 4, 3, 2,
	    "this server is going down");

	link->sts = NULL;
	if (answer->is_later) {
		note(link, &later);
		give_up(link);
		return;
	}
	if (answer->copy != NULL)
		link->policy = sts_copy_ref(answer->copy);
	link_tls_note_policy(link, answer);
	if (link->resolve == NULL)
		first_host(link);
}

static void
on_hosts(void *arg, const struct resolve_hosts *hosts)
{
	struct link *link = arg;

	link->resolve = NULL;
	link->hosts = *hosts;
	if (hosts->verdict.result != RESOLVE_GOOD) {
		judge(link, &hosts->verdict);
		link_tls_note_lookup(link, &hosts->verdict);
	}
	if (hosts->n == 0 || link->sts == NULL)
		first_host(link);
}

/* The hosts and the policy, side by side. */
static void
resolve_target(struct link *link)
{
	struct resolve_env env = resolve_env(link);

	link->resolve = resolve_domain(&env, span_str(link->target.name),
	    on_hosts, link);
	if (link_tls_wants_policy(link))
		link->sts = sts_ask(link->env->sts, link->env->loop,
		    link->target.name, on_policy, link);
}

/* One host that needs no MX. */
static void
use_host(struct link *link, const char *name)
{
	const struct conf_via *via = link->target.via;
	struct dial_address *to = &link->addresses.address[0];

	link->hosts = (struct resolve_hosts){ .n = 1 };
	snprintf(link->hosts.host[0].name, sizeof link->hosts.host[0].name,
	    "%s", name);
	if (via->way == CONF_VIA_MX || !(via->is_unix ?
	    dial_parse_unix(span_str(name), to) :
	    dial_parse(span_str(name), via->port, to))) {
		first_host(link);
		return;
	}
	link->addresses.n = 1;
	dial(link);
}

/* Nothing of this calls back at once. */
static void
begin(struct link *link)
{
	if (link->target.via->way != CONF_VIA_MX)
		use_host(link, link->target.via->host);
	else if (link->target.is_literal)
		use_host(link, link->target.name);
	else
		resolve_target(link);
}

/* --- the end of a session */

/* What the transfer that was under way has to expect. True: the link is over,
 * and gone. */
static bool
lose_transfer(struct link *link)
{
	struct transfer *transfer = link->transfer;
	bool was_fresh = !link->out.has_answer && link->carried_n != 0;

	if (link->state != LINK_BUSY || transfer == NULL)
		return false;
	if (smtp_out_lost(&link->out, &link->trouble.outcome))
		log_warning("possible-duplicate", LOG_Z("host",
		    link->peer.text), LOG_Z("why", "the connection was lost "
			"behind the text, before its reply"));
	link->trouble.was_quiet = was_fresh && !link->out.is_ended;
	link->state = LINK_BEGINNING;
	for (size_t i = 0; i < transfer->rcpt_n; i++)
		if (transfer->parcel->outcome[transfer->rcpt[i]].fate ==
		    FATE_OPEN)
			return link->trouble.was_quiet ?
			    (give_up(link), true) : false;
	link->transfer = NULL;
	link->hooks->carried(link->arg, transfer, false);
	give_up(link);
	return true;
}

/* Behind a session that failed, when nobody reads its text any more. */
static void
go_on(struct link *link)
{
	if (link->state == LINK_IDLE || link->state == LINK_QUITTING) {
		link_end(link);
		return;
	}
	if (lose_transfer(link))
		return;
	link->state = LINK_BEGINNING;
	if (link->carried_n != 0 || link->is_retiring) {
		/* it was good before: begin anew with all hosts */
		give_up(link);
		return;
	}
	link->address_at++;
	next_address(link);
}

void
link_fail(struct link *link, const struct outcome *why)
{
	note(link, why);
	drop_session(link);
	if (link->job != NULL)	/* the pool still reads what must stay */
		link->state = LINK_ENDED;
	else
		go_on(link);
}

void
link_text_given_back(struct link *link)
{
	if (link->state != LINK_ENDED)
		return;
	link->state = LINK_BUSY;
	go_on(link);
}

void
link_fail_words(struct link *link, unsigned class, unsigned subject,
    unsigned detail, const char *words)
{
	struct outcome why = parcel_outcome(FATE_LATER, class, subject, detail,
	    words);

	why.host = span_str(link->peer.text);
	why.name = span_str(link->peer.name);
	link_fail(link, &why);
}

void
link_fail_required(struct link *link, const char *why)
{
	struct outcome outcome;
	char words[PARCEL_WORDS_MAX];

	snprintf(words, sizeof words, "the sender demands TLS all the way "
	    "(REQUIRETLS), which this server cannot promise: %.800s", why);
	/* RFC 8689 5 */
	outcome = parcel_outcome(FATE_FAILED, 5, 7, 30, words);
	outcome.host = span_str(link->peer.text);
	outcome.name = span_str(link->peer.name);
	link_fail(link, &outcome);
}

void
link_end(struct link *link)
{
	link->trouble.was_quiet = true;
	give_up(link);
}

void
link_again_plain(struct link *link)
{
	drop_session(link);
	link->is_plain = true;
	link->state = LINK_BEGINNING;
	dial(link);
}

/* --- public */

struct link *
link_open(const struct link_env *env, const struct link_order *order)
{
	struct link *link = mem_new(sizeof *link);

	link->env = env;
	link->conf = conf_ref(order->conf);
	link->target = order->target;
	link->password = order->password;
	link->hooks = order->hooks;
	link->arg = order->arg;
	smtp_out_init(&link->out, &link->client, &link->peer);
	begin(link);
	return link;
}

void
link_wake(struct link *link)
{
	if (link->state == LINK_IDLE)
		link_talk_go(link);
}

bool
link_is_idle(const struct link *link)
{
	return link->state == LINK_IDLE;
}

struct transfer *
link_drop(struct link *link)
{
	struct transfer *transfer = link->transfer;

	link->transfer = NULL;
	link_free(link);
	return transfer;
}

void
link_abort(struct link *link)
{
	link->is_retiring = true;
	if (link->state == LINK_ENDED)
		return;
	resolve_cancel(link->resolve);
	link->resolve = NULL;
	sts_cancel(link->sts);
	link->sts = NULL;
	link_fail_words(link, 4, 3, 2, "this server is going down");
}

void
link_retire(struct link *link)
{
	link->is_retiring = true;
	if (link->state == LINK_IDLE)
		link_talk_go(link);
}
