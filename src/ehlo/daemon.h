/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: the running ehlod as the subcommands ask it, and the words they have
 * in common for what it answers. */
#ifndef EHLO_DAEMON_H
#define EHLO_DAEMON_H

#include <jansson.h>
#include <stdio.h>

#include "conf/conf.h"
#include "ctl/client.h"
#include "ehlo/cmd.h"

#define DAEMON_CONFIG  "/etc/ehlod/ehlod.conf"
#define DAEMON_CONTROL "/run/ehlod/control"

/* Where it is: --control, or the socket that --config names. */
struct daemon_place {
	const char *control, *config;
};

/* Connects. NULL after having said why and what to do. */
struct ctl_client *daemon_open(const struct daemon_place *place);
/* The configuration, or NULL after having said what is wrong with it. */
struct conf *daemon_conf(const struct daemon_place *place);
/* The exit code for an answer; says what was refused or broken. */
int daemon_result(enum ctl_answer answer, const json_t *result);

/* --- showing */
/* A text of the daemon's, which may be a stranger's: nothing that a terminal
 * obeys. Returns its columns, about. */
size_t daemon_print(FILE *out, const char *text);
/* "12s", "5m", "3h", "2d", right-aligned in `width` columns. */
void daemon_print_age(FILE *out, uint64_t ms, int width);
/* "512", "4.2K", "1.5M". */
void daemon_print_size(FILE *out, uint64_t octets);
/* "2026-11-21 12:03:04" in the local zone. */
void daemon_print_time(FILE *out, uint64_t real_ms);
/* The member as a text, "" if there is none. */
const char *daemon_text(const json_t *object, const char *name);
uint64_t daemon_number(const json_t *object, const char *name);

/* --- values of options; say what is wrong */
/* "90s", "5m", "3h", "2d" */
bool daemon_read_age(const char *name, const char *value, uint64_t *ms);
/* "512", "100K", "25M", "1G" */
bool daemon_read_size(const char *name, const char *value, uint64_t *octets);

#endif
