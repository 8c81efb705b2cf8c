/* SPDX-License-Identifier: Apache-2.0 */
/* ports: see ports.h. */
#include "ehlod/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

static struct tally *
get_tally(struct ports *ports, const char *name)
{
	struct tally *tally = ports->tallies;

	while (tally != NULL && strcmp(tally->name, name) != 0)
		tally = tally->next;
	if (tally != NULL)
		return tally;
	tally = mem_new(sizeof *tally);
	tally->name = mem_copy(span_str(name));
	tally->next = ports->tallies;
	ports->tallies = tally;
	return tally;
}

/* Is it among the first `n` of the plan? */
static bool
is_planned(const struct ports_plan *plan, size_t n, const struct port *port)
{
	for (size_t i = 0; i < n; i++)
		if (plan->change[i].port == port)
			return true;
	return false;
}

/* The port that a listener has at an address as it is written, across
 * reloads. It may have several at "127.0.0.1:0". */
static struct port *
get_port(struct ports *ports, const struct ports_plan *plan, size_t planned_n,
    struct tally *tally, const struct conf_address *address)
{
	struct port *port = ports->first;

	while (port != NULL && (port->tally != tally ||
	    strcmp(port->text, address->text) != 0 ||
	    is_planned(plan, planned_n, port)))
		port = port->next;
	if (port != NULL)
		return port;
	port = mem_new(sizeof *port);
	port->text = mem_copy(span_str(address->text));
	port->address = address->address;
	port->len = address->len;
	port->tally = tally;
	port->next = ports->first;
	ports->first = port;
	return port;
}

static bool
is_any(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;

	return address->ss_family == AF_INET
	    ? in->sin_addr.s_addr == htonl(INADDR_ANY)
	    : IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static in_port_t
number_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET
	    ? ((const struct sockaddr_in *)address)->sin_port
	    : ((const struct sockaddr_in6 *)address)->sin6_port;
}

/* Is one of ours in its way? 0.0.0.0 is in the way of all. */
static bool
is_ours(const struct ports *ports, const struct port *port)
{
	for (const struct port *p = ports->first; p != NULL; p = p->next)
		if (p->is_open && p->len == port->len &&
		    number_of(&p->address) == number_of(&port->address) &&
		    (is_any(&p->address) || is_any(&port->address) ||
		    memcmp(&p->address, &port->address, p->len) == 0))
			return true;
	return false;
}

/* Our sockets share their port among the shards (SO_REUSEPORT), and the kernel
 * would let a second ehlod of the same user share it too, taking half of the
 * callers. A socket without that option is refused, so it tells. */
static int
probe(const struct port *port)
{
	int fd = socket(port->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC,
	    0);
	int on = 1, result = 0;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (port->address.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof on);
	if (bind(fd, (const void *)&port->address, port->len) != 0 ||
	    listen(fd, 1) != 0)
		result = -errno;
	close(fd);
	return result;
}

static int
open_socket(const struct ports *ports, struct port *port, bool is_first)
{
	int fd = listen_inherited(&port->address);
	int result;

	if (fd != -ENOENT)
		return fd;
	if (is_first && !is_ours(ports, port)) {
		result = probe(port);
		if (result != 0)
			return result;
	}
	return listen_socket(&port->address, port->len);
}

/* With ":0" the kernel chose a port for the first socket: the others of this
 * address, and those of later reloads, take the same. */
static void
learn_port(struct port *port, int fd)
{
	uint16_t number = htons(listen_port(fd));

	if (port->address.ss_family == AF_INET)
		((struct sockaddr_in *)&port->address)->sin_port = number;
	else
		((struct sockaddr_in6 *)&port->address)->sin6_port = number;
}

static size_t
count_addresses(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->listener_n; i++)
		n += conf->listener[i].address_n;
	return n;
}

static void
log_failure(const struct port *port, int error)
{
	log_error("cannot-listen", LOG_Z("listener", port->tally->name),
	    LOG_Z("address", port->text), LOG_ERRNO(error),
	    LOG_Z("remedy", error == -EADDRINUSE
		? "another program listens there: stop it or choose another "
		  "port"
		: error == -EACCES
		? "ports below 1024 want CAP_NET_BIND_SERVICE or sockets from "
		  "the service manager"
		: "check the address"));
}

/* The plan's next address. */
static bool
plan_address(struct ports *ports, struct ports_plan *plan, size_t at,
    size_t listener, const struct conf_listener *conf,
    const struct conf_address *address)
{
	struct port *port = get_port(ports, plan, at,
	    get_tally(ports, conf->name), address);

	for (unsigned s = 0; s < plan->shard_n; s++) {
		struct shard_port_change *change =
		    &plan->change[s * plan->n + at];

		*change = (struct shard_port_change){ port, listener, -1 };
		if (port->is_open)
			continue;
		change->fd = open_socket(ports, port, s == 0);
		if (change->fd < 0) {
			log_failure(port, change->fd);
			return false;
		}
		learn_port(port, change->fd);
	}
	return true;
}

static void
log_listening(const struct conf *conf, const struct shard_port_change *change)
{
	const struct sockaddr_storage *address = &change->port->address;
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(address->ss_family, address->ss_family == AF_INET
	    ? (const void *)&in->sin_addr : &in6->sin6_addr, text,
	    sizeof text);
	log_notice("listening",
	    LOG_Z("listener", conf->listener[change->listener].name),
	    LOG_Z("address", text),
	    LOG_U("port", ntohs(number_of(address))));
}

void
ports_drop_plan(struct ports_plan *plan)
{
	for (size_t i = 0; i < plan->n * plan->shard_n; i++)
		if (plan->change[i].fd >= 0)
			close(plan->change[i].fd);
	free(plan->change);
}

bool
ports_make_plan(struct ports *ports, const struct conf *conf,
    struct ports_plan *plan)
{
	size_t at = 0;

	plan->n = count_addresses(conf);
	plan->shard_n = ports->shard_n;
	plan->change = mem_new_array(plan->n * plan->shard_n,
	    sizeof *plan->change);
	for (size_t i = 0; i < plan->n * plan->shard_n; i++)
		plan->change[i].fd = -1;
	for (size_t i = 0; i < conf->listener_n; i++) {
		const struct conf_listener *listener = &conf->listener[i];

		for (size_t j = 0; j < listener->address_n; j++) {
			if (plan_address(ports, plan, at++, i, listener,
			    &listener->address[j]))
				continue;
			ports_drop_plan(plan);
			return false;
		}
	}
	return true;
}

void
ports_take_plan(struct ports *ports, const struct conf *conf,
    const struct ports_plan *plan)
{
	for (struct port *port = ports->first; port != NULL; port = port->next)
		port->is_open = false;
	for (size_t i = 0; i < plan->n; i++) {
		plan->change[i].port->is_open = true;
		log_listening(conf, &plan->change[i]);
	}
}

void
ports_free(struct ports *ports)
{
	struct port *port;
	struct tally *tally;

	while ((port = ports->first) != NULL) {
		ports->first = port->next;
		free(port->text);
		free(port);
	}
	while ((tally = ports->tallies) != NULL) {
		ports->tallies = tally->next;
		free(tally->name);
		free(tally);
	}
}
