/* SPDX-License-Identifier: Apache-2.0 */
/* check: options that are right one by one and wrong together; told in words
 * that a tired administrator understands, with what to do. */
#include "conf/check.h"

#include "base/text.h"

/* The first word of that line: where the block begins. */
static struct span
mark_of(const struct lex *lex, int line)
{
	const char *at = lex->text.p, *end = at + lex->text.len;
	size_t len = 0;

	while (line > 1 && at < end)
		line -= *at++ == '\n';
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (at + len < end && at[len] > ' ' && at[len] != '{')
		len++;
	return span_of(at, len);
}

static bool
has_basic_auth(const struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->auth_n; i++)
		if (span_eq(span_str(listener->auth[i]), SPAN("PLAIN")) ||
		    span_eq(span_str(listener->auth[i]), SPAN("LOGIN")))
			return true;
	return false;
}

static bool
is_loopback(const struct conf_address *address)
{
	return span_starts(span_str(address->text), SPAN("127.")) ||
	    span_starts(span_str(address->text), SPAN("[::1]"));
}

static bool
is_open_to_others(const struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->address_n; i++)
		if (!is_loopback(&listener->address[i]))
			return true;
	return false;
}

static void
check_tls(const struct conf *conf, const struct conf_listener *listener,
    struct lex *lex, struct span mark)
{
	bool has_default = false;

	for (size_t i = 0; i < conf->tls_n; i++)
		has_default = has_default || conf->tls[i].name[0] == '\0';
	if (listener->tls != CONF_TLS_NONE && !has_default)
		lex_error(lex, mark, "listener '%s' speaks TLS, but there is "
		    "no tls { certificate …; key …; } block",
		    listener->name);
	if (listener->tls == CONF_TLS_NONE && listener->tls_required)
		lex_error(lex, mark, "listener '%s' has tls-required but "
		    "tls none: nobody could send", listener->name);
}

static void
check_auth(const struct conf *conf, const struct conf_listener *listener,
    struct lex *lex, struct span mark)
{
	if (listener->auth_n != 0 && conf->users_file[0] == '\0')
		lex_error(lex, mark, "listener '%s' offers logins, but there "
		    "is no users { file …; } block", listener->name);
	if (listener->auth_n == 0 && listener->auth_required)
		lex_error(lex, mark, "listener '%s' has auth-required but "
		    "offers no auth: nobody could send", listener->name);
	if (listener->auth_n == 0 &&
	    (listener->relay & CONF_RELAY_AUTHENTICATED) != 0)
		lex_warning(lex, mark, "listener '%s' relays for those who "
		    "logged in, but offers no auth", listener->name);
	if (has_basic_auth(listener) && listener->tls == CONF_TLS_NONE &&
	    listener->basic_auth_only_after_tls)
		lex_warning(lex, mark, "listener '%s' has tls none and "
		    "basic-auth-only-after-tls yes: PLAIN and LOGIN are never "
		    "offered", listener->name);
	if (has_basic_auth(listener) &&
	    !listener->basic_auth_only_after_tls &&
	    listener->tls != CONF_TLS_IMPLICIT && is_open_to_others(listener))
		lex_warning(lex, mark, "listener '%s' takes passwords in "
		    "clear: who listens on the way can read them",
		    listener->name);
}

static void
check_listener(const struct conf *conf, const struct conf_listener *listener,
    struct lex *lex)
{
	struct span mark = mark_of(lex, listener->line);

	check_tls(conf, listener, lex, mark);
	check_auth(conf, listener, lex, mark);
	if ((listener->relay & CONF_RELAY_NETWORKS) != 0 &&
	    listener->network_n == 0)
		lex_error(lex, mark, "listener '%s' relays for networks, but "
		    "names none: add networks 192.0.2.0/24;",
		    listener->name);
	for (size_t i = 0; i < listener->network_n; i++)
		if ((listener->relay & CONF_RELAY_NETWORKS) != 0 &&
		    listener->network[i].bits == 0)
			lex_warning(lex, mark, "listener '%s' relays for the "
			    "whole world: an open relay", listener->name);
	if (listener->timeout_ms == 0 || listener->data_timeout_ms == 0)
		lex_error(lex, mark, "listener '%s': a timeout of nothing "
		    "would end every session", listener->name);
	if (listener->max_recipients < 100)
		lex_warning(lex, mark, "listener '%s': RFC 5321 4.5.3.1.8 "
		    "wants at least 100 recipients", listener->name);
}

/* Port 0 may stand more than once: the kernel chooses different ones. */
static void
check_addresses(const struct conf *conf, struct lex *lex)
{
	for (size_t i = 0; i < conf->listener_n; i++)
		for (size_t j = 0; j < conf->listener[i].address_n; j++) {
			struct span text =
			    span_str(conf->listener[i].address[j].text);

			if (span_eq(span_skip(text, text.len - 2),
			    SPAN(":0")))
				continue;
			for (size_t k = 0; k <= i; k++)
				for (size_t l = 0; l < (k == i ? j
				    : conf->listener[k].address_n); l++)
					if (span_eq(text, span_str(
					    conf->listener[k].address[l]
					    .text)))
						lex_error(lex, mark_of(lex,
						    conf->listener[i].line),
						    "address %.*s stands "
						    "here and in listener "
						    "'%s'", SPAN_ARG(text),
						    conf->listener[k].name);
		}
}

void
check_conf(const struct conf *conf, struct lex *lex)
{
	struct span file = span_of(lex->text.p, 0);

	if (conf->listener_n == 0)
		lex_error(lex, file, "no listener: nobody could connect");
	if (conf->shards > 256)
		lex_error(lex, file, "shards: 256 at most");
	if (conf->retry_first_ms < 1000 ||
	    conf->retry_max_ms < conf->retry_first_ms)
		lex_error(lex, file, "retry-first is at least 1s and "
		    "retry-max not less than it");
	for (size_t i = 0; i < conf->listener_n; i++)
		check_listener(conf, &conf->listener[i], lex);
	check_addresses(conf, lex);
}
