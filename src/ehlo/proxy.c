/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/die.h"
#include "base/text.h"
#include "ehlo/tell.h"

const char proxy_help[] =
    "PROXY header (of HAProxy), before all else:\n"
    "  --proxy-version 1|2   1 is the default\n"
    "  --proxy-source ADDR, --proxy-source-port N\n"
    "  --proxy-dest ADDR, --proxy-dest-port N\n"
    "  --proxy-family NAME   TCP4, TCP6, UNKNOWN; 2: AF_INET, AF_INET6,\n"
    "                        AF_UNIX, AF_UNSPEC; else as the addresses are\n"
    "  --proxy-protocol STREAM|DGRAM|UNSPEC, --proxy-command PROXY|LOCAL\n"
    "                        of version 2\n"
    "  --proxy TEXT          what stands behind \"PROXY \", as it is; in\n"
    "                        version 2 behind its signature, \\xHH a byte\n";

size_t
proxy_options(struct proxy *proxy, struct args_option *out)
{
	const struct args_option rows[] = {
		{ "--proxy", &proxy->raw },
		{ "--proxy-version", &proxy->version },
		{ "--proxy-family", &proxy->family },
		{ "--proxy-protocol", &proxy->protocol },
		{ "--proxy-command", &proxy->command },
		{ "--proxy-source", &proxy->source },
		{ "--proxy-source-port", &proxy->source_port },
		{ "--proxy-dest", &proxy->dest },
		{ "--proxy-dest-port", &proxy->dest_port },
	};

	must(countof(rows) <= PROXY_OPTIONS_MAX);
	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";	/* 12 octets */

static int
hex_digit(char c)
{
	return ascii_is_digit(c) ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* An argument cannot hold NUL: \x00 stands for it. */
static bool
put_unescaped(struct put *out, struct span text)
{
	while (text.len != 0) {
		int high, low;

		if (text.p[0] != '\\') {
			put_char(out, text.p[0]);
			text = span_skip(text, 1);
			continue;
		}
		if (span_starts(text, SPAN("\\\\"))) {
			put_char(out, '\\');
			text = span_skip(text, 2);
			continue;
		}
		if (text.len < 4 || text.p[1] != 'x' ||
		    (high = hex_digit(text.p[2])) < 0 ||
		    (low = hex_digit(text.p[3])) < 0) {
			tell_error("--proxy: behind \\ comes xHH or \\");
			return false;
		}
		put_char(out, (char)(high * 16 + low));
		text = span_skip(text, 4);
	}
	return true;
}

static bool
put_raw(const struct proxy *proxy, bool is_two, struct put *out)
{
	if (proxy->family != NULL || proxy->protocol != NULL ||
	    proxy->command != NULL || proxy->source != NULL ||
	    proxy->source_port != NULL || proxy->dest != NULL ||
	    proxy->dest_port != NULL) {
		tell_error("--proxy says it all: no other --proxy option but "
		    "--proxy-version goes with it");
		return false;
	}
	if (is_two) {
		put_bytes(out, span_of(signature, sizeof signature - 1));
		return put_unescaped(out, span_str(proxy->raw));
	}
	put_str(out, "PROXY ");
	put_str(out, proxy->raw);
	put_str(out, "\r\n");
	return true;
}

static bool
is_unix(const struct proxy *proxy)
{
	return proxy->family != NULL &&
	    strcmp(proxy->family, "AF_UNIX") == 0;
}

/* Both addresses, and both ports unless they are paths. */
static bool
has_all(const struct proxy *proxy)
{
	const struct {
		const char *name, *value;
	} want[] = {
		{ "--proxy-source", proxy->source },
		{ "--proxy-dest", proxy->dest },
		{ "--proxy-source-port", proxy->source_port },
		{ "--proxy-dest-port", proxy->dest_port },
	};
	size_t n = is_unix(proxy) ? 2 : countof(want);

	for (size_t i = 0; i < n; i++)
		if (want[i].value == NULL) {
			tell_error("a PROXY header wants %s, too",
			    want[i].name);
			return false;
		}
	return true;
}

static bool
has_colon(const char *address)
{
	return strchr(address, ':') != NULL;
}

static bool
put_one(const struct proxy *proxy, struct put *out)
{
	const char *family = proxy->family;

	if (family != NULL && strcmp(family, "UNKNOWN") == 0 &&
	    proxy->source == NULL) {
		put_str(out, "PROXY UNKNOWN\r\n");
		return true;
	}
	if (!has_all(proxy))
		return false;
	if (family == NULL)
		family = has_colon(proxy->source) ? "TCP6" : "TCP4";
	put_str(out, "PROXY ");
	put_str(out, family);
	put_char(out, ' ');
	put_str(out, proxy->source);
	put_char(out, ' ');
	put_str(out, proxy->dest);
	put_char(out, ' ');
	put_str(out, proxy->source_port);
	put_char(out, ' ');
	put_str(out, proxy->dest_port);
	put_str(out, "\r\n");
	return true;
}

struct word {
	const char *name;
	unsigned value;
};

/* The value of a word, or of a number up to 15. */
static bool
find_word(const char *option, const char *typed, const struct word *words,
    unsigned *out)
{
	uint64_t n;

	for (; words->name != NULL; words++)
		if (strcmp(words->name, typed) == 0) {
			*out = words->value;
			return true;
		}
	if (text_u64(span_str(typed), &n) && n < 16) {
		*out = (unsigned)n;
		return true;
	}
	tell_error("%s %s: no such thing in version 2", option, typed);
	return false;
}

static void
put_16(struct put *out, unsigned n)
{
	put_char(out, (char)(n >> 8));
	put_char(out, (char)n);
}

static bool
put_address(struct put *out, const char *option, const char *text, int family)
{
	unsigned char bytes[16];

	if (inet_pton(family, text, bytes) != 1) {
		tell_error("%s %s: not an address of that family", option,
		    text);
		return false;
	}
	put_bytes(out, span_of(bytes, family == AF_INET ? 4 : 16));
	return true;
}

static bool
put_path(struct put *out, const char *option, const char *text)
{
	char path[108] = "";	/* as the protocol says, whatever sun_path is */

	if (strlen(text) > sizeof path) {
		tell_error("%s: at most %zu bytes", option, sizeof path);
		return false;
	}
	memcpy(path, text, strlen(text));
	put_bytes(out, span_of(path, sizeof path));
	return true;
}

enum { TWO_UNSPEC, TWO_INET, TWO_INET6, TWO_UNIX };

static bool
put_addresses(const struct proxy *proxy, unsigned family, struct put *out)
{
	int af = family == TWO_INET ? AF_INET : AF_INET6;
	unsigned long from, to;

	if (family == TWO_UNIX)
		return put_path(out, "--proxy-source", proxy->source) &&
		    put_path(out, "--proxy-dest", proxy->dest);
	if (!put_address(out, "--proxy-source", proxy->source, af) ||
	    !put_address(out, "--proxy-dest", proxy->dest, af) ||
	    !args_number("--proxy-source-port", proxy->source_port, 0, 65535,
	    &from) ||
	    !args_number("--proxy-dest-port", proxy->dest_port, 0, 65535, &to))
		return false;
	put_16(out, (unsigned)from);
	put_16(out, (unsigned)to);
	return true;
}

static bool
put_two(const struct proxy *proxy, struct put *out)
{
	static const struct word families[] = { { "AF_UNSPEC", TWO_UNSPEC },
		{ "AF_INET", TWO_INET }, { "AF_INET6", TWO_INET6 },
		{ "AF_UNIX", TWO_UNIX }, { "TCP4", TWO_INET },
		{ "TCP6", TWO_INET6 }, { NULL, 0 } };
	static const struct word protocols[] = { { "UNSPEC", 0 },
		{ "STREAM", 1 }, { "DGRAM", 2 }, { NULL, 0 } };
	static const struct word commands[] = { { "LOCAL", 0 },
		{ "PROXY", 1 }, { NULL, 0 } };
	unsigned family = TWO_UNSPEC, protocol = 1, command = 1;
	char memory[2 * 108];
	struct put addresses = put_init(memory, sizeof memory);

	if (proxy->command != NULL && !find_word("--proxy-command",
	    proxy->command, commands, &command))
		return false;
	if (proxy->protocol != NULL && !find_word("--proxy-protocol",
	    proxy->protocol, protocols, &protocol))
		return false;
	if (proxy->family != NULL) {
		if (!find_word("--proxy-family", proxy->family, families,
		    &family))
			return false;
	} else if (proxy->source != NULL) {
		family = has_colon(proxy->source) ? TWO_INET6 : TWO_INET;
	}
	if (family == TWO_UNSPEC)
		protocol = proxy->protocol != NULL ? protocol : 0;
	/* LOCAL and AF_UNSPEC carry none */
	if (family != TWO_UNSPEC && (command != 0 || proxy->source != NULL) &&
	    (!has_all(proxy) || !put_addresses(proxy, family, &addresses)))
		return false;
	put_bytes(out, span_of(signature, sizeof signature - 1));
	put_char(out, (char)(2 << 4 | command));
	put_char(out, (char)(family << 4 | protocol));
	put_16(out, (unsigned)addresses.len);
	put_bytes(out, put_span(&addresses));
	return true;
}

bool
proxy_put(const struct proxy *proxy, struct put *out)
{
	bool is_two, is_put;

	if (proxy->raw == NULL && proxy->version == NULL &&
	    proxy->family == NULL && proxy->protocol == NULL &&
	    proxy->command == NULL && proxy->source == NULL &&
	    proxy->source_port == NULL && proxy->dest == NULL &&
	    proxy->dest_port == NULL)
		return true;
	is_two = proxy->version != NULL && strcmp(proxy->version, "2") == 0;
	if (proxy->version != NULL && !is_two &&
	    strcmp(proxy->version, "1") != 0) {
		tell_error("--proxy-version is 1 or 2, not %s",
		    proxy->version);
		return false;
	}
	is_put = proxy->raw != NULL ? put_raw(proxy, is_two, out) :
	    is_two ? put_two(proxy, out) : put_one(proxy, out);
	if (is_put && out->full)
		tell_error("the PROXY header is too long");
	return is_put && !out->full;
}
