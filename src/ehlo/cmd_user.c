/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo user: the accounts in the users file. Questions that can be answered
 * without the password are asked first, so that nobody types one in vain. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/conf.h"
#include "ehlo/args.h"
#include "ehlo/cmd.h"
#include "ehlo/daemon.h"
#include "ehlo/secret.h"
#include "ehlo/tell.h"
#include "user/hash.h"
#include "user/line.h"
#include "user/prep.h"
#include "user/user.h"

#define DEFAULT_CONFIG "/etc/ehlod/ehlod.conf"
#define SHORT_PASSWORD 8	/* below: a warning */

static const char help[] =
    "usage: ehlo user add NAME [--send-as A,B] [--no-mailbox] [--ntlm]"
    " [password]\n"
    "       ehlo user passwd NAME [--ntlm | --no-ntlm] [password]\n"
    "       ehlo user remove NAME\n"
    "       ehlo user list [--json]\n"
    "\n"
    "Accounts of the mail server ehlod. It sees a change within a second.\n"
    "\n"
    "  --users FILE          the file with the accounts; without it, the one\n"
    "  --config FILE         this configuration names (" DEFAULT_CONFIG ")\n"
    "  --send-as A,B         may use these senders, too; or *@DOMAIN\n"
    "  --no-mailbox          may log in and send, receives nothing\n"
    "  --ntlm                NTLM logins, too: stores an NT hash, which is as\n"
    "                        good as the password for who reads it\n"
    "  --no-ntlm             no longer\n"
    "  --json                the list for programs\n"
    "\n"
    "The password is asked for, twice, on the terminal; or comes from\n"
    "  --password-file FILE  the first line; - is the standard input\n"
    "  --password-fd N       a descriptor that is already open\n"
    "\n"
    "Exit code: 0 done, 1 refused or failed, 3 not understood.\n";

struct request {
	const char *name;
	const char *users, *config;
	const char *password_file, *password_fd;
	const char *send_as;
	bool has_no_mailbox, has_ntlm, has_no_ntlm, is_json, is_help;
	char *path;	/* of the users file */
	char attributes[4096];
};

struct found {
	struct span name;
	bool is_there, is_locked, is_disabled;
};

static void
note_account(void *arg, const struct user_listed *listed)
{
	struct found *found = arg;
	struct user_attributes parsed;
	char memory[256];
	struct put ignored = put_init(memory, sizeof memory);

	if (!span_caseeq(listed->name, found->name))
		return;
	found->is_there = true;
	found->is_locked = strcmp(listed->scheme, "locked") == 0;
	found->is_disabled = user_attributes_parse(listed->attributes,
	    &parsed, &ignored) && parsed.is_disabled;
}

/* Says so if the file cannot be read; 0 or -errno. */
static int
find_account(const struct request *request, struct found *found)
{
	char error[1024];
	int result;

	*found = (struct found){ .name = span_str(request->name) };
	result = user_file_list(request->path, note_account, found, error,
	    sizeof error);
	if (result != 0)
		tell_error("%s", error);
	return result;
}

static bool
read_password_fd(struct secret *secret, const char *text)
{
	uint64_t fd;
	int result;

	if (!text_u64(span_str(text), &fd) || fd > 1 << 20) {
		tell_error("--password-fd wants a number, not \"%s\"", text);
		return false;
	}
	result = secret_read_fd(secret, (int)fd);
	if (result != 0)
		tell_error("descriptor %s: %s", text, log_errno(result));
	return result == 0;
}

static bool
get_password(const struct request *request, struct secret *secret)
{
	char prompt[USER_NAME_MAX + 32];
	bool is_read;

	if (request->password_fd != NULL)
		is_read = read_password_fd(secret, request->password_fd);
	else if (request->password_file != NULL)
		is_read = secret_read_file(secret, request->password_file);
	else {
		(void)snprintf(prompt, sizeof prompt,
		    "New password for %s: ", request->name);	/* fits */
		is_read = secret_ask_twice(secret, prompt);
	}
	if (is_read && secret->len != 0 && secret->len < SHORT_PASSWORD)
		tell_warning("a password below %d characters is soon guessed",
		    SHORT_PASSWORD);
	return is_read;
}

static enum user_ntlm
ntlm_of(const struct request *request)
{
	return request->has_ntlm ? USER_NTLM_ON
	    : request->has_no_ntlm ? USER_NTLM_OFF : USER_NTLM_KEEP;
}

/* Logins by SCRAM compare what is typed on any keyboard. */
static void
tell_unprepared(struct span password)
{
	char memory[8 * USER_PASSWORD_MAX];
	struct put ignored = put_init(memory, sizeof memory);

	if (!user_prep(password, &ignored))
		tell_warning("the password holds characters that SCRAM does "
		    "not know: logins by SCRAM will not work");
	mem_wipe(memory, sizeof memory);
}

static bool
make_attributes(struct request *request)
{
	struct put out =
	    put_init(request->attributes, sizeof request->attributes);

	if (request->send_as != NULL) {
		if (strpbrk(request->send_as, " \t") != NULL) {
			tell_error("--send-as: addresses are separated by "
			    "commas, without spaces");
			return false;
		}
		put_str(&out, "send-as=");
		put_str(&out, request->send_as);
	}
	if (request->has_no_mailbox)
		put_str(&out, out.len != 0 ? " mailbox=no" : "mailbox=no");
	if (out.full)
		tell_error("--send-as is too long");
	(void)put_cstr(&out);	/* terminated in attributes */
	return !out.full;
}

static bool
check_words(const struct request *request)
{
	struct user_attributes ignored;
	char memory[512];
	struct put why = put_init(memory, sizeof memory);

	if (user_name_check(span_str(request->name), &why) &&
	    user_attributes_parse(span_str(request->attributes), &ignored,
	    &why))
		return true;
	tell_error("%s", put_cstr(&why));
	return false;
}

/* Who makes the file is seldom who reads it. */
static void
tell_new_file(const char *path)
{
	tell_note("%s is new, and only its owner may read it: the user ehlod "
	    "runs as must be able to", path);
}

static int
run_add(struct request *request)
{
	bool is_new = access(request->path, F_OK) != 0;
	struct user_change change = { .name = span_str(request->name) };
	struct secret secret;
	struct found found;
	char error[1024];
	int result = -EINVAL;

	if (!make_attributes(request) || !check_words(request) ||
	    (!is_new && find_account(request, &found) != 0))
		return CMD_FAILED;
	if (!is_new && found.is_there) {
		tell_error("%s: there is a user \"%s\" already",
		    request->path, request->name);
		return CMD_FAILED;
	}
	if (!get_password(request, &secret))
		goto out;
	change.ntlm = ntlm_of(request);
	change.password = span_of(secret.bytes, secret.len);
	change.attributes = span_str(request->attributes);
	result = user_file_add(request->path, &change, error, sizeof error);
	if (result != 0)
		tell_error("%s", error);
	else
		printf("added %s\n", request->name);
	if (result == 0)
		tell_unprepared(change.password);
	if (result == 0 && is_new)
		tell_new_file(request->path);
out:
	secret_wipe(&secret);
	return result == 0 ? CMD_GOOD : CMD_FAILED;
}

static void
tell_change(const struct request *request, const struct found *was)
{
	printf("changed the password of %s\n", request->name);
	if (was->is_disabled)
		tell_note("%s stays disabled (disabled=yes)", request->name);
	else if (was->is_locked)
		tell_note("%s was locked and can log in again",
		    request->name);
}

static int
run_passwd(struct request *request)
{
	struct user_change change = { .name = span_str(request->name) };
	struct found found;
	struct secret secret;
	char error[1024];
	int result = -EINVAL;

	if (!check_words(request) || find_account(request, &found) != 0)
		return CMD_FAILED;
	if (!found.is_there) {
		tell_error("%s: there is no user \"%s\"", request->path,
		    request->name);
		return CMD_FAILED;
	}
	if (!get_password(request, &secret))
		goto out;
	change.ntlm = ntlm_of(request);
	change.password = span_of(secret.bytes, secret.len);
	if (change.password.len == 0) {	/* would mean: leave it */
		tell_error("the password is empty");
		goto out;
	}
	result = user_file_change(request->path, &change, error,
	    sizeof error);
	if (result != 0)
		tell_error("%s", error);
	else
		tell_change(request, &found);
	if (result == 0)
		tell_unprepared(change.password);
out:
	secret_wipe(&secret);
	return result == 0 ? CMD_GOOD : CMD_FAILED;
}

static int
run_remove(struct request *request)
{
	char error[1024];

	if (user_file_remove(request->path, span_str(request->name), error,
	    sizeof error) != 0) {
		tell_error("%s", error);
		return CMD_FAILED;
	}
	printf("removed %s; its mail is where it was\n", request->name);
	return CMD_GOOD;
}

struct listing {
	size_t n;
	int widest;	/* name */
	bool is_json, has_colour;
};

static void
measure(void *arg, const struct user_listed *listed)
{
	struct listing *listing = arg;
	size_t len = listed->name.len;

	if ((int)len > listing->widest)
		listing->widest = len < 40 ? (int)len : 40;
}

static void
print_send_as(struct span list)
{
	for (const char *comma = ""; list.len != 0; comma = ",") {
		fputs(comma, stdout);
		tell_json(stdout, span_cut(&list, ','));
	}
}

/* The logins that its keys allow, besides those that show the password. */
static void
print_keys(const struct user_listed *listed, const char *before,
    const char *between, const char *around)
{
	const struct {
		bool is_there;
		const char *name;
	} key[] = {
		{ listed->has_scram_sha_256, "scram-sha-256" },
		{ listed->has_scram_sha_1, "scram-sha-1" },
		{ listed->has_nt_hash, "ntlm" },
	};

	for (size_t i = 0; i < countof(key); i++)
		if (key[i].is_there) {
			printf("%s%s%s%s", before, around, key[i].name,
			    around);
			before = between;
		}
}

static void
print_json(struct listing *listing, const struct user_listed *listed,
    const struct user_attributes *attributes)
{
	bool is_locked = strcmp(listed->scheme, "locked") == 0;

	printf("%s\n{\"name\":", listing->n != 0 ? "," : "");
	tell_json(stdout, listed->name);
	printf(",\"scheme\":");
	tell_json(stdout, span_str(listed->scheme));
	printf(",\"enabled\":%s,\"mailbox\":%s,\"send_as\":[",
	    is_locked || attributes->is_disabled ? "false" : "true",
	    attributes->has_no_mailbox ? "false" : "true");
	print_send_as(attributes->send_as);
	printf("],\"keys\":[");
	print_keys(listed, "", ",", "\"");
	printf("]}");
}

static void
print_account(void *arg, const struct user_listed *listed)
{
	struct listing *listing = arg;
	struct user_attributes parsed;
	char memory[256];
	struct put ignored = put_init(memory, sizeof memory);
	bool is_off;

	/* the file was read without a mistake, so this cannot fail */
	(void)user_attributes_parse(listed->attributes, &parsed, &ignored);
	is_off = parsed.is_disabled || strcmp(listed->scheme, "locked") == 0;
	if (listing->is_json) {
		print_json(listing, listed, &parsed);
		listing->n++;
		return;
	}
	printf("%s%-*.*s  %-13s", is_off && listing->has_colour ?
	    "\033[2m" : "", listing->widest, SPAN_ARG(listed->name),
	    listed->scheme);
	print_keys(listed, "  ", ",", "");
	printf("%s%.*s%s\n", listed->attributes.len != 0 ? "  " : "",
	    SPAN_ARG(listed->attributes),
	    is_off && listing->has_colour ? "\033[0m" : "");
	listing->n++;
}

static int
run_list(struct request *request)
{
	struct listing listing = { .is_json = request->is_json,
		.has_colour = tell_has_colour(stdout) };
	char error[1024];

	if (user_file_list(request->path, measure, &listing, error,
	    sizeof error) != 0) {
		tell_error("%s", error);
		return CMD_FAILED;
	}
	if (listing.is_json)
		putchar('[');
	if (user_file_list(request->path, print_account, &listing, error,
	    sizeof error) != 0) {
		tell_error("%s", error);
		return CMD_FAILED;
	}
	if (listing.is_json)
		puts(listing.n != 0 ? "\n]" : "]");
	return CMD_GOOD;
}

enum { FOR_ADD = 1, FOR_PASSWD = 2, FOR_REMOVE = 4, FOR_LIST = 8,
	FOR_ALL = 15 };

static const struct action {
	const char *name;
	unsigned bit;
	int (*run)(struct request *request);
} actions[] = {
	{ "add", FOR_ADD, run_add },
	{ "passwd", FOR_PASSWD, run_passwd },
	{ "remove", FOR_REMOVE, run_remove },
	{ "list", FOR_LIST, run_list },
};

static const struct action *
find_action(const char *word)
{
	const char *nearest;

	for (size_t i = 0; i < countof(actions); i++)
		if (strcmp(word, actions[i].name) == 0)
			return &actions[i];
	nearest = args_nearest(word, &actions[0].name, countof(actions),
	    sizeof actions[0]);
	if (nearest != NULL)
		tell_error("ehlo user has no \"%s\", did you mean \"%s\"?",
		    word, nearest);
	else
		tell_error("ehlo user has no \"%s\", see ehlo help user",
		    word);
	return NULL;
}

static bool
parse_options(int *argc, char **argv, const struct action *action,
    struct request *request)
{
	static const char foreign[] = "is not for this, see ehlo help user";
	const struct {
		struct args_option option;
		unsigned actions;
	} known[] = {
		{ { "--users", &request->users }, FOR_ALL },
		{ { "--config", &request->config }, FOR_ALL },
		{ { "--help", .flag = &request->is_help }, FOR_ALL },
		{ { "--password-file", &request->password_file },
		    FOR_ADD | FOR_PASSWD },
		{ { "--password-fd", &request->password_fd },
		    FOR_ADD | FOR_PASSWD },
		{ { "--send-as", &request->send_as }, FOR_ADD },
		{ { "--no-mailbox", .flag = &request->has_no_mailbox },
		    FOR_ADD },
		{ { "--ntlm", .flag = &request->has_ntlm },
		    FOR_ADD | FOR_PASSWD },
		{ { "--no-ntlm", .flag = &request->has_no_ntlm },
		    FOR_PASSWD },
		{ { "--json", .flag = &request->is_json }, FOR_LIST },
		{ { "--password", .refusal = "everybody on this machine can "
		    "read the arguments of a program; use --password-file or "
		    "--password-fd, or type it when asked" }, FOR_ALL },
	};
	struct args_option option[countof(known)];

	for (size_t i = 0; i < countof(known); i++) {
		option[i] = known[i].option;
		if ((known[i].actions & action->bit) == 0)
			option[i].refusal = foreign;
	}
	return args_parse(argc, argv, option, countof(option));
}

static bool
check_count(int argc, char **argv, const struct action *action)
{
	int wanted = action->bit == FOR_LIST ? 1 : 2;

	if (argc == wanted)
		return true;
	if (argc < wanted)
		tell_error("ehlo user %s wants a NAME", action->name);
	else
		tell_error("ehlo user %s: \"%s\" is one word too many",
		    action->name, argv[wanted]);
	return false;
}

/* Where the accounts are; says what is wrong. */
static int
find_path(struct request *request)
{
	const char *file =
	    request->config != NULL ? request->config : DEFAULT_CONFIG;
	struct conf *conf;

	if (request->users != NULL && request->config != NULL) {
		tell_error("--users and --config say the same thing twice");
		return CMD_USAGE;
	}
	if (request->users != NULL) {
		request->path = mem_copy(span_str(request->users));
		return CMD_GOOD;
	}
	conf = daemon_conf(&(struct daemon_place){ .config = file });
	if (conf == NULL) {
		tell_note("--users FILE names the accounts without it");
		return CMD_FAILED;
	}
	if (conf->users_file[0] != '\0')
		request->path = mem_copy(span_str(conf->users_file));
	else
		tell_error("%s: names no users { file …; }", file);
	conf_unref(conf);
	return request->path != NULL ? CMD_GOOD : CMD_FAILED;
}

int
cmd_user(int argc, char **argv)
{
	struct request request = { .name = NULL };
	const struct action *action;
	int result;

	if (argc < 2) {
		fputs(help, stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return CMD_GOOD;
	}
	action = find_action(argv[1]);
	argc--;
	argv++;
	if (action == NULL || !parse_options(&argc, argv, action, &request))
		return CMD_USAGE;
	if (request.is_help) {
		fputs(help, stdout);
		return CMD_GOOD;
	}
	if (!check_count(argc, argv, action))
		return CMD_USAGE;
	request.name = argc > 1 ? argv[1] : NULL;
	result = find_path(&request);
	if (result == CMD_GOOD)
		result = action->run(&request);
	free(request.path);
	return result;
}
