/* SPDX-License-Identifier: Apache-2.0 */
/* exam_cmd: what the commands check, relay, tls and mx have in common: their
 * options, the resolver, and the end. */
#ifndef EHLO_EXAM_CMD_H
#define EHLO_EXAM_CMD_H

#include "ehlo/exam.h"
#include "ehlo/road.h"
#include "ehlo/target.h"

struct exam_cmd {
	/* as typed */
	struct target target;
	struct login login;
	const char *resolver, *trust_anchor, *hosts;
	const char *inside, *known, *outside, *from;
	const char *html, *smuggling, *smuggling_wait;
	struct args_list skip;
	bool is_json, is_strict, is_brief, with_tables;
	bool no_dns, is_host, is_domain;
	bool is_helped;
	/* made by exam_cmd_begin() */
	char word[256];		/* HOST or DOMAIN, A-labels */
	uint16_t port;		/* 0: none was said */
	struct report report;
	struct exam exam;
};

enum exam_cmd_kind { EXAM_CMD_CHECK, EXAM_CMD_RELAY, EXAM_CMD_TLS,
	EXAM_CMD_MX };

/* Reads the words, opens the resolver, begins the report. True: go on; false:
 * exit with `*code`. exam_cmd_end() in both cases. */
bool exam_cmd_begin(struct exam_cmd *cmd, enum exam_cmd_kind kind, int argc,
    char **argv, int *code);
/* Writes the report; the exit code. */
int exam_cmd_finish(struct exam_cmd *cmd, bool is_reached);
void exam_cmd_end(struct exam_cmd *cmd);

/* Whom it takes for whom, into the report. */
void exam_cmd_facts_add(struct exam_cmd *cmd);
/* The addresses of the word; says what is wrong if there are none. */
bool exam_cmd_addresses(struct exam_cmd *cmd, struct road_host *host);

/* The first of its addresses where somebody answers at `port`; 0 if none. */
size_t exam_cmd_reached(const struct exam_cmd *cmd,
    const struct road_host *host, uint16_t port);

/* Nobody said what to expect at `place`, and its silence was that of a server
 * where TLS begins with the first byte: notes it in `place` and the report. */
bool exam_cmd_turn_to_tls(struct exam_cmd *cmd, struct exam_place *place,
    const struct exam_answer *silence);

/* Facts that live as long as the report, whose tables point into them. */
struct exam_facts *exam_cmd_facts(struct exam_cmd *cmd);

/* Tables of what was seen (exam_show.c). */
void exam_show_hello(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts);
void exam_show_versions(const struct exam *exam,
    const struct exam_place *place, const struct exam_facts *facts);
void exam_show_chain(const struct exam *exam, const struct exam_place *place,
    const struct exam_facts *facts);

#endif
