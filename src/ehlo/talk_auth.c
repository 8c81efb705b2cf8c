/* SPDX-License-Identifier: Apache-2.0 */
/* talk_auth: logging in. Typed by hand, each challenge becomes a prompt, and
 * what is typed there goes out in base64 ("/raw TEXT" goes out as it is, "*"
 * gives up). With a mechanism that we can do, ehlo asks for name and password
 * and does the arithmetic. */
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "ehlo/talk_auth_form.h"
#include "ehlo/talk_priv.h"

#define PROMPT_MAX 60		/* a longer challenge is no question */

struct question {
	struct talk *talk;
	char text[4 * PROMPT_MAX + 8];
};

static const char *
on_prompt(void *arg, struct put *out)
{
	const struct question *q = arg;

	put_str(out, q->text);
	return talk_prompt_colour(q->talk);
}

/* LINE and what was typed, or why not. */
static enum screen_result
ask(struct talk *talk, const char *text, bool is_unseen, struct span *typed)
{
	struct question q = { .talk = talk };
	const struct screen_ask question = {
		.mode = is_unseen ? SCREEN_UNSEEN : SCREEN_WORDS,
		.prompt = on_prompt, .arg = &q };
	enum screen_result result;

	(void)snprintf(q.text, sizeof q.text, "%s ", text);	/* cut */
	result = screen_read(talk->screen, &question, typed);
	if (result == SCREEN_STOP)
		talk->is_leaving = true;
	return result;
}

/* --- by hand */

/* What goes over the wire for what was typed. */
static void
make_wire(struct talk *talk, bool is_login, struct span typed,
    struct put *wire)
{
	char memory[4096];
	struct put decoded = put_init(memory, sizeof memory);

	if (span_eq(typed, SPAN("*"))) {
		put_char(wire, '*');
	} else if (span_starts(typed, SPAN("/raw "))) {
		put_bytes(wire, span_skip(typed, 5));
	} else if (span_starts(typed, SPAN("/text "))) {
		base64_encode(span_skip(typed, 6), wire);
	} else if (is_login ? talk_auth_is_wire(typed) : base64_decode(typed,
	    &decoded, NULL) == BASE64_OK) {
		if (typed.len != 0)
			talk_note(talk, "that is base64 already: sent as it "
			    "is (/text before it has it encoded)");
		put_bytes(wire, typed);
	} else {
		base64_encode(typed, wire);
	}
	mem_wipe(memory, sizeof memory);
}

/* The first response of LOGIN names the user. */
static void
note_user(struct talk *talk, struct span wire)
{
	char memory[512];
	struct put decoded = put_init(memory, sizeof memory);

	if (base64_decode(wire, &decoded, NULL) == BASE64_OK)
		talk_state_login(&talk->state, put_span(&decoded));
}

static bool
is_password_asked(const struct talk *talk, const char *question)
{
	return strcasecmp(talk->mech, "LOGIN") == 0 && (talk->round > 0 ||
	    strncasecmp(question, "pass", 4) == 0);
}

/* One challenge and its response; false: nothing more can be said. */
static bool
respond_by_hand(struct talk *talk)
{
	char question[4 * ANSWER_TEXT_MAX], bytes[SASL_CLIENT_OUT_MAX];
	struct put out = put_init(question, sizeof question - 1);
	struct put wire = put_init(bytes, sizeof bytes);
	bool is_login = strcasecmp(talk->mech, "LOGIN") == 0, is_said;
	struct span typed;

	if (!talk_auth_challenge(answer_line(&talk->last, 0), &out) ||
	    out.len == 0 || out.len > PROMPT_MAX)
		out.len = 0;
	question[out.len] = '\0';
	switch (ask(talk, out.len != 0 ? question : "response:",
	    is_password_asked(talk, question), &typed)) {
	case SCREEN_LINE:
		make_wire(talk, is_login, typed, &wire);
		break;
	case SCREEN_END:
	case SCREEN_CANCEL:
	case SCREEN_UP:
	case SCREEN_DOWN:
		put_char(&wire, '*');
		break;
	case SCREEN_BROKEN:
	case SCREEN_STOP:
		return false;
	}
	if (wire.full) {
		talk_warn(talk, "that is too long");
		return true;
	}
	if (is_login && !is_password_asked(talk, question))
		note_user(talk, put_span(&wire));
	is_said = talk_say(talk, STEP_RESPONSE, put_span(&wire), true);
	mem_wipe(bytes, sizeof bytes);
	return is_said;
}

/* --- helped */

struct credentials {
	struct sasl_client_options sasl;
	char user[512];
	char password[SECRET_MAX + 2];
	char raw[4096];		/* a response typed instead of a name */
};

static bool
copy_typed(struct talk *talk, struct span typed, char *out, size_t len)
{
	if (typed.len >= len || memchr(typed.p, '\0', typed.len) != NULL) {
		talk_warn(talk, "that is too long");
		return false;
	}
	memcpy(out, typed.p, typed.len);
	out[typed.len] = '\0';
	return true;
}

static bool
ask_user(struct talk *talk, struct credentials *c, struct span user)
{
	const char *known = talk->options->login->user;
	struct span typed = user;

	if (user.len == 0 && known != NULL)
		typed = span_str(known);
	if (typed.len == 0 && ask(talk, "User:", false, &typed) !=
	    SCREEN_LINE)
		return false;
	if (span_starts(typed, SPAN("/raw ")))
		return copy_typed(talk, span_skip(typed, 5), c->raw,
		    sizeof c->raw);
	if (!copy_typed(talk, typed, c->user, sizeof c->user))
		return false;
	c->sasl.authcid = span_str(c->user);
	return true;
}

static bool
ask_secret(struct talk *talk, struct credentials *c,
    const struct sasl_client_mech *mech)
{
	char quoted[256], question[320];
	struct put name = put_init(quoted, sizeof quoted - 1);
	struct span typed;

	text_quote(span_first(span_str(c->user), 50), &name);
	(void)put_cstr(&name);	/* terminated in `quoted` */
	(void)snprintf(question, sizeof question, "%s for %s:",
	    mech->flags & SASL_CLIENT_TOKEN ? "Token" : "Password",
	    quoted);	/* fits */
	if (ask(talk, question, true, &typed) != SCREEN_LINE ||
	    !copy_typed(talk, typed, c->password, sizeof c->password))
		return false;
	if (mech->flags & SASL_CLIENT_TOKEN)
		c->sasl.token = span_str(c->password);
	else
		c->sasl.password = span_str(c->password);
	return true;
}

/* What the mechanism needs and was not given with the options. */
static bool
get_credentials(struct talk *talk, const struct sasl_client_mech *mech,
    struct span user, struct credentials *c)
{
	const struct talk_options *options = talk->options;
	const struct sasl_client_options *given = &options->login->sasl;

	*c = (struct credentials){ .sasl.host = span_str(talk->where.host) };
	if (options->has_secret && (user.len == 0 ||
	    span_eq(user, given->authcid)) &&
	    (mech->flags & SASL_CLIENT_TOKEN ? given->token.len :
	    given->password.len) != 0) {
		c->sasl = *given;
		return copy_typed(talk, given->authcid, c->user,
		    sizeof c->user);
	}
	c->sasl.authzid = span_str(options->login->authzid);
	c->sasl.domain = span_str(options->login->domain);
	c->sasl.workstation = span_str(options->login->workstation);
	if (mech->flags & (SASL_CLIENT_TICKET | SASL_CLIENT_NO_PASSWORD)) {
		if (user.len != 0 && copy_typed(talk, user, c->user,
		    sizeof c->user))
			c->sasl.authcid = span_str(c->user);
		return true;
	}
	return ask_user(talk, c, user) && (c->raw[0] != '\0' ||
	    ask_secret(talk, c, mech));
}

static void
warn_of_listeners(struct talk *talk, const struct sasl_client_mech *mech)
{
	const struct tls_facts *tls = session_tls(talk->session);

	if ((mech->flags & (SASL_CLIENT_PLAINTEXT | SASL_CLIENT_TOKEN)) == 0)
		return;
	if (!talk->state.is_tls && !talk_is_local(talk))
		talk_warn(talk, "in the clear: whoever listens on the way "
		    "can read the password");
	else if (talk->state.is_tls && !talk_is_local(talk) && tls != NULL &&
	    tls->trust != TLS_TRUSTED && tls->trust != TLS_TRUST_DANE)
		talk_warn(talk, "the certificate is not right: whoever it is "
		    "will have the password");
}

static void
wipe(struct credentials *c)
{
	mem_wipe(c, sizeof *c);
}

static void
finish(struct talk *talk, enum session_result result,
    const struct credentials *c)
{
	const struct sasl_client_mech *mech = session_mech(talk->session);
	char memory[64] = "AUTH ";
	struct put line = { memory, 5, sizeof memory, false };

	if (result == SESSION_OK && session_answer(talk->session)->code == 235
	    && c->user[0] != '\0')
		talk_state_login(&talk->state, span_str(c->user));
	put_str(&line, mech != NULL ? mech->name : "");
	(void)talk_heard(talk, result, STEP_AUTH, put_span(&line));
	talk->in_auth = false;
}

/* AUTH MECH was typed and answered 334: ehlo can do the rest. False: it was
 * not let. */
static bool
help(struct talk *talk, const struct sasl_client_mech *mech)
{
	struct credentials c;
	bool is_known, goes_on = true;

	talk_note(talk, "ehlo can do the rest; /raw TEXT instead of a name "
	    "sends a response of yours");
	warn_of_listeners(talk, mech);
	is_known = get_credentials(talk, mech, SPAN(""), &c);
	if (!talk_is_open(talk)) {
		goes_on = false;
	} else if (!is_known) {
		goes_on = talk_say(talk, STEP_RESPONSE, SPAN("*"), true);
	} else if (c.raw[0] != '\0') {
		goes_on = talk_say(talk, STEP_RESPONSE, span_str(c.raw),
		    true);
	} else {
		talk_begin_wait(talk);
		finish(talk, session_auth_rest(talk->session, mech, &c.sasl),
		    &c);
		goes_on = false;
	}
	wipe(&c);
	return goes_on;
}

void
talk_auth_typed(struct talk *talk, const struct talk_line *line,
    struct span text)
{
	struct span response = line->rest, name = span_cut(&response, ' ');
	const struct sasl_client_mech *mech = sasl_client_find(name);
	bool is_helped = screen_is_terminal(talk->screen) && mech != NULL &&
	    response.len == 0 && !span_caseeq(name, SPAN("LOGIN"));
	bool goes_on;

	if (talk_line_names_user(line)) {
		talk->is_typed = false;
		talk_auth_whole(talk, name, response);
		return;
	}
	if (span_caseeq(name, SPAN("LOGIN")) && response.len != 0)
		note_user(talk, response);
	goes_on = talk_say(talk, STEP_AUTH, text, response.len != 0);
	talk->is_typed = false;
	if (goes_on && talk->last.code == 334 && is_helped)
		goes_on = help(talk, mech);
	while (goes_on && talk->last.code == 334)
		goes_on = respond_by_hand(talk);
}

/* --- the whole dialogue */

static void
say_no_way(struct talk *talk, const struct smtp_client *engine)
{
	struct span offered = span_str(engine->auth), first = offered;

	first = span_cut(&first, ' ');
	if (offered.len == 0 && smtp_client_has(engine, CAP_STARTTLS) &&
	    !talk->state.is_tls)
		talk_warn(talk, "no AUTH is offered here; it may come after "
		    "starttls");
	else if (offered.len == 0)
		talk_warn(talk, "the server offers no AUTH");
	else if (!talk->state.is_tls)
		talk_warn(talk, "in the clear, %.*s would show the password: "
		    "starttls first, or name the mechanism: /auth %.*s",
		    SPAN_ARG(offered), SPAN_ARG(first));
	else
		talk_warn(talk, "nothing that ehlo can do: the server offers "
		    "%.*s", SPAN_ARG(offered));
	talk->refused++;
}

static const struct sasl_client_mech *
choose(struct talk *talk, struct span name)
{
	const struct smtp_client *engine = session_engine(talk->session);
	const struct login *login = talk->options->login;
	/* what can be asked for */
	const struct sasl_client_options probe = { .authcid = SPAN("user"),
		.password = SPAN("password"),
		.token = login->sasl.token };
	const struct sasl_client_mech *mech;

	if (name.len == 0 && login->mech_n != 0)
		return login->mech[0];
	if (name.len == 0) {
		mech = sasl_client_choose(span_str(engine->auth), &probe,
		    talk->state.is_tls || talk_is_local(talk));
		if (mech == NULL)
			say_no_way(talk, engine);
		return mech;
	}
	mech = sasl_client_find(name);
	if (mech == NULL) {
		talk_warn(talk, "ehlo has no such mechanism; AUTH and its "
		    "name, in upper case, says it all the same");
		talk->refused++;
	} else if (!smtp_client_offers(engine, name)) {
		talk_note(talk, "the server does not offer %s", mech->name);
	}
	return mech;
}

void
talk_auth_whole(struct talk *talk, struct span name, struct span user)
{
	const struct login *login = talk->options->login;
	const struct sasl_client_mech *mech;
	struct credentials c;

	if (!talk_is_open(talk)) {
		talk_warn(talk, "there is no connection; /open makes one");
		talk->refused++;
		return;
	}
	if (!session_engine(talk->session)->is_extended && !talk_hello(talk))
		return;
	mech = choose(talk, name);
	if (mech == NULL)
		return;
	warn_of_listeners(talk, mech);
	if (get_credentials(talk, mech, user, &c) && c.raw[0] == '\0' &&
	    talk_is_open(talk)) {
		/* chosen by us: the session may know a stronger one, bound to
		 * the channel */
		bool is_free = name.len == 0 && login->mech_n == 0 &&
		    (mech->flags & SASL_CLIENT_PLAINTEXT) == 0;

		talk_begin_wait(talk);
		finish(talk, session_auth(talk->session, is_free ? NULL :
		    mech, &c.sasl, login->no_initial_response), &c);
	}
	wipe(&c);
}
