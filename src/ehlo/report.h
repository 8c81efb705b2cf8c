/* SPDX-License-Identifier: Apache-2.0 */
/* report: what an examination found, described once and rendered as text, JSON
 * or a page: facts, tables, and findings with their remedy.
 *
 * 1. Text of strangers comes in through report_quote() and its kind only: what
 *    is kept can be shown. The renderers escape for their own language.
 * 2. Bounded: past REPORT_MAX octets nothing more is kept, and the report says
 *    so. No caller has to look. */
#ifndef EHLO_REPORT_H
#define EHLO_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/span.h"

#define REPORT_MAX ((size_t)8 << 20)
#define REPORT_COLUMNS_MAX 12

/* In the order in which they are shown. */
enum report_mark {
	REPORT_BAD,		/* mail is lost, stolen or forged by it */
	REPORT_WARNING,		/* works, but not as it should */
	REPORT_NOTE,		/* to be known; nothing is wrong */
	REPORT_UNTRIED,		/* could not be looked at; why */
	REPORT_GOOD,
	REPORT_PLAIN,		/* of cells: no judgement */
	REPORT_MARKS
};

/* Place and detail are copied; the others are static, or of the report's own.
 */
struct report_finding {
	const char *id;		/* "tls-name": for programs */
	enum report_mark mark;
	const char *title;	/* what is so, in one line */
	const char *place;	/* "mail.example.org:25"; "" none */
	const char *detail;	/* what was seen; "" */
	const char *remedy;	/* what to do; "" */
	const char *reference;	/* "RFC 3207 6"; "" */
	struct report_finding *next;	/* private */
};

struct report_cell {
	const char *text;	/* lives as long as the report */
	enum report_mark mark;
};

struct report_row {
	struct report_cell cell[REPORT_COLUMNS_MAX];
	struct report_row *next;
};

struct report_table {
	const char *id, *title;
	const char *column[REPORT_COLUMNS_MAX];
	size_t column_n;
	unsigned hidden;	/* columns that text leaves out: 1u << i */
	bool is_detail;		/* text leaves it out unless with_details */
	struct report_row *first, **end;
	struct report_table *next;
};

struct report_fact {
	const char *key, *value;
	struct report_fact *next;
};

struct report {
	struct arena arena;
	const char *command;	/* "check" */
	const char *subject;	/* whom it is about */
	uint64_t begun_ms;	/* since 1970 */
	bool is_cut;
	bool tables_first;	/* they are what was asked for */
	bool with_details;	/* text: all tables */
	bool is_brief;		/* text: what is good is only counted */
	struct report_fact *fact, **fact_end;
	struct report_table *table, **table_end;
	struct report_finding *finding, **finding_end;
	unsigned count[REPORT_MARKS];
};

/* `command` is static; `subject` is quoted. */
void report_init(struct report *report, const char *command,
    const char *subject);
void report_free(struct report *report);

/* Texts of the report's own. Never NULL. */
const char *report_quote(struct report *report, struct span text);
/* For texts that hold nothing of strangers but what was quoted. */
__attribute__((format(printf, 2, 3)))
const char *report_text(struct report *report, const char *format, ...);

void report_add_fact(struct report *report, const char *key,
    const char *value);
/* Copies the struct. The same finding at another place joins the first. */
void report_add(struct report *report, const struct report_finding *finding);
/* `columns` are separated by '|'. */
struct report_table *report_add_table(struct report *report, const char *id,
    const char *title, const char *columns);
/* A new row of empty cells; a row that nobody sees if there is no room. */
struct report_row *report_add_row(struct report *report,
    struct report_table *table);

/* "bad", "warning", "note", "untried", "good", "" */
const char *report_mark_name(enum report_mark mark);
/* The finding's order in a list: the next one marked so. */
const struct report_finding *report_next(const struct report_finding *from,
    enum report_mark mark);

void report_write_text(const struct report *report, FILE *out);
void report_write_json(const struct report *report, FILE *out);
/* One page that needs nothing else. */
void report_write_html(const struct report *report, FILE *out);

/* How a subcommand ends: JSON or text on stdout, the page to `html` if that is
 * not NULL; says what went wrong. The exit code is CMD_GOOD, CMD_FAILED if
 * something is bad (with `is_strict` also for a warning), or CMD_USAGE if the
 * page could not be written. */
int report_finish(const struct report *report, bool is_json, bool is_strict,
    const char *html);

#endif
