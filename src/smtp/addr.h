/* SPDX-License-Identifier: Apache-2.0 */
/* addr: mail addresses of RFC 5321 4.1.2 and RFC 6531 3.3: dot-atoms, quoted
 * local parts, domains, address literals, source routes (read and forgotten,
 * RFC 5321 appendix C). Pure: spans of the input, no copy. */
#ifndef SMTP_ADDR_H
#define SMTP_ADDR_H

#include <stdint.h>

#include "base/put.h"
#include "base/span.h"

#define ADDR_LOCAL_MAX  64	/* octets, RFC 5321 4.5.3.1.1 */
#define ADDR_DOMAIN_MAX 255	/* octets, RFC 5321 4.5.3.1.2 */
#define ADDR_MAX        (ADDR_LOCAL_MAX + 1 + ADDR_DOMAIN_MAX)

struct addr {
	struct span local;	/* as written, with its quotes if any */
	struct span domain;	/* as written; "[…]" for a literal; empty only
				 * for <> and (RCPT) <postmaster> */
	bool is_quoted;
	bool is_literal;
	bool is_utf8;		/* needs SMTPUTF8 */
};

enum addr_result {
	ADDR_OK,
	ADDR_BAD_SYNTAX,	/* 5.1.3 / 5.1.7 */
	ADDR_NO_DOMAIN,		/* "me" without a domain */
	ADDR_TOO_LONG,
	ADDR_BAD_LITERAL,
	ADDR_BAD_UTF8
};

/* One Mailbox and nothing else: `local@domain`. */
enum addr_result addr_parse(struct span text, struct addr *out);
/* A Path at the start of `*text`: `<…>`, `<>`, `<@a,@b:c@d>`; if `is_lenient`
 * also behind spaces and without brackets (up to the next space). Behind it
 * stands nothing or a space. With OK and NO_DOMAIN what was read is cut from
 * `*text`. `<>` gives empty local and domain; a bare word gives
 * ADDR_NO_DOMAIN with `out->local` set (the caller may know postmaster). */
enum addr_result addr_parse_path(struct span *text, bool is_lenient,
    struct addr *out);
/* The name behind EHLO: a domain (underscores taken, seen in the wild), an
 * address literal, or a bare IP address (dialogues item 49). */
bool addr_is_hello_name(struct span text);
bool addr_is_domain(struct span text);
/* The local part without quotes and backslashes: a"b for "a\"b". */
void addr_put_local(const struct addr *addr, struct put *out);
/* `local@domain` as written. */
void addr_put(const struct addr *addr, struct put *out);

#endif
