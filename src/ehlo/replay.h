/* SPDX-License-Identifier: Apache-2.0 */
/* replay: says to a server what the client of a transcript said, and compares
 * what comes back. One exchange is what was said up to the next reply, and that
 * reply. */
#ifndef EHLO_REPLAY_H
#define EHLO_REPLAY_H

#include "base/put.h"
#include "ehlo/login.h"
#include "ehlo/match.h"
#include "ehlo/session.h"
#include "ehlo/script.h"

enum replay_verdict {
	REPLAY_SAME,
	REPLAY_DIFFERS,
	REPLAY_NO_ANSWER,	/* in time, or the connection was over */
	REPLAY_UNCHECKED	/* the transcript does not show the answer */
};

#define REPLAY_LINES_MAX 128

struct replay_exchange {
	enum replay_verdict verdict;
	unsigned line;			/* of the file, where it begins */
	bool is_secret;
	struct span said;		/* lines, '\n' between */
	/* .p NULL: lines that are left out in the transcript */
	struct span expected[REPLAY_LINES_MAX];
	size_t n_expected;
	size_t differs_at;		/* the first of expected that differs */
	struct span got[REPLAY_LINES_MAX];
	size_t n_got;
	const char *why;		/* of NO_ANSWER */
};

struct replay_conf {
	enum match_how how;
	const struct session_options *session;
	const struct login *login;	/* instead of the logins that are
					 * written down; NULL: those */
	const char *const *map;		/* "OLD=NEW" in what is said and what
					 * is expected */
	size_t map_n;
	unsigned answer_ms;
	bool stops;			/* at the first difference */
	bool starttls;			/* though the transcript has none */
	void (*each)(void *arg, const struct replay_exchange *exchange);
	void *arg;
};

enum replay_result {
	REPLAY_DONE,			/* all was played; `each` was told */
	REPLAY_UNREACHED,
	REPLAY_UNPLAYABLE		/* a hidden secret and no login, or a
					 * mechanism that we have not */
};

/* `why` says why not. */
enum replay_result replay_run(const struct script *script,
    const struct replay_conf *conf, char *why, size_t why_len);

/* "OLD=NEW" of each word of the map, in `text`. */
void replay_map(const char *const *map, size_t n, struct span text,
    struct put *out);

#endif
