/* SPDX-License-Identifier: Apache-2.0 */
/* session_etrn: a site that is not always there asks for its mail (ETRN, RFC
 * 1985). All shards are asked: each releases what it has for the site and
 * says how much that was.
 *
 *   session ─► every shard: walk, release ─► the session's shard: the answer
 *
 * The session may be gone by then; a shard that has ended does not answer any
 * more, and what was asked is freed with the others in etrn_free_all(). */
#include "ehlod/etrn.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "ehlod/gather.h"
#include "ehlod/session_state.h"

#define SLICE 4096		/* messages looked at in one turn */

struct etrn_part {
	struct gather_part base;
	struct etrn *etrn;
	struct conf *conf;
	size_t store_at;
	uint32_t at;
	uint64_t released_n;	/* messages that are for it */
	uint64_t unread_n;	/* that may be: nobody knows yet */
};

struct etrn {
	struct gather gather;
	struct session *session;	/* NULL: it has gone */
	struct shared *shared;
	struct release *release;
	char name[SMTP_HELLO_MAX + 1];
	struct etrn *next, **prev;	/* in shared->etrns */
	unsigned part_n;
	struct etrn_part part[];
};

/* --- what is asked for, and not yet answered */

static void
link_in(struct etrn *etrn)
{
	struct shared *shared = etrn->shared;

	pthread_mutex_lock(&shared->etrn_lock);
	etrn->next = shared->etrns;
	etrn->prev = &shared->etrns;
	if (etrn->next != NULL)
		etrn->next->prev = &etrn->next;
	shared->etrns = etrn;
	pthread_mutex_unlock(&shared->etrn_lock);
}

static void
free_etrn(struct etrn *etrn)
{
	pthread_mutex_lock(&etrn->shared->etrn_lock);
	*etrn->prev = etrn->next;
	if (etrn->next != NULL)
		etrn->next->prev = etrn->prev;
	pthread_mutex_unlock(&etrn->shared->etrn_lock);
	for (unsigned i = 0; i < etrn->part_n; i++)
		conf_unref(etrn->part[i].conf);
	release_unref(etrn->release);
	free(etrn);
}

void
etrn_free_all(struct shared *shared)
{
	while (shared->etrns != NULL)
		free_etrn(shared->etrns);
}

void
etrn_forget(struct etrn *etrn)
{
	if (etrn != NULL)
		etrn->session = NULL;
}

/* --- on every shard's thread */

bool
etrn_is_held(const struct conf *conf, struct store *store,
    const struct store_look *look, const struct note *note,
    const struct release *release)
{
	struct span rcpt;
	size_t at = 0;

	for (uint32_t i = 0; note_next_rcpt(note, &at, &rcpt); i++) {
		struct envelope_rcpt one = { .address = rcpt,
			.route = note_route(note) };
		const struct envelope envelope = {
			.sender = note_sender(note),
			.listener = note_listener(note), .rcpt = &one,
			.rcpt_n = 1 };
		struct route_target target;

		if (store_is_settled(store, look->entry.id, i))
			continue;
		route_find(conf, &envelope, 0, &target);
		if (release_fits(release, &target))
			return true;
	}
	return false;
}

static void
look_at(struct etrn_part *part, const struct shard_store *at,
    const struct store_look *look)
{
	const struct note *note = look->note;
	const struct release *release = part->etrn->release;
	bool is_unread = note == NULL || note->is_bare || note->is_cut;

	if (look->entry.state == STORE_HELD)
		return;		/* an operator's */
	if (!is_unread && !etrn_is_held(part->conf, at->store, look, note,
	    release))
		return;
	if (is_unread)
		part->unread_n++;
	else
		part->released_n++;
	(void)delivery_release(at->delivery, look->entry.id,
	    part->etrn->release);
}

static void
release_shard(struct loop_job *job)
{
	struct etrn_part *part = (struct etrn_part *)job;
	struct shard *shard = part->base.shard;
	struct store_look look;

	if (part->conf == NULL)
		part->conf = conf_ref(shard->snapshot->conf);
	for (unsigned n = 0; n < SLICE; n++) {
		const struct shard_store *at = &shard->store[part->store_at];

		if (part->store_at == shard->store_n) {
			gather_answer(&part->base);
			return;
		}
		if (store_walk(at->store, &part->at, &look)) {
			look_at(part, at, &look);
		} else {
			part->store_at++;
			part->at = 0;
		}
	}
	part->base.job.run = release_shard;
	loop_post(shard->loop, &part->base.job);
}

/* --- the answer, on the session's */

static void
answer(struct session *session, const struct etrn *etrn)
{
	struct span name = span_str(etrn->name);
	uint64_t released = 0, unread = 0;
	char memory[20];
	struct put number = put_init(memory, sizeof memory);

	for (unsigned i = 0; i < etrn->part_n; i++) {
		released += etrn->part[i].released_n;
		unread += etrn->part[i].unread_n;
	}
	log_info("etrn", LOG_S("id", id_of(session)),
	    LOG_S("peer", peer_of(session)),
	    LOG_S("login", span_str(session->user)), LOG_S("site", name),
	    LOG_U("released", released), LOG_U("unread", unread));
	put_u64(&number, released);
	if (unread != 0)
		session_answer(session, REPLY_OF(ETRN_STARTED, name));
	else if (released == 0)
		session_answer(session, REPLY_OF(ETRN_NONE, name));
	else
		session_answer(session, REPLY_OF(ETRN_COUNTED, name,
		    put_span(&number)));
}

static void
on_all(struct gather *gather)
{
	struct etrn *etrn = container_of(gather, struct etrn, gather);
	struct session *session = etrn->session;

	if (session != NULL) {
		session->etrn = NULL;
		answer(session, etrn);
	}
	free_etrn(etrn);
	if (session != NULL)
		session_go_on(session);
}

static void
begin(struct session *session, struct release *release, struct span name)
{
	struct shared *shared = session->shard->shared;
	struct etrn *etrn = mem_new(sizeof *etrn +
	    shared->shard_n * sizeof *etrn->part);
	struct put put = put_init(etrn->name, sizeof etrn->name - 1);

	etrn->gather = (struct gather){ .loop = session->shard->loop,
		.done = on_all };
	etrn->session = session;
	etrn->shared = shared;
	etrn->release = release;
	put_bytes(&put, name);
	etrn->part_n = shared->shard_n;
	for (unsigned i = 0; i < etrn->part_n; i++)
		etrn->part[i].etrn = etrn;
	link_in(etrn);
	session->etrn = etrn;
	session_wait(session, WAIT_ANSWER);
	gather_start(&etrn->gather, shared->shard, shared->shard_n,
	    etrn->part, sizeof *etrn->part, release_shard);
}

/* Mail of our own domains is delivered at once and waits for no caller. */
void
session_on_etrn(struct session *session, struct span name)
{
	const struct conf *conf = session->snapshot->conf;
	struct policy policy = session_policy(session);
	struct release *release = release_new(name);
	bool is_known = release != NULL && release_is_known(release, conf);

	if (release != NULL && conf_find_domain(conf, name.p, name.len)) {
		session_answer(session, REPLY_OF(ETRN_NONE, name));
	} else if (!is_known || !policy_may_etrn(&policy)) {
		session_answer(session, REPLY_OF(ETRN_REFUSED, name));
	} else if (session->shard->is_stopping) {
		session_answer(session, REPLY_OF(ETRN_BUSY, name));
	} else {
		begin(session, release, name);
		return;
	}
	release_unref(release);
}
