/* SPDX-License-Identifier: Apache-2.0 */
/* look: what stands in the lines of a login dialogue, in words for a person.
 * First the base64, which people and programs get wrong in ever the same ways;
 * then the message inside: PLAIN, LOGIN, CRAM-MD5, SCRAM, NTLM, XOAUTH2,
 * OAUTHBEARER, DIGEST-MD5, GSSAPI, told apart by what they look like.
 *
 * Values are shown as they are: whoever prints them writes them through
 * text_quote(), and hides those that are LOOK_SECRET where others may see. */
#ifndef SASL_LOOK_H
#define SASL_LOOK_H

#include <stdint.h>

#include "base/put.h"
#include "base/span.h"

/* --- base64 */

enum look_trap {
	LOOK_SOUND,
	LOOK_EMPTY,
	LOOK_SPACE,		/* white space in it; at `at` */
	LOOK_QUOTED,		/* in quotes */
	LOOK_FOREIGN,		/* a byte that is not of the alphabet; `at` */
	LOOK_URL_SAFE,		/* - and _ instead of + and / */
	LOOK_NO_PADDING,	/* one or two '=' missing at the end */
	LOOK_INNER_PADDING,	/* '=' in the middle: two strings in a row */
	LOOK_ONE_TOO_MANY,	/* 4n+1 characters: no base64 has that */
	LOOK_LOOSE_BITS		/* bits set that belong to no byte: cut off, or
				 * mistyped at the end; `at` */
};

#define LOOK_MAX 16384		/* octets decoded */
#define LOOK_GUESSES_MAX 3

struct look_base64 {
	enum look_trap trap;
	size_t at;
	const char *why;	/* one sentence; "" if sound */
	/* What it was probably meant to be: the text put right (0: no idea),
	 * each such that it decodes. */
	unsigned n_guesses;
	struct span guess[LOOK_GUESSES_MAX];
	/* private: what guesses point to */
	char memory[LOOK_GUESSES_MAX * 512];
};

/* Judges `text` (without line end). If it is sound, or can be understood in
 * spite of its flaw in one way only, what it decodes to goes to `out`. */
void look_base64(struct span text, struct look_base64 *look, struct put *out);

/* --- what was decoded */

enum look_kind {
	LOOK_NOTHING,		/* empty */
	LOOK_TEXT,		/* words, nothing more is known */
	LOOK_BINARY,
	LOOK_ASKS_USER,		/* LOGIN: "Username:" */
	LOOK_ASKS_PASSWORD,	/* LOGIN: "Password:" */
	LOOK_PLAIN,
	LOOK_CRAM_CHALLENGE, LOOK_CRAM_RESPONSE,
	LOOK_SCRAM_FIRST, LOOK_SCRAM_CHALLENGE, LOOK_SCRAM_FINAL,
	LOOK_SCRAM_VERDICT,
	LOOK_XOAUTH2, LOOK_OAUTHBEARER, LOOK_OAUTH_ERROR,
	LOOK_DIGEST,
	LOOK_NTLM_1, LOOK_NTLM_2, LOOK_NTLM_3,
	LOOK_GSSAPI,
	LOOK_KINDS
};

#define LOOK_FIELDS_MAX 16
#define LOOK_WARNINGS_MAX 6

struct look_field {
	const char *name;	/* "user", "server challenge" … */
	struct span value;	/* bytes, or text made of them */
	bool is_secret;
};

struct look {
	enum look_kind kind;
	const char *what;	/* "NTLM message 2: the server's challenge" */
	unsigned n_fields;
	struct look_field field[LOOK_FIELDS_MAX];
	/* What is probably wrong with it: whole sentences. */
	unsigned n_warnings;
	const char *warning[LOOK_WARNINGS_MAX];
	/* private: text that had to be made */
	struct put put;
	char memory[4096];
};

/* `look` may be large: 5 KiB. Its spans live as long as `bytes` and `look`. */
void look_message(struct span bytes, struct look *look);
/* "plain", "ntlm-challenge": for programs. */
const char *look_kind_name(enum look_kind kind);

/* For the files of this module. */
void look_add(struct look *look, const char *name, struct span value,
    bool is_secret);
void look_warn(struct look *look, const char *warning);
/* Is it an NTLM message? Fills `look` if so. */
bool look_ntlm(struct span bytes, struct look *look);

#endif
