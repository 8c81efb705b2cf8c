/* SPDX-License-Identifier: Apache-2.0 */
/* storebench: how fast does the store accept? One thread stands for an event
 * loop; K messages are outstanding at any time, each is followed by the next
 * one as soon as it is durable.
 *
 *   storebench DIR K SIZE SECONDS [settle|read|keep [--json]]
 *
 * settle: each message is settled when it is durable; read: it is read before
 * that, as a delivery would; keep: none of it. Prints a line with messages a
 * second, CPU a message (this thread and all), octets written per octet of
 * text: as the store counts its batches, and as the kernel counts what this
 * process wrote, which holds the preparation of new segments, too; --json says
 * it to a program. `storebench DIR recover N` fills a store with N messages of
 * 4 KiB and says how long opening it takes. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "spool/store.h"

enum mode { KEEP, SETTLE, READ };

static struct {
	struct store *store;
	int fd;
	enum mode mode;
	size_t size;
	char *text, *copy;
	uint64_t done, failed, until_ns, found;
	unsigned out;
	bool is_json;
} bench;

struct client {
	uint64_t id;
};

static double
seconds(clockid_t clock)
{
	struct timespec t;

	must(clock_gettime(clock, &t) == 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Octets this process had written to the disk, as the kernel counts. */
static double
written(void)
{
	unsigned long long n = 0;
	char line[128];
	FILE *file = fopen("/proc/self/io", "r");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		(void)sscanf(line, "write_bytes: %llu", &n);
	if (file != NULL)
		fclose(file);
	return (double)n;
}

static void
wake(void *arg)
{
	uint64_t one = 1;
	ssize_t n = write(*(int *)arg, &one, sizeof one);

	must(n == sizeof one);
}

static void on_durable(void *arg, int result);

static void
send_one(struct client *client)
{
	int error;
	struct store_msg *msg = store_begin(bench.store, &error);

	if (msg == NULL) {
		fprintf(stderr, "store_begin: %s\n", log_errno(error));
		exit(1);
	}
	client->id = store_msg_id(msg);
	bench.out++;
	for (size_t at = 0; at < bench.size; at += 16384)
		store_write(msg, span_first(span_of(bench.text + at,
		    bench.size - at), 16384));
	store_commit(msg, SPAN("<sender@example.org> <rcpt@example.org> and "
	    "what else an envelope says of client, time and listener"),
	    on_durable, client);
}

static void
read_one(uint64_t id)
{
	struct store_pin pin;
	char envelope[256];

	must(store_pin(bench.store, id, &pin) == 0);
	must(store_read_envelope(bench.store, &pin, envelope) == 0);
	for (uint64_t at = 0; at < pin.text_len;) {
		ssize_t n = store_read_text(bench.store, &pin, at, bench.copy,
		    65536);

		must(n > 0);
		at += (uint64_t)n;
	}
	store_unpin(bench.store, &pin);
}

static void
on_durable(void *arg, int result)
{
	static const uint32_t rcpt[] = { 0 };
	static const enum store_outcome outcome[] = { STORE_DELIVERED };
	struct client *client = arg;

	bench.out--;
	bench.done += result == 0;
	bench.failed += result != 0;
	if (bench.mode == READ)
		read_one(client->id);
	if (bench.mode != KEEP)
		store_settle(bench.store, &(struct store_settle){
		    .id = client->id, .rcpt = rcpt, .outcome = outcome,
		    .rcpt_n = 1, .is_last = true }, NULL, NULL);
	if (seconds(CLOCK_MONOTONIC) * 1e9 < (double)bench.until_ns)
		send_one(client);
}

static void
on_found(void *arg, const struct store_entry *entry)
{
	(void)arg;
	(void)entry;
	bench.found++;
}

static void
turn(void)
{
	struct pollfd wait = { .fd = bench.fd, .events = POLLIN };
	uint64_t count;

	must(poll(&wait, 1, -1) == 1);
	must(read(bench.fd, &count, sizeof count) == sizeof count);
	store_poll(bench.store);
}

static void
open_store(const char *dir)
{
	struct store_options options = { .path = dir, .wake = wake,
		.wake_arg = &bench.fd };
	char error[512];

	bench.store = store_open(&options, on_found, NULL, error,
	    sizeof error);
	if (bench.store == NULL) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
}

struct figures {
	double rate, cpu_here_us, cpu_us, a_batch;
	double batches, kernel;		/* octets written for one of text */
};

static void
tell(unsigned clients, const struct figures *f)
{
	printf(bench.is_json ? "{\"connections\": %u, \"size\": %zu, "
	    "\"rate\": %.0f, \"cpu_here_us\": %.2f, \"cpu_us\": %.2f, "
	    "\"a_batch\": %.1f, \"amplification_batches\": %.3f, "
	    "\"amplification\": %.3f, \"failed\": %" PRIu64 "}\n" :
	    "k=%-5u size=%-7zu %9.0f msg/s  %6.2f us CPU here  %6.2f us "
	    "all  %.1f msg/batch  %.3f written/text  %.3f by the kernel  "
	    "failed %" PRIu64 "\n", clients, bench.size, f->rate,
	    f->cpu_here_us, f->cpu_us, f->a_batch, f->batches, f->kernel,
	    bench.failed);
}

static void
run(unsigned clients, double length)
{
	struct client *client = calloc(clients, sizeof *client);
	struct store_stats before, after;
	double start, mine, all, end, io;

	must(client != NULL);
	/* the first segments are prepared before the clock runs */
	bench.until_ns = 0;
	send_one(&client[0]);
	while (bench.out != 0)
		turn();
	bench.done = 0;
	store_stats(bench.store, &before);
	io = written();
	all = -seconds(CLOCK_PROCESS_CPUTIME_ID);
	mine = -seconds(CLOCK_THREAD_CPUTIME_ID);
	start = seconds(CLOCK_MONOTONIC);
	bench.until_ns = (uint64_t)((start + length) * 1e9);
	for (unsigned i = 0; i < clients; i++)
		send_one(&client[i]);
	while (bench.out != 0)
		turn();
	end = seconds(CLOCK_MONOTONIC);
	mine += seconds(CLOCK_THREAD_CPUTIME_ID);
	all += seconds(CLOCK_PROCESS_CPUTIME_ID);
	store_stats(bench.store, &after);
	io = written() - io;
	tell(clients, &(struct figures){
	    .rate = (double)bench.done / (end - start),
	    .cpu_here_us = mine / (double)bench.done * 1e6,
	    .cpu_us = all / (double)bench.done * 1e6,
	    .a_batch = (double)bench.done /
		(double)(after.batches - before.batches),
	    .batches = (double)(after.batch_bytes - before.batch_bytes) /
		((double)bench.done * (double)bench.size),
	    .kernel = io / ((double)bench.done * (double)bench.size) });
	free(client);
}

static void
recover(const char *dir, uint64_t n)
{
	struct client client[1000];
	struct store_stats stats;
	double start;

	bench.until_ns = 0;
	for (uint64_t i = 0; i < n; i++) {
		send_one(&client[i % 1000]);
		while (bench.out >= 1000)
			turn();
	}
	while (bench.out != 0)
		turn();
	store_stats(bench.store, &stats);
	printf("index: %.1f octets a message\n",
	    (double)stats.memory_bytes / (double)stats.messages);
	store_close(bench.store);
	if (system("echo 3 > /proc/sys/vm/drop_caches") != 0)
		printf("(page cache not dropped)\n");
	start = seconds(CLOCK_MONOTONIC);
	open_store(dir);
	printf("%" PRIu64 " messages recovered in %.3f s\n", bench.found,
	    seconds(CLOCK_MONOTONIC) - start);
}

int
main(int argc, char **argv)
{
	uint64_t clients = 0, size = 4096;

	if (argc < 4 || (!text_u64(span_str(argv[2]), &clients) &&
	    strcmp(argv[2], "recover") != 0) ||
	    !text_u64(span_str(argv[3]), &size)) {
		fprintf(stderr, "usage: storebench DIR K SIZE SECONDS "
		    "[settle|read|keep]\n       storebench DIR recover N\n");
		return 2;
	}
	log_configure(LOG_TO_STDERR, LOG_LEVEL_WARNING);
	bench.fd = eventfd(0, EFD_CLOEXEC);
	bench.size = clients == 0 ? 4096 : size;
	bench.text = malloc(bench.size + 1);
	bench.copy = malloc(65536);
	must(bench.text != NULL && bench.copy != NULL && bench.fd >= 0);
	for (size_t i = 0; i < bench.size; i++)
		bench.text[i] = (char)(i * 2654435761u >> 13);
	open_store(argv[1]);
	if (clients == 0) {
		recover(argv[1], size);
	} else {
		bench.is_json = argc == 7;
		bench.mode = argc < 6 ? SETTLE : argv[5][0] == 'k' ? KEEP :
		    argv[5][0] == 'r' ? READ : SETTLE;
		run((unsigned)clients, argc < 5 ? 2 : strtod(argv[4], NULL));
	}
	store_close(bench.store);
	free(bench.text);
	free(bench.copy);
	return 0;
}
