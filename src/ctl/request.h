/* SPDX-License-Identifier: Apache-2.0 */
/* request: one question to the control socket, a JSON object in one line:
 *
 *   {"do": "queue.hold", "id": ["2WQ4…"], "dry_run": true}
 *
 * "do" names a row of a table; the row says which fields there may be, and
 * whether it changes something. Whoever serves gets a request whose fields are
 * there, known and of the right type. */
#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include <jansson.h>

#include "base/put.h"

#define CTL_LINE_MAX ((size_t)65536)	/* octets of a request */

enum ctl_type {
	CTL_TEXT,	/* a string without control bytes, at most 1024 */
	CTL_NUMBER,	/* 0 … 2^53 */
	CTL_FLAG,	/* true, false */
	CTL_TEXTS	/* a list of such strings */
};

struct ctl_field {
	const char *name;
	enum ctl_type type;
	bool is_required;
};

struct ctl_call;
struct ctl_request {
	const char *name;	/* what "do" says */
	const struct ctl_field *field;
	size_t field_n;
	bool is_change;		/* logged as a notice, with who asked */
	void (*run)(void *arg, struct ctl_call *call);
};

/* The object, or NULL with what is wrong with the line in `error`. */
json_t *ctl_request_parse(struct span line, struct put *error);
/* The row that it asks for, or NULL with what is wrong. `arg` of the row is
 * found by its place: `*at`. */
const struct ctl_request *ctl_request_find(const json_t *object,
    const struct ctl_request *const *row, size_t n, size_t *at,
    struct put *error);

/* --- fields of a request that has been found; what is not there is empty,
 * 0, false. */
struct span ctl_text(const json_t *request, const char *field);
uint64_t ctl_number(const json_t *request, const char *field);
bool ctl_flag(const json_t *request, const char *field);

#endif
