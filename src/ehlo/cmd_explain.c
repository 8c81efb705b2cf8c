/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo explain: what a reply means, whose fault it is, what to do. Takes one
 * reply, a code, or whatever somebody pasted: a session, a log, a bounce. */
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/file.h"
#include "ehlo/paste.h"
#include "ehlo/tell.h"
#include "ehlo/words.h"
#include "sasl/look.h"

static const char help[] =
    "usage: ehlo explain CODE | TEXT ... | FILE | -\n"
    "\n"
    "What a mail server means by a reply, in plain words: whose fault it is,\n"
    "whether it passes, what to do. Takes a code (550, 5.7.57), a reply, or\n"
    "anything that has replies in it, from a file or the standard input: a\n"
    "session of telnet, openssl s_client, swaks, curl, msmtp, exim, smtplib;\n"
    "lines of the logs of Postfix and Exim; a bounce; the list that answers\n"
    "EHLO, or both lists, before and after STARTTLS. In a session the logins\n"
    "are looked at, too: base64 that is none, a password with a line end.\n"
    "\n"
    "  --stage WORD   what a single reply answered: connect, ehlo, starttls,\n"
    "                 auth, mail, rcpt, data, end (of data), quit\n"
    "  --all          explains the good replies, too\n"
    "  --show         shows passwords that are in it\n"
    "  --json         for programs\n"
    "\n"
    "Exit code: 0 explained, 1 nothing to explain was found in it, 3 not\n"
    "understood.\n";

struct request {
	const char *stage_word;
	enum explain_stage stage;
	bool is_all, is_show, is_json, is_help;
};

/* --- which one is the cause */

/* Troubles that come of an earlier one, and those that matter less. */
static int
weight(const char *name)
{
	static const char *const follows[] = { "bad-order", "mail-first",
		"rcpt-first", "no-valid-recipients", "too-many-errors",
		"closing", "hello-first", "no-vrfy", "unknown-command",
		"not-available", "lost-connection", "refused", "later",
		"logged-in-already", "nested-mail" };

	for (size_t i = 0; i < countof(follows); i++)
		if (strcmp(name, follows[i]) == 0)
			return -25;
	return 0;
}

/* Was the same thing said again, with success? */
static bool
went_well_later(const struct paste *paste, size_t i)
{
	enum explain_stage stage = paste->reply[i].stage;

	if (stage == EXPLAIN_ANY || stage == EXPLAIN_OTHER)
		return false;
	for (i++; i < paste->n; i++)
		if (paste->reply[i].stage == stage &&
		    paste->reply[i].code / 100 == 2)
			return true;
	return false;
}

static void
explain_one(const struct paste_reply *reply, struct explain *out)
{
	struct explain_query query = { .stage = reply->stage,
		.code = reply->code, .text = reply->text };

	memcpy(query.status, reply->status, sizeof query.status);
	explain_reply(&query, out);
}

static int
score(const struct paste *paste, size_t i, const struct explain *explain)
{
	static const int of[] = { [EXPLAIN_BY_WORDS] = 30,
		[EXPLAIN_BY_STATUS] = 20, [EXPLAIN_BY_CODE] = 12,
		[EXPLAIN_BY_DIGIT] = 5 };
	int sum = of[explain->basis] + weight(explain->name);

	if (went_well_later(paste, i))
		sum -= 20;
	if (paste->reply[i].code / 100 == 5)
		sum += 2;
	if (paste->reply[i].source == PASTE_SESSION)
		sum += 2;
	if (explain->remedy == EXPLAIN_SAY_OTHERWISE)
		sum -= 3;	/* was typed better the next time, mostly */
	return sum;
}

/* The most probable cause: its reply, or paste->n if all went well. */
static size_t
find_cause(const struct paste *paste, const struct explain *explains)
{
	size_t best = paste->n;
	int most = -1000;

	for (size_t i = 0; i < paste->n; i++) {
		int sum = score(paste, i, &explains[i]);

		if (!explains[i].is_good && sum > most) {
			most = sum;
			best = i;
		}
	}
	return best;
}

/* --- logins */

/* What is to be said about a line of a login; false if nothing is. */
static bool
look_at_login(const struct paste_login *login, struct look_base64 *judged,
    struct look *look, char *memory, const char **remark)
{
	struct put out = put_init(memory, LOOK_MAX);
	bool is_ntlm = span_caseeq(login->mech, SPAN("NTLM"));

	*remark = NULL;
	look_base64(login->text, judged, &out);
	look_message(put_span(&out), look);
	if (!login->is_ours) {
		/* "334 NTLM supported" is meant for people */
		if (judged->trap != LOOK_SOUND)
			return false;
		if (look->kind == LOOK_BINARY)
			*remark = "The challenge decodes to nonsense: it was "
			    "changed, or copied badly.";
		return *remark != NULL;
	}
	if (judged->trap == LOOK_EMPTY ||
	    span_eq(login->text, SPAN("*")) ||
	    span_eq(login->text, SPAN("=")))
		return false;
	if (judged->trap != LOOK_SOUND)
		*remark = "What the client answered is no base64.";
	else if (is_ntlm && look->kind != LOOK_NTLM_1 &&
	    look->kind != LOOK_NTLM_3)
		*remark = "What the client answered is no NTLM message. NTLM "
		    "is no name and password in base64, but three messages "
		    "that a program has to compute: take another mechanism, "
		    "or a client that knows it (ehlo send --auth NTLM).";
	else if (look->n_warnings != 0)
		*remark = "What the client answered looks wrong.";
	return *remark != NULL;
}

static void
show_login(const struct words *words, const struct paste_login *login,
    const struct look_base64 *judged, const struct look *look,
    const char *remark)
{
	char label[32];

	(void)snprintf(label, sizeof label, "line %u", login->line);
	words_say(words, 0, label, WORDS_WARN, remark);
	if (judged->trap != LOOK_SOUND) {
		words_say(words, 9, NULL, WORDS_PLAIN, judged->why);
		if (judged->n_guesses == 1 && !login->is_password)
			words_quote(words, 9, "meant?", WORDS_PLAIN,
			    judged->guess[0]);
	}
	for (unsigned i = 0; i < look->n_warnings; i++)
		words_say(words, 9, NULL, WORDS_PLAIN, look->warning[i]);
}

/* Returns the first remark that was made, or NULL. */
static const char *
show_logins(const struct request *request, const struct words *words,
    const struct paste *paste)
{
	struct look_base64 *judged = mem_new(sizeof *judged);
	struct look *look = mem_new(sizeof *look);
	char *memory = mem_new(LOOK_MAX);
	const char *first = NULL;

	if (request->is_json)
		printf(",\"logins\":[");
	for (size_t i = 0; i < paste->logins; i++) {
		const char *remark;

		if (!look_at_login(&paste->login[i], judged, look, memory,
		    &remark))
			continue;
		if (request->is_json) {
			printf("%s{\"line\":%u,\"remark\":",
			    first == NULL ? "" : ",", paste->login[i].line);
			tell_json(stdout, span_str(remark));
			printf(",\"why\":");
			tell_json(stdout, span_str(judged->why));
			printf("}");
		} else {
			if (first == NULL)
				printf("\n");
			show_login(words, &paste->login[i], judged, look,
			    remark);
		}
		first = first != NULL ? first : remark;
	}
	if (request->is_json)
		printf("]");
	mem_wipe(memory, LOOK_MAX);
	free(memory);
	free(judged);
	free(look);
	return first;
}

/* --- for people */

/* A command with a password in it ("AUTH PLAIN AGd1…") is cut, unless it is
 * asked for. */
static struct span
said_without_secret(const struct request *request,
    const struct paste_reply *reply)
{
	struct span rest = reply->said, verb = span_cut(&rest, ' ');
	struct span mech = span_cut(&rest, ' ');

	if (request->is_show || !span_caseeq(verb, SPAN("AUTH")))
		return reply->said;
	return span_first(reply->said, verb.len + 1 + mech.len);
}

static void
show_heading(const struct request *request, const struct words *words,
    const struct paste_reply *reply, const struct explain *explain)
{
	struct span text = reply->text;
	bool is_first = true;
	char code[16] = "";

	if (reply->said.len != 0)
		words_quote(words, 0, "said", WORDS_DIM,
		    said_without_secret(request, reply));
	if (reply->code != 0)
		(void)snprintf(code, sizeof code, "%u", reply->code);
	while (is_first || text.len != 0) {
		struct span line = span_cut(&text, '\n');

		words_quote(words, 0, is_first ? code : "", explain->is_good ?
		    WORDS_GOOD : WORDS_BAD, line);
		is_first = false;
	}
}

/* A code alone means different things behind different commands. */
static void
show_stages(const struct words *words, const struct paste_reply *reply)
{
	const char *shown[EXPLAIN_STAGES];
	struct explain any;
	size_t n = 1;

	explain_one(reply, &any);
	shown[0] = any.name;
	for (unsigned i = EXPLAIN_GREETING; i < EXPLAIN_STAGES; i++) {
		struct paste_reply one = *reply;
		struct explain explain;
		bool is_known = false;

		one.stage = (enum explain_stage)i;
		explain_one(&one, &explain);
		for (size_t j = 0; j < n; j++)
			is_known |= strcmp(shown[j], explain.name) == 0;
		if (is_known || n == countof(shown))
			continue;
		shown[n++] = explain.name;
		printf("\nas an answer to %s\n", explain_stage_name(one.stage));
		words_say(words, 0, "means", WORDS_BOLD, explain.meaning);
		if (explain.advice[0] != '\0')
			words_say(words, 0, "do", WORDS_PLAIN,
			    explain.advice);
	}
}

static bool
is_bare(const struct paste_reply *reply)
{
	return reply->code != 0 && reply->text.len == 0 &&
	    reply->stage == EXPLAIN_ANY;
}

/* Several of a kind are explained once. */
static bool
was_explained(const struct explain *explains, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!explains[j].is_good &&
		    explains[j].name == explains[i].name)
			return true;
	return false;
}

static bool
is_list(const struct paste_reply *reply)
{
	return reply->stage == EXPLAIN_HELLO && reply->code == 250 &&
	    span_find(reply->text, '\n') < reply->text.len;
}

static unsigned
show_replies(const struct request *request, const struct words *words,
    const struct paste *paste, const struct explain *explains)
{
	bool is_single = paste->n == 1;
	unsigned n = 0;

	for (size_t i = 0; i < paste->n; i++) {
		const struct paste_reply *reply = &paste->reply[i];
		const struct explain *explain = &explains[i];

		if (explain->is_good && !is_single && !request->is_all)
			continue;
		if (n++ != 0)
			printf("\n");
		if (!is_single)
			printf("line %u%s%s\n", reply->line,
			    reply->stage != EXPLAIN_ANY ? ", answer to " : "",
			    explain_stage_name(reply->stage));
		if (is_list(reply) && is_single)
			continue;	/* shown as a list */
		show_heading(request, words, reply, explain);
		if (!explain->is_good && was_explained(explains, i))
			words_say(words, 0, "means", WORDS_DIM,
			    "the same as above");
		else
			words_explain(words, 0, explain);
		if (is_single && is_bare(reply))
			show_stages(words, reply);
	}
	return n;
}

static void
show_lists(const struct words *words, const struct paste *paste)
{
	const struct explain_remark *remarks[EXPLAIN_REMARKS_MAX];

	if (paste->clear.p == NULL && paste->tls.p == NULL)
		return;
	/* alone, or two, they are what was asked about */
	if (paste->n <= 2) {
		if (paste->clear.p != NULL)
			words_list(words, 0, paste->clear);
		if (paste->tls.p != NULL) {
			printf("\nafter STARTTLS\n");
			words_list(words, 0, paste->tls);
		}
	}
	if (explain_hello(paste->clear, paste->tls, remarks) == 0)
		return;
	printf("\n");
	words_say(words, 0, NULL, WORDS_BOLD,
	    "What the list of extensions tells:");
	words_remarks(words, 0, paste->clear, paste->tls);
}

static void
show_summary(const struct words *words, const struct paste *paste,
    const struct explain *explains, const char *remark)
{
	size_t cause = find_cause(paste, explains);

	if (paste->has_renegotiation)
		words_say(words, 0, "note", WORDS_WARN, "openssl s_client "
		    "takes lines that begin with R or Q for itself "
		    "(renegotiate, quit): type rcpt in small letters, or use "
		    "-quiet.");
	if (paste->n < 2 && paste->logins == 0)
		return;
	printf("\n");
	if (cause == paste->n) {
		if (paste->n > 2)
			words_say(words, 0, NULL, WORDS_GOOD, remark == NULL ?
			    "Nothing went wrong in it." :
			    "No reply tells of a failure.");
		return;
	}
	words_say(words, 0, NULL, WORDS_BOLD, "Most probably:");
	words_quote(words, 0, "because", WORDS_BAD, span_first(
	    paste->reply[cause].text, span_find(paste->reply[cause].text,
	    '\n')));
	/* a login that was wrong from the start explains its refusal */
	words_say(words, 0, "", WORDS_PLAIN, remark != NULL &&
	    paste->reply[cause].stage == EXPLAIN_AUTH ? remark :
	    explains[cause].meaning);
	words_say(words, 0, "do", WORDS_BOLD, explains[cause].advice);
}

static void
show(const struct request *request, const struct paste *paste,
    const struct explain *explains)
{
	struct words words;
	const char *remark;

	words_init(&words, stdout);
	(void)show_replies(request, &words, paste, explains);
	show_lists(&words, paste);
	remark = show_logins(request, &words, paste);
	show_summary(&words, paste, explains, remark);
}

/* --- for programs */

static void
reply_json(const struct request *request, const struct paste_reply *reply,
    const struct explain *explain)
{
	static const char *const sources[] = { "session", "line", "log",
		"report", "words" };

	printf("{\"line\":%u,\"source\":\"%s\",\"stage\":\"%s\",\"code\":%u,"
	    "\"said\":", reply->line, sources[reply->source],
	    explain_stage_name(reply->stage), reply->code);
	words_json(stdout, said_without_secret(request, reply));
	printf(",\"text\":");
	words_json(stdout, reply->text);
	printf(",");
	words_explain_json(stdout, explain);
	printf("}");
}

static void
remarks_json(const struct paste *paste)
{
	const struct explain_remark *remarks[EXPLAIN_REMARKS_MAX];
	size_t n = paste->clear.p != NULL || paste->tls.p != NULL ?
	    explain_hello(paste->clear, paste->tls, remarks) : 0;

	printf(",\"remarks\":[");
	for (size_t i = 0; i < n; i++) {
		printf("%s{\"name\":\"%s\",\"warning\":%s,\"meaning\":",
		    i == 0 ? "" : ",", remarks[i]->name,
		    remarks[i]->is_warning ? "true" : "false");
		tell_json(stdout, span_str(remarks[i]->meaning));
		printf(",\"advice\":");
		tell_json(stdout, span_str(remarks[i]->advice));
		printf("}");
	}
	printf("]");
}

static void
show_json(const struct request *request, const struct paste *paste,
    const struct explain *explains)
{
	size_t cause = find_cause(paste, explains);

	printf("{\"replies\":[");
	for (size_t i = 0; i < paste->n; i++) {
		fputs(i == 0 ? "" : ",", stdout);
		reply_json(request, &paste->reply[i], &explains[i]);
	}
	printf("]");
	remarks_json(paste);
	(void)show_logins(request, NULL, paste);
	printf(",\"cause\":");
	if (cause < paste->n)
		reply_json(request, &paste->reply[cause], &explains[cause]);
	else
		printf("null");
	printf("}\n");
}

/* --- what was typed */

/* One word that is the name of a file, "-", or nothing; else the words
 * themselves, a space between. */
static bool
get_text(int argc, char **argv, struct buf *buf)
{
	if (argc == 1 && isatty(STDIN_FILENO))
		tell_note("paste it here, then Ctrl-D");
	if (argc == 1)
		return file_read("-", buf);
	if (argc == 2 && (strcmp(argv[1], "-") == 0 ||
	    access(argv[1], R_OK) == 0))
		return file_read(argv[1], buf);
	for (int i = 1; i < argc; i++)
		if ((i > 1 && buf_append(buf, SPAN(" ")) != 0) ||
		    buf_append(buf, span_str(argv[i])) != 0)
			return false;
	return true;
}

static bool
find_stage(struct request *request)
{
	static const struct {
		const char *word;
		enum explain_stage stage;
	} stages[] = {
		{ "connect", EXPLAIN_GREETING }, { "ehlo", EXPLAIN_HELLO },
		{ "starttls", EXPLAIN_STARTTLS }, { "auth", EXPLAIN_AUTH },
		{ "mail", EXPLAIN_MAIL }, { "rcpt", EXPLAIN_RCPT },
		{ "data", EXPLAIN_DATA }, { "end", EXPLAIN_TEXT },
		{ "quit", EXPLAIN_QUIT },
	};

	if (request->stage_word == NULL)
		return true;
	for (size_t i = 0; i < countof(stages); i++)
		if (strcmp(stages[i].word, request->stage_word) == 0) {
			request->stage = stages[i].stage;
			return true;
		}
	tell_error("--stage %s: expected connect, ehlo, starttls, auth, mail, "
	    "rcpt, data, end or quit", request->stage_word);
	return false;
}

static int
tell(const struct request *request, struct paste *paste)
{
	struct explain *explains = mem_new_array(paste->n + 1,
	    sizeof *explains);

	if (paste->n == 1 && request->stage != EXPLAIN_ANY)
		paste->reply[0].stage = request->stage;
	for (size_t i = 0; i < paste->n; i++)
		explain_one(&paste->reply[i], &explains[i]);
	if (request->is_json)
		show_json(request, paste, explains);
	else
		show(request, paste, explains);
	free(explains);
	if (paste->n == 0 && !request->is_json)
		tell_error("there is no reply of a mail server in it that "
		    "could be recognised");
	return paste->n != 0 ? CMD_GOOD : CMD_FAILED;
}

static int
run(const struct request *request, int argc, char **argv)
{
	struct paste paste = { 0 };
	struct buf buf;
	int code = CMD_USAGE;

	buf_init(&buf, PASTE_MAX);
	if (get_text(argc, argv, &buf) && paste_read(&paste,
	    buf_span(&buf)))
		code = tell(request, &paste);
	if (buf.p != NULL)
		mem_wipe(buf.p, buf.cap);	/* passwords, perhaps */
	buf_free(&buf);
	paste_free(&paste);
	return code;
}

int
cmd_explain(int argc, char **argv)
{
	struct request request = { 0 };
	const struct args_option option[] = {
		{ .name = "--stage", .value = &request.stage_word },
		{ .name = "--all", .flag = &request.is_all },
		{ .name = "--show", .flag = &request.is_show },
		{ .name = "--json", .flag = &request.is_json },
		{ .name = "--help", .flag = &request.is_help },
	};

	if (!args_parse(&argc, argv, option, countof(option)) ||
	    !find_stage(&request))
		return CMD_USAGE;
	if (request.is_help) {
		fputs(help, stdout);
		return CMD_GOOD;
	}
	return run(&request, argc, argv);
}
