/* SPDX-License-Identifier: Apache-2.0 */
/* mech: what mechanisms share; only for the files of this folder. */
#ifndef SASL_MECH_H
#define SASL_MECH_H

#include "sasl/sasl.h"

extern const struct sasl_mech sasl_plain;	/* RFC 4616 */
extern const struct sasl_mech sasl_login;	/* draft-murchison-sasl-login */
extern const struct sasl_mech sasl_scram_sha_1;	/* RFC 5802 */
extern const struct sasl_mech sasl_scram_sha_1_plus;
extern const struct sasl_mech sasl_scram_sha_256;	/* RFC 7677 */
extern const struct sasl_mech sasl_scram_sha_256_plus;
extern const struct sasl_mech sasl_ntlm;	/* MS-NLMP */
extern const struct sasl_mech sasl_gssapi;	/* RFC 4752 */

/* End the exchange, saying why. */
enum sasl_result sasl_refuse(struct sasl_server *sasl, const char *why);
enum sasl_result sasl_malformed(struct sasl_server *sasl, const char *why);

/* The end of an exchange that has proved its authcid: DONE, or refused if it
 * wants to act as somebody else. */
enum sasl_result sasl_accept(struct sasl_server *sasl);

/* Copies a name that came over the wire into one of the two name fields:
 * SASL_DONE, or what sasl_malformed() said. */
enum sasl_result sasl_take_name(struct sasl_server *sasl,
    char field[SASL_NAME_MAX + 1], struct span name);
/* The same for the password: SASL_CHECK_PASSWORD, or refused. */
enum sasl_result sasl_take_password(struct sasl_server *sasl,
    struct span password);

#endif
