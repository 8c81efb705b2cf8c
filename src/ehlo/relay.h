/* SPDX-License-Identifier: Apache-2.0 */
/* relay: whose mail a server takes for whom. Rows are pairs of sender and
 * recipient, plain ones and the tricks that once fooled somebody; columns are
 * with and without login, in clear and with TLS. Nothing goes further than
 * RCPT. */
#ifndef EHLO_RELAY_H
#define EHLO_RELAY_H

#include "ehlo/exam.h"

enum relay_column {
	RELAY_CLEAR, RELAY_TLS, RELAY_CLEAR_LOGIN, RELAY_TLS_LOGIN,
	RELAY_COLUMNS
};
#define RELAY_ROWS_MAX 32

struct relay_cell {
	bool is_tried;
	bool is_mail;		/* `answer` is the one to MAIL: refused */
	struct exam_answer answer;
};

struct relay {
	/* why a column is empty: static, or "" */
	struct exam_answer column[RELAY_COLUMNS];
	struct relay_cell cell[RELAY_ROWS_MAX][RELAY_COLUMNS];
	/* any name is taken at the inside domain: an address trick that is
	 * accepted there proves nothing */
	bool is_catch_all[RELAY_COLUMNS];
};

/* Fills one column. `with_tricks`: else the plain pairs alone. */
void relay_look(const struct exam *exam, const struct exam_place *place,
    enum relay_column column, bool with_tricks, struct relay *out);
/* What it means, into exam->report. */
void relay_judge(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay);
/* The table, into exam->report. */
void relay_show(const struct exam *exam, const struct exam_place *place,
    const struct relay *relay);
/* Was anything asked there? */
bool relay_has(const struct relay *relay, enum relay_column column);
/* For tests and tables: how many rows there are. */
size_t relay_rows(void);
/* "sender -> recipient" of a row; false if it needs an inside domain and
 * there is none. */
bool relay_row(const struct exam *exam, const struct exam_place *place,
    size_t row, char sender[400], char recipient[400]);

#endif
