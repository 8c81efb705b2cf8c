/* SPDX-License-Identifier: Apache-2.0 */
/* talk_auth_form: the forms of an AUTH dialogue that a person sees: what is a
 * base64 string and what a name, and what of a response may be shown. Nothing
 * here does I/O.
 *
 * 1. What is a secret, or lets one be guessed, is written as three dots. What
 *    is not known to be harmless is a secret. */
#ifndef EHLO_TALK_AUTH_FORM_H
#define EHLO_TALK_AUTH_FORM_H

#include "base/put.h"
#include "base/span.h"

#define TALK_DOTS "\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"

/* Can it be the initial response behind "AUTH mech"? Base64 of what a message
 * of that mechanism begins like, or "=". */
bool talk_auth_is_response(struct span mech, struct span text);
/* Typed where a name or a password is expected: is it base64 already, as the
 * web site made it? Only what decodes to text and looks like base64: padded, or
 * long and with letters of both kinds. */
bool talk_auth_is_wire(struct span typed);
/* A challenge for a person: decoded text. False: it is no base64 (nothing is
 * written). */
bool talk_auth_challenge(struct span text, struct put *out);
/* The decoded form of response number `round` (from 0) of that mechanism, with
 * dots. Returns whether something was hidden: then the base64 form must be, as
 * well. */
bool talk_auth_show(struct span mech, unsigned round, struct span decoded,
    struct put *out);

#endif
