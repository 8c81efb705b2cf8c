/* SPDX-License-Identifier: Apache-2.0 */
/* policy: who may send what to whom, with a real accounts file. Every answer
 * is compared by its name, every list of recipients by its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/buf.h"
#include "policy/policy.h"

/* Nobody logs in here: any hash will do. */
#define HASH \
	"$y$j75$tl10UAxuLR7r7WvNaDHsW0$" \
	"T20IJADIOrv2.8SJDbT8.4ZaKmoPBBQSY59ojvBCYP9"

static const char users_text[] =
    "anna:" HASH ":send-as=office@example.org,anna@outside.example\n"
    "bert:" HASH ":\n"
    "postmaster@example.net:" HASH ":\n"
    "carl@example.net:" HASH ":\n"
    "robot:" HASH ":mailbox=no\n"
    "ext+ra:" HASH ":\n"
    "guy@outside.example:" HASH ":\n";

static const char aliases_text[] =
    "sales: anna, bert\n"
    "office@example.org: anna\n"
    "all: sales, office@example.org, carl@example.net, "
    "Dora@Outside.EXAMPLE\n"
    "away: Dora@outside.example\n"
    "bert: bert, Dora@outside.example\n"
    "gone: nobody-home\n"
    "half: nobody-home, anna\n"
    "one: two+x\n"			/* a loop only the policy can see */
    "two: one+x\n"
    "fan: f1+a,f1+b,f1+c,f1+d,f1+e,f1+f,f1+g,f1+h\n"
    "f1: f2+a,f2+b,f2+c,f2+d,f2+e,f2+f,f2+g,f2+h\n"
    "f2: f3+a,f3+b,f3+c,f3+d,f3+e,f3+f,f3+g,f3+h\n"
    "f3: f4+a,f4+b,f4+c,f4+d,f4+e,f4+f,f4+g,f4+h\n"
    "f4: fan+a,fan+b,fan+c,fan+d,fan+e,fan+f,fan+g,fan+h\n"
    "info: anna+info\n"
    "mixed: bert, Emil@outside.example, one\n"
    "p@caught.example: nobody-home@example.org\n";

static const char conf_text[] =
    "hostname mail.example.org; users { file u; } aliases { file a; }\n"
    "listener mx { address 127.0.0.1:25; }\n"
    "listener submission { address 127.0.0.1:587; auth plain; tls starttls;\n"
    "  relay authenticated; }\n"
    "listener inside { address 127.0.0.1:26; auth plain; tls starttls;\n"
    "  relay authenticated networks; sender-must-match-login no;\n"
    "  networks 10.0.0.0/8 192.0.2.128/25 2001:db8::/33; }\n"
    "tls { certificate c; key k; }\n"
    "domain example.org { deliver maildir /%d/%u; }\n"
    "domain example.net { deliver maildir /%d/%u; }\n"
    "domain caught.example { deliver maildir /%d/%u;\n"
    "  catch-all anna@example.org; }\n"
    "domain away.example { deliver maildir /%d/%u;\n"
    "  catch-all keeper@outside.example; }\n"
    "domain self.example { deliver maildir /%d/%u;\n"
    "  catch-all nobody@self.example; }\n"
    "domain ping.example { deliver maildir /%d/%u;\n"
    "  catch-all x@pong.example; }\n"
    "domain pong.example { deliver maildir /%d/%u;\n"
    "  catch-all x@ping.example; }\n"
    "domain b\u00fccher.example { deliver maildir /%d/%u; }\n";

enum { MX, SUBMISSION, INSIDE };

struct world {
	struct conf *conf;
	struct alias_table *aliases;
	struct user_db *users;
	char path[64];
};

static struct world world;

static int
set_up(void **state)
{
	char error[512] = "";
	int fd;

	(void)state;
	snprintf(world.path, sizeof world.path, "/tmp/policy-test-XXXXXX");
	fd = mkstemp(world.path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, users_text, sizeof users_text - 1),
	    (ssize_t)sizeof users_text - 1);
	assert_int_equal(close(fd), 0);
	world.users = user_db_open(world.path, error, sizeof error);
	if (world.users == NULL)
		fail_msg("%s", error);
	world.aliases = alias_parse("aliases", span_str(aliases_text), error,
	    sizeof error);
	if (world.aliases == NULL)
		fail_msg("%s", error);
	world.conf = conf_parse("conf", conf_text, strlen(conf_text), stderr);
	assert_non_null(world.conf);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	user_db_close(world.users);
	alias_unref(world.aliases);
	conf_unref(world.conf);
	return unlink(world.path);
}

static struct policy
policy_at(int listener, const char *login)
{
	return (struct policy){ .conf = world.conf,
		.listener = &world.conf->listener[listener],
		.users = world.users, .aliases = world.aliases,
		.client = SPAN("\x7f\0\0\1"), .login = span_str(login) };
}

/* Asks RCPT TO:`path`; "SYNTAX" if the engine would not even ask. The answer
 * and the list are written to `out`: "RCPT_OK anna@example.org=anna". */
static void
ask_rcpt(struct policy *policy, const char *path, struct arena *arena,
    struct policy_rcpts *list, struct put *out)
{
	struct smtp_event *event = mem_new(sizeof *event);
	struct span text = span_str(path);
	enum addr_result result = addr_parse_path(&text, false,
	    &event->rcpt.to);
	struct reply reply;
	bool is_good;

	event->type = SMTP_RCPT;
	if (result == ADDR_NO_DOMAIN && text.len == 0)
		event->rcpt.to.domain = SPAN("");
	else if (result != ADDR_OK || text.len != 0) {
		put_str(out, "SYNTAX");
		free(event);
		return;
	}
	is_good = policy_rcpt(policy, event, arena, list, &reply);
	assert_int_equal(is_good, reply.id == REPLY_RCPT_OK);
	put_str(out, reply_name(reply.id));
	free(event);
	for (size_t i = 0; i < list->n; i++) {
		put_char(out, ' ');
		put_bytes(out, list->rcpt[i].address);
		put_char(out, '=');
		put_bytes(out, list->rcpt[i].mailbox);
	}
}

struct rcpt_case {
	const char *path;
	const char *want;
};

static void
run_rcpts(int listener, const char *login, const struct rcpt_case *cases,
    size_t n)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < n; i++) {
		struct policy policy = policy_at(listener, login);
		struct policy_rcpts list = { 0 };
		struct arena arena;
		char memory[4096];
		struct put out = put_init(memory, sizeof memory);

		arena_init(&arena, 1 << 20);
		ask_rcpt(&policy, cases[i].path, &arena, &list, &out);
		if (strcmp(put_cstr(&out), cases[i].want) != 0) {
			print_error("%s\n\texpected %s\n\tgot      %s\n",
			    cases[i].path, cases[i].want, memory);
			wrong++;
		}
		arena_reset(&arena);
	}
	assert_int_equal(wrong, 0);
}

static void
mail_for_us_arrives(void **state)
{
	static const struct rcpt_case cases[] = {
		{ "<anna@example.org>", "RCPT_OK anna@example.org=anna" },
		{ "<ANNA@Example.NET>", "RCPT_OK ANNA@example.net=anna" },
		{ "<\"anna\"@example.org>", "RCPT_OK anna@example.org=anna" },
		{ "<@a.example,@b.example:anna@example.org>",
		    "RCPT_OK anna@example.org=anna" },
		{ "<carl@example.net>",
		    "RCPT_OK carl@example.net=carl@example.net" },
		{ "<anna@b\u00fccher.example>",
		    "RCPT_OK anna@xn--bcher-kva.example=anna" },
		{ "<anna@XN--BCHER-KVA.example>",
		    "RCPT_OK anna@xn--bcher-kva.example=anna" },
		{ "<carl@example.org>", "USER_UNKNOWN" },
		{ "<nobody@example.org>", "USER_UNKNOWN" },
		{ "<robot@example.org>", "USER_UNKNOWN" },
		/* +detail */
		{ "<anna+lists@example.org>",
		    "RCPT_OK anna+lists@example.org=anna" },
		{ "<anna+@example.org>", "RCPT_OK anna+@example.org=anna" },
		{ "<anna+a+b@example.org>",
		    "RCPT_OK anna+a+b@example.org=anna" },
		{ "<ext+ra@example.org>",
		    "RCPT_OK ext+ra@example.org=ext+ra" },
		{ "<+anna@example.org>", "USER_UNKNOWN" },
		{ "<nobody+anna@example.org>", "USER_UNKNOWN" },
		/* aliases */
		{ "<office@example.org>", "RCPT_OK anna@example.org=anna" },
		{ "<office@example.net>", "USER_UNKNOWN" },
		{ "<sales@example.org>", "RCPT_OK anna@example.org=anna "
		    "bert@example.org=bert Dora@outside.example=" },
		{ "<SALES+x@example.net>", "RCPT_OK anna@example.net=anna "
		    "bert@example.net=bert Dora@outside.example=" },
		{ "<all@example.org>", "RCPT_OK anna@example.org=anna "
		    "bert@example.org=bert Dora@outside.example= "
		    "carl@example.net=carl@example.net" },
		{ "<away@example.org>", "RCPT_OK Dora@outside.example=" },
		{ "<info@example.org>", "RCPT_OK anna+info@example.org=anna" },
		{ "<half@example.org>", "RCPT_OK anna@example.org=anna" },
		{ "<gone@example.org>", "USER_UNKNOWN" },
		{ "<one@example.org>", "RCPT_TEMP" },
		{ "<fan@example.org>", "RCPT_TEMP" },
		/* catch-all */
		{ "<anyone@caught.example>", "RCPT_OK anna@example.org=anna" },
		{ "<bert+x@caught.example>", "RCPT_OK bert@caught.example=bert "
		    "Dora@outside.example=" },
		{ "<p@caught.example>", "USER_UNKNOWN" },
		{ "<anyone@away.example>", "RCPT_OK keeper@outside.example=" },
		{ "<anyone@self.example>", "USER_UNKNOWN" },
		{ "<anyone@ping.example>", "RCPT_TEMP" },
		/* RFC 5321 4.5.1 */
		{ "<postmaster>",
		    "RCPT_OK postmaster@example.net=postmaster@example.net" },
		{ "<PostMaster>",
		    "RCPT_OK PostMaster@example.net=postmaster@example.net" },
		{ "<anna>", "USER_UNKNOWN" },
	};

	(void)state;
	run_rcpts(MX, "", cases, countof(cases));
}

/* The spellings that relay tests try; none is ever a yes, and none of them
 * leads outside, on the listener that takes mail from strangers. */
#define OUT "outside.example"
static const char *const spellings[] = {
	"<user@" OUT ">", "<user%" OUT "@example.org>",
	"<user%" OUT "@[127.0.0.1]>", "<user%" OUT "@mail.example.org>",
	"<user%" OUT ">", "<\"user@" OUT "\">",
	"<\"user%" OUT "\">", "<user@" OUT "@example.org>",
	"<\"user@" OUT "\"@example.org>", "<user@" OUT "@[127.0.0.1]>",
	"<@example.org:user@" OUT ">", "<@[127.0.0.1]:user@" OUT ">",
	"<" OUT "!user>", "<" OUT "!user@example.org>",
	"<" OUT "!user@[127.0.0.1]>", "<user@" OUT ".>",
	"<user@[127.0.0.1]>", "<user@[192.0.2.1]>",
	"<anna@example.org>,<user@" OUT ">", "<user@" OUT "%example.org>",
	"<user@sub.example.org>", "<user@xexample.org>",
	"<user@example.org.>", "<user@example.org." OUT ">",
	"<\"guy@" OUT "\"@example.org>", "<guy@" OUT ">",
	"<\"office@example.org\"@example.org>",
	"<user%" OUT "@caught.example>", "<" OUT "!user@caught.example>",
	"<\"user@" OUT "\"@caught.example>", "<user%" OUT "@away.example>",
};

/* Seen to catch: a catch-all that takes routes; find_local() without the test
 * for '@'. */
static void
strangers_cannot_relay(void **state)
{
	static const int listeners[] = { MX, SUBMISSION, INSIDE };

	(void)state;
	for (size_t l = 0; l < countof(listeners); l++)
		for (size_t i = 0; i < countof(spellings); i++) {
			struct policy policy = policy_at(listeners[l], "");
			struct policy_rcpts list = { 0 };
			struct arena arena;
			char memory[1024];
			struct put out = put_init(memory, sizeof memory);

			arena_init(&arena, 1 << 20);
			ask_rcpt(&policy, spellings[i], &arena, &list, &out);
			if (strncmp(put_cstr(&out), "RCPT_OK", 7) == 0 ||
			    list.n != 0)
				fail_msg("%s: %s", spellings[i], memory);
			arena_reset(&arena);
		}
}

struct relay_case {
	int listener;
	const char *login;
	struct span client;
	const char *want;
};

#define CLIENT(s) { s, sizeof(s) - 1 }

/* inside or outside, with and without login, from everywhere */
static void
relay_matrix(void **state)
{
	static const struct relay_case cases[] = {
		{ MX, "", CLIENT("\x0a\1\2\3"), "RELAY_REFUSED" },
		{ MX, "anna", CLIENT("\x0a\1\2\3"), "RELAY_REFUSED" },
		{ SUBMISSION, "", CLIENT("\x0a\1\2\3"),
		    "RELAY_REFUSED_LOGIN" },
		{ SUBMISSION, "anna", CLIENT("\x0a\1\2\3"),
		    "RCPT_OK x@outside.example=" },
		{ SUBMISSION, "anna", CLIENT(""),
		    "RCPT_OK x@outside.example=" },
		{ INSIDE, "", CLIENT("\x0a\1\2\3"),
		    "RCPT_OK x@outside.example=" },
		{ INSIDE, "", CLIENT("\x0b\1\2\3"), "RELAY_REFUSED_LOGIN" },
		{ INSIDE, "", CLIENT(""), "RELAY_REFUSED_LOGIN" },
		{ INSIDE, "anna", CLIENT("\x0b\1\2\3"),
		    "RCPT_OK x@outside.example=" },
		{ INSIDE, "", CLIENT("\xc0\0\2\x80"),
		    "RCPT_OK x@outside.example=" },
		{ INSIDE, "", CLIENT("\xc0\0\2\x7f"), "RELAY_REFUSED_LOGIN" },
		{ INSIDE, "", CLIENT(
		    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\3"),
		    "RCPT_OK x@outside.example=" },
		{ INSIDE, "", CLIENT(
		    "\x20\x01\x0d\xb8\x7f\0\0\0\0\0\0\0\0\0\0\1"),
		    "RCPT_OK x@outside.example=" },
		{ INSIDE, "", CLIENT(
		    "\x20\x01\x0d\xb8\x80\0\0\0\0\0\0\0\0\0\0\1"),
		    "RELAY_REFUSED_LOGIN" },
		/* the first bytes of a network's are no address in it */
		{ INSIDE, "", CLIENT(
		    "\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
		    "RELAY_REFUSED_LOGIN" },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct policy policy = policy_at(cases[i].listener,
		    cases[i].login);
		struct policy_rcpts list = { 0 };
		struct arena arena;
		char memory[1024];
		struct put out = put_init(memory, sizeof memory);

		policy.client = cases[i].client;
		arena_init(&arena, 1 << 20);
		ask_rcpt(&policy, "<x@outside.example>", &arena, &list, &out);
		if (strcmp(put_cstr(&out), cases[i].want) != 0)
			fail_msg("case %zu: expected %s, got %s", i,
			    cases[i].want, memory);
		assert_int_equal(policy_may_relay(&policy), list.n == 1);
		list.n = 0;
		out = put_init(memory, sizeof memory);
		ask_rcpt(&policy, "<anna@example.org>", &arena, &list, &out);
		assert_string_equal(put_cstr(&out),
		    "RCPT_OK anna@example.org=anna");
		arena_reset(&arena);
	}
}

/* Who is logged in may send to literals and to case-sensitive strangers. */
static void
outside_addresses_stay_as_written(void **state)
{
	static const struct rcpt_case cases[] = {
		{ "<X.y@[192.0.2.1]>", "RCPT_OK X.y@[192.0.2.1]=" },
		{ "<\"A b\"@Outside.Example>",
		    "RCPT_OK \"A b\"@Outside.Example=" },
		{ "<a%b@outside.example>", "RCPT_OK a%b@outside.example=" },
		{ "<user%outside.example@example.org>", "USER_UNKNOWN" },
	};

	(void)state;
	run_rcpts(SUBMISSION, "anna", cases, countof(cases));
}

/* One list for the whole mail: no recipient twice, a refusal leaves no trace,
 * and what RCPT said is kept. */
static void
lists_have_no_doubles(void **state)
{
	static const struct rcpt_case steps[] = {
		{ "<anna@example.org>", "RCPT_OK anna@example.org=anna" },
		{ "<Anna@EXAMPLE.org>", "RCPT_OK anna@example.org=anna" },
		{ "<office@example.org>", "RCPT_OK anna@example.org=anna" },
		{ "<gone@example.org>", "USER_UNKNOWN anna@example.org=anna" },
		{ "<fan@example.org>", "RCPT_TEMP anna@example.org=anna" },
		{ "<mixed@example.org>",
		    "RCPT_TEMP anna@example.org=anna" },
		{ "<X@outside.example>", "RCPT_OK anna@example.org=anna "
		    "X@outside.example=" },
		{ "<X@OUTSIDE.example>", "RCPT_OK anna@example.org=anna "
		    "X@outside.example=" },
		{ "<x@outside.example>", "RCPT_OK anna@example.org=anna "
		    "X@outside.example= x@outside.example=" },
		{ "<anna@example.net>", "RCPT_OK anna@example.org=anna "
		    "X@outside.example= x@outside.example= "
		    "anna@example.net=anna" },
		{ "<away@example.org>", "RCPT_OK anna@example.org=anna "
		    "X@outside.example= x@outside.example= "
		    "anna@example.net=anna Dora@outside.example=" },
	};
	struct policy policy = policy_at(SUBMISSION, "anna");
	struct policy_rcpts list = { 0 };
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < countof(steps); i++) {
		char memory[1024];
		struct put out = put_init(memory, sizeof memory);

		ask_rcpt(&policy, steps[i].path, &arena, &list, &out);
		assert_string_equal(put_cstr(&out), steps[i].want);
	}
	assert_int_equal(list.rcpt[0].original.len, 0);
	assert_true(span_eq(list.rcpt[4].original, SPAN("away@example.org")));
	arena_reset(&arena);
}

static void
parameters_are_kept(void **state)
{
	struct policy policy = policy_at(MX, "");
	struct smtp_event *event = mem_new(sizeof *event);
	struct policy_rcpts list = { 0 };
	struct arena arena;
	struct reply reply;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(addr_parse(SPAN("sales@example.org"),
	    &event->rcpt.to), ADDR_OK);
	event->rcpt.params.notify = PARAM_NOTIFY_FAILURE | PARAM_NOTIFY_DELAY;
	snprintf(event->rcpt.params.orcpt, sizeof event->rcpt.params.orcpt,
	    "rfc822;old@example.com");
	assert_true(policy_rcpt(&policy, event, &arena, &list, &reply));
	memset(event, 'x', sizeof *event);	/* nothing points there */
	assert_int_equal(list.n, 3);
	for (size_t i = 0; i < list.n; i++) {
		assert_int_equal(list.rcpt[i].notify,
		    PARAM_NOTIFY_FAILURE | PARAM_NOTIFY_DELAY);
		assert_true(span_eq(list.rcpt[i].orcpt,
		    SPAN("rfc822;old@example.com")));
		assert_true(span_eq(list.rcpt[i].original,
		    SPAN("sales@example.org")));
	}
	assert_true(span_eq(reply.arg[0], SPAN("sales@example.org")));
	free(event);
	arena_reset(&arena);
}

/* Memory that a mail may take is bounded; then the client shall send the rest
 * in another one. */
static void
a_full_list_is_told(void **state)
{
	struct policy policy = policy_at(SUBMISSION, "anna");
	struct policy_rcpts list = { 0 };
	struct arena arena;
	char memory[64];
	struct put out = put_init(memory, sizeof memory);
	size_t n = 0;

	(void)state;
	arena_init(&arena, 4000);
	for (; n < 1000; n++) {
		char path[64], answer[8192];
		struct put got = put_init(answer, sizeof answer);

		snprintf(path, sizeof path, "<user-%zu@outside.example>", n);
		ask_rcpt(&policy, path, &arena, &list, &got);
		if (strncmp(put_cstr(&got), "RCPT_OK", 7) != 0) {
			put_bytes(&out, span_cut(&(struct span){ answer,
			    got.len }, ' '));
			break;
		}
	}
	assert_string_equal(put_cstr(&out), "TOO_MANY_RCPTS");
	assert_true(n > 3);
	assert_int_equal(list.n, n);
	arena_reset(&arena);
	/* not even one */
	list = (struct policy_rcpts){ 0 };
	out = put_init(memory, sizeof memory);
	arena_init(&arena, 10);
	ask_rcpt(&policy, "<anna@example.org>", &arena, &list, &out);
	assert_string_equal(put_cstr(&out), "RCPT_TEMP");
	arena_reset(&arena);
}

struct mail_case {
	int listener;
	const char *login, *from;
	const char *want;
};

static void
senders(void **state)
{
	static const struct mail_case cases[] = {
		/* strangers say what they like */
		{ MX, "", "<anyone@outside.example>", "MAIL_OK" },
		{ MX, "", "<anna@example.org>", "MAIL_OK" },
		{ MX, "", "<>", "MAIL_OK" },
		{ SUBMISSION, "", "<anyone@outside.example>", "MAIL_OK" },
		/* who is logged in is himself */
		{ SUBMISSION, "anna", "<anna@example.org>", "MAIL_OK" },
		{ SUBMISSION, "anna", "<Anna@EXAMPLE.org>", "MAIL_OK" },
		{ SUBMISSION, "ANNA", "<anna@example.net>", "MAIL_OK" },
		{ SUBMISSION, "anna", "<\"anna\"@example.org>", "MAIL_OK" },
		{ SUBMISSION, "anna", "<anna@B\u00dcCHER.example>",
		    "MAIL_OK" },
		{ SUBMISSION, "anna", "<office@example.org>", "MAIL_OK" },
		{ SUBMISSION, "anna", "<anna@outside.example>", "MAIL_OK" },
		{ SUBMISSION, "anna", "<>", "MAIL_OK" },
		{ SUBMISSION, "guy@outside.example", "<guy@outside.example>",
		    "MAIL_OK" },
		{ SUBMISSION, "anna", "<bert@example.org>",
		    "SENDER_NOT_OWNED" },
		{ SUBMISSION, "anna", "<office@example.net>",
		    "SENDER_NOT_OWNED" },
		{ SUBMISSION, "bert", "<bert@outside.example>",
		    "SENDER_NOT_OWNED" },
		{ SUBMISSION, "guy@outside.example",
		    "<\"guy@outside.example\"@example.org>",
		    "SENDER_NOT_OWNED" },
		{ SUBMISSION, "anna", "<anna@[127.0.0.1]>",
		    "SENDER_NOT_OWNED" },
		{ SUBMISSION, "removed", "<removed@example.org>",
		    "SENDER_NOT_OWNED" },
		{ INSIDE, "anna", "<bert@example.org>", "MAIL_OK" },
		{ INSIDE, "anna", "<anna>", "SENDER_NO_DOMAIN" },
		{ MX, "", "<anna>", "SENDER_NO_DOMAIN" },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct policy policy = policy_at(cases[i].listener,
		    cases[i].login);
		struct smtp_event *event = mem_new(sizeof *event);
		struct span text = span_str(cases[i].from);
		struct reply reply;
		bool is_good;

		event->type = SMTP_MAIL;
		(void)addr_parse_path(&text, false, &event->mail.from);
		is_good = policy_mail(&policy, event, &reply);
		if (strcmp(reply_name(reply.id), cases[i].want) != 0)
			fail_msg("%s as '%s': expected %s, got %s",
			    cases[i].from, cases[i].login, cases[i].want,
			    reply_name(reply.id));
		assert_int_equal(is_good, reply.id == REPLY_MAIL_OK);
		if (reply.id == REPLY_SENDER_NOT_OWNED)
			assert_true(span_eq(reply.arg[1], policy.login));
		free(event);
	}
}

/* Without accounts nobody owns an address and nobody has a mailbox. */
static void
without_tables(void **state)
{
	struct policy policy = policy_at(SUBMISSION, "anna");
	struct policy_rcpts list = { 0 };
	struct smtp_event *event = mem_new(sizeof *event);
	struct arena arena;
	struct reply reply;

	(void)state;
	policy.users = NULL;
	policy.aliases = NULL;
	arena_init(&arena, 1 << 20);
	assert_int_equal(addr_parse(SPAN("anna@example.org"),
	    &event->rcpt.to), ADDR_OK);
	assert_false(policy_rcpt(&policy, event, &arena, &list, &reply));
	assert_int_equal(reply.id, REPLY_USER_UNKNOWN);
	assert_int_equal(addr_parse(SPAN("anna@example.org"),
	    &event->mail.from), ADDR_OK);
	assert_false(policy_mail(&policy, event, &reply));
	assert_int_equal(reply.id, REPLY_SENDER_NOT_OWNED);
	free(event);
	arena_reset(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_for_us_arrives),
		cmocka_unit_test(strangers_cannot_relay),
		cmocka_unit_test(relay_matrix),
		cmocka_unit_test(outside_addresses_stay_as_written),
		cmocka_unit_test(lists_have_no_doubles),
		cmocka_unit_test(parameters_are_kept),
		cmocka_unit_test(a_full_list_is_told),
		cmocka_unit_test(senders),
		cmocka_unit_test(without_tables),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
