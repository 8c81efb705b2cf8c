/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: what must not go in clear, and who gets in. */
#include "ehlo/exam_judge.h"

#include "smtp/explain.h"

/* --- what must not go in clear */

static bool
has_login(const struct exam_hello *hello)
{
	return hello->is_tried && hello->auth[0] != '\0';
}

/* Mechanisms that show the password to listeners. */
static bool
shows_password(const char *auth)
{
	return strstr(auth, "PLAIN") != NULL || strstr(auth, "LOGIN") != NULL;
}

static enum report_mark
judge_clear_auth(const struct judge *j, const char **detail)
{
	const struct exam_facts *f = j->facts;

	if (j->place->is_implicit || !f->clear_auth.is_tried)
		return REPORT_PLAIN;
	if (f->clear_auth.code == 334) {
		*detail = report_text(j->exam->report, "AUTH LOGIN in clear "
		    "was answered %s", exam_words(j->exam, &f->clear_auth));
		return REPORT_BAD;
	}
	if (shows_password(f->clear.auth)) {
		*detail = report_text(j->exam->report, "offered before TLS: "
		    "AUTH %s; but AUTH LOGIN was answered %s",
		    report_quote(j->exam->report, span_str(f->clear.auth)),
		    exam_words(j->exam, &f->clear_auth));
		return REPORT_WARNING;
	}
	return has_login(&f->tls) || has_login(&f->clear) ? REPORT_GOOD :
	    REPORT_PLAIN;
}

static enum report_mark
judge_clear_mail(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->clear_mail;

	if (j->place->role != EXAM_SUBMISSION || !a->is_tried ||
	    a->result != SESSION_OK)
		return REPORT_PLAIN;
	*detail = report_text(j->exam->report, "MAIL in clear, without a "
	    "login: %s", exam_words(j->exam, a));
	return exam_is_ok(a) ? REPORT_WARNING : REPORT_GOOD;
}

/* --- logins */

static enum report_mark
judge_auth(const struct judge *j, const char **detail)
{
	const struct exam_hello *hello = j->facts->has_tls ? &j->facts->tls :
	    &j->facts->clear;

	if (!hello->is_tried || (hello->auth[0] == '\0' &&
	    j->place->role != EXAM_SUBMISSION))
		return REPORT_PLAIN;
	*detail = report_text(j->exam->report, "AUTH %s",
	    report_quote(j->exam->report, span_str(hello->auth)));
	return hello->auth[0] != '\0' ? REPORT_GOOD : REPORT_BAD;
}

static enum report_mark
judge_auth_mx(const struct judge *j, const char **detail)
{
	(void)detail;
	return j->place->role == EXAM_MX && has_login(judge_hello(j)) ?
	    REPORT_NOTE : REPORT_PLAIN;
}

static enum report_mark
judge_mechanisms(const struct judge *j, const char **detail)
{
	const struct exam_hello *hello = j->facts->has_tls ? &j->facts->tls :
	    &j->facts->clear;

	if (!has_login(hello))
		return REPORT_PLAIN;
	if (strstr(hello->auth, "PLAIN") == NULL &&
	    strstr(hello->auth, "LOGIN") != NULL) {
		*detail = "LOGIN without PLAIN: some clients know only the "
		    "latter, which is the standard";
		return REPORT_NOTE;
	}
	if (strstr(hello->auth, "CRAM-MD5") != NULL ||
	    strstr(hello->auth, "NTLM") != NULL ||
	    strstr(hello->auth, "DIGEST-MD5") != NULL) {
		*detail = report_text(j->exam->report, "old ones among %s",
		    report_quote(j->exam->report, span_str(hello->auth)));
		return REPORT_NOTE;
	}
	return REPORT_PLAIN;
}

static struct explain
explain(const struct exam_answer *answer)
{
	const struct explain_query query = { .stage = EXPLAIN_AUTH,
		.code = answer->code, .status = { answer->status[0],
		answer->status[1], answer->status[2] },
		.text = span_str(answer->text) };
	struct explain out;

	explain_reply(&query, &out);
	return out;
}

static enum report_mark
judge_login(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->login;

	if (!a->is_tried)
		return REPORT_PLAIN;
	*detail = report_text(j->exam->report, "%s%s%s", j->facts->login_mech,
	    j->facts->login_mech[0] != '\0' ? ": " : "",
	    exam_words(j->exam, a));
	if (a->code == 235)
		return REPORT_GOOD;
	if (a->result == SESSION_LOCAL)
		return REPORT_UNTRIED;
	if (a->result == SESSION_OK)
		*detail = report_text(j->exam->report, "%s. %s", *detail,
		    explain(a).meaning);
	return REPORT_BAD;
}

static enum report_mark
judge_wrong(const struct judge *j, const char **detail)
{
	const struct exam_answer *a = &j->facts->wrong;

	if (!a->is_tried)
		return REPORT_PLAIN;
	*detail = exam_words(j->exam, a);
	if (a->code == 235)
		return REPORT_BAD;
	return a->code == 535 ? REPORT_GOOD : REPORT_WARNING;
}

static enum report_mark
judge_users(const struct judge *j, const char **detail)
{
	const struct exam_answer *none = &j->facts->wrong;
	const struct exam_answer *known = &j->facts->wrong_known;

	if (!exam_is_refused(none) || !exam_is_refused(known))
		return REPORT_PLAIN;
	if (none->code == known->code && strcmp(none->text, known->text) == 0)
		return REPORT_GOOD;
	*detail = report_text(j->exam->report, "a user who is not there: %s; "
	    "a wrong password: %s", exam_words(j->exam, none),
	    exam_words(j->exam, known));
	return REPORT_WARNING;
}

static const struct judge_row logins[] = {
	{ "clear-auth", judge_clear_auth, "no login before TLS",
	    "passwords may go over the line in clear",
	    "Offer and accept AUTH behind TLS only (Postfix: "
	    "smtpd_tls_auth_only; Exchange: \"offer Basic authentication only "
	    "after starting TLS\"; ehlod: basic-auth-only-after-tls).",
	    "RFC 4954 4, RFC 8314 3" },
	{ "clear-mail", judge_clear_mail, "no mail before TLS and login",
	    "MAIL is accepted before TLS and login",
	    "On the submission port nobody unknown has anything to say, and "
	    "nothing should travel readable: require both at MAIL, so that "
	    "clients notice early.",
	    "RFC 6409 4.3, RFC 8314 4.1" },
	{ "auth", judge_auth, "logins are offered",
	    "no login is offered, not even behind TLS",
	    "Nobody can send from here. Turn AUTH on for this port.",
	    "RFC 6409 4.3" },
	{ "auth-mx", judge_auth_mx, "", "logins are offered at port 25, too",
	    "The world has no login: whoever tries one here guesses. Leave "
	    "logins to the ports 587 and 465.", "RFC 8314 3.3" },
	{ "auth-mechanisms", judge_mechanisms, "",
	    "the choice of mechanisms",
	    "PLAIN behind TLS is what everybody speaks; SCRAM-SHA-256 is the "
	    "one that does not show the password to the server. CRAM-MD5, "
	    "DIGEST-MD5 and NTLM need weakly stored passwords.",
	    "RFC 4954 4, RFC 6331" },
	{ "login", judge_login, "the login works", "the login does not work",
	    "Name and password are right only together with the right form of "
	    "the name (user, user@domain, DOMAIN\\user): the server's log "
	    "tells which account it looked for.", "RFC 4954 4" },
	{ "wrong-password", judge_wrong, "a wrong password is refused by 535",
	    "a wrong password is not refused as it should be",
	    "535 5.7.8 is the answer clients understand: they ask the person "
	    "again. 4xx makes them repeat the wrong one; 235 lets anybody in.",
	    "RFC 4954 6" },
	{ "user-names", judge_users,
	    "an unknown user is refused like a wrong password",
	    "the refusal tells whether a user exists",
	    "Give the same answer, after the same time.", "RFC 4954 9" },
};

void
judge_logins(const struct judge *judge)
{
	judge_rows(judge, logins, countof(logins));
}
