/* SPDX-License-Identifier: Apache-2.0 */
/* server: see server.h.
 *
 * Start: configuration → sockets (so that a taken port is told at once) →
 * shards recover their spools → accepting. A reload does the same with what is
 * new; whatever fails, the old configuration stays whole. */
#include "ehlod/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/log.h"
#include "ehlod/control.h"
#include "ehlod/etrn.h"
#include "ehlod/faults.h"
#include "ehlod/ports.h"
#include "trail/trail.h"

/* Password checks that may wait; at 20 ms each, a few seconds a thread. */
#define LOGIN_QUEUE_MAX 256
#define DISK_QUEUE_MAX  1024

struct server {
	const char *conf_path;
	bool shows_dialogue;
	struct snapshot *snapshot;
	struct shared shared;
	struct ports ports;
	struct shard **shard;
	unsigned shard_n;
	struct control control;
	struct watch signals;
};

/* --- reload */

/* Hands the plan to the shards, and waits until they go by it; the descriptors
 * are theirs now. */
static void
carry_out(struct server *server, struct snapshot *snapshot,
    struct ports_plan *plan)
{
	faults_configure(server->shared.faults, snapshot->conf);
	ports_take_plan(&server->ports, snapshot->conf, plan);
	for (unsigned s = 0; s < server->shard_n; s++)
		shard_change(server->shard[s], snapshot_ref(snapshot),
		    plan->change + s * plan->n, plan->n);
	for (unsigned s = 0; s < server->shard_n; s++)
		shard_wait_changed(server->shard[s]);
	free(plan->change);
}

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
	return snapshot;
}

static void
configure_log(const struct conf *conf)
{
	log_configure(conf->log == CONF_LOG_SYSLOG ? LOG_TO_SYSLOG
	    : LOG_TO_STDERR, level_of(conf->log_level));
}

/* "file:2:1: error: …" a line; what is indented shows the place, for people
 * at a terminal. */
static void
log_mistakes(struct span text)
{
	while (text.len != 0) {
		struct span line = span_cut(&text, '\n');

		if (line.len == 0 || line.p[0] == ' ')
			continue;
		if (memmem(line.p, line.len, ": warning: ", 11) != NULL)
			log_warning("reload-warning", LOG_S("why", line));
		else
			log_error("reload-failed", LOG_S("why", line));
	}
}

static bool
is_same_list(const char *const *a, size_t a_n, const char *const *b, size_t b_n)
{
	for (size_t i = 0; i < a_n && i < b_n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return a_n == b_n;
}

/* What a reload cannot change. */
static void
warn_of_restart(const struct conf *old, const struct conf *new)
{
	const struct {
		const char *option, *old, *new;
	} texts[] = {
		{ "spool", old->spool, new->spool },
		{ "control", old->control, new->control },
		{ "control-group", old->control_group, new->control_group },
		{ "trail", old->trail_file, new->trail_file },
		{ "drop-folder", old->drop_folder, new->drop_folder },
		{ "trust-anchor", old->trust_anchor, new->trust_anchor },
		{ "hosts-file", old->hosts_file, new->hosts_file },
		{ "ca-file", old->ca_file, new->ca_file },
	};

	for (size_t i = 0; i < countof(texts); i++)
		if (strcmp(texts[i].old, texts[i].new) != 0)
			log_warning("needs-restart",
			    LOG_Z("option", texts[i].option));
	if (new->shards != old->shards)
		log_warning("needs-restart", LOG_Z("option", "shards"));
	if (!is_same_list(old->resolver, old->resolver_n, new->resolver,
	    new->resolver_n))
		log_warning("needs-restart", LOG_Z("option", "resolver"));
}

static void
reload(struct server *server)
{
	char *text = NULL;
	size_t len = 0;
	FILE *errors = open_memstream(&text, &len);
	struct snapshot *snapshot;
	struct ports_plan plan;

	if (errors == NULL) {
		log_error("reload-failed", LOG_ERRNO(errno));
		return;
	}
	snapshot = load(server, errors);
	fclose(errors);
	if (snapshot == NULL) {
		log_mistakes(span_of(text, len));
		log_error("reload-failed",
		    LOG_Z("why", "the old configuration stays in force"));
		free(text);
		return;
	}
	log_mistakes(span_of(text, len));	/* warnings */
	free(text);
	warn_of_restart(server->snapshot->conf, snapshot->conf);
	if (!ports_make_plan(&server->ports, snapshot->conf, &plan)) {
		snapshot_unref(snapshot);
		log_error("reload-failed",
		    LOG_Z("why", "the old configuration stays in force"));
		return;
	}
	configure_log(snapshot->conf);
	/* without it mail waits; what else is new holds */
	(void)outside_open(&server->shared.outside, snapshot->conf);
	carry_out(server, snapshot, &plan);
	snapshot_unref(server->snapshot);
	server->snapshot = server->control.snapshot = snapshot;
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

/* A trail that was asked for and cannot be is told now, not when somebody
 * looks for a mail. */
static bool
start_trail(const struct conf *conf)
{
	const struct trail_options options = { .file = conf->trail_file,
		.keep_ms = conf->trail_keep_ms,
		.size_max = conf->trail_max_size };
	char error[1024];

	if (*conf->trail_file == '\0')
		return true;
	if (trail_start(&options, error, sizeof error) != 0) {
		log_error("cannot-start", LOG_Z("why", error));
		return false;
	}
	trail_event(&(struct trail_event){ .kind = TRAIL_STARTED,
		.words = SPAN(EHLO_VERSION) });
	return true;
}

/* What an operator paused before the restart. */
static void
load_pause(struct server *server)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/paused",
	    server->snapshot->conf->spool);
	server->shared.pause = pause_load(path);
}

static bool
start_shards(struct server *server)
{
	unsigned n = server->ports.shard_n;
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
	outside_stop(&server->shared.outside);
	for (unsigned s = 0; s < server->shard_n; s++)
		shard_join(server->shard[s]);
	etrn_free_all(&server->shared);
	for (unsigned s = 0; s < server->shard_n; s++)
		shard_free(server->shard[s]);
	free(server->shard);
	ports_free(&server->ports);
	if (server->shared.login_pool != NULL)
		pool_free(server->shared.login_pool);
	if (server->shared.disk_pool != NULL)
		pool_free(server->shared.disk_pool);
	outside_close(&server->shared.outside);
	if (server->shared.limit != NULL)
		limit_free(server->shared.limit);
	faults_free(server->shared.faults);
	pause_unref(server->shared.pause);
	trail_event(&(struct trail_event){ .kind = TRAIL_STOPPED });
	trail_stop();
	control_free(&server->control);
	loop_free(server->control.loop);
	close(server->signals.fd);
	snapshot_unref(server->snapshot);
}

/* --- signals, on the main thread's loop */

static void
on_signal(struct server *server, uint32_t number)
{
	if (number == SIGHUP) {
		reload(server);
	} else if (number == SIGUSR1) {
		for (unsigned s = 0; s < server->shard_n; s++)
			shard_log_stats(server->shard[s]);
	} else if (number == SIGTERM || number == SIGINT) {
		log_notice("stopping", LOG_Z("signal",
		    number == SIGTERM ? "TERM" : "INT"));
		/* the second one is wait_for_second()'s */
		watch_close(server->control.loop, &server->signals);
		control_stop(&server->control);
	}
}

static void
read_signals(struct watch *watch, uint32_t events)
{
	struct server *server = container_of(watch, struct server, signals);
	struct signalfd_siginfo info;

	(void)events;
	while (watch->events != 0 &&
	    read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info)
		on_signal(server, info.ssi_signo);
}

static void
on_control_stopped(struct control *control)
{
	loop_stop(control->loop);
}

/* Until SIGTERM. */
static void
serve(struct server *server)
{
	must(loop_run(server->control.loop) == 0);
}

static bool
open_loop(struct server *server, const sigset_t *set)
{
	int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);

	server->control.stopped = on_control_stopped;
	server->control.loop = loop_new();
	server->signals.on_ready = read_signals;
	if (fd >= 0 && server->control.loop != NULL &&
	    watch_open(server->control.loop, &server->signals, fd,
		EPOLLIN) == 0)
		return true;
	log_error("cannot-start", LOG_ERRNO(errno));
	return false;
}

static bool
start(struct server *server)
{
	unsigned cores = count_cores();
	const struct conf *conf;
	struct ports_plan plan;

	server->snapshot = load(server, stderr);
	if (server->snapshot == NULL)
		return false;
	conf = server->snapshot->conf;
	configure_log(conf);
	server->ports.shard_n = conf->shards != 0 ? conf->shards : cores;
	server->shared.limit = limit_new();
	server->shared.faults = faults_new();
	pthread_mutex_init(&server->shared.etrn_lock, NULL);
	server->shared.login_pool = pool_new(cores, LOGIN_QUEUE_MAX);
	server->shared.disk_pool = pool_new(cores, DISK_QUEUE_MAX);
	if (server->shared.login_pool == NULL ||
	    server->shared.disk_pool == NULL) {
		log_error("cannot-start", LOG_ERRNO(errno));
		return false;
	}
	if (!outside_open(&server->shared.outside, conf) ||
	    !ports_make_plan(&server->ports, conf, &plan))
		return false;
	load_pause(server);
	if (!make_spool_folder(conf->spool) || !start_trail(conf) ||
	    !start_shards(server)) {
		ports_drop_plan(&plan);
		return false;
	}
	server->shared.shard = server->shard;
	server->shared.shard_n = server->shard_n;
	carry_out(server, server->snapshot, &plan);
	server->control.shard = server->shard;
	server->control.shard_n = server->shard_n;
	server->control.shared = &server->shared;
	server->control.snapshot = server->snapshot;
	control_start(&server->control);
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
	is_good = open_loop(&server, &set) && start(&server);
	if (is_good)
		serve(&server);
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
