/* SPDX-License-Identifier: Apache-2.0 */
/* server: owns the configuration, the listening addresses and the shards; runs
 * on the main thread and reacts to signals. */
#ifndef EHLOD_SERVER_H
#define EHLOD_SERVER_H

#include <stdbool.h>

/* Runs until SIGTERM or SIGINT; SIGHUP reloads, SIGUSR1 logs statistics, a
 * second SIGTERM ends at once. Returns the exit status: 0 after an orderly
 * end, 1 if it could not start. */
int server_run(const char *conf_path, bool shows_dialogue);

#endif
