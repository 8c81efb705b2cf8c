/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a hello: the first line is a row of replies.def, the others
 * are the persona's (persona.def). */
#include "smtp/server_private.h"

#include "base/die.h"
#include "base/put.h"
#include "smtp/persona.h"

#define LOGIN SPAN("LOGIN")

bool
engine_may_hold(const struct smtp_server *server)
{
	return server->is_authenticated && server->conf->hold_max_s != 0 &&
	    server->conf->persona == PERSONA_NATIVE;
}

/* Whether the line is said here and now, and what its %1 is. */
static bool
is_due(const struct smtp_server *server, enum persona_when when,
    struct span *arg)
{
	bool is_exps = when == PERSONA_EXPS || when == PERSONA_EXPS_LOGIN;
	struct span mechanisms = server->is_authenticated
	    ? SPAN("") : engine_mechanisms(server, is_exps);

	switch (when) {
	case PERSONA_ALWAYS:
	case PERSONA_SIZE:
		return true;
	case PERSONA_STARTTLS:
		return server->conf->has_starttls && !server->is_tls;
	case PERSONA_TLS:
		return server->is_tls;
	case PERSONA_AUTH:
	case PERSONA_EXPS:
		*arg = mechanisms;
		return mechanisms.len != 0;
	case PERSONA_LOGIN:
	case PERSONA_EXPS_LOGIN:
		return engine_has_word(mechanisms, LOGIN);
	case PERSONA_HOLD:
		return engine_may_hold(server);
	case PERSONA_ETRN:
		return server->conf->has_etrn;
	}
	return false;
}

static void
put_line(const char *text, struct span arg, struct put *out)
{
	struct span rest = span_str(text);
	size_t at = span_find(rest, '%');
	struct span head = span_first(rest, at);

	put_str(out, "250-");
	if (at != rest.len && arg.len == 0)
		head.len--;		/* the space before it */
	put_bytes(out, head);
	put_bytes(out, arg);
	put_bytes(out, SPAN("\r\n"));
}

/* The number that a line gives: octets; seconds, and the date they end. */
static void
put_limit(const struct smtp_server *server, enum persona_when when,
    struct span latest, struct put *out)
{
	if (when == PERSONA_SIZE && server->conf->size_max != 0)
		put_u64(out, server->conf->size_max);
	if (when == PERSONA_HOLD) {
		put_u64(out, server->conf->hold_max_s);
		put_char(out, ' ');
		put_bytes(out, latest);
	}
}

/* The lines behind the first one, all with "250-". */
static void
put_extensions(const struct smtp_server *server, struct span latest,
    struct put *out)
{
	const struct persona_line *line;
	char memory[64];

	for (size_t i = 0; (line = persona_line_at(server->conf->persona,
	    i)) != NULL; i++) {
		struct put number = put_init(memory, sizeof memory);
		struct span arg = SPAN("");

		if (!is_due(server, line->when, &arg))
			continue;
		put_limit(server, line->when, latest, &number);
		if (number.len != 0)
			arg = put_span(&number);
		put_line(line->text, arg, out);
	}
}

void
engine_say_hello(struct smtp_server *server, struct span latest)
{
	char memory[REPLY_MAX];
	struct put out = put_init(memory, sizeof memory);
	struct reply reply = { .id = server->is_named ? REPLY_HELLO
						      : REPLY_HELLO_ALONE,
		.arg = { server->conf->hostname, span_str(server->hello),
		    span_str(server->client) } };
	size_t last;

	reply_format(&reply, server->conf->persona, &out);
	if (server->is_extended) {
		memory[3] = '-';
		put_extensions(server, latest, &out);
		last = out.len - strlen("\r\n");
		while (memory[last - 1] != '\n')
			last--;
		memory[last + 3] = ' ';
	}
	must(!out.full);
	engine_write(server, put_span(&out));
}
