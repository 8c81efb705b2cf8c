/* SPDX-License-Identifier: Apache-2.0 */
/* shard: one thread with its own loop, listening sockets, sessions, spool
 * directory and schedule. Shards share nothing but what struct shared holds.
 */
#ifndef EHLOD_SHARD_H
#define EHLOD_SHARD_H

#include <pthread.h>
#include <stdatomic.h>

#include "deliver/bounce.h"
#include "deliver/delivery.h"
#include "deliver/link.h"
#include "deliver/tlsrpt_run.h"
#include "ehlod/outside.h"
#include "ehlod/snapshot.h"
#include "net/conn.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/pool.h"
#include "policy/limit.h"
#include "spool/store.h"
#include "trail/transcript.h"

/* The sessions of a listener, at all its addresses; lives from its first use
 * to the end of the process, across reloads, so that it stays true. */
struct tally {
	char *name;		/* of the listener */
	atomic_uint sessions;
	struct tally *next;
};

/* An address a listener has; lives as long. */
struct port {
	char *text;		/* as configured */
	struct sockaddr_storage address;
	socklen_t len;
	struct tally *tally;
	bool is_open;		/* in the configuration in force; main thread */
	struct port *next;
};

/* What all shards use. */
struct shared {
	struct limit *limit;
	struct pool *login_pool;	/* password hashes */
	struct pool *disk_pool;		/* Maildir files */
	struct outside outside;		/* changed before the shards hear of
					 * the configuration that wants it */
	struct faults *faults;		/* on purpose */
	struct pause *pause;		/* the main thread's; shards have
					 * references of their own */
	struct shard **shard;		/* all of them, before any listens */
	unsigned shard_n;
	pthread_mutex_t etrn_lock;
	struct etrn *etrns;		/* under its lock */
};

/* A port of one shard. */
struct shard_port {
	struct shard *shard;
	struct port *port;
	size_t listener;	/* index into the snapshot's listeners */
	struct listener *accepting;
	struct shard_port *next;
};

/* A spool directory of one shard. */
struct shard_store {
	struct shard *shard;
	struct store *store;
	unsigned number;	/* of the directory */
	struct delivery *delivery;
	struct link_env env;		/* how it reaches others */
	struct bounce_env notices;
	struct loop_job wake;
	atomic_bool is_woken;
};

struct session;
struct etrn;

#define SHARDS_MAX 256

struct shard {
	unsigned number;
	struct shared *shared;
	struct snapshot *snapshot;	/* the current one */
	struct loop *loop;
	struct conn_pool *conns;
	struct shard_port *ports;
	struct shard_store *store;	/* [0] takes new mail; the others are
					 * left from a start with more shards */
	size_t store_n;
	struct session *sessions;
	unsigned sessions_n;
	unsigned logins_running;
	uint64_t next_session;		/* the time of the start, then in
					 * steps that leave room for the other
					 * shards' */
	bool is_warming;		/* notes are read, for all to use */
	bool is_stopping, is_late;	/* the grace is over, too */
	struct timer grace;
	struct smtp_event event;	/* of the session at work */
	struct transcript *transcript;	/* the dialogues of late */
	/* counted since the start, for SIGUSR1 */
	uint64_t sessions_total, accepted, refused, logins, login_failures;

	/* private to shard.c */
	pthread_t thread;
	unsigned shards_n;
	char error[512];
	int state;
	unsigned changes_due;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct timer patience;
	struct timer trim;		/* of captured mail; shard 0 */
	struct shard_trim *trimming;	/* in the pool now */
	struct tlsrpt_run *reports;	/* on TLS; shard 0 */
};

/* A change for a shard: the new snapshot and the ports it has. */
struct shard_port_change {
	struct port *port;
	size_t listener;
	int fd;			/* -1: the shard has it already */
};

struct shard *shard_new(unsigned number, unsigned shards_n,
    struct shared *shared, struct snapshot *snapshot);
/* Starts the thread, which recovers its spool; 0 or -errno. */
int shard_start(struct shard *shard);
/* Waits until it is ready: 0, or -1 with the sentence in shard->error. */
int shard_wait_ready(struct shard *shard);
/* Any thread: takes over `snapshot`'s reference and the descriptors. */
void shard_change(struct shard *shard, struct snapshot *snapshot,
    const struct shard_port_change *change, size_t n);
/* Waits until it goes by all the changes it was given. */
void shard_wait_changed(struct shard *shard);
/* Any thread: stops accepting, finishes what is being received within
 * `grace_ms`, then ends. 0: at once. */
void shard_stop(struct shard *shard, uint64_t grace_ms);
/* The shard's thread: what its spool directories hold, added up. */
void shard_sum_stores(const struct shard *shard, struct store_stats *sum);
/* Any thread: logs what it has done and holds. */
void shard_log_stats(struct shard *shard);
void shard_join(struct shard *shard);
/* When all have been joined: they send each other jobs. */
void shard_free(struct shard *shard);

/* A name for a session that no other has, here or in another shard, now or
 * after a restart (with less than 4000 sessions a millisecond). */
uint64_t shard_session_id(struct shard *shard);
/* A session has gone, or what it left behind; a report is made. */
void shard_work_gone(struct shard *shard);

#endif
