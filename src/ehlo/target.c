/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/target.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include "base/die.h"
#include "base/text.h"
#include "ehlo/tell.h"

#define DAY_MS (24u * 3600 * 1000)	/* "no limit" */

const char target_help[] =
    "Server:\n"
    "  --server HOST[:PORT]  name or address; [v6]:PORT (also -s; localhost)\n"
    "  --port PORT           a number, smtp, submission, submissions, lmtp\n"
    "                        (-p; 25, LMTP 24, TLS on connect 465)\n"
    "  --unix PATH           a local socket instead (also --socket)\n"
    "  -4, -6                only IPv4, only IPv6\n"
    "  --source ADDR[:PORT]  our address (also --local-interface, -li)\n"
    "  --source-port PORT    our port (also --local-port, -lp)\n"
    "  --hello NAME          the name we give (also --helo, --ehlo, -h)\n"
    "  --lmtp                LMTP; also --protocol LMTP, and the other\n"
    "                        protocols of swaks: SMTP, ESMTPSA, SSMTP ...\n"
    "  --timeout TIME        for each answer: 30s, 5m (the times of RFC 5321)\n"
    "  --connect-timeout TIME  for the connection (30s)\n"
    "  --no-pipelining       one command at a time\n"
    "TLS:\n"
    "  --tls                 wanted, or it is over: STARTTLS, on port 465\n"
    "                        from the first byte (without any of these:\n"
    "                        used where it is offered)\n"
    "  --starttls            STARTTLS, or it is over, whatever the port\n"
    "  --tls-on-connect      from the first byte (also -tlsc, --tlsc)\n"
    "  --no-tls              never\n"
    "  --tls-optional        goes on in clear if it is refused (also -tlso)\n"
    "  --verify              a certificate that is not right ends it (also\n"
    "                        --tls-verify)\n"
    "  --ca-file FILE|DIR    who is trusted, besides (also --tls-ca-path)\n"
    "  --tls-name NAME       asked for and expected (also --tls-sni; HOST)\n"
    "  --tls-min, --tls-max VERSION  1.0, 1.1, 1.2, 1.3 (1.2, 1.3)\n"
    "  --tls-protocol LIST   tlsv1_2,tlsv1_3 or no_tlsv1_3 (-tlsp)\n"
    "  --ciphers LIST        up to TLS 1.2, in OpenSSL's words (also\n"
    "                        --tls-cipher); --ciphersuites LIST for 1.3\n"
    "  --cert FILE, --key FILE  of ours (also --tls-cert, --tls-key)\n";

void
target_init(struct target *target)
{
	*target = (struct target){ .server = NULL };
}

size_t
target_options(struct target *t, struct args_option *out)
{
	const struct args_option rows[] = {
		{ "--server", &t->server, .also = "-s" },
		{ "--port", &t->port, .also = "-p" },
		{ "--unix", &t->socket, .also = "--socket" },
		{ "--ipv4", .flag = &t->is_ipv4, .also = "-4" },
		{ "--ipv6", .flag = &t->is_ipv6, .also = "-6" },
		{ "--source", &t->source, .also = "--local-interface -li" },
		{ "--source-port", &t->source_port,
		    .also = "--local-port --lport -lp" },
		{ "--hello", &t->hello, .also = "--helo --ehlo --lhlo -h" },
		{ "--lmtp", .flag = &t->is_lmtp },
		{ "--protocol", &t->protocol },
		{ "--timeout", &t->timeout },
		{ "--connect-timeout", &t->connect_timeout },
		{ "--no-pipelining", .flag = &t->no_pipelining,
		    .also = "--no-pipeline" },
		{ "--tls", .flag = &t->is_tls },
		{ "--starttls", .flag = &t->is_starttls },
		{ "--no-tls", .flag = &t->is_no_tls },
		{ "--tls-on-connect", .flag = &t->is_implicit,
		    .also = "-tlsc --implicit-tls" },
		{ "--tls-optional", .flag = &t->is_optional, .also = "-tlso" },
		{ "--tls-optional-strict", .flag = &t->is_optional_strict,
		    .also = "-tlsos" },
		{ "--verify", .flag = &t->is_verify, .also = "--tls-verify" },
		{ "--no-verify", .flag = &t->is_no_verify },
		{ "--ca-file", &t->ca_file,
		    .also = "--tls-ca-path --ca-dir --ca" },
		{ "--tls-name", &t->tls_name, .also = "--tls-sni" },
		{ "--tls-min", &t->tls_min },
		{ "--tls-max", &t->tls_max },
		{ "--tls-protocol", &t->tls_protocol, .also = "-tlsp" },
		{ "--ciphers", &t->ciphers, .also = "--tls-cipher" },
		{ "--ciphersuites", &t->ciphersuites },
		{ "--cert", &t->certificate, .also = "--tls-cert" },
		{ "--key", &t->key, .also = "--tls-key" },
	};

	must(countof(rows) + PROXY_OPTIONS_MAX <= TARGET_OPTIONS_MAX);
	memcpy(out, rows, sizeof rows);
	return countof(rows) + proxy_options(&t->proxy, out + countof(rows));
}

/* --- words */

unsigned
target_port(const char *word)
{
	static const struct {
		const char *name;
		unsigned port;
	} names[] = { { "smtp", 25 }, { "submission", 587 },
		{ "submissions", 465 }, { "smtps", 465 }, { "ssmtp", 465 },
		{ "lmtp", 24 } };
	uint64_t n;

	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(word, names[i].name) == 0)
			return names[i].port;
	return text_u64(span_str(word), &n) && n <= 65535 ? (unsigned)n : 0;
}

static bool
copy_host(struct span from, char host[256])
{
	struct put out = put_init(host, 255);

	put_bytes(&out, from);
	host[out.len] = '\0';
	for (size_t i = 0; i < from.len; i++)
		if (ascii_is_cntrl(from.p[i]) || from.p[i] == ' ')
			return false;
	return !out.full && from.len != 0;
}

bool
target_split(const char *word, char host[256], unsigned *port)
{
	struct span text = span_str(word), port_text = { NULL, 0 };
	unsigned char bytes[16];
	size_t colon;

	*port = 0;
	if (text.len != 0 && text.p[0] == '[') {
		size_t end = span_find(text, ']');

		if (end == text.len)
			return false;
		port_text = span_skip(text, end + 1);
		text = span_of(text.p + 1, end - 1);
		if (port_text.len != 0 && port_text.p[0] != ':')
			return false;
		port_text = span_skip(port_text, 1);
	} else if (span_find(text, '/') != text.len) {
		port_text = text;
		text = span_cut(&port_text, '/');
	} else if (inet_pton(AF_INET6, word, bytes) != 1) {
		colon = span_find(text, ':');
		port_text = span_skip(text, colon + 1);
		if (colon != text.len && port_text.len == 0)
			return false;
		text = span_first(text, colon);
	}
	if (port_text.len != 0) {
		*port = target_port(port_text.p);	/* the end of word */
		if (*port == 0)
			return false;
	}
	return copy_host(text, host);
}

bool
target_take(struct target *target, const char *word)
{
	bool is_socket = word[0] == '/';

	if (target->server != NULL || target->socket != NULL) {
		tell_error("\"%s\": a server was named already", word);
		return false;
	}
	if (strncmp(word, "unix:", 5) == 0) {
		word += 5;
		is_socket = true;
	}
	if (is_socket)
		target->socket = word;
	else
		target->server = word;
	return true;
}

/* --- judging */

/* The protocols of swaks, RFC 3848 and older habits. */
static const struct protocol {
	const char *name;
	bool is_lmtp, is_helo, is_starttls, is_implicit, has_login;
} protocols[] = {
	{ "SMTP", .is_helo = true },
	{ "SSMTP", .is_implicit = true },
	{ "SSMTPA", .is_implicit = true, .has_login = true },
	{ "SMTPS", .is_helo = true, .is_implicit = true },
	{ "ESMTP" },
	{ "ESMTPA", .has_login = true },
	{ "ESMTPS", .is_starttls = true },
	{ "ESMTPSA", .is_starttls = true, .has_login = true },
	{ "LMTP", .is_lmtp = true },
	{ "LMTPA", .is_lmtp = true, .has_login = true },
	{ "LMTPS", .is_lmtp = true, .is_starttls = true },
	{ "LMTPSA", .is_lmtp = true, .is_starttls = true, .has_login = true },
};

static bool
apply_protocol(struct target *t)
{
	const char *nearest;

	if (t->protocol == NULL)
		return true;
	for (size_t i = 0; i < countof(protocols); i++) {
		const struct protocol *p = &protocols[i];

		if (!span_caseeq(span_str(p->name), span_str(t->protocol)))
			continue;
		t->is_lmtp |= p->is_lmtp;
		t->is_helo = p->is_helo;
		t->is_starttls |= p->is_starttls;
		t->is_implicit |= p->is_implicit;
		t->wants_login = p->has_login;
		return true;
	}
	nearest = args_nearest(t->protocol, &protocols[0].name,
	    countof(protocols), sizeof protocols[0]);
	tell_error("--protocol %s is not known%s%s%s", t->protocol,
	    nearest != NULL ? ", did you mean " : "",
	    nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
	return false;
}

static bool
choose_tls(struct target *t)
{
	int n = (t->is_tls || t->is_starttls) + t->is_implicit +
	    t->is_no_tls + t->is_optional + t->is_optional_strict;

	if (n > 1) {
		tell_error("--tls, --tls-on-connect, --no-tls, "
		    "--tls-optional: only one of them");
		return false;
	}
	if (t->is_verify && t->is_no_verify) {
		tell_error("--verify and --no-verify: only one of them");
		return false;
	}
	t->tls = t->is_implicit ? TARGET_TLS_IMPLICIT :
	    t->is_tls || t->is_starttls ? TARGET_TLS_REQUIRED :
	    t->is_no_tls ? TARGET_TLS_NONE :
	    t->is_optional ? TARGET_TLS_OPTIONAL : TARGET_TLS_AUTO;
	return true;
}

static bool
find_server(struct target *t, unsigned default_port)
{
	unsigned port = 0;

	t->is_named = t->server != NULL || t->socket != NULL;
	if (t->server != NULL && t->socket != NULL) {
		tell_error("--server and --unix: only one of them");
		return false;
	}
	if (!target_split(t->server != NULL ? t->server : "localhost",
	    t->host, &port)) {
		tell_error("%s: not a server; HOST, HOST:PORT or "
		    "[v6-address]:PORT is expected", t->server);
		return false;
	}
	if (t->port != NULL) {
		port = target_port(t->port);
		if (port == 0) {
			tell_error("--port %s: 1 to 65535, smtp, submission, "
			    "submissions or lmtp is expected", t->port);
			return false;
		}
	}
	if (port == 0)
		port = t->tls == TARGET_TLS_IMPLICIT ? 465 :
		    t->is_lmtp ? 24 : default_port != 0 ? default_port : 25;
	if (port == 465 && !t->is_starttls && (t->tls == TARGET_TLS_AUTO ||
	    t->tls == TARGET_TLS_REQUIRED))
		t->tls = TARGET_TLS_IMPLICIT;
	t->session.host = t->host;
	t->session.port = (uint16_t)port;
	t->session.unix_path = t->socket;
	return true;
}

static bool
find_source(struct target *t)
{
	unsigned port = 0;

	if (t->source != NULL) {
		if (!target_split(t->source, t->address, &port)) {
			tell_error("--source %s: ADDR or ADDR:PORT is "
			    "expected", t->source);
			return false;
		}
		t->session.source = t->address;
	}
	if (t->source_port != NULL) {
		port = target_port(t->source_port);
		if (port == 0) {
			tell_error("--source-port %s: 1 to 65535 is expected",
			    t->source_port);
			return false;
		}
	}
	t->session.source_port = port;
	return true;
}

static bool
find_times(struct target *t)
{
	if (t->timeout != NULL) {
		if (!args_duration("--timeout", t->timeout,
		    &t->session.answer_ms))
			return false;
		/* as with swaks, 0 is: none */
		if (t->session.answer_ms == 0)
			t->session.answer_ms = DAY_MS;
		t->session.connect_ms = t->session.answer_ms;
	}
	if (t->connect_timeout != NULL && !args_duration("--connect-timeout",
	    t->connect_timeout, &t->session.connect_ms))
		return false;
	return true;
}

/* --- TLS */

static bool
version_named(struct span name, enum tls_version *out)
{
	static const struct {
		struct span name;
		enum tls_version version;
	} names[] = {
		{ { "1.0", 3 }, TLS_1_0 }, { { "1.1", 3 }, TLS_1_1 },
		{ { "1.2", 3 }, TLS_1_2 }, { { "1.3", 3 }, TLS_1_3 },
		{ { "tlsv1", 5 }, TLS_1_0 }, { { "tlsv1_1", 7 }, TLS_1_1 },
		{ { "tlsv1_2", 7 }, TLS_1_2 }, { { "tlsv1_3", 7 }, TLS_1_3 },
		{ { "tlsv1.0", 7 }, TLS_1_0 }, { { "tlsv1.1", 7 }, TLS_1_1 },
		{ { "tlsv1.2", 7 }, TLS_1_2 }, { { "tlsv1.3", 7 }, TLS_1_3 },
	};

	for (size_t i = 0; i < countof(names); i++)
		if (span_caseeq(name, names[i].name)) {
			*out = names[i].version;
			return true;
		}
	return false;
}

static bool
read_version(const char *option, const char *typed, enum tls_version *out)
{
	if (typed == NULL || version_named(span_str(typed), out))
		return true;
	tell_error("%s %s: 1.0, 1.1, 1.2 or 1.3 is expected", option, typed);
	return false;
}

/* "tlsv1_2,tlsv1_3" or "no_tlsv1_3": a set, which must have no gap. */
static bool
read_protocols(const char *typed, struct tls_client_options *tls)
{
	struct span list = span_str(typed);
	unsigned allowed = 0, forbidden = 0;
	int least = TLS_1_0, most = TLS_1_3;

	while (list.len != 0) {
		struct span word = span_cut(&list, ',');
		bool is_no = span_casestarts(word, SPAN("no_"));
		enum tls_version version;

		if (is_no)
			word = span_skip(word, 3);
		/* OpenSSL has these no more: never used is what we do */
		if (is_no && (span_caseeq(word, SPAN("sslv2")) ||
		    span_caseeq(word, SPAN("sslv3"))))
			continue;
		if (!version_named(word, &version)) {
			tell_error("--tls-protocol: %.*s is not among tlsv1, "
			    "tlsv1_1, tlsv1_2, tlsv1_3", SPAN_ARG(word));
			return false;
		}
		*(is_no ? &forbidden : &allowed) |= 1u << version;
	}
	if (allowed == 0)
		allowed = 15;
	allowed &= ~forbidden;
	while (least <= most && (allowed & 1u << least) == 0)
		least++;
	while (most >= least && (allowed & 1u << most) == 0)
		most--;
	if (least > most || allowed >> least != (2u << (most - least)) - 1) {
		tell_error("--tls-protocol %s: versions without a gap between "
		    "them are expected", typed);
		return false;
	}
	tls->least = (enum tls_version)least;
	tls->most = (enum tls_version)most;
	return true;
}

static bool
read_tls(const struct target *t, struct tls_client_options *tls)
{
	struct stat st;

	if (!read_version("--tls-min", t->tls_min, &tls->least) ||
	    !read_version("--tls-max", t->tls_max, &tls->most))
		return false;
	/* who only lowers the maximum means that version */
	if (t->tls_max != NULL && t->tls_min == NULL && tls->most < tls->least)
		tls->least = tls->most;
	if (tls->least > tls->most) {
		tell_error("--tls-min is above --tls-max");
		return false;
	}
	if (t->tls_protocol != NULL && !read_protocols(t->tls_protocol, tls))
		return false;
	tls->must_verify = t->is_verify;
	if (t->ca_file != NULL && stat(t->ca_file, &st) == 0 &&
	    S_ISDIR(st.st_mode))
		tls->ca_dir = t->ca_file;
	else
		tls->ca_file = t->ca_file;
	tls->ciphers = t->ciphers;
	tls->ciphersuites = t->ciphersuites;
	tls->certificate = t->certificate;
	tls->key = t->key;
	if ((t->certificate != NULL) != (t->key != NULL)) {
		tell_error("--cert and --key belong together");
		return false;
	}
	return true;
}

static bool
make_tls(struct target *t)
{
	struct tls_client_options options;
	char error[1024];

	tls_client_defaults(&options);
	if (!read_tls(t, &options))
		return false;
	t->session.is_implicit_tls = t->tls == TARGET_TLS_IMPLICIT;
	t->session.tls_name = t->tls_name;
	if (t->tls == TARGET_TLS_NONE)
		return true;
	t->session.tls = tls_client_new(&options, error, sizeof error);
	if (t->session.tls == NULL)
		tell_error("%s", error);
	return t->session.tls != NULL;
}

bool
target_finish(struct target *t, unsigned default_port)
{
	struct put proxy = put_init(t->proxy_bytes, sizeof t->proxy_bytes);

	if (!apply_protocol(t) || !choose_tls(t) ||
	    !find_server(t, default_port) || !find_source(t) ||
	    !find_times(t) || !proxy_put(&t->proxy, &proxy))
		return false;
	if (t->is_ipv4 && t->is_ipv6) {
		tell_error("-4 and -6: only one of them");
		return false;
	}
	t->session.family = t->is_ipv4 ? AF_INET :
	    t->is_ipv6 ? AF_INET6 : AF_UNSPEC;
	t->session.hello = t->hello;
	t->session.is_lmtp = t->is_lmtp;
	t->session.no_pipelining = t->no_pipelining;
	t->session.proxy = put_span(&proxy);
	return make_tls(t);
}

void
target_free(struct target *t)
{
	if (t->session.tls != NULL)
		tls_client_unref(t->session.tls);
	t->session.tls = NULL;
}
