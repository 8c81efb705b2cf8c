/* SPDX-License-Identifier: Apache-2.0 */
/* try: see try.h. */
#include "ehlod/try.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "deliver/route.h"
#include "ehlod/snapshot.h"
#include "policy/policy.h"

#define CONF_PATH "/etc/ehlod/ehlod.conf"
#define RCPTS_MAX 100
#define ARENA_MAX ((size_t)4 << 20)

enum { GOOD = 0, REFUSED = 1, USAGE = 3 };

static const char help[] =
    "usage: ehlod try --from ADDRESS --rcpt ADDRESS ... [--ip ADDRESS]\n"
    "                 [--listener NAME] [--login NAME] [--tls]\n"
    "                 [--hello NAME] [--size OCTETS] [--config FILE]\n"
    "\n"
    "Says what would happen to such a mail and which line of the\n"
    "configuration decides. Nothing is connected to, no daemon is asked.\n"
    "\n"
    "  --from ADDRESS    the sender; \"\" is that of notices\n"
    "  --rcpt ADDRESS    a recipient; may be repeated\n"
    "  --ip ADDRESS      who connects (127.0.0.1)\n"
    "  --listener NAME   where (the first one)\n"
    "  --login NAME      logged in as\n"
    "  --tls             inside TLS\n"
    "  --hello NAME      its name (try.example)\n"
    "  --size OCTETS     of the message\n"
    "  --config FILE     the configuration (" CONF_PATH ")\n"
    "\n"
    "Exit code: 0 all would be taken, 1 something would be refused, or the\n"
    "configuration is wrong, 3 usage.\n";

struct try {
	const char *config, *listener, *ip, *login, *from, *hello, *size;
	const char *rcpt[RCPTS_MAX];
	size_t rcpt_n;
	bool is_tls;
	struct snapshot *snapshot;
	const struct snapshot_listener *at;
	size_t number;			/* of the listener */
	unsigned char client[16];
	size_t client_len;
	struct smtp_event *event;
	struct policy_rcpts rcpts;
	struct arena arena;
	bool is_refused;
};

/* --- saying which line it is */

/* "  because OPTION … (FILE:LINE)"; its default if it is not given. */
static void
because(const struct try *t, const char *block, size_t item,
    const char *option)
{
	const struct conf *conf = t->snapshot->conf;
	int line = conf_option_line(conf, block, item, option);

	if (line != 0)
		printf("    %s:%d: %s\n", conf->file, line, option);
	else
		printf("    %s: %s is not given, its default holds\n",
		    conf->file, option);
}

static void
because_block(const struct try *t, const char *block, const char *name,
    int line)
{
	printf("    %s:%d: %s \"%s\"\n", t->snapshot->conf->file, line, block,
	    name);
}

static void
because_listener(const struct try *t, const char *option)
{
	because(t, "listener", t->number, option);
}

static void
say_reply(struct try *t, const struct reply *reply)
{
	char text[REPLY_MAX];
	struct put out = put_init(text, sizeof text);
	struct span all;

	reply_format(reply, t->at->smtp.persona, &out);
	all = put_span(&out);
	while (all.len != 0) {
		struct span line = span_cut(&all, '\n');

		line.len -= line.len != 0 && line.p[line.len - 1] == '\r';
		printf("  %.*s\n", SPAN_ARG(line));
	}
	t->is_refused |= !reply_is_positive(reply->id);
}

/* --- before MAIL */

static struct policy
policy_of(const struct try *t)
{
	return (struct policy){ .conf = t->snapshot->conf,
		.listener = t->at->conf, .users = t->snapshot->users,
		.aliases = t->snapshot->aliases,
		.client = span_of(t->client, t->client_len),
		.login = span_str(t->login) };
}

static void
say_session(const struct try *t)
{
	printf("a session from %s at listener \"%s\"\n", t->ip,
	    t->at->conf->name);
	because_block(t, "listener", t->at->conf->name, t->at->conf->line);
	if (t->login == NULL)
		return;
	printf("logged in as %s\n", t->login);
	because_listener(t, "auth");
	if (t->at->conf->auth_n == 0)
		printf("    nobody can log in there: no mechanism is "
		    "offered\n");
	else if (!t->is_tls && t->at->auth_clear[0] == '\0')
		printf("    but not in clear text: say --tls\n");
}

/* What the engine itself would say before it asks anybody. */
static bool
is_let_in(struct try *t)
{
	const struct conf_listener *conf = t->at->conf;

	if (conf->tls_required && !t->is_tls) {
		say_reply(t, REPLY_OF(TLS_REQUIRED));
		because_listener(t, "tls-required");
		return false;
	}
	if (conf->auth_required && t->login == NULL) {
		say_reply(t, REPLY_OF(AUTH_REQUIRED));
		because_listener(t, "auth-required");
		return false;
	}
	return true;
}

/* --- MAIL */

static bool
read_size(struct try *t, uint64_t *size)
{
	*size = 0;
	if (t->size == NULL || text_u64(span_str(t->size), size))
		return true;
	fprintf(stderr, "ehlod: --size wants a number\n");
	return false;
}

static bool
is_small_enough(struct try *t, uint64_t size)
{
	uint64_t max = t->at->conf->max_message_size;
	char text[32];

	if (max == 0 || size <= max)
		return true;
	snprintf(text, sizeof text, "%llu", (unsigned long long)max);
	say_reply(t, REPLY_OF(TOO_BIG, span_str(text)));
	because_listener(t, "max-message-size");
	return false;
}

static bool
try_mail(struct try *t, uint64_t size)
{
	struct policy policy = policy_of(t);
	struct reply reply = { 0 };
	struct span from = span_str(t->from);

	printf("MAIL FROM:<%s>\n", t->from);
	if (!is_let_in(t) || !is_small_enough(t, size))
		return false;
	if (from.len != 0 &&
	    addr_parse(from, &t->event->mail.from) != ADDR_OK) {
		say_reply(t, REPLY_OF(SENDER_NO_DOMAIN, from));
		return false;
	}
	(void)policy_mail(&policy, t->event, &reply);
	say_reply(t, &reply);
	if (t->login != NULL)
		because_listener(t, "sender-must-match-login");
	return reply_is_positive(reply.id);
}

/* --- RCPT */

/* Its own alias, catch-all or +detail led there. */
static void
say_mailbox(const struct try *t, const struct envelope_rcpt *rcpt)
{
	const char *at = memrchr(rcpt->address.p, '@', rcpt->address.len);
	const struct conf_domain *domain = at == NULL ? NULL
	    : conf_find_domain(t->snapshot->conf, at + 1, rcpt->address.len -
		(size_t)(at + 1 - rcpt->address.p));

	printf("    goes to the mailbox of %.*s, as %.*s\n",
	    SPAN_ARG(rcpt->mailbox), SPAN_ARG(rcpt->address));
	if (domain != NULL)
		because(t, "domain",
		    (size_t)(domain - t->snapshot->conf->domain), "deliver");
	printf("    %s: the account\n", t->snapshot->conf->users_file);
}

static void
say_route(const struct try *t, struct envelope_rcpt *rcpt)
{
	const struct conf *conf = t->snapshot->conf;
	const struct envelope envelope = { .sender = span_str(t->from),
		.listener = span_str(t->at->conf->name),
		.login = span_str(t->login), .rcpt = rcpt, .rcpt_n = 1 };
	struct route_target target;

	printf("    goes outside, to %.*s\n", SPAN_ARG(rcpt->address));
	because_listener(t, "relay");
	route_find(conf, &envelope, 0, &target);
	if (target.route != NULL) {
		because_block(t, "route", target.route->name,
		    target.route->line);
		because(t, "route", (size_t)(target.route - conf->route),
		    "via");
	}
	if (target.kind == ROUTE_STAYS)
		printf("    it would wait: %s\n", target.why);
}

static void
say_why_not(const struct try *t, const struct reply *reply)
{
	const struct addr *to = &t->event->rcpt.to;
	const struct conf *conf = t->snapshot->conf;
	const struct conf_domain *domain = conf_find_domain(conf,
	    to->domain.p, to->domain.len);

	if (domain == NULL) {
		because_listener(t, "relay");
		printf("    %s: no domain \"%.*s\"\n", conf->file,
		    SPAN_ARG(to->domain));
	} else if (reply->id == REPLY_USER_UNKNOWN) {
		because_block(t, "domain", domain->name, domain->line);
		printf("    %s: no such account%s\n", conf->users_file,
		    conf->aliases_file[0] != '\0' ? ", and no alias" : "");
		because(t, "domain", (size_t)(domain - conf->domain),
		    "catch-all");
	}
}

static void
try_rcpt(struct try *t, const char *text)
{
	struct policy policy = policy_of(t);
	struct reply reply = { 0 };
	size_t before = t->rcpts.n;
	enum addr_result result = addr_parse(span_str(text),
	    &t->event->rcpt.to);

	printf("RCPT TO:<%s>\n", text);
	memset(&t->event->rcpt.params, 0, sizeof t->event->rcpt.params);
	if (result != ADDR_OK && result != ADDR_NO_DOMAIN) {
		printf("  this is no address\n");
		t->is_refused = true;
		return;
	}
	(void)policy_rcpt(&policy, t->event, &t->arena, &t->rcpts, &reply);
	say_reply(t, &reply);
	if (!reply_is_positive(reply.id)) {
		say_why_not(t, &reply);
		return;
	}
	if (t->rcpts.n == before)
		printf("    somebody before gets it already\n");
	for (size_t i = before; i < t->rcpts.n; i++)
		if (t->rcpts.rcpt[i].mailbox.len != 0)
			say_mailbox(t, &t->rcpts.rcpt[i]);
		else
			say_route(t, &t->rcpts.rcpt[i]);
}

/* --- the command */

static bool
find_listener(struct try *t)
{
	const struct conf *conf = t->snapshot->conf;

	for (size_t i = 0; i < conf->listener_n; i++) {
		if (t->listener != NULL &&
		    strcmp(conf->listener[i].name, t->listener) != 0)
			continue;
		t->at = &t->snapshot->listener[i];
		t->number = i;
		t->is_tls |= conf->listener[i].tls == CONF_TLS_IMPLICIT;
		return true;
	}
	fprintf(stderr, "ehlod: there is no listener \"%s\"\n",
	    t->listener != NULL ? t->listener : "");
	return false;
}

static bool
read_ip(struct try *t)
{
	if (inet_pton(AF_INET, t->ip, t->client) == 1)
		t->client_len = 4;
	else if (inet_pton(AF_INET6, t->ip, t->client) == 1)
		t->client_len = 16;
	else
		fprintf(stderr, "ehlod: --ip wants an address, not \"%s\"\n",
		    t->ip);
	return t->client_len != 0;
}

static int
run(struct try *t)
{
	uint64_t size;

	if (!read_ip(t) || !read_size(t, &size))
		return USAGE;
	t->snapshot = snapshot_load(t->config, stderr);
	if (t->snapshot == NULL)
		return REFUSED;
	if (!find_listener(t)) {
		snapshot_unref(t->snapshot);
		return USAGE;
	}
	t->event = mem_new(sizeof *t->event);
	arena_init(&t->arena, ARENA_MAX);
	say_session(t);
	if (try_mail(t, size))
		for (size_t i = 0; i < t->rcpt_n; i++)
			try_rcpt(t, t->rcpt[i]);
	arena_reset(&t->arena);
	free(t->event);
	snapshot_unref(t->snapshot);
	return t->is_refused ? REFUSED : GOOD;
}

/* True: go on; false with the exit code. */
static bool
parse(struct try *t, int argc, char **argv, int *code)
{
	static const struct option options[] = {
		{ "from", 1, NULL, 'f' }, { "rcpt", 1, NULL, 'r' },
		{ "ip", 1, NULL, 'i' }, { "listener", 1, NULL, 'l' },
		{ "login", 1, NULL, 'u' }, { "tls", 0, NULL, 't' },
		{ "hello", 1, NULL, 'n' }, { "size", 1, NULL, 's' },
		{ "config", 1, NULL, 'c' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*code = USAGE;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f': t->from = optarg; break;
		case 'i': t->ip = optarg; break;
		case 'l': t->listener = optarg; break;
		case 'u': t->login = optarg; break;
		case 't': t->is_tls = true; break;
		case 'n': t->hello = optarg; break;
		case 's': t->size = optarg; break;
		case 'c': t->config = optarg; break;
		case 'r':
			if (t->rcpt_n < RCPTS_MAX)
				t->rcpt[t->rcpt_n++] = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			*code = GOOD;
			return false;
		default:
			return false;
		}
	}
	if (t->from != NULL && t->rcpt_n != 0 && optind == argc)
		return true;
	fputs(help, stderr);
	return false;
}

int
try_run(int argc, char **argv)
{
	struct try t = { .config = CONF_PATH, .ip = "127.0.0.1",
		.hello = "try.example" };
	int code;

	return parse(&t, argc, argv, &code) ? run(&t) : code;
}
