/* SPDX-License-Identifier: Apache-2.0 */
/* The table, in the order in which HELP shows it. The search is linear: a
 * length and a letter tell nearly all rows apart. */
#include "smtp/verb.h"

#include "base/text.h"

#define IN(mode) (1u << SMTP_MODE_##mode)
#define IN_MAIL  (IN(MAIL) | IN(RCPT) | IN(NEXT))
#define ANYWHERE (IN(GREETED) | IN(READY) | IN_MAIL)
#define NOWHERE  0u

#define ONLY(persona) (1u << PERSONA_##persona)
#define EXCHANGE                                                               \
	(ONLY(EXCHANGE2003) | ONLY(EXCHANGE2007) | ONLY(EXCHANGE2010))
#define IIS     (ONLY(IIS6) | ONLY(EXCHANGE2003))
#define POSTFIX (ONLY(POSTFIX) | ONLY(POSTFIX_OLD))

#define ROW_OF(personas, name, verb, modes, flags, help)                       \
	{ { name, sizeof(name) - 1 }, VERB_##verb, modes, flags, REPLY_##help, \
	    personas }
#define ROW(name, verb, modes, flags, help)                                    \
	ROW_OF(0, name, verb, modes, flags, help)
#define REFUSED(name)                                                          \
	ROW(name, REFUSED, ANYWHERE, VERB_JUNK, NOT_IMPLEMENTED)
#define TOLD(personas, name, reply)                                            \
	ROW_OF(personas, name, REFUSED, ANYWHERE, VERB_JUNK, reply)
#define HTTP(name)    ROW(name, HTTP, NOWHERE, VERB_UTF8, HELP_NONE)

static const struct verb_row rows[] = {
	/* what a persona has in place of ours */
	TOLD(ONLY(POSTFIX_OLD), "HELP", UNKNOWN),
	ROW("EHLO", EHLO, ANYWHERE, VERB_JUNK | VERB_SMTP, HELP_EHLO),
	ROW("HELO", HELO, ANYWHERE, VERB_JUNK | VERB_SMTP, HELP_HELO),
	ROW("LHLO", LHLO, ANYWHERE, VERB_JUNK | VERB_LMTP, HELP_LHLO),
	ROW("MAIL", MAIL, IN(READY),
	    VERB_UTF8 | VERB_ENCRYPTED | VERB_AFTER_TLS, HELP_MAIL),
	ROW("RCPT", RCPT, IN(MAIL) | IN(RCPT), VERB_UTF8, HELP_RCPT),
	ROW("DATA", DATA, IN(RCPT), VERB_BARE, HELP_DATA),
	ROW("BDAT", BDAT, IN(RCPT) | IN(NEXT), 0, HELP_BDAT),
	ROW("STARTTLS", STARTTLS, IN(GREETED) | IN(READY), VERB_BARE,
	    HELP_STARTTLS),
	ROW("AUTH", AUTH, IN(READY), VERB_ENCRYPTED | VERB_AFTER_TLS,
	    HELP_AUTH),
	ROW("RSET", RSET, ANYWHERE, VERB_JUNK | VERB_BARE, HELP_RSET),
	ROW("NOOP", NOOP, ANYWHERE, VERB_JUNK, HELP_NOOP),
	ROW("VRFY", VRFY, ANYWHERE, VERB_JUNK, HELP_VRFY),
	ROW("HELP", HELP, ANYWHERE, VERB_JUNK, HELP_HELP),
	ROW("QUIT", QUIT, ANYWHERE, VERB_BARE, HELP_QUIT),
	/* what a persona lists; the others are refused it below */
	ROW_OF(EXCHANGE, "X-EXPS", AUTH, IN(READY),
	    VERB_ENCRYPTED | VERB_AFTER_TLS | VERB_EXPS, HELP_NONE),
	ROW_OF(EXCHANGE, "X-ANONYMOUSTLS", STARTTLS, IN(GREETED) | IN(READY),
	    VERB_BARE, HELP_NONE),
	ROW_OF(IIS, "TLS", STARTTLS, IN(GREETED) | IN(READY), VERB_BARE,
	    HELP_NONE),
	ROW_OF(IIS | POSTFIX | ONLY(NATIVE), "ETRN", ETRN,
	    IN(GREETED) | IN(READY), VERB_JUNK, HELP_NONE),
	TOLD(EXCHANGE, "XEXCH50", XEXCH50_REFUSED),
	TOLD(EXCHANGE, "XRDST", STRANGER_REFUSED),
	TOLD(EXCHANGE, "XSHADOW", STRANGER_REFUSED),
	TOLD(EXCHANGE, "X-LINK2STATE", STRANGER_REFUSED),
	TOLD(IIS, "TURN", STRANGER_REFUSED),
	REFUSED("EXPN"), REFUSED("ETRN"), REFUSED("TURN"), REFUSED("ATRN"),
	REFUSED("SEND"), REFUSED("SOML"), REFUSED("SAML"), REFUSED("BURL"),
	REFUSED("XCLIENT"), REFUSED("XFORWARD"), REFUSED("XEXCH50"),
	REFUSED("X-EXPS"), REFUSED("X-ANONYMOUSTLS"), REFUSED("X-LINK2STATE"),
	REFUSED("XRDST"), REFUSED("VERB"), REFUSED("ONEX"), REFUSED("DEBUG"),
	REFUSED("WIZ"),
	HTTP("GET"), HTTP("POST"), HTTP("PUT"), HTTP("HEAD"), HTTP("DELETE"),
	HTTP("OPTIONS"), HTTP("CONNECT"), HTTP("PATCH"), HTTP("TRACE"),
	HTTP("PRI"),	/* HTTP/2 */
	ROW("PROXY", PROXY, NOWHERE, VERB_UTF8, HELP_NONE),
};

const struct verb_row *
verb_find(struct span word, enum persona persona)
{
	for (size_t i = 0; i < countof(rows); i++)
		if (rows[i].name.len == word.len &&
		    ascii_upper(word.p[0]) == rows[i].name.p[0] &&
		    (rows[i].personas == 0 ||
			(rows[i].personas >> persona & 1) != 0) &&
		    span_caseeq(rows[i].name, word))
			return &rows[i];
	return NULL;
}

static bool
is_shown(const struct verb_row *row, bool is_lmtp)
{
	return row->verb != VERB_REFUSED && row->help != REPLY_HELP_NONE &&
	    (row->flags & (is_lmtp ? VERB_SMTP : VERB_LMTP)) == 0;
}

struct span
verb_guess(struct span word, bool is_lmtp)
{
	/* of three letters, two may not be wrong */
	unsigned best = word.len > 3 ? 3 : 2;
	struct span guess = SPAN("");

	for (size_t i = 0; i < countof(rows); i++) {
		unsigned distance;

		if (!is_shown(&rows[i], is_lmtp))
			continue;
		if (span_casestarts(word, rows[i].name))
			return rows[i].name;
		distance = text_distance(word, rows[i].name);
		if (distance < best) {
			best = distance;
			guess = rows[i].name;
		}
	}
	return guess;
}

void
verb_put_list(bool is_lmtp, struct put *out)
{
	for (size_t i = 0; i < countof(rows); i++) {
		if (!is_shown(&rows[i], is_lmtp))
			continue;
		if (out->len != 0)
			put_char(out, ' ');
		put_bytes(out, rows[i].name);
	}
}
