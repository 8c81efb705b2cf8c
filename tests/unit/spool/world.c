/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"

#define WORLD_SEGMENT (64 * 1024u)
#define WORLD_PART    (8 * 1024u)
#define WORLD_BATCH   (24 * 1024u)
#define WORLD_DIR     "/spool"

static struct world *of_time;	/* whose clock the store asks */

static uint64_t
world_now(void)
{
	return of_time->now;
}

void
world_init(struct world *world, uint64_t seed)
{
	*world = (struct world){ .seed = seed, .now = 1700000000000,
		.tick = 2000000000000, .rewrites = seed % 2 == 0 };
	world->disk = lying_disk_new(seed);
	world->mail = mem_new_array(WORLD_MAIL_MAX, sizeof *world->mail);
}

static uint64_t
dice(struct world *world, uint64_t n)
{
	return lying_random(&world->seed) % n;
}

static char
text_at(uint64_t seed, uint64_t at)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15u + (at / 8) * 31;

	x ^= x >> 31;
	x *= 0xbf58476d1ce4e5b9u;
	return (char)(x >> (8 * (at % 8)));
}

static size_t
put_envelope(const struct mail *mail, unsigned text, char *out, size_t len)
{
	int n = snprintf(out, len, "from %llu of %u, %u",
	    (unsigned long long)mail->seed, mail->len, text);

	/* lengths of all kinds, so that records end everywhere */
	for (uint64_t i = (mail->seed + 7 * text) % 23; i > 0; i--)
		out[n++] = '.';
	return (size_t)n;
}

/* --- answers */

static void
on_committed(void *arg, int result)
{
	struct mail *mail = arg;

	assert_int_equal(mail->stage, MAIL_SENT);
	if (result == 0 && mail->id > mail->world->top_id)
		mail->world->top_id = mail->id;
	if (result == 0)
		mail->stage = MAIL_SAFE;
	else
		mail->stage = mail->world->may_lie ||
		    lying_disk_is_dead(mail->world->disk) ? MAIL_UNKNOWN :
		    MAIL_REFUSED;
}

static void
on_ended(void *arg, int result)
{
	struct mail *mail = arg;

	if (result == 0)
		mail->stage = MAIL_ENDED;
	else if (mail->stage == MAIL_ENDING)
		mail->stage = MAIL_UNKNOWN;
}

struct settled {
	struct mail *mail;
	uint32_t bits;
	uint64_t due;
};

static void
on_settled(void *arg, int result)
{
	struct settled *settled = arg;

	if (result == 0) {
		settled->mail->must_settled |= settled->bits;
		settled->mail->safe_due = settled->due;
	}
	free(settled);
}

/* --- the script */

static struct mail *
pick(struct world *world)
{
	size_t first = (size_t)dice(world, world->mail_n + 1);

	for (size_t i = 0; i < world->mail_n; i++) {
		struct mail *mail = &world->mail[(first + i) %
		    world->mail_n];

		if (mail->stage == MAIL_SAFE)
			return mail;
	}
	return NULL;
}

static void
write_text(struct store_msg *msg, const struct mail *mail, uint32_t at,
    uint32_t len)
{
	char piece[512];

	while (len != 0) {
		uint32_t n = len < sizeof piece ? len :
		    (uint32_t)sizeof piece;

		for (uint32_t i = 0; i < n; i++)
			piece[i] = text_at(mail->seed, at + i);
		store_write(msg, span_of(piece, n));
		at += n;
		len -= n;
	}
}

static void
commit(struct store_msg *msg, struct mail *mail)
{
	char envelope[128];
	size_t len = put_envelope(mail, 0, envelope, sizeof envelope);

	store_commit(msg, span_of(envelope, len), on_committed, mail);
}

static struct store_msg *
begin(struct world *world, uint32_t len, struct mail **out)
{
	struct mail *mail = &world->mail[world->mail_n];
	int error;
	struct store_msg *msg;

	if (world->mail_n == WORLD_MAIL_MAX)
		return NULL;
	msg = store_begin(world->store, &error);
	if (msg == NULL) {
		assert_true(error < 0);
		return NULL;
	}
	*mail = (struct mail){ .world = world, .id = store_msg_id(msg),
		.seed = world->seed % 100000, .len = len };
	/* ids ascend for ever, whatever the clock does */
	assert_true(mail->id > world->top_id);
	world->mail_n++;
	*out = mail;
	return msg;
}

static void
step_small(struct world *world)
{
	static const uint32_t most[] = { 10, 600, 5000, 8191 };
	uint32_t len = (uint32_t)dice(world, most[dice(world, 4)]);
	struct mail *mail;
	struct store_msg *msg = begin(world, len, &mail);

	if (msg == NULL)
		return;
	write_text(msg, mail, 0, len);
	commit(msg, mail);
}

/* Large ones grow while other things happen. */
static void
step_large(struct world *world)
{
	uint32_t len = WORLD_PART + (uint32_t)dice(world, 6 * WORLD_PART);
	uint32_t now;

	if (world->open == NULL) {
		world->open_left = len;
		world->open = begin(world, len, &world->open_mail);
		if (world->open != NULL)
			world->open_mail->stage = MAIL_REFUSED;
		return;
	}
	now = 1 + (uint32_t)dice(world, 3 * WORLD_PART);
	if (now > world->open_left)
		now = world->open_left;
	write_text(world->open, world->open_mail,
	    world->open_mail->len - world->open_left, now);
	world->open_left -= now;
	if (world->open_left != 0)
		return;
	if (dice(world, 6) == 0) {
		store_abandon(world->open);
	} else {
		world->open_mail->stage = MAIL_SENT;
		commit(world->open, world->open_mail);
	}
	world->open = NULL;
}

static void
step_settle(struct world *world)
{
	struct mail *mail = pick(world);
	uint32_t rcpt[3];
	enum store_outcome outcome[3] = { STORE_DELIVERED, STORE_FAILED,
		STORE_DELIVERED };
	struct store_settle settle = { .rcpt = rcpt, .outcome = outcome };
	struct settled *settled;

	if (mail == NULL)
		return;
	settled = mem_new(sizeof *settled);
	*settled = (struct settled){ .mail = mail, .due = ++world->tick };
	settle.id = mail->id;
	settle.rcpt_n = (size_t)dice(world, 4);
	for (size_t i = 0; i < settle.rcpt_n; i++) {
		rcpt[i] = (uint32_t)dice(world, WORLD_RCPTS);
		settled->bits |= 1u << rcpt[i];
	}
	settle.state = dice(world, 4) == 0 ? STORE_WAITING : STORE_READY;
	settle.due_ms = world->tick;
	settle.reason = span_first(SPAN("450 4.2.1 the mailbox is busy"),
	    (size_t)dice(world, 30));
	mail->may_settled |= settled->bits;
	mail->last_due = world->tick;
	store_settle(world->store, &settle, on_settled, settled);
}

static void
end_mail(struct world *world, struct mail *mail)
{
	uint32_t rcpt[] = { 0, 1 };
	enum store_outcome outcome[] = { STORE_DELIVERED, STORE_FAILED };
	struct store_settle settle = { .id = mail->id, .rcpt = rcpt,
		.outcome = outcome, .rcpt_n = 2, .is_last = true };

	mail->stage = MAIL_ENDING;
	store_settle(world->store, &settle, on_ended, mail);
}

static void
step_state(struct world *world)
{
	struct mail *mail = pick(world);

	if (mail == NULL)
		return;
	if (dice(world, 3) == 0) {
		assert_int_equal(store_remove(world->store, mail->id), 0);
		mail->stage = MAIL_UNKNOWN;
		return;
	}
	mail->last_due = ++world->tick;
	assert_int_equal(store_set_state(world->store, mail->id, STORE_HELD,
	    world->tick), 0);
}

struct rewritten {
	struct mail *mail;
	unsigned text;
};

static void
on_rewritten(void *arg, int result)
{
	struct rewritten *rewritten = arg;

	if (result == 0)
		rewritten->mail->safe_text = rewritten->text;
	free(rewritten);
}

static void
step_rewrite(struct world *world)
{
	struct mail *mail = pick(world);
	struct rewritten *rewritten;
	char envelope[128];
	size_t len;
	int error;

	if (mail == NULL)
		return;
	rewritten = mem_new(sizeof *rewritten);
	*rewritten = (struct rewritten){ mail, mail->last_text + 1 };
	len = put_envelope(mail, rewritten->text, envelope, sizeof envelope);
	error = store_rewrite(world->store, mail->id, span_of(envelope, len),
	    on_rewritten, rewritten);
	if (error == 0)
		mail->last_text++;
	else
		free(rewritten);
	assert_true(error == 0 || error == -EBUSY || error == -EBADMSG);
}

static void
step_pin(struct world *world)
{
	struct mail *mail = pick(world);

	if (world->has_pin) {
		store_unpin(world->store, &world->pin);
		world->has_pin = false;
		return;
	}
	if (mail != NULL)
		world->has_pin = store_pin(world->store, mail->id,
		    &world->pin) == 0;
}

static void
step(struct world *world)
{
	struct mail *mail;

	world->now += 1 + dice(world, 5);
	switch (dice(world, world->rewrites ? 17 : 16)) {
	case 0: case 1: case 2: case 3:
		step_small(world);
		break;
	case 4: case 5:
		step_large(world);
		break;
	case 6: case 7:
		step_settle(world);
		break;
	case 8: case 9: case 10: case 11:
		mail = pick(world);
		if (mail != NULL)
			end_mail(world, mail);
		break;
	case 12:
		step_state(world);
		break;
	case 13:
		step_pin(world);
		break;
	case 16:
		step_rewrite(world);
		break;
	default:
		store_poll(world->store);
		break;
	}
}

void
world_run(struct world *world, unsigned steps)
{
	of_time = world;
	while (steps-- != 0 && !lying_disk_is_dead(world->disk))
		step(world);
	if (!lying_disk_is_dead(world->disk))
		store_poll(world->store);
}

/* --- checks */

static struct mail *
find_mail(struct world *world, uint64_t id)
{
	for (size_t i = 0; i < world->mail_n; i++)
		if (world->mail[i].id == id)
			return &world->mail[i];
	return NULL;
}

static void
on_found(void *arg, const struct store_entry *entry)
{
	struct world *world = arg;
	struct mail *mail = find_mail(world, entry->id);

	if (mail == NULL)
		fail_msg("promise 2: %llx was never sent",
		    (unsigned long long)entry->id);
	if (mail->is_found)
		fail_msg("promise 6: %llx found twice",
		    (unsigned long long)entry->id);
	mail->is_found = true;
	if (mail->stage == MAIL_ENDED)
		fail_msg("promise 3: %llx was ended", (unsigned long long)
		    entry->id);
	if (mail->stage == MAIL_REFUSED)
		fail_msg("promise 1: %llx was refused", (unsigned long long)
		    entry->id);
	if (mail->safe_due != 0 && entry->due_ms < mail->safe_due)
		fail_msg("promise 4: the state of %llx is an older one",
		    (unsigned long long)entry->id);
	if (entry->due_ms > mail->last_due && mail->last_due != 0)
		fail_msg("the state of %llx is of the future",
		    (unsigned long long)entry->id);
}

static void
check_settled(struct world *world, const struct mail *mail)
{
	for (uint32_t i = 0; i < WORLD_RCPTS; i++) {
		bool is = store_is_settled(world->store, mail->id, i);

		if (is && (mail->may_settled >> i & 1) == 0)
			fail_msg("promise 4: recipient %u of %llx was never "
			    "settled", i, (unsigned long long)mail->id);
		if (!is && (mail->must_settled >> i & 1) != 0)
			fail_msg("promise 3: recipient %u of %llx would be "
			    "served again", i, (unsigned long long)mail->id);
	}
}

/* Which of its envelopes it has. */
static unsigned
check_text(struct world *world, const struct mail *mail)
{
	char expected[128], envelope[128], piece[3000];
	struct store_pin pin;
	unsigned text = mail->safe_text;
	uint64_t at = 0;
	ssize_t n;

	assert_int_equal(store_pin(world->store, mail->id, &pin), 0);
	assert_int_equal(pin.text_len, mail->len);
	assert_true(pin.envelope_len < sizeof envelope);
	assert_int_equal(store_read_envelope(world->store, &pin, envelope),
	    0);
	for (; ; text++) {
		size_t len = put_envelope(mail, text, expected,
		    sizeof expected);

		if (text > mail->last_text)
			fail_msg("the envelope of %llx is none it had since",
			    (unsigned long long)mail->id);
		if (len == pin.envelope_len &&
		    memcmp(envelope, expected, len) == 0)
			break;
	}
	while ((n = store_read_text(world->store, &pin, at, piece,
	    sizeof piece)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (piece[i] != text_at(mail->seed,
			    at + (uint64_t)i))
				fail_msg("promise 2: octet %llu of %llx",
				    (unsigned long long)at,
				    (unsigned long long)mail->id);
		at += (uint64_t)n;
	}
	assert_int_equal(at, mail->len);
	store_unpin(world->store, &pin);
	return text;
}

void
world_check_mail(struct world *world)
{
	for (size_t i = 0; i < world->mail_n; i++) {
		if (world->mail[i].stage != MAIL_SAFE)
			continue;
		check_text(world, &world->mail[i]);
		check_settled(world, &world->mail[i]);
	}
}

static struct store *
open_store(struct world *world, store_found *found)
{
	struct store_options options = {
		.path = WORLD_DIR,
		.shard = 7,
		.segment_size = WORLD_SEGMENT,
		.reserve = 1,
		.disk = lying_disk_table(world->disk),
		.now_ms = world_now,
	};
	struct spool_tuning tuning = {
		.part_len = WORLD_PART,
		.batch_max = WORLD_BATCH,
		.cache_max = 20000,
		.is_inline = true,
	};

	of_time = world;
	return spool_open(&options, &tuning, found, world, world->error,
	    sizeof world->error);
}

bool
world_open(struct world *world)
{
	for (size_t i = 0; i < world->mail_n; i++)
		world->mail[i].is_found = false;
	world->store = open_store(world, on_found);
	if (world->store == NULL) {
		if (!lying_disk_is_dead(world->disk))
			fail_msg("cannot be opened: %s", world->error);
		return false;
	}
	if (lying_disk_is_dead(world->disk))
		return false;
	for (size_t i = 0; i < world->store->segment_n; i++)
		if (world->store->segment[i]->is_damaged)
			fail_msg("segment %u is said to be damaged",
			    world->store->segment[i]->slot);
	for (size_t i = 0; i < world->mail_n; i++) {
		struct mail *mail = &world->mail[i];

		if (mail->stage == MAIL_SAFE && !mail->is_found)
			fail_msg("promise 2: %llx is lost",
			    (unsigned long long)mail->id);
		if (mail->is_found && mail->id > world->top_id)
			world->top_id = mail->id;
		/* never on the disk: the id may come again */
		if (!mail->is_found && mail->id > world->top_id)
			mail->id = 0;
		/* from now on it has to stay what it is */
		if (mail->stage == MAIL_SENT || mail->stage == MAIL_UNKNOWN ||
		    mail->stage == MAIL_ENDING)
			mail->stage = mail->is_found ? MAIL_SAFE :
			    MAIL_ENDED;
		if (!mail->is_found)
			continue;
		mail->safe_text = mail->last_text = check_text(world, mail);
		check_settled(world, mail);
		for (uint32_t k = 0; k < WORLD_RCPTS; k++)
			if (store_is_settled(world->store, mail->id, k))
				mail->must_settled |= 1u << k;
		mail->may_settled = mail->must_settled;
	}
	return true;
}

void
world_close(struct world *world)
{
	if (world->store == NULL)
		return;
	of_time = world;
	if (world->has_pin)
		store_unpin(world->store, &world->pin);
	world->has_pin = false;
	if (world->open != NULL)
		store_abandon(world->open);
	world->open = NULL;
	store_close(world->store);
	world->store = NULL;
}

void
world_crash(struct world *world)
{
	if (!lying_disk_is_dead(world->disk))
		lying_disk_fault(world->disk, LYING_CRASH,
		    lying_disk_ops(world->disk) + 1, 1);
	/* closing frees memory; the disk is dead, or dies now */
	world_close(world);
	lying_disk_restart(world->disk);
	world->crashes++;
	/* clocks are wrong after a power cut */
	world->now -= dice(world, 2) == 0 ? 0 : 1000;
}

void
world_finish(struct world *world)
{
	struct store_stats stats;
	unsigned rounds = 0;

	of_time = world;
	if (world->has_pin)
		store_unpin(world->store, &world->pin);
	world->has_pin = false;
	if (world->open != NULL)
		store_abandon(world->open);
	world->open = NULL;
	store_poll(world->store);
	for (size_t i = 0; i < world->mail_n; i++)
		if (world->mail[i].stage == MAIL_SAFE)
			end_mail(world, &world->mail[i]);
	do {
		store_poll(world->store);
		assert_true(rounds++ < 10000);
	} while (commit_out(&world->store->committer) != 0);
	for (size_t i = 0; i < world->mail_n; i++)
		assert_int_not_equal(world->mail[i].stage, MAIL_ENDING);
	store_stats(world->store, &stats);
	assert_int_equal(stats.messages, 0);
	assert_int_equal(stats.live_bytes, 0);
	if (stats.disk_bytes > 6 * WORLD_SEGMENT)
		fail_msg("promise 5: %llu octets for no mail",
		    (unsigned long long)stats.disk_bytes);
}

void
world_free(struct world *world)
{
	world_close(world);
	lying_disk_free(world->disk);
	free(world->mail);
}
