/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo replay: runs a transcript as a test. What the client said in it is said
 * to a server; what the server says is compared with what is written. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/file.h"
#include "ehlo/login.h"
#include "ehlo/replay.h"
#include "ehlo/target.h"
#include "ehlo/tell.h"
#include "ehlo/words.h"

static const char help[] =
    "usage: ehlo replay FILE [HOST[:PORT]] [OPTION ...]\n"
    "       ehlo replay FILE --list\n"
    "\n"
    "Says to the server what the client said in a script, and shows where\n"
    "the answers differ. FILE is a session recorded by ehlo talk, a dialogue\n"
    "of tests/dlg, or any text with a session in it: an article, a screen\n"
    "copy of telnet or openssl s_client, output of swaks, curl, msmtp, exim,\n"
    "smtplib. Dates, ids, names and addresses may differ.\n"
    "\n"
    "  --list         only how the file is understood; asks no server\n"
    "  --corrections FILE\n"
    "                 known misprints of the text, and what is meant\n"
    "  --map OLD=NEW  other words in what is said and expected; repeatable\n"
    "  --user NAME    logs in so, not as it is written; with this the hidden\n"
    "                 logins of recorded sessions can be played, too\n"
    "  --tls          STARTTLS first, though the transcript has none\n"
    "  --exact        nothing may differ\n"
    "  --codes        only the codes are compared\n"
    "  --stop         ends at the first difference\n"
    "  --verbose      shows every exchange, the good ones, too\n"
    "  --json         for programs\n"
    "\n"
    "Where to, TLS and logging in (as all commands of ehlo):\n";

static const char help_end[] =
    "\n"
    "Exit code: 0 all as written, 1 something differs, 2 no connection, 3 not\n"
    "understood.\n";

struct request {
	struct target target;
	struct login login;
	struct args_list map;
	const char *corrections;
	bool is_list, is_exact, is_codes, is_stop, is_verbose, is_json;
	bool is_help;
	/* playing */
	struct words words;
	unsigned n[REPLAY_UNCHECKED + 1];	/* by verdict */
};

/* --- --list */

static const char *
format_name(const struct script *script)
{
	switch (script->format) {
	case SCRIPT_RECORD:
		return "a recorded session";
	case SCRIPT_DLG:
		return "a dialogue";
	case SCRIPT_TEXT:
		break;
	}
	return "text";
}

static const char *
kind_name(const struct script_item *item)
{
	switch (item->kind) {
	case SCRIPT_SESSION:
		return "session";
	case SCRIPT_SAYS:
		return item->is_text ? "text" : "client";
	case SCRIPT_SENDS:
		return "client-bytes";
	case SCRIPT_SECRET:
		return "client-secret";
	case SCRIPT_HEARS:
		return "server";
	case SCRIPT_REPLY:
		return "server-code";
	case SCRIPT_ELIDED:
		return "left-out";
	case SCRIPT_TLS:
		return "tls";
	case SCRIPT_CLOSED:
		break;
	}
	return "closed";
}

static void
list_item(const struct words *words, const struct script_item *item)
{
	static const struct {
		const char *mark;
		enum words_colour colour;
	} shown[] = {
		[SCRIPT_SESSION] = { "--", WORDS_DIM },
		[SCRIPT_SAYS] = { "C:", WORDS_BOLD },
		[SCRIPT_SENDS] = { "C|", WORDS_BOLD },
		[SCRIPT_SECRET] = { "C*", WORDS_BOLD },
		[SCRIPT_HEARS] = { "S:", WORDS_PLAIN },
		[SCRIPT_REPLY] = { "S+", WORDS_PLAIN },
		[SCRIPT_ELIDED] = { "..", WORDS_DIM },
		[SCRIPT_TLS] = { "T", WORDS_DIM },
		[SCRIPT_CLOSED] = { "X", WORDS_DIM },
	};
	char label[40];

	(void)snprintf(label, sizeof label, "%5u%s %-3s", item->line,
	    item->is_fixed ? "*" : " ", item->is_text ? "  |" :
	    shown[item->kind].mark);
	if (item->kind == SCRIPT_SESSION && item->text.len == 0)
		words_say(words, 0, label, WORDS_DIM, "a session begins");
	else if (item->kind == SCRIPT_SESSION)
		words_say(words, 0, label, WORDS_DIM, item->is_tls ?
		    "a session, inside TLS (STARTTLS was done before)" :
		    "a session, in the middle (EHLO was said before)");
	else
		words_quote(words, 0, label, shown[item->kind].colour,
		    item->text);
}

static void
list_json(const struct script *script)
{
	printf("{\"format\":\"%s\",\"style\":\"%s\",\"items\":[",
	    script->format == SCRIPT_RECORD ? "record" :
	    script->format == SCRIPT_DLG ? "dlg" : "text",
	    script->style);
	for (size_t i = 0; i < script->n; i++) {
		const struct script_item *item = &script->item[i];

		printf("%s{\"line\":%u,\"kind\":\"%s\",\"corrected\":%s,"
		    "\"text\":", i == 0 ? "" : ",", item->line,
		    kind_name(item), item->is_fixed ? "true" : "false");
		words_json(stdout, item->text);
		printf("}");
	}
	printf("]}\n");
}

static void
list(const struct request *request, const struct script *script)
{
	unsigned client = 0, server = 0, sessions = 0, fixed = 0;

	if (request->is_json) {
		list_json(script);
		return;
	}
	for (size_t i = 0; i < script->n; i++) {
		const struct script_item *item = &script->item[i];

		sessions += item->kind == SCRIPT_SESSION;
		client += item->kind == SCRIPT_SAYS ||
		    item->kind == SCRIPT_SENDS ||
		    item->kind == SCRIPT_SECRET;
		server += item->kind == SCRIPT_HEARS ||
		    item->kind == SCRIPT_REPLY;
		fixed += item->is_fixed;
		list_item(&request->words, item);
	}
	printf("%s%s%s%s: %u session%s, %u lines of the client, %u of the "
	    "server, %u corrected\n", format_name(script),
	    script->style[0] != '\0' ? " (" : "", script->style,
	    script->style[0] != '\0' ? ")" : "", sessions,
	    sessions == 1 ? "" : "s", client, server, fixed);
	if (script->host[0] != '\0')
		printf("it was at %s port %u\n", script->host,
		    script->port);
}

/* --- playing */

static void
json_lines(const char *name, const struct span *line, size_t n)
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		fputs(i == 0 ? "" : ",", stdout);
		if (line[i].p == NULL)
			printf("null");
		else
			words_json(stdout, line[i]);
	}
	printf("]");
}

static void
exchange_json(const struct request *request,
    const struct replay_exchange *exchange)
{
	static const char *const verdicts[] = { "same", "differs",
		"no-answer", "not-compared" };
	struct span said = exchange->said;

	printf("%s{\"line\":%u,\"verdict\":\"%s\",\"said\":[",
	    request->n[0] + request->n[1] + request->n[2] + request->n[3] ==
	    1 ? "" : ",", exchange->line, verdicts[exchange->verdict]);
	while (said.len != 0) {
		words_json(stdout, span_cut(&said, '\n'));
		fputs(said.len != 0 ? "," : "", stdout);
	}
	printf("]");
	json_lines("expected", exchange->expected, exchange->n_expected);
	json_lines("got", exchange->got, exchange->n_got);
	if (exchange->verdict == REPLAY_NO_ANSWER && exchange->why != NULL) {
		printf(",\"why\":");
		words_json(stdout, span_str(exchange->why));
	}
	printf("}");
}

static void
print_said(const struct words *words, const struct replay_exchange *exchange)
{
	struct span said = exchange->said;
	char label[16];
	unsigned n = 0;

	(void)snprintf(label, sizeof label, "%5u  C:", exchange->line);
	if (said.len == 0)
		words_say(words, 0, label, WORDS_DIM, "(nothing said)");
	while (said.len != 0) {
		struct span line = span_cut(&said, '\n');

		/* a message is not shown whole */
		if (n++ < 3 || said.len == 0)
			words_quote(words, 0, n == 1 ? label : "      C:",
			    WORDS_BOLD, line);
		else if (n == 4)
			words_say(words, 0, "", WORDS_DIM, "...");
	}
}

static void
print_lines(const struct words *words, const char *label,
    enum words_colour colour, const struct span *line, size_t n)
{
	if (n == 0)
		words_say(words, 7, label, WORDS_DIM, "(nothing)");
	for (size_t i = 0; i < n; i++)
		words_quote(words, 7, i == 0 ? label : "", colour,
		    line[i].p != NULL ? line[i] : SPAN("..."));
}

static void
print_exchange(const struct request *request,
    const struct replay_exchange *exchange)
{
	const struct words *words = &request->words;

	if (exchange->verdict == REPLAY_SAME && !request->is_verbose)
		return;
	print_said(words, exchange);
	switch (exchange->verdict) {
	case REPLAY_SAME:
		print_lines(words, "ok", WORDS_GOOD, exchange->got,
		    exchange->n_got);
		break;
	case REPLAY_UNCHECKED:
		print_lines(words, "got", WORDS_DIM, exchange->got,
		    exchange->n_got);
		words_say(words, 7, "", WORDS_DIM,
		    "the transcript does not show an answer here");
		break;
	case REPLAY_DIFFERS:
		print_lines(words, "expected", WORDS_GOOD, exchange->expected,
		    exchange->n_expected);
		print_lines(words, "got", WORDS_BAD, exchange->got,
		    exchange->n_got);
		break;
	case REPLAY_NO_ANSWER:
		print_lines(words, "expected", WORDS_GOOD, exchange->expected,
		    exchange->n_expected);
		words_quote(words, 7, "but", WORDS_BAD,
		    span_str(exchange->why));
		break;
	}
}

static void
on_exchange(void *arg, const struct replay_exchange *exchange)
{
	struct request *request = arg;

	request->n[exchange->verdict]++;
	if (request->is_json)
		exchange_json(request, exchange);
	else
		print_exchange(request, exchange);
}

static int
finish(const struct request *request, enum replay_result result,
    const char *why)
{
	unsigned wrong = request->n[REPLAY_DIFFERS] +
	    request->n[REPLAY_NO_ANSWER];
	unsigned compared = wrong + request->n[REPLAY_SAME];

	if (request->is_json)
		printf("],\"compared\":%u,\"same\":%u,\"complete\":%s}\n",
		    compared, request->n[REPLAY_SAME],
		    result == REPLAY_DONE ? "true" : "false");
	else
		printf("%u answer%s compared, %u as written, %u not\n",
		    compared, compared == 1 ? "" : "s",
		    request->n[REPLAY_SAME], wrong);
	if (result != REPLAY_DONE)
		tell_error("%s", why);
	if (result == REPLAY_UNREACHED)
		return CMD_UNREACHED;
	if (result == REPLAY_UNPLAYABLE)
		return CMD_USAGE;
	if (compared == 0) {
		tell_error("there is nothing to compare in it");
		return CMD_FAILED;
	}
	return wrong == 0 ? CMD_GOOD : CMD_FAILED;
}

static enum match_how
how(const struct request *request, const struct script *script)
{
	if (request->is_codes)
		return MATCH_CODES;
	return request->is_exact || script->format == SCRIPT_DLG ?
	    MATCH_EXACT : MATCH_TOLERANT;
}

static int
play(struct request *request, const struct script *script)
{
	struct target *target = &request->target;
	struct replay_conf conf = { .how = how(request, script),
		.session = &target->session, .map = request->map.word,
		.map_n = request->map.n, .stops = request->is_stop,
		.starttls = target->tls == TARGET_TLS_REQUIRED,
		.each = on_exchange, .arg = request };
	char why[512];
	enum replay_result result;

	if (script->is_engine_only) {
		tell_error("this dialogue is for tests in memory only (! only "
		    "engine)");
		return CMD_USAGE;
	}
	if (login_is_wanted(&request->login))
		conf.login = &request->login;
	conf.answer_ms = target->session.answer_ms != 0 ?
	    target->session.answer_ms : 10000;
	if (request->is_json)
		printf("{\"exchanges\":[");
	result = replay_run(script, &conf, why, sizeof why);
	return finish(request, result, why);
}

/* --- what was typed */

static bool
read_fixes(const struct request *request, struct script_fixes *fixes)
{
	struct buf buf;
	unsigned line;
	const char *why;
	bool is_good;

	if (request->corrections == NULL)
		return true;
	buf_init(&buf, SCRIPT_FILE_MAX);
	is_good = file_read(request->corrections, &buf);
	if (is_good && !script_fixes_read(fixes, buf_span(&buf), &line,
	    &why)) {
		tell_error("%s:%u: %s", request->corrections, line, why);
		is_good = false;
	}
	buf_free(&buf);
	return is_good;
}

static void
warn_of_unused(const struct request *request,
    const struct script_fixes *fixes)
{
	for (size_t i = 0; i < fixes->n; i++)
		if (fixes->fix[i].used == 0)
			tell_warning("%s: no line is like \"%.*s\"",
			    request->corrections,
			    SPAN_ARG(fixes->fix[i].line));
}

static bool
read_transcript(const struct request *request, const char *path,
    struct script_fixes *fixes, struct script *script)
{
	struct buf buf;
	bool is_good;

	buf_init(&buf, SCRIPT_FILE_MAX);
	is_good = file_read(path, &buf);
	if (is_good && !script_read(script, buf_span(&buf), fixes)) {
		tell_error("%s:%u: %s", path, script->bad_line,
		    script->bad_why);
		is_good = false;
	}
	buf_free(&buf);
	if (is_good && request->corrections != NULL)
		warn_of_unused(request, fixes);
	return is_good;
}

/* A recorded session knows where it was; other people's hosts, out of their
 * articles, are not to be bothered. */
static bool
find_server(struct request *request, const struct script *script,
    const char *word)
{
	struct target *target = &request->target;

	if (word != NULL && !target_take(target, word))
		return false;
	if (!target_finish(target, 25))
		return false;
	if (target->is_named)
		return true;
	if (script->format != SCRIPT_RECORD ||
	    script->host[0] == '\0') {
		tell_error("which server? ehlo replay FILE HOST:PORT (or "
		    "--list)");
		return false;
	}
	target->session.host = script->host;
	target->session.port = (uint16_t)script->port;
	return true;
}

static int
run(struct request *request, int argc, char **argv)
{
	struct script script = { 0 };
	struct script_fixes fixes = { 0 };
	int code = CMD_USAGE;

	if (argc < 2 || argc > 3) {
		tell_error("expected: ehlo replay FILE [HOST:PORT]");
		return CMD_USAGE;
	}
	if (read_fixes(request, &fixes) &&
	    read_transcript(request, argv[1], &fixes, &script)) {
		if (request->is_list) {
			list(request, &script);
			code = CMD_GOOD;
		} else if (find_server(request, &script,
		    argc == 3 ? argv[2] : NULL) &&
		    login_finish(&request->login,
		    request->target.session.host,
		    request->target.session.port)) {
			code = play(request, &script);
		}
	}
	script_free(&script);
	script_fixes_free(&fixes);
	return code;
}

#define OWN_OPTIONS 9

static size_t
options(struct request *request, struct args_option *out)
{
	const struct args_option own[] = {
		{ .name = "--list", .flag = &request->is_list },
		{ .name = "--corrections", .value = &request->corrections },
		{ .name = "--map", .take = args_take_list,
		    .arg = &request->map },
		{ .name = "--exact", .flag = &request->is_exact },
		{ .name = "--codes", .flag = &request->is_codes },
		{ .name = "--stop", .flag = &request->is_stop },
		{ .name = "--verbose", .also = "-v",
		    .flag = &request->is_verbose },
		{ .name = "--json", .flag = &request->is_json },
		{ .name = "--help", .flag = &request->is_help },
	};
	size_t n = target_options(&request->target, out);

	_Static_assert(countof(own) == OWN_OPTIONS, "room for all");
	n += login_options(&request->login, out + n);
	memcpy(out + n, own, sizeof own);
	return n + countof(own);
}

static bool
is_map_good(const struct args_list *map)
{
	for (size_t i = 0; i < map->n; i++)
		if (strchr(map->word[i], '=') == NULL ||
		    map->word[i][0] == '=') {
			tell_error("--map %s: expected OLD=NEW", map->word[i]);
			return false;
		}
	return true;
}

int
cmd_replay(int argc, char **argv)
{
	struct args_option option[TARGET_OPTIONS_MAX + LOGIN_OPTIONS_MAX +
	    OWN_OPTIONS];
	struct request *request = mem_new(sizeof *request);
	int code = CMD_USAGE;

	target_init(&request->target);
	login_init(&request->login);
	words_init(&request->words, stdout);
	if (!args_parse(&argc, argv, option, options(request, option))) {
		code = CMD_USAGE;
	} else if (request->is_help) {
		printf("%s%s%s%s", help, target_help, login_help, help_end);
		code = CMD_GOOD;
	} else if (request->is_exact && request->is_codes) {
		tell_error("--exact and --codes: only one of them");
	} else if (is_map_good(&request->map)) {
		code = run(request, argc, argv);
	}
	args_list_free(&request->map);
	login_wipe(&request->login);
	target_free(&request->target);
	free(request);
	return code;
}
