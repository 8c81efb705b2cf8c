/* SPDX-License-Identifier: Apache-2.0 */
/* via: see via.h. A host is a name, an address in brackets ("[192.0.2.1]:25",
 * "[2001:db8::1]") or a plain IPv4 address. */
#include "conf/via.h"

#include <arpa/inet.h>

#include "base/die.h"
#include "base/put.h"
#include "base/text.h"
#include "conf/address.h"
#include "conf/domain.h"
#include "conf/option.h"

#define PORT_SMTP 25
#define PORT_LMTP 24

static const char *const names[] = {
	[CONF_VIA_NONE] = "none", [CONF_VIA_MX] = "mx",
	[CONF_VIA_SMARTHOST] = "smarthost", [CONF_VIA_LMTP] = "lmtp",
	[CONF_VIA_HOLD] = "hold", [CONF_VIA_DISCARD] = "discard",
};

static const char *
keep(struct arena *memory, struct span text)
{
	struct span copy = arena_copy(memory, text);

	must(copy.p != NULL);	/* bounded by the file's size */
	return copy.p;
}

static bool
is_address(struct span text)
{
	char host[INET6_ADDRSTRLEN];
	unsigned char bytes[16];

	if (text.len == 0 || text.len >= sizeof host)
		return false;
	memcpy(host, text.p, text.len);
	host[text.len] = '\0';
	return inet_pton(AF_INET, host, bytes) == 1 ||
	    inet_pton(AF_INET6, host, bytes) == 1;
}

static const char *
read_unix(struct span path, struct span folder, struct arena *memory,
    struct conf_via *out)
{
	char text[4096];
	struct put put = put_init(text, sizeof text);

	if (path.len == 0)
		return "a path is expected behind 'unix:'";
	if (path.p[0] != '/')
		put_bytes(&put, folder);
	put_bytes(&put, path);
	if (put.full || put.len >= 108)	/* sizeof sun_path */
		return "the path of a socket has less than 108 bytes";
	out->is_unix = true;
	out->host = keep(memory, put_span(&put));
	return NULL;
}

/* "name", "name:25", "[::1]:25" */
static const char *
read_host(struct span word, struct arena *memory, struct conf_via *out)
{
	char canon[256];
	struct span host, port = SPAN("");
	uint64_t n = out->port;

	if (word.len != 0 && word.p[0] == '[') {
		word = span_skip(word, 1);
		host = span_cut(&word, ']');
		port = word;
		if (!is_address(host) || (port.len != 0 && port.p[0] != ':'))
			return "write an address like [192.0.2.1]:25 or "
			    "[2001:db8::1]:25";
		port = span_skip(port, 1);
	} else {
		port = word;
		host = span_cut(&port, ':');
		if (!is_address(host) && !conf_domain_canon(host, canon))
			return "write a host like mail.example.net:587";
		if (!is_address(host))
			host = span_str(canon);
	}
	if (port.len != 0 && (!text_u64(port, &n) || n == 0 || n > 65535))
		return "a port is a number from 1 to 65535";
	out->port = (uint16_t)n;
	out->host = keep(memory, host);
	return NULL;
}

static int
find_way(struct span word)
{
	for (size_t i = CONF_VIA_MX; i < countof(names); i++)
		if (span_eq(word, span_str(names[i])))
			return (int)i;
	return -1;
}

const char *
via_read(const struct span *word, size_t n, struct span folder,
    struct arena *memory, struct conf_via *out, size_t *at)
{
	int way = find_way(word[0]);
	bool has_host = way == CONF_VIA_SMARTHOST || way == CONF_VIA_LMTP;

	*at = 0;
	*out = (struct conf_via){ .host = "" };
	if (way < 0)
		return "one of mx, smarthost HOST:PORT, lmtp HOST:PORT, "
		    "lmtp unix:/path, hold, discard is expected";
	out->way = (enum conf_way)way;
	if (has_host && n == 1)
		return "a host is missing behind it, like "
		    "mail.example.net:587";
	if (n > 1 + (size_t)has_host) {
		*at = n - 1;
		return "this is one word too many";
	}
	if (!has_host)
		return NULL;
	*at = 1;
	out->port = way == CONF_VIA_LMTP ? PORT_LMTP : PORT_SMTP;
	if (span_starts(word[1], SPAN("unix:")))
		return read_unix(span_skip(word[1], 5), folder, memory, out);
	return read_host(word[1], memory, out);
}

void
via_print(const struct conf_via *via, FILE *out)
{
	fputs(names[via->way], out);
	if (via->way != CONF_VIA_SMARTHOST && via->way != CONF_VIA_LMTP)
		return;
	fputc(' ', out);
	if (via->is_unix) {
		fputs("unix:", out);
		option_print_word(via->host, out);
	} else if (is_address(span_str(via->host))) {
		fprintf(out, "[%s]:%u", via->host, via->port);
	} else {
		fprintf(out, "%s:%u", via->host, via->port);
	}
}

bool
via_read_pattern(struct span word, char out[260])
{
	char canon[256];
	size_t at = 0;

	if (span_eq(word, SPAN("*"))) {
		memcpy(out, "*", 2);
		return true;
	}
	if (span_starts(word, SPAN("*."))) {
		memcpy(out, "*.", 2);
		at = 2;
	}
	if (!conf_domain_canon(span_skip(word, at), canon))
		return false;
	memcpy(out + at, canon, strlen(canon) + 1);
	return true;
}

bool
via_fits(const char *pattern, struct span name)
{
	struct span tail = span_str(pattern);

	if (span_eq(tail, SPAN("*")))
		return true;
	if (!span_starts(tail, SPAN("*.")))
		return span_eq(tail, name);
	tail = span_skip(tail, 1);
	return name.len > tail.len &&
	    span_eq(span_skip(name, name.len - tail.len), tail);
}

bool
via_read_source(struct span word, struct conf_address *out)
{
	char text[64];
	struct put put = put_init(text, sizeof text);
	bool is_six = span_find(word, ':') != word.len;

	put_str(&put, is_six ? "[" : "");
	put_bytes(&put, word);
	put_str(&put, is_six ? "]:0" : ":0");
	return !put.full && address_read(put_span(&put), out);
}
