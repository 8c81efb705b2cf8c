/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo trail: what became of a mail, told in order: by its id, an address, a
 * Message-ID, a login or the address of a machine. Reads the database, so the
 * daemon need not run; if it does, the dialogue of the session is shown, too.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "ehlo/args.h"
#include "ehlo/daemon.h"
#include "ehlo/tell.h"
#include "ehlo/trail_print.h"
#include "mail/trace.h"
#include "trail/read.h"

static const char help[] =
    "usage: ehlo trail ID|ADDRESS|@DOMAIN|MESSAGE-ID|LOGIN|IP|HOST\n"
    "                  [--since TIME] [--limit N] [--transcript] [--json]\n"
    "\n"
    "What happened to mail: who brought it and how, who was asked to take it,\n"
    "what they said, what became of it.\n"
    "\n"
    "  --since TIME       not what is older: 30s, 5m, 3h, 2d\n"
    "  --limit N          the newest N stories (20)\n"
    "  --transcript       with the dialogue of the session, if the running\n"
    "                     daemon still has it; for one story always\n"
    "  --json             for programs: one event a line\n"
    "  --file DATABASE    the trail; without it, the one that\n"
    "  --config FILE      this configuration names (" DAEMON_CONFIG ")\n"
    "  --control SOCKET   the daemon's, for transcripts\n"
    "\n"
    "Exit code: 0 found, 1 nothing found or not to be read, 3 not\n"
    "understood.\n";

struct options {
	struct daemon_place place;
	const char *file, *since, *limit;
	bool is_json, wants_transcript, is_help;
};

struct teller {
	const struct options *options;
	uint64_t before_ms;
	size_t n;
};

/* --- stories */

static void
tell_event(void *arg, const struct trail_event *event)
{
	struct teller *teller = arg;

	if (teller->options->is_json)
		trail_print_json(stdout, event);
	else
		trail_print_event(stdout, event, teller->before_ms);
	teller->before_ms = event->at_ms;
	teller->n++;
}

static void
print_id(const char *before, uint64_t id)
{
	char text[TRACE_ID_LEN];
	struct put put = put_init(text, sizeof text);

	trace_put_id(&put, id);
	printf("%s %.*s", before, SPAN_ARG(put_span(&put)));
}

static void
print_head(const struct trail_story *story, bool is_first)
{
	if (!is_first)
		putchar('\n');
	if (story->message != 0)
		print_id("message", story->message);
	if (story->session != 0)
		print_id(story->message != 0 ? ", session" : "session",
		    story->session);
	putchar('\n');
}

static bool
print_line(void *arg, const json_t *item)
{
	bool *is_first = arg;

	if (*is_first)
		puts("  the dialogue (S: us, C: them):");
	*is_first = false;
	printf("    %s: ", json_is_true(json_object_get(item, "ours"))
	    ? "S" : "C");
	(void)daemon_print(stdout, daemon_text(item, "text"));
	putchar('\n');
	return true;
}

/* What the daemon still has of it; nothing is said if there is none. */
static void
print_transcript(struct ctl_client *client, uint64_t session)
{
	char text[TRACE_ID_LEN + 1];
	struct put put = put_init(text, sizeof text);
	bool is_first = true;

	trace_put_id(&put, session);
	(void)ctl_ask(client, json_pack("{s:s,s:s}", "do", "transcript",
	    "session", put_cstr(&put)), print_line, &is_first, NULL);
}

static struct ctl_client *
open_daemon(const struct options *o, const char *control)
{
	int error = 0;

	return ctl_open(o->place.control != NULL ? o->place.control
	    : control, &error);
}

static int
tell_stories(const struct options *o, struct trail_reader *reader,
    const struct trail_story *story, size_t n, struct ctl_client *client)
{
	char error[512];

	for (size_t i = 0; i < n; i++) {
		struct teller teller = { .options = o };

		if (!o->is_json)
			print_head(&story[i], i == 0);
		if (trail_tell(reader, &story[i], tell_event, &teller, error,
		    sizeof error) != 0) {
			tell_error("%s", error);
			return CMD_FAILED;
		}
		if (client != NULL && story[i].session != 0)
			print_transcript(client, story[i].session);
	}
	return CMD_GOOD;
}

/* --- what is asked for */

static bool
read_search(const struct options *o, const char *word,
    struct trail_search *search, struct put *quoted)
{
	unsigned long limit = 20;
	uint64_t since = 0;

	if ((o->limit != NULL &&
	    !args_number("--limit", o->limit, 1, 100000, &limit)) ||
	    (o->since != NULL &&
	    !daemon_read_age("--since", o->since, &since)))
		return false;
	if (since != 0)
		search->since_ms = clock_real_ms() - since;
	search->max = limit;
	/* texts are in the database like this */
	text_quote(span_first(span_str(word), 1000), quoted);
	search->word = put_span(quoted);
	(void)trace_parse_id(span_str(word), &search->id);
	return true;
}

static int
tell_found(const struct options *o, struct trail_reader *reader,
    const struct trail_search *search, struct ctl_client *client)
{
	struct trail_story *story = NULL;
	char error[512];
	bool more = false;
	int result = CMD_FAILED;
	size_t n = 0;

	if (trail_find(reader, search, &story, &n, &more, error,
	    sizeof error) != 0) {
		tell_error("%s", error);
	} else if (n == 0) {
		tell_error("nothing is known of \"%.*s\"",
		    SPAN_ARG(search->word));
	} else {
		if (more && !o->is_json)
			printf("There are older ones: --limit shows more than "
			    "these %zu.\n\n", n);
		result = tell_stories(o, reader, story, n, !o->is_json &&
		    (n == 1 || o->wants_transcript) ? client : NULL);
	}
	free(story);
	return result;
}

static int
search(const struct options *o, const char *file, const char *control,
    const char *word)
{
	struct trail_search search = { .max = 0 };
	struct ctl_client *client;
	struct trail_reader *reader;
	char error[512], memory[4096];
	struct put quoted = put_init(memory, sizeof memory);
	int result = CMD_FAILED;

	if (!read_search(o, word, &search, &quoted))
		return CMD_USAGE;
	client = open_daemon(o, control);
	/* what happened a moment ago, too */
	if (client != NULL)
		(void)ctl_ask(client, json_pack("{s:s}", "do",
		    "trail.flush"), NULL, NULL, NULL);
	reader = trail_open(file, error, sizeof error);
	if (reader == NULL)
		tell_error("%s", error);
	else
		result = tell_found(o, reader, &search, client);
	trail_close(reader);
	ctl_close(client);
	return result;
}

static bool
parse(int *argc, char **argv, struct options *o)
{
	const struct args_option known[] = {
		{ "--file", &o->file }, { "--since", &o->since },
		{ "--limit", &o->limit },
		{ "--config", &o->place.config },
		{ "--control", &o->place.control },
		{ "--transcript", .flag = &o->wants_transcript },
		{ "--json", .flag = &o->is_json },
		{ "--help", .flag = &o->is_help },
	};

	return args_parse(argc, argv, known, countof(known));
}

int
cmd_trail(int argc, char **argv)
{
	struct options o = { .file = NULL };
	struct conf *conf = NULL;
	const char *file, *control = DAEMON_CONTROL;
	int result;

	if (!parse(&argc, argv, &o))
		return CMD_USAGE;
	if (o.is_help || argc != 2) {
		fputs(help, o.is_help ? stdout : stderr);
		return o.is_help ? CMD_GOOD : CMD_USAGE;
	}
	file = o.file;
	if (file == NULL) {
		conf = daemon_conf(&o.place);
		if (conf == NULL)
			return CMD_FAILED;
		file = conf->trail_file;
		control = conf->control;
	}
	if (*file == '\0') {
		tell_error("no trail is kept: the configuration has no "
		    "trail { file …; }");
		result = CMD_FAILED;
	} else {
		result = search(&o, file, control, argv[1]);
	}
	conf_unref(conf);
	return result;
}
