/* SPDX-License-Identifier: Apache-2.0 */
/* server: see server.h.
 *
 * Start: configuration → sockets (so that a taken port is told at once) →
 * shards recover their spools → accepting. A reload does the same with what is
 * new; whatever fails, the old configuration stays whole. */
#include "ehlod/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "ehlod/shard.h"

/* Password checks that may wait; at 20 ms each, a few seconds a thread. */
#define LOGIN_QUEUE_MAX 256
#define DISK_QUEUE_MAX  1024

struct server {
	const char *conf_path;
	bool shows_dialogue;
	struct snapshot *snapshot;
	struct shared shared;
	struct port *ports;
	struct tally *tallies;
	struct shard **shard;
	unsigned shard_n;
};

/* --- addresses */

/* A port's name across reloads: two listeners may both say "127.0.0.1:0". */
static void
name_port(char *out, size_t len, const struct conf_listener *conf,
    const struct conf_address *address)
{
	snprintf(out, len, "%s %s", conf->name, address->text);
}

static struct port *
find_port(const struct server *server, const char *name)
{
	struct port *port = server->ports;

	while (port != NULL && strcmp(port->name, name) != 0)
		port = port->next;
	return port;
}

static struct tally *
get_tally(struct server *server, const char *name)
{
	struct tally *tally = server->tallies;

	while (tally != NULL && strcmp(tally->name, name) != 0)
		tally = tally->next;
	if (tally != NULL)
		return tally;
	tally = mem_new(sizeof *tally);
	tally->name = mem_copy(span_str(name));
	tally->next = server->tallies;
	server->tallies = tally;
	return tally;
}

static struct port *
add_port(struct server *server, const char *name,
    const struct conf_listener *conf, const struct conf_address *address)
{
	struct port *port = mem_new(sizeof *port);

	port->name = mem_copy(span_str(name));
	port->address = address->address;
	port->len = address->len;
	port->tally = get_tally(server, conf->name);
	port->next = server->ports;
	server->ports = port;
	return port;
}

static bool
is_ours(const struct server *server, const struct port *port)
{
	for (const struct port *p = server->ports; p != NULL; p = p->next)
		if (p->is_open && p->len == port->len &&
		    memcmp(&p->address, &port->address, p->len) == 0)
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
open_socket(const struct server *server, struct port *port, bool is_first)
{
	int fd = listen_inherited(&port->address);
	int result;

	if (fd != -ENOENT)
		return fd;
	if (is_first && !is_ours(server, port)) {
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

/* What shard s gets: change[s * n + i] for the i-th address. */
struct plan {
	struct shard_port_change *change;
	size_t n;
	unsigned shard_n;
};

static void
drop_plan(struct plan *plan)
{
	for (size_t i = 0; i < plan->n * plan->shard_n; i++)
		if (plan->change[i].fd >= 0)
			close(plan->change[i].fd);
	free(plan->change);
}

static size_t
count_addresses(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->listener_n; i++)
		n += conf->listener[i].address_n;
	return n;
}

static bool
plan_address(struct server *server, struct plan *plan, size_t at,
    size_t listener, const struct conf_listener *conf,
    const struct conf_address *address)
{
	char name[512];
	struct port *port;
	bool is_known;

	name_port(name, sizeof name, conf, address);
	port = find_port(server, name);
	is_known = port != NULL && port->is_open;
	if (port == NULL)
		port = add_port(server, name, conf, address);
	for (unsigned s = 0; s < server->shard_n; s++) {
		struct shard_port_change *change =
		    &plan->change[s * plan->n + at];

		*change = (struct shard_port_change){ port, listener, -1 };
		if (is_known)
			continue;
		change->fd = open_socket(server, port, s == 0);
		if (change->fd < 0) {
			log_error("cannot-listen",
			    LOG_Z("listener", conf->name),
			    LOG_Z("address", address->text),
			    LOG_ERRNO(change->fd),
			    LOG_Z("remedy", change->fd == -EADDRINUSE
				? "another program listens there: stop it or "
				  "choose another port"
				: change->fd == -EACCES
				? "ports below 1024 want CAP_NET_BIND_SERVICE "
				  "or sockets from the service manager"
				: "check the address"));
			return false;
		}
		learn_port(port, change->fd);
	}
	return true;
}

/* Opens what is not open yet, for every shard. */
static bool
make_plan(struct server *server, const struct conf *conf, struct plan *plan)
{
	size_t at = 0;

	plan->n = count_addresses(conf);
	plan->shard_n = server->shard_n;
	plan->change = mem_new_array(plan->n * plan->shard_n,
	    sizeof *plan->change);
	for (size_t i = 0; i < plan->n * plan->shard_n; i++)
		plan->change[i].fd = -1;
	for (size_t i = 0; i < conf->listener_n; i++)
		for (size_t j = 0; j < conf->listener[i].address_n; j++)
			if (!plan_address(server, plan, at++, i,
			    &conf->listener[i], &conf->listener[i].address[j]))
				return false;
	return true;
}

static void
log_listening(const struct conf *conf, const struct shard_port_change *change)
{
	const struct sockaddr_storage *address = &change->port->address;
	char text[INET6_ADDRSTRLEN] = "";
	uint16_t number;

	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
		number = ntohs(in->sin_port);
	} else {
		const struct sockaddr_in6 *in = (const void *)address;

		inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
		number = ntohs(in->sin6_port);
	}
	log_notice("listening",
	    LOG_Z("listener", conf->listener[change->listener].name),
	    LOG_Z("address", text), LOG_U("port", number));
}

/* Hands the plan to the shards; the descriptors are theirs now. */
static void
carry_out(struct server *server, struct snapshot *snapshot,
    struct plan *plan)
{
	for (struct port *port = server->ports; port != NULL;
	    port = port->next)
		port->is_open = false;
	for (size_t i = 0; i < plan->n; i++) {
		plan->change[i].port->is_open = true;
		log_listening(snapshot->conf, &plan->change[i]);
	}
	for (unsigned s = 0; s < server->shard_n; s++)
		shard_change(server->shard[s], snapshot_ref(snapshot),
		    plan->change + s * plan->n, plan->n);
	free(plan->change);
}

/* --- reload */

static enum log_level
level_of(const char *name)
{
	static const char *const names[] = { "debug", "info", "notice",
		"warning", "error" };

	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum log_level)i;
	return LOG_LEVEL_INFO;
}

static struct snapshot *
load(struct server *server, FILE *errors)
{
	struct snapshot *snapshot = snapshot_load(server->conf_path, errors);

	if (snapshot == NULL)
		return NULL;
	if (server->shows_dialogue)
		snapshot->conf->show_dialogue = true;
	log_configure(snapshot->conf->log == CONF_LOG_SYSLOG
	    ? LOG_TO_SYSLOG : LOG_TO_STDERR,
	    level_of(snapshot->conf->log_level));
	return snapshot;
}

static void
log_mistakes(struct span text)
{
	while (text.len != 0)
		log_error("reload-failed", LOG_S("why", span_cut(&text,
		    '\n')));
	log_error("reload-failed",
	    LOG_Z("why", "the old configuration stays in force"));
}

static void
reload(struct server *server)
{
	char *text = NULL;
	size_t len = 0;
	FILE *errors = open_memstream(&text, &len);
	struct snapshot *snapshot;
	struct plan plan;

	if (errors == NULL) {
		log_error("reload-failed", LOG_ERRNO(errno));
		return;
	}
	snapshot = load(server, errors);
	fclose(errors);
	if (snapshot == NULL) {
		log_mistakes(span_of(text, len));
		free(text);
		return;
	}
	free(text);
	if (strcmp(snapshot->conf->spool, server->snapshot->conf->spool) != 0)
		log_warning("needs-restart", LOG_Z("option", "spool"));
	if (!make_plan(server, snapshot->conf, &plan)) {
		log_error("reload-failed",
		    LOG_Z("why", "the old configuration stays in force"));
		drop_plan(&plan);
		snapshot_unref(snapshot);
		return;
	}
	carry_out(server, snapshot, &plan);
	snapshot_unref(server->snapshot);
	server->snapshot = snapshot;
	log_notice("reloaded", LOG_Z("file", server->conf_path));
}

/* --- start and end */

static void
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);	/* then we run with fewer */
}

static unsigned
count_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > SHARDS_MAX ? SHARDS_MAX : (unsigned)n;
}

static bool
make_spool_folder(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return true;
	log_error("cannot-start", LOG_Z("spool", path), LOG_ERRNO(errno),
	    LOG_Z("remedy", "make the folder, owned by the user that runs "
		"ehlod"));
	return false;
}

static bool
start_shards(struct server *server)
{
	const struct conf *conf = server->snapshot->conf;
	unsigned n = conf->shards ? conf->shards : count_cores();
	bool is_good = true;

	server->shard = mem_new_array(n, sizeof *server->shard);
	for (unsigned s = 0; s < n; s++) {
		int result;

		server->shard[s] = shard_new(s, n, &server->shared,
		    server->snapshot);
		result = shard_start(server->shard[s]);
		if (result != 0) {
			log_error("cannot-start", LOG_U("shard", s),
			    LOG_ERRNO(result));
			return false;
		}
		server->shard_n++;
	}
	for (unsigned s = 0; s < n; s++)
		if (shard_wait_ready(server->shard[s]) != 0) {
			log_error("cannot-start",
			    LOG_Z("why", server->shard[s]->error));
			is_good = false;
		}
	return is_good;
}

static void
stop_shards(struct server *server, uint64_t grace_ms)
{
	for (unsigned s = 0; s < server->shard_n; s++)
		shard_stop(server->shard[s], grace_ms);
}

static void
free_server(struct server *server)
{
	struct port *port, *next;
	struct tally *tally;

	for (unsigned s = 0; s < server->shard_n; s++)
		shard_join(server->shard[s]);
	free(server->shard);
	for (port = server->ports; port != NULL; port = next) {
		next = port->next;
		free(port->name);
		free(port);
	}
	while ((tally = server->tallies) != NULL) {
		server->tallies = tally->next;
		free(tally->name);
		free(tally);
	}
	if (server->shared.login_pool != NULL)
		pool_free(server->shared.login_pool);
	if (server->shared.disk_pool != NULL)
		pool_free(server->shared.disk_pool);
	if (server->shared.limit != NULL)
		limit_free(server->shared.limit);
	snapshot_unref(server->snapshot);
}

static void
wait_for_signals(struct server *server, const sigset_t *set)
{
	for (;;) {
		int number = sigwaitinfo(set, NULL);

		if (number == SIGHUP) {
			reload(server);
		} else if (number == SIGUSR1) {
			for (unsigned s = 0; s < server->shard_n; s++)
				shard_log_stats(server->shard[s]);
		} else if (number == SIGTERM || number == SIGINT) {
			log_notice("stopping", LOG_Z("signal",
			    number == SIGTERM ? "TERM" : "INT"));
			return;
		}
	}
}

static bool
start(struct server *server)
{
	unsigned cores = count_cores();
	struct plan plan;

	server->snapshot = load(server, stderr);
	if (server->snapshot == NULL)
		return false;
	if (!make_spool_folder(server->snapshot->conf->spool))
		return false;
	server->shared.limit = limit_new();
	server->shared.login_pool = pool_new(cores, LOGIN_QUEUE_MAX);
	server->shared.disk_pool = pool_new(cores, DISK_QUEUE_MAX);
	if (server->shared.login_pool == NULL ||
	    server->shared.disk_pool == NULL) {
		log_error("cannot-start", LOG_ERRNO(errno));
		return false;
	}
	if (!start_shards(server))
		return false;
	if (!make_plan(server, server->snapshot->conf, &plan)) {
		drop_plan(&plan);
		return false;
	}
	carry_out(server, server->snapshot, &plan);
	log_notice("ready", LOG_Z("version", EHLO_VERSION),
	    LOG_U("pid", (uint64_t)getpid()),
	    LOG_U("shards", server->shard_n));
	return true;
}

static void *
wait_for_second(void *unused)
{
	sigset_t set;
	int number;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigwait(&set, &number);
	/* what is acknowledged is on disk: leaving at once loses nothing */
	log_notice("stopped", LOG_Z("why", "second signal: at once"));
	_exit(1);
}

int
server_run(const char *conf_path, bool shows_dialogue)
{
	struct server server = { .conf_path = conf_path,
		.shows_dialogue = shows_dialogue };
	bool is_good;
	pthread_t impatient;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	/* before any thread: they inherit it, only we take signals */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	/* without its thread, lines are written directly */
	(void)log_start();
	is_good = start(&server);
	if (is_good)
		wait_for_signals(&server, &set);
	stop_shards(&server, is_good
	    ? server.snapshot->conf->shutdown_grace_ms : 0);
	if (is_good && pthread_create(&impatient, NULL, wait_for_second,
	    NULL) == 0)
		pthread_detach(impatient);
	free_server(&server);
	if (is_good)
		log_notice("stopped", LOG_Z("why", "all done"));
	log_stop();
	return is_good ? 0 : 1;
}
