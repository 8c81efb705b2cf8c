/* SPDX-License-Identifier: Apache-2.0 */
/* prep: SASLprep (RFC 4013) of passwords, so that one that is typed on another
 * keyboard still is the same: NFKC, spaces made one, what is invisible left
 * out. SCRAM wants it on both sides. Normalized with today's tables instead of
 * Unicode 3.2's; characters that 3.2 did not have pass. */
#ifndef USER_PREP_H
#define USER_PREP_H

#include "base/put.h"
#include "base/span.h"

/* False if it is not UTF-8, holds what RFC 4013 prohibits, mixes directions
 * (RFC 3454 6), or does not fit; `out` is then to be thrown away. */
bool user_prep(struct span text, struct put *out);

#endif
