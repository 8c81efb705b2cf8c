/* SPDX-License-Identifier: Apache-2.0 */
/* One command line: what it is (verb.h), whether it may stand here, and what
 * it asks the caller. A command answered here tells no event. */
#include "smtp/server_private.h"

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"
#include "smtp/persona.h"

/* A command in its parts; the spans are those of the line. */
struct command {
	const struct verb_row *row;
	struct span args;
};

static bool
refuse(struct smtp_server *server, const struct reply *reply)
{
	engine_refuse(server, reply);
	return false;
}

static bool
say(struct smtp_server *server, const struct reply *reply)
{
	engine_say(server, reply);
	return false;
}

static bool
hang_up(struct smtp_server *server, const struct reply *reply)
{
	engine_hang_up(server, reply);
	return false;
}

static bool
is_mechanism(const struct smtp_server_conf *conf, struct span word)
{
	return engine_has_word(conf->auth_tls, word) ||
	    engine_has_word(conf->auth_clear, word) ||
	    engine_has_word(conf->exps_tls, word) ||
	    engine_has_word(conf->exps_clear, word);
}

/* The transcript of a command never holds what may be a secret: responses of
 * AUTH, what stands behind a word we do not know ("AUHT PLAIN …"), and any
 * unknown line once AUTH has failed (the password may come all the same). */
static void
show_command(struct smtp_server *server, const struct verb_row *row,
    struct span line)
{
	char memory[128];
	struct put out = put_init(memory, sizeof memory - sizeof MASK);
	struct span rest = line;
	struct span word = span_cut(&rest, ' ');

	if (server->hooks->transcript == NULL)
		return;
	if (row != NULL && row->verb != VERB_AUTH) {
		engine_show(server, SMTP_FROM_CLIENT, line);
		return;
	}
	if (row == NULL && server->has_failed_auth)
		word = SPAN(MASK);
	put_bytes(&out, span_first(word, 32));
	if (row != NULL) {
		word = span_cut(&rest, ' ');
		if (is_mechanism(server->conf, word)) {
			put_char(&out, ' ');
			put_bytes(&out, span_first(word, 32));
		} else {
			rest = word;
		}
	}
	out.cap = sizeof memory;
	if (rest.len != 0)
		put_str(&out, " " MASK);
	engine_show(server, SMTP_FROM_CLIENT, put_span(&out));
}

/* A typist is forgiven; so is everybody where the persona forgives. */
static bool
is_lenient(const struct smtp_server *server, enum persona_trait trait)
{
	return server->conf->is_typist ||
	    persona_has(server->conf->persona, trait);
}

static struct span
keep(struct put *memory, struct span bytes)
{
	struct span kept = { memory->p + memory->len, bytes.len };

	put_bytes(memory, bytes);
	return kept;
}

/* The line may be gone when the answer comes. */
static void
keep_address(struct smtp_event *event, struct addr *addr)
{
	struct put memory = put_init(event->scratch,
	    sizeof event->scratch - SMTP_LINE_MAX);

	addr->local = keep(&memory, addr->local);
	addr->domain = keep(&memory, addr->domain);
}

/* EHLO, HELO, LHLO */
static bool
run_hello(struct smtp_server *server, const struct command *command,
    struct smtp_event *event)
{
	struct put kept = put_init(event->scratch, SMTP_HELLO_MAX);
	struct span name = command->args;

	if (name.len == 0 && !is_lenient(server, PERSONA_BARE_HELLO))
		return refuse(server,
		    REPLY_OF(HELLO_SYNTAX, command->row->name));
	if (name.len != 0 && !addr_is_hello_name(name))
		return refuse(server, REPLY_OF(HELLO_BAD_NAME, name));
	event->hello.name = server->hello_next = keep(&kept, name);
	event->hello.is_extended = command->row->verb != VERB_HELO;
	server->is_extended_next = event->hello.is_extended;
	server->is_named = name.len != 0;
	return engine_ask(server, event, SMTP_HELLO);
}

void
engine_answer_hello(struct smtp_server *server, const struct reply *reply)
{
	struct put hello = put_init(server->hello, sizeof server->hello);

	if (!reply_is_positive(reply->id)) {
		engine_refuse(server, reply);
		return;
	}
	if (server->is_named) {
		put_bytes(&hello, server->hello_next);
		(void)put_cstr(&hello);	/* addr_is_hello_name(): <= 255 */
	} else {
		engine_name_client(server, server->hello);
	}
	server->is_extended = server->is_extended_next;
	server->is_after_starttls = false;
	engine_enter(server, SMTP_MODE_READY);	/* RFC 5321 4.1.4: as RSET */
	engine_say_hello(server, reply->arg[0]);
}

/* What looks most like an address in a line that is wrong: "<a@b>" without its
 * brackets, or "address". For a reply only. */
static struct span
guess_address(struct span text)
{
	const struct span around = SPAN("<>:,;");

	while (text.len != 0) {
		struct span word = span_cut(&text, ' ');

		if (span_find(word, '@') == word.len)
			continue;
		while (span_find(around, word.p[0]) != around.len)
			word = span_skip(word, 1);
		while (span_find(around, word.p[word.len - 1]) != around.len)
			word.len--;
		return word;
	}
	return SPAN("address");
}

static bool
refuse_path_word(struct smtp_server *server, enum verb verb, struct span args)
{
	struct span address = guess_address(args);

	if (!server->conf->is_typist)
		return refuse(server, verb == VERB_MAIL
			? REPLY_OF(MAIL_SYNTAX)
			: REPLY_OF(RCPT_SYNTAX));
	return refuse(server, verb == VERB_MAIL ? REPLY_OF(MAIL_HINT, address)
						: REPLY_OF(RCPT_HINT, address));
}

/* Cuts "FROM:" or "TO:" from `*args`; a typist may put spaces around it. */
static bool
cut_path_word(const struct smtp_server *server, struct span word,
    struct span *args)
{
	struct span rest = *args;

	if (!span_casestarts(rest, word))
		return false;
	rest = span_skip(rest, word.len);
	if (is_lenient(server, PERSONA_BARE_PATH))
		rest = span_trim(rest);
	if (!span_starts(rest, SPAN(":")))
		return false;
	*args = span_skip(rest, 1);
	return true;
}

static bool
refuse_sender(struct smtp_server *server, enum addr_result result,
    const struct addr *addr)
{
	if (result == ADDR_NO_DOMAIN)
		return refuse(server,
		    REPLY_OF(SENDER_NO_DOMAIN, addr->local));
	if (result == ADDR_TOO_LONG)
		return refuse(server, REPLY_OF(SENDER_TOO_LONG));
	return refuse(server, REPLY_OF(SENDER_SYNTAX));
}

static bool
refuse_rcpt(struct smtp_server *server, enum addr_result result,
    const struct addr *addr)
{
	if (result == ADDR_NO_DOMAIN)
		return refuse(server, REPLY_OF(RCPT_NO_DOMAIN, addr->local));
	if (result == ADDR_TOO_LONG)
		return refuse(server, REPLY_OF(RCPT_TOO_LONG));
	return refuse(server, REPLY_OF(RCPT_BAD_ADDRESS));
}

static bool
refuse_param(struct smtp_server *server, enum param_result result,
    struct span bad)
{
	if (result == PARAM_UNKNOWN)
		return refuse(server, REPLY_OF(PARAM_UNKNOWN, bad));
	if (result == PARAM_TWICE)
		return refuse(server, REPLY_OF(PARAM_TWICE, bad));
	return refuse(server, REPLY_OF(PARAM_BAD, bad));
}

/* Parameters are part of the extensions: without EHLO there are none. */
static struct param_allow
allowed_params(const struct smtp_server *server)
{
	bool all = server->is_extended;

	return (struct param_allow){ .size = all, .eightbit = all,
		.binary = all, .smtputf8 = all, .dsn = all,
		/* RFC 8689 2: only inside of TLS */
		.requiretls = all && server->is_tls &&
		    server->conf->persona == PERSONA_NATIVE,
		.auth = all && (server->conf->auth_tls.len != 0 ||
				   server->conf->auth_clear.len != 0),
		.hold = all && engine_may_hold(server),
		.by = all && server->conf->persona == PERSONA_NATIVE };
}

/* "mail from: me": some take it for one of their own. */
static bool
add_domain(const struct smtp_server *server, struct addr *addr)
{
	if (!persona_has(server->conf->persona, PERSONA_ADDS_DOMAIN))
		return false;
	addr->domain = server->conf->hostname;
	return true;
}

static bool
run_mail(struct smtp_server *server, struct span args,
    struct smtp_event *event)
{
	struct param_allow allow = allowed_params(server);
	struct addr *from = &event->mail.from;
	struct mail_params *params = &event->mail.params;
	unsigned max = server->conf->transactions_max;
	uint64_t size_max = server->conf->size_max;
	struct span bad;
	enum addr_result result;
	enum param_result param;

	if (max != 0 && server->transactions >= max)
		return hang_up(server, REPLY_OF(TOO_MANY_MAILS));
	if (server->conf->is_auth_required && !server->is_authenticated)
		return refuse(server, REPLY_OF(AUTH_REQUIRED));
	if (!cut_path_word(server, SPAN("FROM"), &args))
		return refuse_path_word(server, VERB_MAIL, args);
	result = addr_parse_path(&args, is_lenient(server, PERSONA_BARE_PATH),
	    from);
	if (result == ADDR_NO_DOMAIN && add_domain(server, from))
		result = ADDR_OK;
	if (result != ADDR_OK)
		return refuse_sender(server, result, from);
	param = param_parse_mail(args, &allow, params, &bad);
	if (param != PARAM_OK)
		return refuse_param(server, param, bad);
	if (from->is_utf8 && !params->smtputf8)
		return refuse(server, REPLY_OF(SMTPUTF8_NEEDED));
	if (size_max != 0 && params->has_size && params->size > size_max) {
		engine_refuse_size(server);
		return false;
	}
	if (params->hold == PARAM_HOLD_FOR &&
	    params->hold_s > server->conf->hold_max_s)
		return refuse(server, REPLY_OF(HOLD_TOO_LONG));
	server->body = params->body;
	server->is_utf8 = params->smtputf8;
	keep_address(event, from);
	return engine_ask(server, event, SMTP_MAIL);
}

static bool
run_rcpt(struct smtp_server *server, struct span args,
    struct smtp_event *event)
{
	struct param_allow allow = allowed_params(server);
	struct addr *to = &event->rcpt.to;
	unsigned max = server->conf->rcpt_max;
	struct span bad;
	enum addr_result result;
	enum param_result param;

	if (max != 0 && server->rcpt_n >= max)
		return refuse(server, REPLY_OF(TOO_MANY_RCPTS));
	if (!cut_path_word(server, SPAN("TO"), &args))
		return refuse_path_word(server, VERB_RCPT, args);
	result = addr_parse_path(&args, is_lenient(server, PERSONA_BARE_PATH),
	    to);
	/* RFC 5321 4.5.1: postmaster needs no domain */
	if (result == ADDR_NO_DOMAIN &&
	    span_caseeq(to->local, SPAN("postmaster")))
		result = ADDR_OK;
	else if (result == ADDR_NO_DOMAIN && add_domain(server, to))
		result = ADDR_OK;
	else if (result == ADDR_OK && to->local.len == 0)
		result = ADDR_BAD_SYNTAX;	/* <> receives nothing */
	if (result != ADDR_OK)
		return refuse_rcpt(server, result, to);
	if ((to->is_utf8 || !text_is_ascii(args)) && !server->is_utf8)
		return refuse(server, REPLY_OF(SMTPUTF8_NEEDED));
	param = param_parse_rcpt(args, &allow, &event->rcpt.params, &bad);
	if (param != PARAM_OK)
		return refuse_param(server, param, bad);
	keep_address(event, to);
	return engine_ask(server, event, SMTP_RCPT);
}

static bool
run_starttls(struct smtp_server *server, struct smtp_event *event)
{
	if (server->is_tls)
		return refuse(server, REPLY_OF(TLS_ALREADY));
	if (!server->conf->has_starttls)
		return refuse(server, REPLY_OF(STARTTLS_NOT_OFFERED));
	return engine_ask(server, event, SMTP_STARTTLS);
}

static bool
run_help(struct smtp_server *server, struct span topic)
{
	enum persona persona = server->conf->persona;
	const struct verb_row *row = verb_find(topic, persona);
	char memory[160];
	struct put list = put_init(memory, sizeof memory);

	if (topic.len != 0 && !persona_has(persona, PERSONA_ONE_HELP))
		return say(server, &(struct reply){ .id = row != NULL &&
				row->verb != VERB_REFUSED
				? row->help
				: REPLY_HELP_NONE });
	verb_put_list(server->conf->is_lmtp, &list);
	return say(server, REPLY_OF(HELP, put_span(&list)));
}

/* RFC 1985: ETRN domain, @domain, #queue */
static bool
run_etrn(struct smtp_server *server, const struct command *command,
    struct smtp_event *event)
{
	struct put kept = put_init(event->scratch, SMTP_HELLO_MAX);
	struct span domain = command->args;
	bool has_option = domain.len != 0 &&
	    (domain.p[0] == '@' || domain.p[0] == '#');

	if (server->conf->persona == PERSONA_NATIVE && !server->conf->has_etrn)
		return refuse(server, REPLY_OF(NOT_IMPLEMENTED,
		    command->row->name));
	if (domain.len > SMTP_HELLO_MAX ||
	    !addr_is_hello_name(span_skip(domain, has_option)))
		return refuse(server, REPLY_OF(ETRN_SYNTAX));
	event->etrn.domain = keep(&kept, domain);
	return engine_ask(server, event, SMTP_ETRN);
}

static bool
run(struct smtp_server *server, const struct command *command,
    struct smtp_event *event)
{
	switch (command->row->verb) {
	case VERB_EHLO:
	case VERB_HELO:
	case VERB_LHLO:
		return run_hello(server, command, event);
	case VERB_STARTTLS:
		return run_starttls(server, event);
	case VERB_AUTH:
		return engine_auth_command(server, command->args,
		    (command->row->flags & VERB_EXPS) != 0, event);
	case VERB_MAIL:
		return run_mail(server, command->args, event);
	case VERB_RCPT:
		return run_rcpt(server, command->args, event);
	case VERB_DATA:
		return engine_data_command(server, event);
	case VERB_RSET:
		if (server->mode != SMTP_MODE_GREETED)
			engine_enter(server, SMTP_MODE_READY);
		return say(server, REPLY_OF(RSET_OK));
	case VERB_NOOP:
		return say(server, REPLY_OF(NOOP_OK));
	case VERB_VRFY:
		if (command->args.len == 0)
			return refuse(server, REPLY_OF(VRFY_SYNTAX));
		return say(server, REPLY_OF(VRFY_UNSURE, command->args));
	case VERB_HELP:
		return run_help(server, command->args);
	case VERB_QUIT:
		return hang_up(server,
		    REPLY_OF(BYE, server->conf->hostname));
	case VERB_ETRN:
		return run_etrn(server, command, event);
	case VERB_REFUSED:
		return refuse(server, &(struct reply){
		    .id = command->row->help,
		    .arg = { command->row->name } });
	case VERB_BDAT:	/* the caller's */
	case VERB_HTTP:
	case VERB_PROXY:
		break;
	}
	server->notes |= NOTE_PROTOCOL;
	return hang_up(server, command->row->verb == VERB_HTTP
		? REPLY_OF(NOT_HTTP)
		: REPLY_OF(NOT_PROXY));
}

/* What has to come first, or is over already, for a command that may not
 * stand in this mode. */
static struct reply
order_fault(const struct smtp_server *server, const struct command *command)
{
	bool is_early = command->row->modes >> server->mode != 0;

	if (server->mode == SMTP_MODE_NEXT)
		return *REPLY_OF(BDAT_OPEN);
	if (is_early && server->mode == SMTP_MODE_GREETED)
		return *REPLY_OF(NEED_HELLO);
	if (is_early && server->mode == SMTP_MODE_READY)
		return command->row->verb == VERB_RCPT
		    ? *REPLY_OF(NEED_MAIL) : *REPLY_OF(NEED_MAIL_DATA);
	if (is_early)
		return *REPLY_OF(NEED_RCPT);
	if (command->row->verb != VERB_MAIL)
		return *REPLY_OF(MAIL_OPEN);
	if (server->conf->is_typist &&
	    span_casestarts(command->args, SPAN("TO")))
		return *REPLY_OF(RCPT_HINT, guess_address(command->args));
	return *REPLY_OF(NESTED_MAIL);
}

/* A person in `openssl s_client -starttls smtp` never sees that a new hello is
 * due: s_client said the first one. */
static void
forgive_missing_hello(struct smtp_server *server, const struct verb_row *row)
{
	if (server->mode != SMTP_MODE_GREETED || !server->is_after_starttls ||
	    !server->conf->is_typist || (row->flags & VERB_AFTER_TLS) == 0)
		return;
	server->notes |= NOTE_NO_HELLO;
	server->is_after_starttls = false;
	server->is_extended = true;
	engine_name_client(server, server->hello);
	engine_enter(server, SMTP_MODE_READY);
}

/* Whether the command may stand here: what the table says of it, in the order
 * in which it helps most. `fault.id` is REPLY_COUNT if all is well. */
static struct reply
find_fault(const struct smtp_server *server, const struct command *command,
    struct span line)
{
	const struct verb_row *row = command->row;

	if ((row->flags & VERB_UTF8) == 0 && !text_is_ascii(line))
		return *REPLY_OF(EIGHT_BIT);
	if ((row->flags & VERB_SMTP) != 0 && server->conf->is_lmtp)
		return *REPLY_OF(USE_LHLO);
	if ((row->flags & VERB_LMTP) != 0 && !server->conf->is_lmtp)
		return *REPLY_OF(USE_EHLO);
	if ((row->flags & VERB_BARE) != 0 && command->args.len != 0)
		return *REPLY_OF(NO_ARGUMENT, row->name);
	if (row->modes != 0 && (row->modes >> server->mode & 1) == 0)
		return order_fault(server, command);
	if ((row->flags & VERB_ENCRYPTED) != 0 &&
	    server->conf->is_tls_required && !server->is_tls)
		return *REPLY_OF(TLS_REQUIRED);
	return (struct reply){ .id = REPLY_COUNT };
}

static bool
is_one_too_many(struct smtp_server *server, const struct verb_row *row)
{
	unsigned max = server->conf->commands_max;

	return (row->flags & VERB_JUNK) != 0 && max != 0 &&
	    ++server->commands > max;
}

static bool
run_unknown(struct smtp_server *server, struct span word)
{
	struct span guess = server->conf->is_typist
	    ? verb_guess(word, server->conf->is_lmtp)
	    : SPAN("");

	if (server->is_data_refused && !server->conf->is_typist) {
		server->notes |= NOTE_TEXT;
		return hang_up(server, REPLY_OF(TEXT_UNEXPECTED));
	}
	if (guess.len != 0)
		return refuse(server, REPLY_OF(UNKNOWN_HINT, guess));
	return refuse(server,
	    word.len == 0 ? REPLY_OF(EMPTY_LINE) : REPLY_OF(UNKNOWN));
}

bool
engine_run_command(struct smtp_server *server, struct span line,
    struct smtp_event *event)
{
	struct command command;
	struct reply fault;
	struct span word;

	line = engine_edit(server, line, event);
	command.args = line;
	word = span_cut(&command.args, ' ');
	command.args = span_trim(command.args);
	command.row = word.len != 0
	    ? verb_find(word, server->conf->persona) : NULL;
	show_command(server, command.row, line);
	if (command.row == NULL)
		return run_unknown(server, word);
	server->has_failed_auth = false;
	server->is_data_refused = false;
	if (is_one_too_many(server, command.row))
		return hang_up(server, REPLY_OF(TOO_MANY_COMMANDS));
	forgive_missing_hello(server, command.row);
	fault = find_fault(server, &command, line);
	if (command.row->verb == VERB_BDAT)
		return engine_bdat_command(server, command.args, &fault,
		    event);
	if (fault.id == REPLY_COUNT)
		return run(server, &command, event);
	server->is_data_refused = command.row->verb == VERB_DATA;
	return refuse(server, &fault);
}
