/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions as programs show them, each with marks of its own before what the
 * client and the server say. The style whose server mark stands before most
 * replies is the one. */
#include "base/text.h"
#include "ehlo/script_private.h"

static const struct style {
	const char *name;
	const char *server[5], *client[4];	/* end at NULL */
} styles[] = {
	{ "swaks", { "<-  ", "<~  ", "<** ", "<~* " },
	    { "-> ", "~> ", "*> " } },
	{ "msmtp", { "<-- " }, { "--> " } },
	{ "sendmail", { "<<< " }, { ">>> " } },
	{ "exim", { "SMTP<< " }, { "SMTP>> " } },
	{ "postfix", { "Out: " }, { "In:  ", "In: " } },
	{ "phpmailer", { "SERVER -> CLIENT: " }, { "CLIENT -> SERVER: " } },
	{ "smtplib", { "reply: b'", "reply: '" },
	    { "send: '", "send: b'", "send: \"" } },
	{ "S: and C:", { "S: " }, { "C: " } },
	{ "curl", { "< " }, { "> " } },
};

/* What is behind the first of `marks` that the line begins with; .p NULL. */
static struct span
behind(struct span line, const char *const *marks, size_t n)
{
	for (size_t i = 0; i < n && marks[i] != NULL; i++) {
		struct span mark = span_str(marks[i]);

		if (span_starts(line, mark))
			return span_skip(line, mark.len);
		/* "-> " and nothing: an empty line */
		mark.len--;
		if (span_eq(line, mark))
			return span_skip(line, mark.len);
	}
	return (struct span){ NULL, 0 };
}

/* What Python shows of bytes: "ehlo x\r\n'" without its end. */
static struct span
without_python(struct span text)
{
	while (text.len != 0 && (text.p[text.len - 1] == '\'' ||
	    text.p[text.len - 1] == '"'))
		text.len--;
	while (text.len >= 2 && text.p[text.len - 2] == '\\' &&
	    (text.p[text.len - 1] == 'n' || text.p[text.len - 1] == 'r'))
		text.len -= 2;
	return text;
}

static unsigned
count_replies(const struct style *style, const struct script_raws *raws)
{
	unsigned n = 0;

	for (size_t i = 0; i < raws->n; i++) {
		struct span text = behind(raws->raw[i].text, style->server,
		    countof(style->server));

		n += text.p != NULL && script_reply_code(
		    without_python(text)) != 0;
	}
	return n;
}

static void
apply(const struct style *style, struct script_raws *raws)
{
	bool is_python = strcmp(style->name, "smtplib") == 0;

	for (size_t i = 0; i < raws->n; i++) {
		struct script_raw *raw = &raws->raw[i];
		struct span server = behind(raw->text, style->server,
		    countof(style->server));
		struct span client = behind(raw->text, style->client,
		    countof(style->client));

		if (raw->is_fixed)
			continue;
		if (server.p != NULL && is_python)
			server = without_python(server);
		raw->role = ROLE_NONE;
		if (server.p != NULL && script_reply_code(server) != 0) {
			raw->role = ROLE_SERVER;
			raw->text = server;
		} else if (client.p != NULL) {
			raw->role = ROLE_CLIENT;
			raw->text = is_python ? without_python(client) :
			    client;
		}
	}
}

const char *
script_find_marks(struct script_raws *raws)
{
	const struct style *best = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < countof(styles); i++) {
		unsigned n = count_replies(&styles[i], raws);

		if (n > most) {
			most = n;
			best = &styles[i];
		}
	}
	if (best == NULL)
		return NULL;
	apply(best, raws);
	return best->name;
}
