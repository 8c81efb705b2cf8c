/* SPDX-License-Identifier: Apache-2.0 */
/* drop: see drop.h.
 *
 *   main loop      list ─────────► next ────────────────────────── next …
 *   pool            └─ names        └─ read       rename      remove  ▲
 *   shard's loop                        └─ write ─┘  └─ commit ┘  └───┘
 *
 * One file is under way at a time, so memory is that of one; a mail costs two
 * syncs of the folder, which is what such mail can bear. */
#include "ehlod/drop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "ehlod/drop_answer.h"
#include "ehlod/drop_file.h"
#include "ehlod/transaction.h"
#include "mail/drop.h"
#include "mail/trace.h"

#define NAMES_MAX 256
#define LOOK_MS   30000

/* What programs of this machine may do: send anywhere, as anybody. */
static const struct conf_listener local_listener = {
	.name = "sendmail",
	.relay = CONF_RELAY_AUTHENTICATED,
};

struct drop {
	struct control *control;
	int folder, alive;
	struct watch watch;
	struct timer timer;
	struct pool_job list_job;
	char name[NAMES_MAX][DROP_NAME_MAX];
	ssize_t name_n;
	size_t next;
	bool is_busy;		/* a list or a file is under way */
	bool is_wanted;		/* another look, when this one is over */
	bool is_stopped;
};

/* A file on its way. */
struct dropped {
	struct pool_job pool_job;
	struct loop_job loop_job;
	struct drop *drop;
	struct shard *shard;
	const char *name;
	char taken[DROP_NAME_MAX], refused[DROP_NAME_MAX];
	char *bytes;
	size_t len;
	int error;
	uid_t uid;
	char owner[64];
	struct drop_said said;	/* of those refused, for who asked */
	char *text;		/* as it travels */
	size_t text_len;
	struct span head;	/* behind the magic, in bytes */
	struct transaction *transaction;
	struct smtp_event *event;
	unsigned refused_n;	/* recipients */
	enum drop_fate fate;
};

static void look(struct drop *drop);

/* --- the end of a file, on the main loop */

static void
finish(struct loop_job *job)
{
	struct dropped *d = container_of(job, struct dropped, loop_job);
	struct drop *drop = d->drop;
	struct control *control = drop->control;

	free(d->bytes);
	free(d->text);
	free(d->event);
	free(d);
	drop->is_busy = false;
	look(drop);
	control_end(control);
}

static void
end_on_main(struct dropped *d)
{
	d->loop_job.run = finish;
	loop_post(d->drop->control->loop, &d->loop_job);
}

static void
end_in_pool(struct pool_job *job)
{
	end_on_main(container_of(job, struct dropped, pool_job));
}

/* With its queue full it is done here: a file that is half way must not stay
 * there, and such mail is rare. */
static void
hand_to_pool(struct dropped *d, struct loop *loop,
    void (*work)(struct pool_job *), void (*done)(struct pool_job *))
{
	struct pool *pool = d->drop->control->shared->disk_pool;

	d->pool_job.work = work;
	d->pool_job.done = done;
	if (pool_add(pool, loop, &d->pool_job) == 0)
		return;
	d->pool_job.work(&d->pool_job);
	d->pool_job.done(&d->pool_job);
}

static bool
answer(const struct dropped *d)
{
	return drop_answer(d->drop->folder, d->name, d->uid, d->fate,
	    &d->said);
}

/* --- what nobody can deliver */

static void
move_refused(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);

	(void)snprintf(d->refused, sizeof d->refused, DROP_REFUSED "%s",
	    d->name + strlen(DROP_NEW));	/* shorter than it was */
	/* who has heard it has it, still */
	d->error = drop_file_move(d->drop->folder, d->name,
	    answer(d) ? NULL : d->refused);
}

static void
refuse(struct dropped *d, struct loop *loop, const char *why)
{
	log_warning("drop-refused", LOG_Z("file", d->name),
	    LOG_Z("owner", d->owner), LOG_Z("why", why));
	if (d->said.put.len == 0)
		drop_say(&d->said, SPAN(""), span_str(why));
	hand_to_pool(d, loop, move_refused, end_in_pool);
}

/* --- 3: it is durable, the file goes */

static void
remove_file(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);
	bool is_heard;

	if (d->fate == DROP_FATE_TAKEN && d->refused_n != 0)
		d->fate = DROP_FATE_PARTLY;
	is_heard = answer(d);
	d->error = drop_file_move(d->drop->folder, d->taken,
	    d->refused_n != 0 && !(is_heard && d->fate == DROP_FATE_BAD) ?
	    d->refused : NULL);
}

static void
file_removed(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);

	if (d->error != 0)
		log_error("drop-failed", LOG_Z("file", d->taken),
		    LOG_ERRNO(d->error));
	/* if it could not be removed it is told twice at worst, after the
	 * next start: better than not at all */
	transaction_deliver(d->transaction);
	end_on_main(d);
}

static void
put_back(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);

	d->fate = DROP_FATE_KEPT;
	(void)answer(d);
	(void)drop_file_move(d->drop->folder, d->taken, d->name);
}

static void
on_stored(void *arg, int result)
{
	struct dropped *d = arg;

	if (result != 0)	/* logged; a later look tries again */
		hand_to_pool(d, d->shard->loop, put_back, end_in_pool);
	else
		hand_to_pool(d, d->shard->loop, remove_file, file_removed);
}

/* --- 2: it has its id in its name, it may be written */

static void
rename_file(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);

	d->error = drop_file_move(d->drop->folder, d->name, d->taken);
}

static void
file_renamed(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);
	struct transaction *t = d->transaction;
	struct reply reply = { 0 };

	t->stored = on_stored;
	t->stored_arg = d;
	if (d->error == 0 && transaction_commit(t, &reply))
		return;
	transaction_over(t);
	if (d->error != 0) {
		log_error("drop-failed", LOG_Z("file", d->name),
		    LOG_ERRNO(d->error));
		end_on_main(d);
		return;
	}
	log_warning("drop-refused", LOG_Z("file", d->name),
	    LOG_Z("owner", d->owner), LOG_Z("why", reply_name(reply.id)));
	d->refused_n = 1;
	d->fate = DROP_FATE_BAD;
	drop_say_reply(&d->said, SPAN(""), &reply);
	hand_to_pool(d, d->shard->loop, remove_file, end_in_pool);
}

/* --- 1: read and judged, on the shard's thread */

/* "mail <…> PARAMS" as MAIL FROM would say it. */
static bool
read_mail(struct dropped *d, struct span args)
{
	static const struct param_allow allow = { .eightbit = true,
		.binary = true, .smtputf8 = true, .dsn = true, .by = true };
	struct smtp_event *event = d->event;
	struct span bad;

	memset(&event->mail.params, 0, sizeof event->mail.params);
	return addr_parse_path(&args, false, &event->mail.from) == ADDR_OK &&
	    param_parse_mail(span_trim(args), &allow, &event->mail.params,
		&bad) == PARAM_OK;
}

static bool
read_rcpt(struct dropped *d, struct span args)
{
	static const struct param_allow allow = { .dsn = true };
	struct smtp_event *event = d->event;
	struct span bad;
	enum addr_result result;

	memset(&event->rcpt.params, 0, sizeof event->rcpt.params);
	result = addr_parse_path(&args, false, &event->rcpt.to);
	return (result == ADDR_OK || result == ADDR_NO_DOMAIN) &&
	    param_parse_rcpt(span_trim(args), &allow, &event->rcpt.params,
		&bad) == PARAM_OK;
}

static struct policy
policy_of(const struct dropped *d)
{
	const struct snapshot *snapshot = d->shard->snapshot;

	return (struct policy){ .conf = snapshot->conf,
		.listener = &local_listener, .users = snapshot->users,
		.aliases = snapshot->aliases,
		.login = span_str(d->owner) };
}

/* A recipient that we would have refused in a session. */
static void
note_refused(struct dropped *d, struct span args, const char *why)
{
	log_warning("drop-refused", LOG_Z("file", d->name),
	    LOG_Z("owner", d->owner), LOG_S("rcpt", args),
	    LOG_Z("why", why));
	d->refused_n++;
}

static void
add_rcpt(struct dropped *d, struct span args)
{
	struct transaction *t = d->transaction;
	struct policy policy = policy_of(d);
	struct reply reply = { 0 };

	if (!read_rcpt(d, args)) {
		note_refused(d, args, "no recipient that we understand");
		drop_say(&d->said, args, SPAN("it is not understood"));
	} else if (!policy_rcpt(&policy, d->event, &t->arena, &t->rcpts,
	    &reply)) {
		note_refused(d, args, reply_name(reply.id));
		drop_say_reply(&d->said, args, &reply);
	} else if (d->event->rcpt.to.is_utf8)
		t->envelope.is_utf8 = true;
}

/* Envelope and policy; NULL, or why not. */
static const char *
open_transaction(struct dropped *d)
{
	struct policy policy = policy_of(d);
	struct span in = d->head;
	struct reply reply = { 0 };
	struct drop_line line;
	unsigned n = 0;

	if (drop_next(&in, &n, &line) != DROP_LINE ||
	    !read_mail(d, line.args))
		return "no sender that we understand";
	if (!policy_mail(&policy, d->event, &reply)) {
		drop_say_reply(&d->said, line.args, &reply);
		return reply_name(reply.id);
	}
	d->transaction = transaction_new(d->shard, NULL, d->shard->snapshot,
	    d->event);
	while (drop_next(&in, &n, &line) == DROP_LINE)
		add_rcpt(d, line.args);
	if (d->transaction->rcpts.n != 0)
		return NULL;
	d->fate = DROP_FATE_NOBODY;
	return "none of its recipients can be reached";
}

static void
write_mail(struct loop_job *job)
{
	struct dropped *d = container_of(job, struct dropped, loop_job);
	const struct transaction_facts facts = {
		.listener = span_str(local_listener.name),
		.login = span_str(d->owner), .hello = SPAN("localhost") };
	const char *why = open_transaction(d);
	struct transaction *t = d->transaction;
	struct reply reply = { 0 };
	struct put put = put_init(d->taken, sizeof d->taken - 1);

	if (why != NULL) {
		if (t != NULL)
			transaction_over(t);
		if (d->fate == DROP_FATE_TAKEN)
			d->fate = DROP_FATE_BAD;
		refuse(d, d->shard->loop, why);
		return;
	}
	if (!transaction_begin_text(t, &facts, &reply)) {
		transaction_over(t);
		log_warning("drop-waits", LOG_Z("file", d->name),
		    LOG_Z("why", reply_name(reply.id)));
		end_on_main(d);
		return;
	}
	transaction_write(t, span_of(d->text, d->text_len));
	put_str(&put, DROP_TAKEN);
	trace_put_id(&put, t->id);
	(void)put_cstr(&put);
	(void)snprintf(d->refused, sizeof d->refused, DROP_REFUSED "%s",
	    d->name + strlen(DROP_NEW));	/* shorter than it was */
	hand_to_pool(d, d->shard->loop, rename_file, file_renamed);
}

/* --- 0: read, on a thread of the pool */

static void
read_file(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);
	struct span in;
	struct put put;
	struct drop_line line;
	unsigned n = 0;
	enum drop_result result;

	d->error = drop_file_read(d->drop->folder, d->name, &d->bytes,
	    &d->len, &d->uid);
	if (d->error != 0)
		return;
	drop_name_owner(d->uid, d->owner, sizeof d->owner);
	in = span_of(d->bytes, d->len);
	if (!drop_begin(&in)) {
		d->error = -EBADMSG;
		return;
	}
	d->head = in;
	do
		result = drop_next(&in, &n, &line);
	while (result == DROP_LINE);
	if (result == DROP_BAD) {
		d->error = -EBADMSG;
		return;
	}
	d->text_len = drop_text_len(in);
	d->text = mem_new(d->text_len + 1);
	put = put_init(d->text, d->text_len);
	drop_put_text(in, &put);
}

static void
file_read(struct pool_job *job)
{
	struct dropped *d = container_of(job, struct dropped, pool_job);
	struct control *control = d->drop->control;

	switch (d->error) {
	case 0:
		d->shard = control->shard[0];
		d->event = mem_new(sizeof *d->event);
		d->loop_job.run = write_mail;
		loop_post(d->shard->loop, &d->loop_job);
		break;
	case -EINVAL:
	case -EBADMSG:
		d->fate = DROP_FATE_BAD;
		refuse(d, control->loop, d->error == -EINVAL
		    ? "no plain file, or too large"
		    : "not as ehlo sendmail writes it");
		break;
	default:	/* gone meanwhile, or a later look will tell */
		log_warning("drop-waits", LOG_Z("file", d->name),
		    LOG_ERRNO(d->error));
		finish(&d->loop_job);
		break;
	}
}

/* --- which files there are */

static void
take_next(struct drop *drop)
{
	struct dropped *d = mem_new(sizeof *d);

	d->drop = drop;
	drop_said_init(&d->said);
	d->name = drop->name[drop->next++];
	drop->is_busy = true;
	control_begin(drop->control);
	hand_to_pool(d, drop->control->loop, read_file, file_read);
}

static void
list_files(struct pool_job *job)
{
	struct drop *drop = container_of(job, struct drop, list_job);

	drop->name_n = drop_folder_list(drop->folder, drop->name,
	    NAMES_MAX);
}

static void
files_listed(struct pool_job *job)
{
	struct drop *drop = container_of(job, struct drop, list_job);

	drop->is_busy = false;
	drop->next = 0;
	if (drop->name_n < 0) {
		log_warning("drop-failed", LOG_ERRNO((int)drop->name_n));
		drop->name_n = 0;
	}
	/* there may be more than fit */
	drop->is_wanted |= drop->name_n == NAMES_MAX;
	look(drop);
	control_end(drop->control);
}

static void
start_listing(struct drop *drop)
{
	drop->is_wanted = false;
	if (pool_add(drop->control->shared->disk_pool, drop->control->loop,
	    &drop->list_job) != 0)
		return;		/* the timer comes again */
	drop->is_busy = true;
	control_begin(drop->control);
}

/* Goes on with what there is to do. */
static void
look(struct drop *drop)
{
	if (drop->is_stopped || drop->is_busy)
		return;
	if ((ssize_t)drop->next < drop->name_n)
		take_next(drop);
	else if (drop->is_wanted)
		start_listing(drop);
}

static void
on_change(struct watch *watch, uint32_t events)
{
	struct drop *drop = container_of(watch, struct drop, watch);
	char events_read[4096];

	(void)events;
	while (read(watch->fd, events_read, sizeof events_read) > 0)
		;
	drop->is_wanted = true;
	look(drop);
}

static void
on_time(struct timer *timer)
{
	struct drop *drop = container_of(timer, struct drop, timer);

	timer_set(drop->control->loop, timer, LOOK_MS);
	drop->is_wanted = true;
	look(drop);
}

/* --- start and end */

static void
watch_folder(struct drop *drop, const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	drop->watch.fd = -1;
	drop->watch.on_ready = on_change;
	if (fd < 0)
		return;		/* the timer will do */
	if (inotify_add_watch(fd, path, IN_MOVED_TO | IN_ONLYDIR) < 0 ||
	    watch_open(drop->control->loop, &drop->watch, fd, EPOLLIN) != 0)
		close(fd);
}

struct drop *
drop_start(struct control *control)
{
	const char *path = control->snapshot->conf->drop_folder;
	int folder = drop_folder_open(path);
	struct drop *drop;

	if (folder == -ENOENT) {
		log_debug("no-drop-folder", LOG_Z("folder", path));
		return NULL;
	}
	if (folder < 0) {
		log_warning("no-drop-folder", LOG_Z("folder", path),
		    LOG_ERRNO(folder), LOG_Z("remedy", "it must belong to "
			"the user that runs ehlod, mode 3733"));
		return NULL;
	}
	drop = mem_new(sizeof *drop);
	drop->control = control;
	drop->folder = folder;
	drop->alive = drop_alive_open(folder);
	drop->timer.on_time = on_time;
	drop->list_job.work = list_files;
	drop->list_job.done = files_listed;
	watch_folder(drop, path);
	timer_set(control->loop, &drop->timer, LOOK_MS);
	drop->is_wanted = true;
	look(drop);
	return drop;
}

void
drop_stop(struct drop *drop)
{
	if (drop == NULL)
		return;
	drop->is_stopped = true;
	if (drop->alive >= 0)
		close(drop->alive);
	drop->alive = -1;
	timer_stop(drop->control->loop, &drop->timer);
	if (drop->watch.fd >= 0 && drop->watch.events != 0) {
		watch_close(drop->control->loop, &drop->watch);
		close(drop->watch.fd);
		drop->watch.fd = -1;
	}
}

void
drop_free(struct drop *drop)
{
	if (drop == NULL)
		return;
	close(drop->folder);
	free(drop);
}
