/* SPDX-License-Identifier: Apache-2.0 */
/* fold: writes header fields that anybody may send: folded at white space
 * (RFC 5322 2.2.3), other letters than ASCII as encoded-words (RFC 2047), in
 * parameters as RFC 2231 says. Pure: the bytes go to a function of the
 * caller's.
 *
 * 1. What a reader gets by unfolding and decoding is what was given; white
 *    space at both ends goes, line ends and tabs count as spaces.
 * 2. No line is longer than 78 octets, unless a single word is; no line has
 *    white space only; nothing given can end the field. */
#ifndef MAIL_FOLD_H
#define MAIL_FOLD_H

#include "base/span.h"

typedef void fold_write(void *arg, struct span bytes);

struct fold {
	fold_write *write;
	void *arg;
	size_t column;
	bool is_utf8;		/* RFC 6532: UTF-8 stands as it is */
	bool is_too_long;	/* a line passed 998 octets */
	bool has_8bit;		/* other letters than ASCII left as they were */
};

/* Begins a line with "Name:". The value follows by fold_text() and its kind,
 * the end by fold_end(). */
void fold_field(struct fold *fold, struct span name);
/* Unstructured text, as in Subject; UTF-8. Words that are encoded already
 * ("=?utf-8?...") stay as they are. */
void fold_text(struct fold *fold, struct span text);
/* Addresses as a person writes them: `Jürgen M. <j@example.org>, b@c`. Names
 * are quoted or encoded as need be; addresses stand as they are. */
void fold_addresses(struct fold *fold, struct span list);
/* Takes the next address off a list as a person writes it; empty at its end. */
struct span fold_next_address(struct span *list);
/* "a@b" of "Name <a@b>"; without brackets, all of it. */
struct span fold_bare_address(struct span address);
/* ASCII words; a line may end in front of each space. */
void fold_words(struct fold *fold, struct span words);
/* "; name=value": quoted, or in the form of RFC 2231, in pieces if long. */
void fold_param(struct fold *fold, const char *name, struct span value);
void fold_end(struct fold *fold);

#endif
