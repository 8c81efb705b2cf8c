/* SPDX-License-Identifier: Apache-2.0 */
/* queue_print: waiting mail as a person reads it. */
#ifndef EHLO_QUEUE_PRINT_H
#define EHLO_QUEUE_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What came of "queue.list". So that the oldest can stand first it is kept
 * until all has come; past a hundred thousand, and as JSON, it is printed as
 * it comes. */
struct queue_list {
	bool is_json;
	json_t **item;
	size_t n, cap;
	size_t printed;
};

/* For ctl_ask(). */
bool queue_take(void *list, const json_t *item);
void queue_print_list(struct queue_list *list);
void queue_list_free(struct queue_list *list);
/* One of "queue.show". */
void queue_print_message(const json_t *item);
void queue_print_json(const json_t *item);

#endif
