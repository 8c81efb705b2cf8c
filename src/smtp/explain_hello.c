/* SPDX-License-Identifier: Apache-2.0 */
/* The list that answers EHLO: what its keywords mean, and what one list, or
 * the two before and after STARTTLS, tell about the server. */
#include "smtp/explain.h"

#include "base/text.h"
#include "smtp/cap.h"

static const struct {
	const char *name, *meaning, *section;
} keywords[] = {
	{ "SIZE", "the largest message it takes, in bytes; without a number:"
	    " it does not say", "RFC 1870" },
	{ "PIPELINING", "commands may be sent without waiting for each answer",
	    "RFC 2920" },
	{ "8BITMIME", "takes text with more than ASCII in it", "RFC 6152" },
	{ "ENHANCEDSTATUSCODES", "replies have a second, finer code (5.7.1)",
	    "RFC 2034" },
	{ "CHUNKING", "BDAT: the message may come in counted pieces, without"
	    " the dot at its end", "RFC 3030" },
	{ "BINARYMIME", "with BDAT: any bytes, without lines", "RFC 3030" },
	{ "SMTPUTF8", "addresses and headers beyond ASCII", "RFC 6531" },
	{ "DSN", "the sender may choose which reports he gets (NOTIFY, RET)",
	    "RFC 3461" },
	{ "STARTTLS", "the session can be encrypted from here on",
	    "RFC 3207" },
	{ "AUTH", "the ways to log in", "RFC 4954" },
	{ "HELP", "HELP tells something", "RFC 5321" },
	{ "VRFY", "VRFY is there, which need not mean that it answers",
	    "RFC 5321" },
	{ "EXPN", "EXPN shows the members of a list; better not",
	    "RFC 5321" },
	{ "ETRN", "a server that is not always on may fetch its mail",
	    "RFC 1985" },
	{ "ATRN", "the same, over this connection turned round", "RFC 2645" },
	{ "TURN", "sender and receiver change places; not safe, given up",
	    "RFC 821" },
	{ "X-EXPS", "AUTH between Exchange servers; LOGIN in it is for"
	    " clients, too", "Microsoft" },
	{ "X-ANONYMOUSTLS", "STARTTLS between Exchange servers", "Microsoft" },
	{ "X-EXCH50", "properties of Exchange beside the message",
	    "Microsoft" },
	{ "XEXCH50", "properties of Exchange beside the message",
	    "Microsoft" },
	{ "XRDST", "routing between Exchange servers", "Microsoft" },
	{ "XSHADOW", "Exchange keeps a second copy until it is delivered",
	    "Microsoft" },
	{ "XSHADOWREQUEST", "Exchange keeps a second copy until it is"
	    " delivered", "Microsoft" },
	{ "X-LINK2STATE", "routing tables between Exchange 2003 servers",
	    "Microsoft" },
	{ "REQUIRETLS", "a message can demand TLS all the way", "RFC 8689" },
	{ "DELIVERBY", "a message can have a time by which it must be there",
	    "RFC 2852" },
	{ "FUTURERELEASE", "a message can be held back until later",
	    "RFC 4865" },
	{ "MT-PRIORITY", "a message can have a priority", "RFC 6710" },
	{ "LIMITS", "how many messages and recipients it takes at once",
	    "RFC 9422" },
	{ "RRVS", "mail may depend on whether an address changed hands",
	    "RFC 7293" },
	{ "BURL", "text may be fetched from an IMAP server", "RFC 4468" },
	{ "NO-SOLICITING", "no advertisement of the kinds named",
	    "RFC 3865" },
	{ "CHECKPOINT", "a broken transfer can be taken up again",
	    "RFC 1845" },
	{ "SUBMITTER", "who is answerable for the message; given up",
	    "RFC 4405" },
	{ "XCLIENT", "a proxy may say who its client really is", "Postfix" },
	{ "XFORWARD", "a filter is told where the message came from",
	    "Postfix" },
	{ "PRDR", "an answer for each recipient behind the message", "Exim" },
	{ "XXXXXXXA", "a firewall painted a keyword over, nearly always"
	    " STARTTLS", "Cisco" },
};

enum remark {
	HELLO_NO_LIST, LOGIN_AFTER_TLS, LOGIN_IN_CLEAR, LOGIN_GONE_IN_TLS,
	NO_LOGIN, MAYBE_LOGIN_IN_TLS, NO_PASSWORD_MECHANISM, ONLY_WINDOWS,
	HELLO_NO_STARTTLS, STARTTLS_TWICE, FIREWALL, OLD_AUTH, OK_IS_NONE,
	NO_NUMBER, HELLO_NO_PIPELINING, RISKY
};

static const struct explain_remark remarks[] = {
	[HELLO_NO_LIST] = { "no-list", true,
	    "No extension at all: an old server, or one that answered HELO.",
	    "Say EHLO. If this is the answer to EHLO, something in between"
	    " may strip it." },
	[LOGIN_AFTER_TLS] = { "login-after-tls", false,
	    "Logging in with a password (LOGIN, PLAIN) appears only after"
	    " STARTTLS. That is right so.",
	    "Switch TLS on in the program that sends. Exchange: \"Offer Basic"
	    " authentication only after starting TLS\"." },
	[LOGIN_IN_CLEAR] = { "login-in-clear", true,
	    "LOGIN or PLAIN is offered without TLS: passwords pass readable"
	    " for everybody in between.",
	    "Offer them only after STARTTLS." },
	[LOGIN_GONE_IN_TLS] = { "login-gone-in-tls", true,
	    "There is a login in clear, but none under TLS.",
	    "That is the wrong way round: look at the configuration." },
	[NO_LOGIN] = { "no-login", false,
	    "No login is offered: here mail is taken from servers (to its own"
	    " domains), or from networks it trusts.",
	    "To send as a user: port 587 or 465. Exchange: tick Basic"
	    " authentication on the receive connector that answers." },
	[MAYBE_LOGIN_IN_TLS] = { "maybe-after-tls", false,
	    "No LOGIN or PLAIN in this list, but STARTTLS is there: many"
	    " servers show them only behind it.",
	    "Do STARTTLS, say EHLO again and compare the lists." },
	[NO_PASSWORD_MECHANISM] = { "no-password-mechanism", false,
	    "Neither LOGIN nor PLAIN: a program that knows only these cannot"
	    " log in.",
	    "Use one of the mechanisms in the list, or have the server offer"
	    " LOGIN and PLAIN under TLS." },
	[ONLY_WINDOWS] = { "only-windows", false,
	    "Only GSSAPI or NTLM: a login for machines of the Windows domain."
	    " It is more than one line and cannot be typed by hand.",
	    "Use a client that knows them, or have Basic authentication"
	    " switched on (with TLS)." },
	[HELLO_NO_STARTTLS] = { "no-starttls", true,
	    "No STARTTLS: everything passes readable.",
	    "Give the server a certificate and switch TLS on; if it is on,"
	    " a firewall hides the keyword." },
	[STARTTLS_TWICE] = { "starttls-twice", true,
	    "STARTTLS is offered again inside TLS.",
	    "It must not be (RFC 3207 4.2); harmless as long as nobody says"
	    " it." },
	[FIREWALL] = { "firewall", true,
	    "A keyword of X signs only: a firewall (Cisco \"fixup\" or"
	    " \"inspect esmtp\") has painted over STARTTLS or another.",
	    "Switch SMTP inspection off on the firewall." },
	[OLD_AUTH] = { "old-auth", false,
	    "AUTH= is for clients of the last century (Outlook Express 4); it"
	    " says the same again.", "" },
	[OK_IS_NONE] = { "ok", false,
	    "OK is no extension, only the end of the list as IIS says it.",
	    "" },
	[NO_NUMBER] = { "size-without-number", false,
	    "SIZE without a number: there is a limit, perhaps, but it is not"
	    " told.", "" },
	[HELLO_NO_PIPELINING] = { "no-pipelining", false,
	    "No PIPELINING: every command waits for its answer, which is slow"
	    " over long distances.", "" },
	[RISKY] = { "risky", true,
	    "EXPN or TURN: one shows the members of lists, the other gives"
	    " mail away to whoever asks.",
	    "Switch them off." },
};

/* What a list has, as bits beside those of enum cap. */
struct list {
	bool is_known;
	uint32_t caps;
	bool has_password, has_windows, has_other, has_old_auth, has_ok;
	bool has_number, has_stars;
	unsigned n;
};

static void
read_auth(struct list *list, struct span args)
{
	while (args.len != 0) {
		struct span mech = span_cut(&args, ' ');

		if (span_caseeq(mech, SPAN("LOGIN")) ||
		    span_caseeq(mech, SPAN("PLAIN")))
			list->has_password = true;
		else if (span_caseeq(mech, SPAN("NTLM")) ||
		    span_caseeq(mech, SPAN("GSSAPI")) ||
		    span_caseeq(mech, SPAN("GSS-SPNEGO")))
			list->has_windows = true;
		else if (mech.len != 0)
			list->has_other = true;
	}
}

static bool
is_painted_over(struct span line)
{
	size_t n = 0;

	while (n < line.len && (line.p[n] == 'X' || line.p[n] == '*'))
		n++;
	return n >= 5 && (n == line.len || (n + 1 == line.len &&
	    ascii_is_alnum(line.p[n])));
}

static struct list
read_list(struct span text)
{
	struct list list = { .is_known = text.p != NULL };
	struct span args;

	if (!list.is_known)
		return list;
	span_cut(&text, '\n');	/* the greeting */
	while (text.len != 0) {
		struct span line = span_trim(span_cut(&text, '\n'));
		enum cap cap = cap_parse(line, &args);

		list.n++;
		if (cap != CAP_UNKNOWN)
			list.caps |= 1u << cap;
		if (cap == CAP_AUTH) {
			read_auth(&list, args);
			list.has_old_auth |= span_find(line, '=') < line.len;
		}
		list.has_number |= cap == CAP_SIZE && args.len != 0;
		list.has_ok |= span_caseeq(line, SPAN("OK"));
		list.has_stars |= is_painted_over(line);
	}
	return list;
}

static bool
has(const struct list *list, enum cap cap)
{
	return list->caps & 1u << cap;
}

struct remarks {
	const struct explain_remark **out;
	size_t n;
};

static void
add(struct remarks *to, bool is_so, enum remark remark)
{
	if (is_so && to->n < EXPLAIN_REMARKS_MAX)
		to->out[to->n++] = &remarks[remark];
}

static void
remark_login(struct remarks *to, const struct list *clear,
    const struct list *tls)
{
	/* where a login would be done */
	const struct list *at = tls->is_known ? tls : clear;
	bool is_windows_only = has(at, CAP_AUTH) && !at->has_password &&
	    !at->has_other && at->has_windows;
	bool is_hidden = !tls->is_known && has(clear, CAP_STARTTLS);

	add(to, clear->has_password, LOGIN_IN_CLEAR);
	add(to, tls->has_password && clear->is_known && !clear->has_password,
	    LOGIN_AFTER_TLS);
	add(to, tls->is_known && !has(tls, CAP_AUTH) && has(clear, CAP_AUTH),
	    LOGIN_GONE_IN_TLS);
	add(to, is_hidden && !clear->has_password, MAYBE_LOGIN_IN_TLS);
	add(to, !has(at, CAP_AUTH) && !is_hidden && !has(clear, CAP_AUTH),
	    NO_LOGIN);
	add(to, is_windows_only, ONLY_WINDOWS);
	add(to, has(at, CAP_AUTH) && !at->has_password && !is_windows_only &&
	    !is_hidden, NO_PASSWORD_MECHANISM);
}

size_t
explain_hello(struct span clear_text, struct span tls_text,
    const struct explain_remark *out[EXPLAIN_REMARKS_MAX])
{
	struct list clear = read_list(clear_text), tls = read_list(tls_text);
	struct remarks to = { .out = out };

	if ((clear.is_known && clear.n == 0) || (tls.is_known && tls.n == 0)) {
		add(&to, true, HELLO_NO_LIST);
		return to.n;
	}
	remark_login(&to, &clear, &tls);
	add(&to, clear.has_stars || tls.has_stars, FIREWALL);
	add(&to, clear.is_known && !has(&clear, CAP_STARTTLS) &&
	    !clear.has_stars, HELLO_NO_STARTTLS);
	add(&to, has(&tls, CAP_STARTTLS), STARTTLS_TWICE);
	clear.caps |= tls.caps;
	add(&to, has(&clear, CAP_EXPN) || has(&clear, CAP_TURN), RISKY);
	add(&to, !has(&clear, CAP_PIPELINING), HELLO_NO_PIPELINING);
	add(&to, has(&clear, CAP_SIZE) && !clear.has_number &&
	    !tls.has_number, NO_NUMBER);
	add(&to, clear.has_old_auth || tls.has_old_auth, OLD_AUTH);
	add(&to, clear.has_ok || tls.has_ok, OK_IS_NONE);
	return to.n;
}

const char *
explain_keyword(struct span line, const char **section)
{
	size_t n = 0;

	while (n < line.len && line.p[n] != ' ' && line.p[n] != '=' &&
	    line.p[n] != '\t')
		n++;
	for (size_t i = 0; i < countof(keywords); i++)
		if (span_caseeq(span_first(line, n),
		    span_str(keywords[i].name))) {
			if (section != NULL)
				*section = keywords[i].section;
			return keywords[i].meaning;
		}
	if (section != NULL)
		*section = "";
	return "";
}
