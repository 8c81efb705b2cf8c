/* SPDX-License-Identifier: Apache-2.0 */
/* queue_print: see queue_print.h. */
#include "ehlo/queue_print.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ehlo/daemon.h"
#include "ehlo/tell.h"

#define SORTED_MAX 100000
#define RCPTS_SHOWN 3

void
queue_print_json(const json_t *item)
{
	if (json_dumpf(item, stdout, JSON_COMPACT) == 0)
		putchar('\n');
}

static void
print_address(const char *address)
{
	putchar('<');
	(void)daemon_print(stdout, address);
	putchar('>');
}

static void
print_rcpts(const json_t *item)
{
	const json_t *rcpts = json_object_get(item, "rcpts");
	size_t n = json_array_size(rcpts);

	for (size_t i = 0; i < n && i < RCPTS_SHOWN; i++) {
		if (i != 0)
			fputs(", ", stdout);
		(void)daemon_print(stdout,
		    json_string_value(json_array_get(rcpts, i)));
	}
	if (n > RCPTS_SHOWN)
		printf(" and %zu more", n - RCPTS_SHOWN);
}

static void
print_head(void)
{
	puts("ID              AGE   SIZE  STATE    TRIES  FROM, TO, WHY");
}

static void
print_item(const json_t *item)
{
	uint64_t now = clock_real_ms(), at = daemon_number(item, "received");
	const char *reason = daemon_text(item, "reason");

	(void)daemon_print(stdout, daemon_text(item, "id"));
	putchar(' ');
	daemon_print_age(stdout, now > at ? now - at : 0, 5);
	putchar(' ');
	daemon_print_size(stdout, daemon_number(item, "size"));
	printf("  %-7s  %5" PRIu64 "  ", daemon_text(item, "state"),
	    daemon_number(item, "attempts"));
	print_address(daemon_text(item, "sender"));
	fputs(" to ", stdout);
	print_rcpts(item);
	putchar('\n');
	if (*reason != '\0') {
		printf("%*s", 44, "");
		(void)daemon_print(stdout, reason);
		putchar('\n');
	}
}

/* Ids ascend with time, as texts do. */
static int
compare(const void *a, const void *b)
{
	return strcmp(daemon_text(*(json_t *const *)a, "id"),
	    daemon_text(*(json_t *const *)b, "id"));
}

static void
print_sorted(struct queue_list *list)
{
	if (list->n != 0) {
		qsort(list->item, list->n, sizeof(json_t *), compare);
		print_head();
	}
	for (size_t i = 0; i < list->n; i++)
		print_item(list->item[i]);
	list->printed = list->n;
}

bool
queue_take(void *arg, const json_t *item)
{
	struct queue_list *list = arg;

	if (list->is_json) {
		queue_print_json(item);
		list->printed++;
		return true;
	}
	if (list->n == SORTED_MAX) {
		if (list->printed == 0)
			print_sorted(list);
		print_item(item);
		list->printed++;
		return true;
	}
	if (list->n == list->cap) {
		list->cap = list->cap != 0 ? list->cap * 2 : 64;
		list->item = mem_grow_array(list->item, list->cap,
		    sizeof(json_t *));
	}
	/* a reference is not a change */
	list->item[list->n++] = json_incref((json_t *)(uintptr_t)item);
	return true;
}

void
queue_print_list(struct queue_list *list)
{
	if (list->is_json)
		return;
	if (list->printed == 0)
		print_sorted(list);
	printf("%zu %s\n", list->printed,
	    list->printed == 1 ? "message" : "messages");
}

void
queue_list_free(struct queue_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		json_decref(list->item[i]);
	free(list->item);
	*list = (struct queue_list){ .item = NULL };
}

/* --- one message */

static void
print_row(const char *name, const char *text)
{
	if (*text == '\0')
		return;
	printf("%-10s ", name);
	(void)daemon_print(stdout, text);
	putchar('\n');
}

static void
print_rcpt(const json_t *rcpt)
{
	const char *original = daemon_text(rcpt, "original");

	fputs("to         ", stdout);
	print_address(daemon_text(rcpt, "address"));
	if (*original != '\0') {
		fputs(", written as ", stdout);
		print_address(original);
	}
	if (*daemon_text(rcpt, "mailbox") != '\0') {
		fputs(", mailbox ", stdout);
		(void)daemon_print(stdout, daemon_text(rcpt, "mailbox"));
	}
	if (*daemon_text(rcpt, "route") != '\0') {
		fputs(", moved to the route ", stdout);
		(void)daemon_print(stdout, daemon_text(rcpt, "route"));
	}
	puts(json_is_true(json_object_get(rcpt, "settled")) ? ": done" : "");
}

/* What its sender wanted of the time. */
static void
print_times(const json_t *item)
{
	uint64_t release = daemon_number(item, "release");
	uint64_t by = daemon_number(item, "by");

	if (release > clock_real_ms()) {
		fputs("held       by its sender, to be sent at ", stdout);
		daemon_print_time(stdout, release);
		putchar('\n');
	}
	if (by == 0)
		return;
	fputs("deadline   ", stdout);
	daemon_print_time(stdout, by);
	puts(strcmp(daemon_text(item, "by_mode"), "return") == 0 ?
	    ", then it goes back" : ", then its sender is told");
}

void
queue_print_message(const json_t *item)
{
	const json_t *rcpts = json_object_get(item, "recipients");
	const json_t *header = json_object_get(item, "header");
	uint64_t due = daemon_number(item, "due");

	print_row("id", daemon_text(item, "id"));
	fputs("accepted   ", stdout);
	daemon_print_time(stdout, daemon_number(item, "received"));
	printf("\nsize       %" PRIu64 " octets\nstate      %s after %" PRIu64
	    " %s", daemon_number(item, "size"), daemon_text(item, "state"),
	    daemon_number(item, "attempts"),
	    daemon_number(item, "attempts") == 1 ? "try" : "tries");
	if (due != 0 && strcmp(daemon_text(item, "state"), "ready") == 0) {
		fputs(", next at ", stdout);
		daemon_print_time(stdout, due);
	}
	putchar('\n');
	print_times(item);
	print_row("because", daemon_text(item, "reason"));
	fputs("from       ", stdout);
	print_address(daemon_text(item, "sender"));
	putchar('\n');
	for (size_t i = 0; i < json_array_size(rcpts); i++)
		print_rcpt(json_array_get(rcpts, i));
	print_row("client", daemon_text(item, "client"));
	print_row("hello", daemon_text(item, "hello"));
	print_row("login", daemon_text(item, "login"));
	print_row("listener", daemon_text(item, "listener"));
	print_row("tls", daemon_text(item, "tls"));
	print_row("onward", daemon_text(item, "tls_need"));
	print_row("session", daemon_text(item, "session"));
	putchar('\n');
	for (size_t i = 0; i < json_array_size(header); i++) {
		(void)daemon_print(stdout,
		    json_string_value(json_array_get(header, i)));
		putchar('\n');
	}
}
