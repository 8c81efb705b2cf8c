/* SPDX-License-Identifier: Apache-2.0 */
/* reports: what the daily reports on TLS (deliver/tlsrpt_run.h) need of the
 * daemon. */
#ifndef EHLOD_REPORTS_H
#define EHLOD_REPORTS_H

#include "ehlod/shard.h"

/* For one shard of all, when its spool is open. */
struct tlsrpt_run *reports_start(struct shard *shard);

#endif
