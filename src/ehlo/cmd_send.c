/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo send: one message, with everything that SMTP knows, and the dialogue
 * on the screen. Whoever knows swaks finds its options here. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "ehlo/pipe.h"
#include "ehlo/send.h"
#include "ehlo/send_file.h"
#include "ehlo/tell.h"

#define CONFIG_WORDS_MAX 1000

static const char help[] =
    "usage: ehlo send --to ADDRESS [--server HOST[:PORT]] [options]\n"
    "\n"
    "Sends one message and shows the dialogue.\n"
    "\n"
    "Message:\n"
    "  --from, --to, --cc, --bcc ADDRESS,...  \"Name <a@b>\" too (-f, -t)\n"
    "  --subject TEXT        without it \"test\" and the date\n"
    "  --body TEXT|@FILE|-   plain text; \\n is a line end\n"
    "  --html TEXT|@FILE|-   the same as HTML, beside the plain text\n"
    "  --attach FILE|-       often; before it --attach-type TYPE,\n"
    "                        --attach-name NAME\n"
    "  --inline FILE         shown in the text, Content-ID its name\n"
    "  --attach-body TEXT|@FILE|-  one more form of the text\n"
    "  --header \"Name: value\"  in place of ours; also --h-Name VALUE\n"
    "  --add-header \"Name: value\"  besides (-ah)\n"
    "  --transfer KIND       7bit, 8bit, binary, quoted-printable, base64\n"
    "  --data FILE|-|TEXT    a whole message as it is (-d); with --expand\n"
    "                        the tokens of swaks (%DATE% ...) are replaced\n"
    "Envelope and extensions:\n"
    "  --notify WHEN, --ret FULL|HDRS, --envid ID, --orcpt auto|ADDRESS\n"
    "                        delivery reports (DSN); WHEN is NEVER or\n"
    "                        SUCCESS,FAILURE,DELAY\n"
    "  --smtputf8, --8bitmime, --binarymime, --body-kind KIND\n"
    "  --bdat [OCTETS]       BDAT instead of DATA, in chunks of that size\n"
    "  --size N, --no-size   another SIZE than is true, or none\n"
    "  --requiretls, --deliver-by TIME;MODE, --hold-for SECONDS,\n"
    "  --hold-until DATE, --priority N, --mail-auth ADDRESS\n"
    "  --mail-param TEXT, --rcpt-param TEXT  anything else, often\n"
    "Dialogue:\n"
    "  --quit-after STEP     CONNECT, FIRST-EHLO, STARTTLS, XCLIENT, EHLO,\n"
    "                        AUTH, MAIL, RCPT: then QUIT (-q)\n"
    "  --drop-after STEP     the same without QUIT; also DATA, DOT (-da)\n"
    "  --drop-after-send STEP  not even waiting for the answer (-das)\n"
    "  --stubborn            goes on whatever the server answers\n"
    "  --repeat N, --interval TIME, --reconnect  many, with pauses, each on\n"
    "                        a connection of its own\n"
    "  --mx                  to the server that the recipient's domain names;\n"
    "  --copy-routing DOMAIN   that this domain names; --resolver ADDR[@PORT]\n"
    "                        is asked instead of the system's\n"
    "  --pipe COMMAND        a program instead of a server (exim -bh ...)\n"
    "  --config FILE         options, one a line (~/.config/ehlo/send)\n"
    "Output:\n"
    "  --quiet               only what went wrong\n"
    "  --silent [1|2|3]      1: all, but only if it fails; 2: --quiet;\n"
    "                        3: nothing (-S)\n"
    "  --json                the result with every answer, for programs\n"
    "  --show-data           the message, too\n"
    "  --show-time-lapse [i] how long each answer took (-stl)\n"
    "  --auth-plaintext      base64 decoded, but no password (-apt)\n"
    "  --hide-send, --hide-receive, --hide-informational, --hide-all\n"
    "  --no-hints, --no-send-hints, --no-receive-hints, --no-info-hints\n"
    "  --output FILE, --output-file-stdout FILE, --output-file-stderr FILE\n"
    "  --tls-get-peer-cert [FILE]  the server's certificate as PEM\n"
    "  --dump-mail, --dump   the message, or what would be done; no more\n"
    "  --support             what is built in\n";

static const char help_end[] =
    "Exit code: 0 sent, or stopped where it should; 1 refused (one recipient\n"
    "is enough) or gone wrong; 2 not reached; 3 not understood.\n";

static void
print_help(void)
{
	fputs(help, stdout);
	fputs(target_help, stdout);
	fputs(login_help, stdout);
	fputs(xclient_help, stdout);
	fputs(proxy_help, stdout);
	fputs(help_end, stdout);
}

/* --- options from a file */

struct words {
	char *text;
	char *word[CONFIG_WORDS_MAX];
	int n;
};

/* "option value": the value is the rest of the line. */
static bool
take_line(struct words *words, char *line, const char *path)
{
	char *space, *option;
	size_t len;

	if (line[0] == '#' || line[0] == '\0')
		return true;
	if (words->n + 2 >= CONFIG_WORDS_MAX) {
		tell_error("%s: too many options", path);
		return false;
	}
	space = strchr(line, ' ');
	if (space != NULL)
		*space = '\0';
	len = strlen(line) + 3;
	option = mem_new(len);
	(void)snprintf(option, len, "%s%s", line[0] == '-' ? "" : "--", line);
	words->word[words->n++] = option;
	words->word[words->n++] = space != NULL ? space + 1 : NULL;
	return true;
}

static bool
take_lines(struct words *words, const char *path)
{
	char *rest = words->text;

	while (rest != NULL) {
		char *line = rest, *end = strchr(rest, '\n');

		rest = end != NULL ? end + 1 : NULL;
		if (end != NULL)
			*end = '\0';
		if (!take_line(words, line, path))
			return false;
	}
	return true;
}

static void
free_words(struct words *words)
{
	for (int i = 0; i < words->n; i += 2)
		free(words->word[i]);
	free(words->text);
}

/* The path after --config, "" if there is none behind it; NULL: not there. */
static const char *
find_config(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--config=", 9) == 0)
			return argv[i] + 9;
		if (strcmp(argv[i], "--config") == 0)
			return i + 1 < argc && argv[i + 1][0] != '-' ?
			    argv[i + 1] : "";
	}
	return NULL;
}

/* False: a file that was named cannot be read; told. */
static bool
read_config(struct words *words, const char *named)
{
	const char *home = getenv("HOME");
	char path[1024];
	size_t len;
	int result;

	if (named != NULL && named[0] == '\0')
		return true;	/* as swaks: no file at all */
	if (snprintf(path, sizeof path, "%s%s", named != NULL ? named :
	    home != NULL ? home : "", named != NULL ? "" :
	    "/.config/ehlo/send") >= (int)sizeof path)
		return named == NULL;
	result = send_read_file(path, &words->text, &len);
	if (result == -ENOENT && named == NULL)
		return true;
	if (result != 0) {
		tell_error("%s: %s", path, log_errno(result));
		return false;
	}
	return take_lines(words, path);
}

/* The file's options, then the words of the command line: `*out` is freed by
 * the caller. */
static int
join(const struct words *words, int argc, char **argv, char ***out)
{
	int n = 0;

	*out = mem_new_array((size_t)(argc + words->n + 1), sizeof **out);
	(*out)[n++] = argv[0];
	for (int i = 0; i < words->n; i++)
		if (words->word[i] != NULL)
			(*out)[n++] = words->word[i];
	for (int i = 1; i < argc; i++)
		(*out)[n++] = argv[i];
	return n;
}

/* --- output */

struct output {
	FILE *held;		/* --silent 1: until it is known */
	char *text;
	size_t len;
};

static bool
redirect(FILE *stream, const char *path)
{
	int fd = strcmp(path, "&STDOUT") == 0 ? 1 :
	    strcmp(path, "&STDERR") == 0 ? 2 : -1;

	if (fd >= 0)
		return dup2(fd, fileno(stream)) >= 0;
	if (freopen(path, "a", stream) != NULL)
		return true;
	tell_error("%s: %s", path, log_errno(errno));
	return false;
}

static bool
open_output(struct send *send, struct output *output)
{
	bool is_silent = send->silent != NULL &&
	    (send->silent[0] == '\0' || send->silent[0] == '1');

	if (send->output_out != NULL && !redirect(stdout, send->output_out))
		return false;
	if (send->output_err != NULL && !redirect(stderr, send->output_err))
		return false;
	if (send->output != NULL && (!redirect(stdout, send->output) ||
	    !redirect(stderr, "&STDOUT")))
		return false;
	(void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);	/* as it happens */
	if (is_silent)
		output->held = open_memstream(&output->text, &output->len);
	send->show.out = send->is_quiet || send->is_json || send->hides_all ||
	    (send->silent != NULL && !is_silent) ? NULL :
	    is_silent ? output->held : stdout;
	send->show.has_colour = send->show.out == stdout &&
	    tell_has_colour(stdout);
	return true;
}

static void
close_output(struct output *output, int code)
{
	if (output->held == NULL)
		return;
	if (fclose(output->held) == 0 && code != CMD_GOOD)
		fwrite(output->text, 1, output->len, stdout);
	free(output->text);
}

/* --- all of it */

static int
go(struct send *send)
{
	struct pipe_server server = { .child = -1 };
	struct output output = { .held = NULL };
	int code;

	if (!open_output(send, &output))
		return CMD_USAGE;
	if (send->pipe != NULL) {
		if (!pipe_start(&server, send->pipe))
			return CMD_UNREACHED;
		send->target.session.unix_path = server.path;
	}
	send->show.secret[0] = send->login.sasl.password;
	send->show.secret[1] = send->login.sasl.token;
	send->target.session.tell = show_tell;
	send->target.session.tell_arg = &send->show;
	send->octets = send->message.len;
	code = send_run(send);
	if (send->pipe != NULL)
		pipe_stop(&server);
	if (send->is_json)
		send_print_json(send, code, stdout);
	close_output(&output, code);
	return code;
}

/* The last recipient's domain, as swaks has it. */
static bool
find_mx(struct send *send)
{
	const char *domain = send->route;
	struct span rest;

	if (domain == NULL && send->rcpt_n == 0) {
		tell_error("--mx: whose? --to ADDRESS or --copy-routing "
		    "DOMAIN");
		return false;
	}
	if (domain == NULL) {
		rest = send->rcpt[send->rcpt_n - 1];
		while (span_find(rest, '@') != rest.len)
			(void)span_cut(&rest, '@');
		domain = send_keep(send, rest);
	}
	return send_mx_find(&send->mx, domain, send->resolver,
	    send->target.session.family);
}

static int
prepare(struct send *send)
{
	const char *host = send->target.host;

	if (!target_finish(&send->target, 0))
		return CMD_USAGE;
	if (send->target.wants_login && send->login.required == NULL &&
	    send->login.optional == NULL &&
	    send->login.optional_strict == NULL)
		send->login.required = "";
	if (!send_make_envelope(send) || !send_make_message(send))
		return CMD_USAGE;
	if (send->is_dump_mail) {
		fwrite(buf_span(&send->message).p, 1, send->message.len,
		    stdout);
		return CMD_GOOD;
	}
	if (!login_finish(&send->login, host, send->target.session.port))
		return CMD_USAGE;
	if ((send->uses_mx || send->route != NULL) && !find_mx(send))
		return CMD_UNREACHED;
	if (send->is_dump) {
		send_print_plan(send, stdout);
		return CMD_GOOD;
	}
	return go(send);
}

static int
run(struct send *send, int argc, char **argv)
{
	if (!send_parse(send, &argc, argv))
		return CMD_USAGE;
	if (send->is_help)
		print_help();
	else if (send->is_version)
		puts("ehlo " EHLO_VERSION);
	else if (send->is_support)
		send_print_support(stdout);
	else
		return prepare(send);
	return CMD_GOOD;
}

int
cmd_send(int argc, char **argv)
{
	struct send *send = mem_new(sizeof *send);
	struct words words = { .text = NULL };
	char **all = NULL;
	int code = CMD_USAGE;

	if (argc < 2) {
		fputs(help, stderr);
		free(send);
		return CMD_USAGE;
	}
	show_init(&send->show, NULL);
	target_init(&send->target);
	login_init(&send->login);
	if (read_config(&words, find_config(argc, argv))) {
		argc = join(&words, argc, argv, &all);
		code = run(send, argc, all);
	}
	send_free(send);
	free(send);
	free(all);
	free_words(&words);
	return code;
}
