/* SPDX-License-Identifier: Apache-2.0 */
/* check: contradictions between options that are each right. What makes the
 * configuration useless or unsafe without anybody wanting it is an error; what
 * somebody may want, but should know, is a warning. Options that were given but
 * not understood count as given: one mistake is told once. */
#include "conf/load.h"

#include <netinet/in.h>

#include "base/die.h"
#include "conf/via.h"

/* RFC 5321 4.5.3.1.7, 4.5.3.1.8 */
#define MESSAGE_SIZE_LEAST 65536
#define RECIPIENTS_LEAST   100
#define PORT_SMTP          25	/* RFC 2033 5 */

#define OF(field_) offsetof(struct conf_listener, field_)

/* Where the option stood; the block's head if it did not. */
static struct place
place_of(const struct block *block, size_t field)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(block->kind, i)) != NULL; i++)
		if (option->field == field)
			return block->given[i].len != 0 ? block->given[i]
			    : block->head;
	must(!"a field of the table");
	return block->head;
}

/* Counts a block that nobody understood as one that is there. */
static bool
has_block(const struct loader *loader, enum option_block kind)
{
	return loader->has[kind] || loader->has_unknown_block;
}

/* A tls block without a name, for clients that ask for none. */
static bool
has_plain_tls(const struct loader *loader)
{
	for (size_t i = 0; i < loader->conf->tls_n; i++)
		if (loader->conf->tls[i].name[0] == '\0')
			return true;
	return loader->has_unknown_block;
}

static void
check_tls(struct loader *loader, const struct block *block,
    const struct conf_listener *listener)
{
	struct mistakes *told = &loader->mistakes;
	struct place tls = place_of(block, OF(tls));

	if (listener->tls == CONF_TLS_NONE) {
		if (listener->tls_required)
			mistake_error(told, place_of(block, OF(tls_required)),
			    "TLS is required and 'tls' is none: nobody could "
			    "send mail; add 'tls starttls;'");
	} else if (!has_block(loader, OPTION_TLS)) {
		mistake_error(told, tls, "TLS needs a certificate: add "
		    "tls { certificate /path/cert.pem; key /path/key.pem; }");
	} else if (!has_plain_tls(loader)) {
		mistake_error(told, tls, "clients that ask for no name need a "
		    "certificate too: add a 'tls' block without a name");
	}
	if (listener->tls_min[2] < '2')	/* "1.0", "1.1" */
		mistake_warning(told, place_of(block, OF(tls_min)),
		    "TLS %s is no longer safe (RFC 8996)", listener->tls_min);
}

/* Can only this machine come in here? */
static bool
is_loopback(const struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->address_n; i++) {
		const struct sockaddr_storage *at =
		    &listener->address[i].address;
		const struct sockaddr_in *v4 = (const void *)at;
		const struct sockaddr_in6 *v6 = (const void *)at;

		if (at->ss_family == AF_INET &&
		    ntohl(v4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
			return false;
		if (at->ss_family == AF_INET6 &&
		    !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
			return false;
	}
	return true;
}

/* Is there a way to log in that shows the password? */
static bool
shows_passwords(const struct conf_listener *listener, bool *has_others)
{
	bool shows = false;

	*has_others = false;
	for (size_t i = 0; i < listener->auth_n; i++)
		if (strcmp(listener->auth[i], "PLAIN") == 0 ||
		    strcmp(listener->auth[i], "LOGIN") == 0)
			shows = true;
		else
			*has_others = true;
	return shows;
}

static void
check_auth(struct loader *loader, const struct block *block,
    const struct conf_listener *listener)
{
	struct mistakes *told = &loader->mistakes;
	struct place auth = place_of(block, OF(auth));
	bool has_auth = listener->auth_n != 0, has_others;
	bool shows = shows_passwords(listener, &has_others);

	if (has_auth && !listener->capture_any_login &&
	    !has_block(loader, OPTION_USERS))
		mistake_error(told, auth, "nobody can log in without accounts: "
		    "add users { file /path/users; }");
	if (!has_auth && listener->auth_required)
		mistake_error(told, place_of(block, OF(auth_required)),
		    "a login is required and 'auth' is none: add "
		    "'auth plain login;'");
	if (!shows)
		return;
	if (listener->basic_auth_only_after_tls && !has_others &&
	    listener->tls == CONF_TLS_NONE)
		mistake_warning(told, auth, "never offered: these logins wait "
		    "for TLS ('basic-auth-only-after-tls'), and 'tls' is none "
		    "here");
	if (!listener->basic_auth_only_after_tls && !listener->tls_required &&
	    listener->tls != CONF_TLS_IMPLICIT && !is_loopback(listener))
		mistake_warning(told,
		    place_of(block, OF(basic_auth_only_after_tls)),
		    "passwords can be read by anybody on the way");
}

static void
check_capture(struct loader *loader, const struct block *block,
    const struct conf_listener *listener)
{
	struct mistakes *told = &loader->mistakes;

	if (listener->capture && !has_block(loader, OPTION_CAPTURE))
		mistake_error(told, place_of(block, OF(capture)),
		    "where to? add capture { folder /path/folder; }");
	if (listener->capture_any_login && !listener->capture)
		mistake_error(told, place_of(block, OF(capture_any_login)),
		    "only where mail is captured: add 'capture yes;'");
	if (listener->capture && listener->relay != 0)
		mistake_warning(told, place_of(block, OF(relay)),
		    "of no effect: what is captured goes nowhere");
}

static void
check_relay(struct loader *loader, const struct block *block,
    const struct conf_listener *listener)
{
	struct mistakes *told = &loader->mistakes;
	struct place relay = place_of(block, OF(relay));
	struct place networks = place_of(block, OF(network));
	bool trusts = (listener->relay & CONF_RELAY_NETWORKS) != 0;
	bool asks = (listener->etrn & CONF_RELAY_NETWORKS) != 0;

	if ((trusts || asks) && listener->network_n == 0)
		mistake_error(told, trusts ? relay :
		    place_of(block, OF(etrn)), "which networks? add "
		    "'networks 10.0.0.0/8;'");
	if (!trusts && !asks && listener->network_n != 0)
		mistake_warning(told, networks, "of no effect without "
		    "'relay networks;'");
	if ((listener->relay & CONF_RELAY_AUTHENTICATED) &&
	    listener->auth_n == 0)
		mistake_warning(told, relay, "nobody can log in here: add "
		    "'auth plain login;'");
	for (size_t i = 0; trusts && i < listener->network_n; i++) {
		if (listener->network[i].bits != 0)
			continue;
		mistake_warning(told, networks, "an open relay: anybody may "
		    "send to anybody, and spammers will");
		break;
	}
}

static void
check_limits(struct loader *loader, const struct block *block,
    const struct conf_listener *listener)
{
	struct mistakes *told = &loader->mistakes;

	if (listener->max_message_size != 0 &&
	    listener->max_message_size < MESSAGE_SIZE_LEAST)
		mistake_warning(told,
		    place_of(block, OF(max_message_size)),
		    "every server takes at least 64K (RFC 5321 4.5.3.1.7)");
	if (listener->max_recipients < RECIPIENTS_LEAST)
		mistake_warning(told, place_of(block, OF(max_recipients)),
		    "every server takes at least 100 (RFC 5321 4.5.3.1.8)");
}

static in_port_t
port_of(const struct conf_address *address)
{
	const void *p = &address->address;

	return address->address.ss_family == AF_INET
	    ? ((const struct sockaddr_in *)p)->sin_port
	    : ((const struct sockaddr_in6 *)p)->sin6_port;
}

/* `taken`: addresses already seen, to the block that has them. */
static void
check_addresses(struct loader *loader, struct block *block,
    const struct conf_listener *listener, struct map *taken)
{
	struct place place = place_of(block, OF(address));

	for (size_t i = 0; i < listener->address_n; i++) {
		const struct conf_address *address = &listener->address[i];
		struct span key = span_of(&address->address, address->len);
		const struct block *other;

		if (port_of(address) == 0)
			continue;	/* any free one */
		if (port_of(address) == htons(PORT_SMTP) && listener->lmtp)
			mistake_error(&loader->mistakes, place,
			    "LMTP must not be spoken on port 25 (RFC 2033 5)");
		other = map_find(taken, key);
		if (other == NULL)
			(void)map_put(taken, key, block);	/* new */
		else
			mistake_error(&loader->mistakes, place,
			    "%s is taken already, in line %d", address->text,
			    mistake_line(&loader->mistakes,
				place_of(other, OF(address)).at));
	}
}

static void
check_top(struct loader *loader)
{
	struct mistakes *told = &loader->mistakes;
	const struct conf *conf = loader->conf;
	const struct block *top = &loader->block[0];
	bool is_sure = !top->has_unknown && !top->has_bad_value;

	if (!has_block(loader, OPTION_LISTENER))
		mistake_error(told, top->head, "there is no listener, so no "
		    "mail could come in: add listener \"submission\" { address "
		    "127.0.0.1:2525; }");
	if (is_sure && conf->retry_first_ms > conf->retry_max_ms)
		mistake_error(told,
		    place_of(top, offsetof(struct conf, retry_first_ms)),
		    "'retry-first' is longer than 'retry-max'");
	if (is_sure && strchr(conf->hostname, '.') == NULL &&
	    strcmp(conf->hostname, "localhost") != 0)
		mistake_warning(told,
		    place_of(top, offsetof(struct conf, hostname)),
		    "the host name '%s' has no domain: other servers will "
		    "distrust it; write 'hostname mail.example.org;'",
		    conf->hostname);
	if (conf->domain_n != 0 && !has_block(loader, OPTION_USERS))
		for (size_t i = 0; i < loader->block_n; i++) {
			if (loader->block[i].kind != OPTION_DOMAIN)
				continue;
			mistake_warning(told, loader->block[i].head,
			    "nobody has a mailbox here: add users { file "
			    "/path/users; }");
			break;
		}
}

#define OF_ROUTE(field_) offsetof(struct conf_route, field_)

/* Is everything that this route could take taken by an earlier one? */
static bool
is_hidden(const struct conf *conf, size_t i)
{
	const struct conf_route *route = &conf->route[i];

	for (size_t j = 0; j < i; j++) {
		const struct conf_route *first = &conf->route[j];

		if (first->from_n == 0 && first->listener_n == 0 &&
		    (strcmp(first->name, route->name) == 0 ||
			(route->name[0] != '*' &&
			    via_fits(first->name, span_str(route->name))) ||
			strcmp(first->name, "*") == 0))
			return true;
	}
	return false;
}

static bool
has_listener(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->listener_n; i++)
		if (strcmp(conf->listener[i].name, name) == 0)
			return true;
	return false;
}

static void
check_route_login(struct loader *loader, const struct block *block,
    const struct conf_route *route)
{
	struct mistakes *told = &loader->mistakes;

	if (*route->login != '\0' && *route->password_file == '\0')
		mistake_error(told, place_of(block, OF_ROUTE(login)),
		    "a login needs a password: add 'password-file /path;'");
	if (*route->login == '\0' && *route->password_file != '\0')
		mistake_error(told, place_of(block, OF_ROUTE(password_file)),
		    "whose password? add 'login NAME;'");
	if (*route->login != '\0' && route->via.way != CONF_VIA_SMARTHOST)
		mistake_error(told, place_of(block, OF_ROUTE(login)),
		    "a login is for 'via smarthost' only");
	if (*route->login != '\0' && route->tls < CONF_ROUTE_TLS_MUST)
		mistake_warning(told, place_of(block, OF_ROUTE(login)),
		    "without 'tls must;' or 'tls verified;' mail waits while "
		    "the server offers no TLS: passwords are not sent in "
		    "clear");
}

static void
check_route(struct loader *loader, const struct block *block, size_t i)
{
	struct mistakes *told = &loader->mistakes;
	const struct conf_route *route = &loader->conf->route[i];
	struct conf_address address;

	if (is_hidden(loader->conf, i))
		mistake_warning(told, block->head,
		    "never reached: a route before it takes the same mail");
	for (size_t j = 0; j < route->source_n; j++)
		if (!via_read_source(span_str(route->source[j]), &address))
			mistake_error(told, place_of(block, OF_ROUTE(source)),
			    "'%.80s' is no IP address", route->source[j]);
	for (size_t j = 0; j < route->listener_n; j++)
		if (!has_listener(loader->conf, route->listener[j]))
			mistake_error(told,
			    place_of(block, OF_ROUTE(listener)),
			    "there is no listener '%.80s'",
			    route->listener[j]);
	check_route_login(loader, block, route);
}

void
conf_check(struct loader *loader)
{
	struct map taken;

	conf_check_faults(loader);
	if (loader->is_fault_only)
		return;
	map_init(&taken);
	check_top(loader);
	for (size_t i = 0; i < loader->block_n; i++) {
		struct block *block = &loader->block[i];
		const struct conf_listener *listener;

		if (block->kind == OPTION_ROUTE && !block->has_unknown &&
		    !block->has_bad_value)
			check_route(loader, block, block->item);
		if (block->kind != OPTION_LISTENER)
			continue;
		listener = &loader->conf->listener[block->item];
		check_addresses(loader, block, listener, &taken);
		if (block->has_unknown || block->has_bad_value)
			continue;
		check_tls(loader, block, listener);
		check_auth(loader, block, listener);
		check_relay(loader, block, listener);
		check_capture(loader, block, listener);
		check_limits(loader, block, listener);
	}
	map_free(&taken);
}
