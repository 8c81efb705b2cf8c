/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo b64: base64 as SMTP wants it: no line breaks, no line end. Says what a
 * string of a login decodes to, or where and why it does not; makes the strings
 * that AUTH PLAIN and LOGIN want, the password coming from a file or a prompt.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/file.h"
#include "ehlo/secret.h"
#include "ehlo/tell.h"
#include "ehlo/words.h"
#include "sasl/look.h"

static const char help[] =
    "usage: ehlo b64 [-d] [STRING | -]\n"
    "       ehlo b64 -e [TEXT | -] [--exact]\n"
    "       ehlo b64 --plain USER | --login USER\n"
    "\n"
    "Base64 as SMTP wants it. Without a word behind it, or with \"-\", reads\n"
    "the standard input, or asks on the terminal without showing what is\n"
    "typed. What is encoded comes out in one piece without a line end (on a\n"
    "terminal with one).\n"
    "\n"
    "  -d, --decode     what the string holds, in words, or where it breaks;\n"
    "                   \"334 \" or \"AUTH PLAIN \" before it may stay there\n"
    "  -e, --encode     encodes; of a text read one line end at its end is\n"
    "                   left out, unless --exact. An argument is seen by\n"
    "                   everybody on the machine: nothing secret there\n"
    "  --plain USER     what AUTH PLAIN wants: NUL user NUL password\n"
    "  --as NAME        of --plain: acts as somebody else (authzid)\n"
    "  --login USER     what AUTH LOGIN wants: user and password, two lines\n"
    "  --password-file FILE, --password-fd N, --password-env NAME\n"
    "                   where the password is; else it is asked for\n"
    "  --raw            with -d: the bytes themselves, nothing else\n"
    "  --json           for programs\n"
    "\n"
    "Exit code: 0 good, 1 it is no base64, 3 not understood.\n";

#define INPUT_MAX ((size_t)1 << 20)

struct request {
	const char *plain, *login, *as;
	const char *password_file, *password_fd, *password_env;
	bool is_encode, is_decode, is_exact, is_raw, is_json, is_help;
};

/* --- input */

static struct span
without_line_end(struct span text)
{
	if (text.len != 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (text.len != 0 && text.p[text.len - 1] == '\r')
		text.len--;
	return text;
}

/* `word` is what stood on the command line, or NULL. */
static bool
get_input(const struct request *request, const char *word, struct buf *buf)
{
	struct secret secret = { .len = 0 };
	int result;

	if (word != NULL && strcmp(word, "-") != 0) {
		if (request->is_encode)
			tell_warning("everybody on this machine sees the "
			    "arguments of a program, and the shell keeps them "
			    "in its history: nothing secret this way");
		return buf_append(buf, span_str(word)) == 0;
	}
	if (word == NULL && isatty(STDIN_FILENO)) {
		if (!secret_ask(&secret, request->is_encode ? "Text: " :
		    "Base64: "))
			return false;
		result = buf_append(buf, span_of(secret.bytes, secret.len));
		secret_wipe(&secret);
		return result == 0;
	}
	return file_read("-", buf);
}

static bool
get_password(const struct request *request, struct secret *secret)
{
	bool is_there;

	if (request->password_file != NULL)
		is_there = secret_read_file(secret, request->password_file);
	else if (request->password_fd != NULL)
		is_there = secret_read_number(secret, request->password_fd);
	else if (request->password_env != NULL)
		is_there = secret_read_env(secret, request->password_env);
	else
		is_there = secret_ask(secret, "Password: ");
	if (is_there && secret->len > SECRET_MAX) {
		tell_error("the password is too long");
		return false;
	}
	if (is_there && memchr(secret->bytes, '\0', secret->len) != NULL) {
		tell_error("there is a NUL in the password, which no "
		    "mechanism can send");
		return false;
	}
	return is_there;
}

/* --- encoding */

/* What was encoded is wiped, encoded as well: it may be a password. */
static void
print_encoded(struct span bytes, bool is_json)
{
	size_t size = BASE64_LEN(bytes.len) + 1;
	char *memory = mem_new(size);
	struct put out = put_init(memory, size);

	base64_encode(bytes, &out);
	if (is_json)
		tell_json(stdout, put_span(&out));
	else
		(void)fwrite(out.p, 1, out.len, stdout);	/* main looks */
	mem_wipe(memory, size);
	free(memory);
}

static void
end_line(void)
{
	if (isatty(STDOUT_FILENO))
		putchar('\n');
}

static int
run_encode(const struct request *request, const char *word)
{
	struct buf buf;
	struct span text;
	int result = CMD_USAGE;

	buf_init(&buf, INPUT_MAX);
	if (get_input(request, word, &buf)) {
		text = buf_span(&buf);
		if (!request->is_exact)
			text = without_line_end(text);
		if (request->is_json)
			printf("{\"base64\":");
		print_encoded(text, request->is_json);
		if (request->is_json)
			printf("}\n");
		else
			end_line();
		result = CMD_GOOD;
	}
	mem_wipe(buf.p, buf.cap);
	buf_free(&buf);
	return result;
}

/* NUL user NUL password (RFC 4616 2). */
static void
print_plain(const struct request *request, const struct secret *secret)
{
	struct buf buf;

	buf_init(&buf, INPUT_MAX + SECRET_MAX);
	if (request->as != NULL)
		(void)buf_append(&buf, span_str(request->as));
	(void)buf_append(&buf, span_of("", 1));
	(void)buf_append(&buf, span_str(request->plain));
	(void)buf_append(&buf, span_of("", 1));
	(void)buf_append(&buf, span_of(secret->bytes, secret->len));
	print_encoded(buf_span(&buf), request->is_json);
	mem_wipe(buf.p, buf.cap);
	buf_free(&buf);
}

static int
run_login(const struct request *request)
{
	const char *user = request->plain != NULL ? request->plain :
	    request->login;
	static struct secret secret;

	if (!text_is_utf8(span_str(user)))
		tell_warning("the user name is not UTF-8");
	if (!get_password(request, &secret)) {
		secret_wipe(&secret);
		return CMD_USAGE;
	}
	if (request->plain != NULL) {
		printf(request->is_json ? "{\"plain\":" : "");
		print_plain(request, &secret);
		if (!request->is_json)
			end_line();
	} else {
		printf(request->is_json ? "{\"user\":" : "");
		print_encoded(span_str(user), request->is_json);
		printf(request->is_json ? ",\"password\":" : "\n");
		print_encoded(span_of(secret.bytes, secret.len),
		    request->is_json);
		if (!request->is_json)
			putchar('\n');
	}
	if (request->is_json)
		printf("}\n");
	secret_wipe(&secret);
	return CMD_GOOD;
}

/* --- decoding */

/* What stands before the string in a line of a session. */
static struct span
without_command(struct span text)
{
	struct span rest = text, word = span_cut(&rest, ' ');

	if (span_caseeq(word, SPAN("334")) || span_caseeq(word, SPAN("C:")))
		return span_trim(rest);
	if (span_caseeq(word, SPAN("AUTH"))) {
		span_cut(&rest, ' ');
		return span_trim(rest);
	}
	return text;
}

static void
print_hex(const struct words *words, struct span bytes)
{
	for (size_t at = 0; at < bytes.len && at < 1024; at += 16) {
		struct span row = span_first(span_skip(bytes, at), 16);

		fprintf(words->out, "  %04zx ", at);
		for (size_t i = 0; i < row.len; i++)
			fprintf(words->out, " %02x", (unsigned char)row.p[i]);
		fprintf(words->out, "%*s", (int)(3 * (16 - row.len) + 2), "");
		for (size_t i = 0; i < row.len; i++)
			fputc(row.p[i] >= ' ' && row.p[i] <= '~' ? row.p[i] :
			    '.', words->out);
		fputc('\n', words->out);
	}
	if (bytes.len > 1024)
		fprintf(words->out, "  and %zu bytes more\n",
		    bytes.len - 1024);
}

/* The string, and under it where it breaks. */
static void
print_trap(const struct words *words, struct span text,
    const struct look_base64 *judged)
{
	words_say(words, 0, "broken", WORDS_BAD, judged->why);
	if (text.len <= 70 && judged->at <= text.len &&
	    judged->trap != LOOK_EMPTY) {
		words_quote(words, 2, NULL, WORDS_PLAIN, text);
		fprintf(words->out, "  %*s^ character %zu of %zu\n",
		    (int)judged->at, "", judged->at + 1, text.len);
	} else {
		fprintf(words->out, "  at character %zu of %zu\n",
		    judged->at + 1, text.len);
	}
	for (unsigned i = 0; i < judged->n_guesses; i++)
		words_quote(words, 0, "meant?", WORDS_PLAIN,
		    judged->guess[i]);
}

static void
print_json(struct span text, const struct look_base64 *judged,
    const struct look *look, struct span bytes)
{
	printf("{\"base64\":");
	words_json(stdout, text);
	printf(",\"sound\":%s,\"why\":", judged->trap == LOOK_SOUND ? "true" :
	    "false");
	tell_json(stdout, span_str(judged->why));
	if (judged->trap != LOOK_SOUND)
		printf(",\"at\":%zu", judged->at);
	printf(",\"guesses\":[");
	for (unsigned i = 0; i < judged->n_guesses; i++) {
		fputs(i == 0 ? "" : ",", stdout);
		words_json(stdout, judged->guess[i]);
	}
	printf("],\"hex\":\"");
	for (size_t i = 0; i < bytes.len; i++)
		printf("%02x", (unsigned char)bytes.p[i]);
	printf("\",");
	words_look_json(stdout, look);
	printf("}\n");
}

static void
print_found(struct span text, const struct look_base64 *judged,
    const struct look *look, struct span bytes)
{
	struct words words;

	words_init(&words, stdout);
	if (judged->trap != LOOK_SOUND)
		print_trap(&words, text, judged);
	if (judged->trap == LOOK_SOUND || judged->n_guesses == 1) {
		words_look(&words, 0, look, false);
		if (look->kind == LOOK_BINARY || look->kind == LOOK_GSSAPI)
			print_hex(&words, bytes);
	}
}

static int
run_decode(const struct request *request, const char *word)
{
	static struct look_base64 judged;
	static struct look look;
	static char memory[LOOK_MAX];
	struct put out = put_init(memory, sizeof memory);
	struct buf buf;
	struct span text;
	bool is_input;

	buf_init(&buf, INPUT_MAX);
	is_input = get_input(request, word, &buf);
	text = without_command(without_line_end(buf_span(&buf)));
	if (is_input && text.len > BASE64_LEN(sizeof memory)) {
		tell_error("the string is too long: at most %zu bytes",
		    (size_t)BASE64_LEN(sizeof memory));
		is_input = false;
	}
	if (is_input) {
		look_base64(text, &judged, &out);
		look_message(put_span(&out), &look);
		if (request->is_raw)
			(void)fwrite(out.p, 1, out.len, stdout);
		else if (request->is_json)
			print_json(text, &judged, &look, put_span(&out));
		else
			print_found(text, &judged, &look, put_span(&out));
		if (request->is_raw && judged.trap != LOOK_SOUND)
			tell_error("%s (at character %zu)", judged.why,
			    judged.at + 1);
	}
	mem_wipe(memory, sizeof memory);
	buf_free(&buf);
	if (!is_input)
		return CMD_USAGE;
	return judged.trap == LOOK_SOUND ? CMD_GOOD : CMD_FAILED;
}

/* What does not go together; NULL if all does. */
static const char *
contradiction(const struct request *request, int argc)
{
	bool is_login = request->plain != NULL || request->login != NULL;

	if ((request->plain != NULL && request->login != NULL) ||
	    (is_login && (request->is_encode || request->is_decode)) ||
	    (request->is_encode && request->is_decode))
		return "only one of -e, -d, --plain and --login";
	if (argc > (is_login ? 1 : 2))
		return is_login ? "the password is no argument: use "
		    "--password-file or wait to be asked" :
		    "one string at a time (quote spaces)";
	if (request->as != NULL && request->plain == NULL)
		return "--as belongs to --plain";
	if (request->is_raw && (is_login || request->is_encode))
		return "--raw belongs to -d";
	return NULL;
}

int
cmd_b64(int argc, char **argv)
{
	struct request request = { 0 };
	const struct args_option option[] = {
		{ .name = "--encode", .also = "-e",
		    .flag = &request.is_encode },
		{ .name = "--decode", .also = "-d",
		    .flag = &request.is_decode },
		{ .name = "--plain", .value = &request.plain },
		{ .name = "--login", .value = &request.login },
		{ .name = "--as", .value = &request.as },
		{ .name = "--password-file", .value = &request.password_file },
		{ .name = "--password-fd", .value = &request.password_fd },
		{ .name = "--password-env", .value = &request.password_env },
		{ .name = "--password", .refusal =
		    "everybody could see it: use --password-file, or wait to "
		    "be asked" },
		{ .name = "--exact", .flag = &request.is_exact },
		{ .name = "--raw", .flag = &request.is_raw },
		{ .name = "--json", .flag = &request.is_json },
		{ .name = "--help", .flag = &request.is_help },
	};
	const char *wrong;

	if (!args_parse(&argc, argv, option, countof(option)))
		return CMD_USAGE;
	if (request.is_help) {
		fputs(help, stdout);
		return CMD_GOOD;
	}
	wrong = contradiction(&request, argc);
	if (wrong != NULL) {
		tell_error("%s", wrong);
		return CMD_USAGE;
	}
	if (request.plain != NULL || request.login != NULL)
		return run_login(&request);
	return (request.is_encode ? run_encode : run_decode)(&request,
	    argc == 2 ? argv[1] : NULL);
}
