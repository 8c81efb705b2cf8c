/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo sendmail: the command that cron, PHP and scripts call, with the options
 * they use. It hands the message to the daemon by the drop folder and is done
 * when that is durable, whether or not the daemon runs. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "ehlo/daemon.h"
#include "ehlo/drop_write.h"
#include "ehlo/sendmail.h"
#include "ehlo/sendmail_header.h"
#include "ehlo/tell.h"
#include "smtp/param.h"

#define DROP_FOLDER "/var/spool/ehlod/drop"

static const char help[] =
    "usage: ehlo sendmail [-t] [-f SENDER] [-F NAME] [-i] [OPTION ...]\n"
    "                     [--] [RECIPIENT ...]\n"
    "       ehlo sendmail -bs | -bp | -q\n"
    "\n"
    "Sends the message on the standard input, as sendmail(8) does: hands it\n"
    "to ehlod, now or when it runs again.\n"
    "\n"
    "  -t            recipients are in To, Cc and Bcc; Bcc is taken out\n"
    "  -f SENDER     of the envelope, and of a From that is missing\n"
    "  -F NAME       the sender's full name\n"
    "  -i, -oi       a line with a dot alone does not end the message\n"
    "  -N WHEN       notices: never, or success, failure, delay with commas\n"
    "  -R full|hdrs  what a notice returns\n"
    "  -V ENVID      names the mail in notices\n"
    "  -bs           speaks SMTP on the standard input and output\n"
    "  -bp           lists the waiting mail (ehlo queue list)\n"
    "  -q            tries all waiting mail now (ehlo queue retry --all)\n"
    "  -C FILE       the configuration of ehlod (" DAEMON_CONFIG ")\n"
    "  --drop FOLDER the drop folder\n"
    "\n"
    "Other options of sendmail are taken and ignored. Exit codes are those of\n"
    "sysexits: 0 handed over, 64 usage, 65 data, 67 a recipient that ehlod\n"
    "refuses, 73 the folder cannot be written.\n";

enum mode { MODE_MAIL, MODE_SMTP, MODE_LIST, MODE_RUN, MODE_HELP };

struct request {
	struct sendmail s;
	enum mode mode;
	const char *config, *drop;
	bool takes_header, ignores_dots;
	struct buf rcpts;	/* "rcpt <…> …" lines */
	unsigned rcpt_n;
	bool has_bad_rcpt, is_utf8;
};

/* --- who and where */

static void
find_user(struct sendmail *s)
{
	struct passwd memory, *user = NULL;
	char names[4096];

	if (getpwuid_r(getuid(), &memory, names, sizeof names, &user) != 0)
		user = NULL;
	if (user == NULL) {
		snprintf(s->user, sizeof s->user, "uid%u",
		    (unsigned)getuid());
		return;
	}
	snprintf(s->user, sizeof s->user, "%s", user->pw_name);
	snprintf(s->user_name, sizeof s->user_name, "%.*s",
	    (int)strcspn(user->pw_gecos, ","), user->pw_gecos);
}

/* The domain of names without one: ours if it has mailboxes, else the first
 * that has. */
static const char *
origin_of(const struct conf *conf)
{
	if (conf_find_domain(conf, conf->hostname,
	    strlen(conf->hostname)) != NULL || conf->domain_n == 0)
		return conf->hostname;
	return conf->domain[0].name;
}

/* A configuration that this user may not read is no mistake of his. */
static void
find_place(struct request *r)
{
	const char *config = r->config != NULL ? r->config : DAEMON_CONFIG;
	FILE *nobody = fopen("/dev/null", "w");
	struct conf *conf = nobody != NULL ? conf_load(config, nobody) : NULL;
	char host[256] = "localhost";

	if (nobody != NULL)
		fclose(nobody);
	if (conf == NULL && r->config != NULL)
		tell_warning("%s: cannot be used", config);
	if (conf == NULL && gethostname(host, sizeof host - 1) != 0)
		snprintf(host, sizeof host, "localhost");
	r->s.origin = mem_copy(span_str(conf != NULL ? origin_of(conf)
	    : host));
	r->s.folder = mem_copy(span_str(r->drop != NULL ? r->drop
	    : conf != NULL ? conf->drop_folder : DROP_FOLDER));
	conf_unref(conf);
}

bool
sendmail_put_address(const struct sendmail *s, struct span address,
    struct put *out)
{
	for (size_t i = 0; i < address.len; i++)
		if (ascii_is_cntrl(address.p[i]) || address.p[i] == '<' ||
		    address.p[i] == '>')
			return false;
	put_bytes(out, address);
	if (address.len != 0 && memchr(address.p, '@', address.len) == NULL) {
		put_char(out, '@');
		put_str(out, s->origin);
	}
	return !out->full;
}

/* --- the envelope */

static void
add_rcpt(void *arg, struct span address)
{
	struct request *r = arg;
	char memory[1200];
	struct put out = put_init(memory, sizeof memory);

	if (!sendmail_put_address(&r->s, address, &out) ||
	    buf_printf(&r->rcpts, "rcpt <%.*s>%s%s\n",
		SPAN_ARG(put_span(&out)), r->s.notify != NULL
		? " NOTIFY=" : "", r->s.notify != NULL ? r->s.notify : "")
		!= 0) {
		tell_error("\"%.*s\" is no address",
		    SPAN_ARG(span_first(address, 80)));
		r->has_bad_rcpt = true;
		return;
	}
	r->is_utf8 |= !text_is_ascii(address);
	r->rcpt_n++;
}

static bool
put_sender(const struct request *r, struct put *out)
{
	const char *sender = r->s.sender != NULL ? r->s.sender : r->s.user;
	struct span text = span_str(sender);

	/* "<>" is the sender of notices */
	if (text.len >= 2 && text.p[0] == '<' && text.p[text.len - 1] == '>')
		text = span_of(text.p + 1, text.len - 2);
	return sendmail_put_address(&r->s, text, out);
}

static bool
put_head(const struct request *r, struct span text, struct buf *head)
{
	char memory[1200];
	struct put sender = put_init(memory, sizeof memory);
	const struct sendmail *s = &r->s;

	if (!put_sender(r, &sender)) {
		tell_error("-f: \"%s\" is no address", s->sender);
		return false;
	}
	return buf_printf(head, "mail <%.*s>%s%s%s%s%s%s\n",
	    SPAN_ARG(put_span(&sender)),
	    text_is_ascii(text) ? "" : " BODY=8BITMIME",
	    r->is_utf8 || !text_is_ascii(put_span(&sender))
		? " SMTPUTF8" : "",
	    s->ret != NULL ? " RET=" : "", s->ret != NULL ? s->ret : "",
	    s->envid != NULL ? " ENVID=" : "",
	    s->envid != NULL ? s->envid : "") == 0 &&
	    buf_append(head, buf_span(&r->rcpts)) == 0 &&
	    buf_append(head, SPAN("\n")) == 0;
}

/* "From: Full Name <sender>", in the message's own line end. */
static int
add_from(const struct request *r, struct buf *out)
{
	const char *name = r->s.full_name != NULL ? r->s.full_name
	    : r->s.user_name;
	char memory[1200], quoted[1024];
	struct put sender = put_init(memory, sizeof memory);
	struct put full = put_init(quoted, sizeof quoted);

	if (!put_sender(r, &sender) || sender.len == 0)
		return 0;	/* the daemon knows no better either */
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			put_char(&full, '\\');
		put_char(&full, ascii_is_cntrl(*p) ? ' ' : *p);
	}
	if (full.len != 0 && !full.full)
		return buf_printf(out, "From: \"%.*s\" <%.*s>\n",
		    SPAN_ARG(put_span(&full)), SPAN_ARG(put_span(&sender)));
	return buf_printf(out, "From: %.*s\n", SPAN_ARG(put_span(&sender)));
}

/* --- the message */

/* A line with a dot alone ends it unless -i says otherwise. */
static int
read_text(const struct request *r, struct buf *text)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int error = 0;

	while (error == 0 && (n = getline(&line, &cap, stdin)) > 0) {
		if (!r->ignores_dots && line[0] == '.' &&
		    (n == 1 || line[1] == '\n' ||
		    (line[1] == '\r' && n == 3)))
			break;
		error = buf_append(text, span_of(line, (size_t)n));
	}
	free(line);
	if (error == 0 && ferror(stdin))
		return -EIO;
	return error;
}

/* Into the folder; what a running daemon refuses is told at once. */
static int
leave(const struct request *r, struct span head, struct span text)
{
	struct drop_told told;
	char name[64];
	int error = drop_leave(r->s.folder, head, text, name, &told);

	if (error != 0) {
		tell_error("%s: %s: the message was not sent", r->s.folder,
		    log_errno(error));
		return SENDMAIL_CANNOT;
	}
	switch (told.fate) {
	case DROP_FATE_NOBODY:
		tell_error("the message was not sent: %s", told.words);
		return SENDMAIL_NO_USER;
	case DROP_FATE_PARTLY:
		tell_error("not sent to all: %s", told.words);
		return SENDMAIL_NO_USER;
	case DROP_FATE_BAD:
		tell_error("the message was not sent: %s", told.words);
		return SENDMAIL_DATA;
	case DROP_FATE_TAKEN:
	case DROP_FATE_KEPT:
	case DROP_FATE_UNKNOWN:
		break;
	}
	return SENDMAIL_GOOD;
}

static int
drop(struct request *r, struct span text)
{
	struct header_parts parts;
	struct buf head, out;
	int error, code;

	buf_init(&head, DROP_HEAD_MAX);
	buf_init(&out, DROP_TEXT_MAX + 4096);
	error = header_take(text, &out, r->takes_header ? add_rcpt : NULL, r,
	    &parts);
	if (error == 0 && !parts.has_from)
		error = add_from(r, &out);
	if (error == 0)
		error = buf_append(&out, span_skip(text, parts.header_len));
	if (error != 0 || r->has_bad_rcpt) {
		code = SENDMAIL_DATA;
	} else if (r->rcpt_n == 0 || r->rcpt_n > DROP_RCPTS_MAX) {
		tell_error(r->rcpt_n == 0 ? "nobody to send it to"
		    : "more than a thousand recipients");
		code = SENDMAIL_USAGE;
	} else if (!put_head(r, buf_span(&out), &head)) {
		code = SENDMAIL_USAGE;
	} else {
		code = leave(r, buf_span(&head), buf_span(&out));
	}
	buf_free(&head);
	buf_free(&out);
	return code;
}

static int
send_mail(struct request *r)
{
	struct buf text;
	int error, code;

	buf_init(&text, DROP_TEXT_MAX);
	error = read_text(r, &text);
	if (error == 0) {
		code = drop(r, buf_span(&text));
	} else {
		tell_error("%s", error == -ENOBUFS
		    ? "the message is larger than 60 MiB"
		    : "the message could not be read");
		code = error == -ENOBUFS ? SENDMAIL_DATA : SENDMAIL_NO_INPUT;
	}
	buf_free(&text);
	return code;
}

/* --- the command line, as sendmail has it: letters, values attached or not */

/* The value of the option at argv[*i], or NULL after having complained. */
static const char *
value_of(int argc, char **argv, int *i)
{
	if (argv[*i][2] != '\0')
		return argv[*i] + 2;
	if (*i + 1 < argc)
		return argv[++*i];
	tell_error("%s wants a value", argv[*i]);
	return NULL;
}

static bool
take_mode(struct request *r, const char *option)
{
	switch (option[2]) {
	case 'm':
		r->mode = MODE_MAIL;
		return true;
	case 's':
		r->mode = MODE_SMTP;
		return true;
	case 'p':
		r->mode = MODE_LIST;
		return true;
	default:
		tell_error("%s is not for ehlo: the daemon is ehlod", option);
		return false;
	}
}

/* An option that has a value which we want. */
static bool
take_value(struct request *r, char letter, const char *value)
{
	switch (letter) {
	case 'f':
	case 'r':
		r->s.sender = value;
		break;
	case 'F':
		r->s.full_name = value;
		break;
	case 'C':
		r->config = value;
		break;
	case 'N':
		r->s.notify = value;
		break;
	case 'R':
		r->s.ret = strcasecmp(value, "hdrs") == 0 ? "HDRS" : "FULL";
		break;
	case 'V':
		r->s.envid = value;
		break;
	default:
		break;		/* -B -h -L -O -X -p: nothing to us */
	}
	return true;
}

/* They go into lines of the drop: what the daemon would not understand is told
 * now. */
static bool
check_words(const struct request *r)
{
	static const struct param_allow allow = { .dsn = true };
	struct mail_params mail = { .size = 0 };
	struct rcpt_params rcpt = { .notify = 0 };
	char text[256];
	struct span bad;

	snprintf(text, sizeof text, "NOTIFY=%s", r->s.notify != NULL
	    ? r->s.notify : "NEVER");
	if (param_parse_rcpt(span_str(text), &allow, &rcpt, &bad) !=
	    PARAM_OK) {
		tell_error("-N wants never, or success, failure, delay");
		return false;
	}
	snprintf(text, sizeof text, "ENVID=%s", r->s.envid != NULL
	    ? r->s.envid : "x");
	if (param_parse_mail(span_str(text), &allow, &mail, &bad) !=
	    PARAM_OK) {
		tell_error("-V wants a word of at most 100 characters");
		return false;
	}
	return true;
}

/* True: argv[*i] was an option and has been taken. */
static bool
take_option(struct request *r, int argc, char **argv, int *i, bool *is_good)
{
	const char *option = argv[*i];
	const char *value;

	if (option[0] != '-' || option[1] == '\0')
		return false;
	switch (option[1]) {
	case 't':
		r->takes_header = true;
		return true;
	case 'i':
		r->ignores_dots = true;
		return true;
	case 'b':
		*is_good = take_mode(r, option);
		return true;
	case 'q':
		r->mode = MODE_RUN;
		return true;
	case 'o':	/* -oi; -o7, -oem … nothing to us */
		if (option[2] == 'i')
			r->ignores_dots = true;
		else if (option[2] == '\0')
			++*i;
		return true;
	case 'f': case 'r': case 'F': case 'C': case 'N': case 'R':
	case 'V': case 'B': case 'h': case 'L': case 'O': case 'X':
	case 'p':
		value = value_of(argc, argv, i);
		*is_good = value != NULL && take_value(r, option[1], value);
		return true;
	case 'A': case 'd': case 'e': case 'G': case 'm': case 'n': case 's':
	case 'U': case 'v':
		return true;	/* flags that are nothing to us */
	default:
		tell_error("unknown option %s", option);
		*is_good = false;
		return true;
	}
}

static bool
parse(struct request *r, int argc, char **argv)
{
	bool is_good = true;
	int i;

	for (i = 1; i < argc && is_good; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "--help") == 0) {
			r->mode = MODE_HELP;
			return true;
		}
		if (strcmp(argv[i], "--drop") == 0 && i + 1 < argc) {
			r->drop = argv[++i];
			continue;
		}
		if (!take_option(r, argc, argv, &i, &is_good))
			break;
	}
	if (!is_good || !check_words(r))
		return false;
	find_user(&r->s);
	find_place(r);
	for (; i < argc; i++)
		header_addresses(span_str(argv[i]), add_rcpt, r);
	return true;
}

/* The queue is another command's. */
static int
run_queue(const struct request *r)
{
	char queue[] = "queue", list[] = "list", retry[] = "retry",
	    all[] = "--all", yes[] = "--yes", config[] = "--config";
	char *file = mem_copy(span_str(r->config != NULL ? r->config : ""));
	char *listing[] = { queue, list, config, file, NULL };
	char *retrying[] = { queue, retry, all, yes, config, file, NULL };
	int n = r->config != NULL ? 2 : 0;
	int result;

	if (r->mode == MODE_LIST) {
		result = cmd_queue(2 + n, listing);
	} else {
		result = cmd_queue(4 + n, retrying);
		if (result == CMD_FAILED)	/* nothing waits */
			result = CMD_GOOD;
	}
	free(file);
	return result == CMD_GOOD ? SENDMAIL_GOOD : SENDMAIL_LATER;
}

int
cmd_sendmail(int argc, char **argv)
{
	struct request r = { .mode = MODE_MAIL };
	int code = SENDMAIL_USAGE;

	buf_init(&r.rcpts, DROP_HEAD_MAX);
	if (parse(&r, argc, argv)) {
		switch (r.mode) {
		case MODE_HELP:
			fputs(help, stdout);
			code = SENDMAIL_GOOD;
			break;
		case MODE_SMTP:
			code = sendmail_smtp(&r.s);
			break;
		case MODE_LIST:
		case MODE_RUN:
			code = run_queue(&r);
			break;
		case MODE_MAIL:
			code = r.has_bad_rcpt ? SENDMAIL_DATA
			    : send_mail(&r);
			break;
		}
	}
	buf_free(&r.rcpts);
	free(r.s.folder);
	free(r.s.origin);
	return code;
}
