/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of MTA-STS (RFC 8461): one HTTPS request, whose answer is not
 * believed if it is redirected, too long, or from a server with a certificate
 * that is not right. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "ehlo/road.h"
#include "ehlo/dial.h"

#define HEAD_MAX ((size_t)16 << 10)
#define WAIT_MS 10000

static bool
fail(struct road_policy *out, const char *why)
{
	snprintf(out->why, sizeof out->why, "%.250s", why);
	return false;
}

/* --- getting */

/* Until the server closes, or it is too much. */
static bool
read_all(struct dial *dial, struct buf *in, struct road_policy *out)
{
	uint64_t deadline = clock_mono_ms() + WAIT_MS;
	enum dial_result result;
	size_t got;

	for (;;) {
		char *room = buf_room(in, 4096);
		uint64_t now = clock_mono_ms();

		if (room == NULL)
			return fail(out, "it is longer than 64 KiB");
		if (now >= deadline)
			return fail(out, "it does not come to an end");
		result = dial_read(dial, room, 4096,
		    (unsigned)(deadline - now), &got);
		if (result == DIAL_CLOSED)
			return true;
		if (result != DIAL_OK)
			return fail(out, dial->why);
		buf_grow(in, got);
	}
}

static bool
read_policy(struct span text, struct road_policy *out)
{
	const char *why;

	free(out->text);
	out->text = mem_copy(text);
	why = sts_policy_read(span_of(out->text, text.len), &out->policy);
	return why == NULL || fail(out, why);
}

static bool
read_answer(struct span in, struct road_policy *out)
{
	struct span line = span_first(in, span_find(in, '\n')), code = line;
	char why[64];

	(void)span_cut(&code, ' ');
	code = span_first(code, 3);
	if (!span_starts(line, SPAN("HTTP/1.")))
		return fail(out, "the answer is no HTTP");
	if (!span_eq(code, SPAN("200"))) {
		struct put put = put_init(why, sizeof why);

		put_str(&put, "HTTP status ");
		text_quote(code, &put);
		return fail(out, put_cstr(&put));
	}
	for (size_t i = 0; i + 3 < in.len; i++)
		if (memcmp(in.p + i, "\r\n\r\n", 4) == 0)
			return read_policy(span_skip(in, i + 4), out);
	return fail(out, "the answer has no end of its head");
}

static bool
request(struct dial *dial, const struct exam *exam, const char *host,
    struct road_policy *out)
{
	const struct tls_target target = { .name = host };
	struct tls_facts facts;
	char text[512];
	struct buf in;
	bool is_ok;

	if (dial_start_tls(dial, exam->session.tls, &target, WAIT_MS) !=
	    DIAL_OK)
		return fail(out, dial->why);
	tls_facts_read(dial->ssl, &target, &facts);
	if (facts.trust != TLS_TRUSTED) {
		snprintf(out->why, sizeof out->why, "certificate: %.200s",
		    facts.verdict);
		return false;
	}
	/* 1.0: so that the answer comes in one piece */
	snprintf(text, sizeof text, "GET /.well-known/mta-sts.txt HTTP/1.0\r\n"
	    "Host: %s\r\nUser-Agent: ehlo/" EHLO_VERSION "\r\n"
	    "Accept: text/plain\r\n\r\n", host);
	if (dial_write(dial, span_str(text), WAIT_MS) != DIAL_OK)
		return fail(out, dial->why);
	buf_init(&in, STS_TEXT_MAX + HEAD_MAX);
	is_ok = read_all(dial, &in, out) && read_answer(buf_span(&in), out);
	buf_free(&in);
	return is_ok;
}

void
road_policy_get(const struct exam *exam, const char *domain,
    struct road_policy *out)
{
	struct road_host *host = mem_new(sizeof *host);
	char name[300];

	out->is_tried = true;
	snprintf(name, sizeof name, "mta-sts.%s", domain);
	exam_progress("MTA-STS: %.60s", name);
	road_addresses(exam, name, host);
	if (host->address_n == 0)
		fail(out, "its server mta-sts.DOMAIN has no address");
	for (size_t i = 0; i < host->address_n && !out->is_got; i++) {
		const struct dial_options options = {
			.host = host->address[i].text, .port = 443,
			.source = exam->session.source, .wait_ms = WAIT_MS };
		struct dial dial;

		dial_init(&dial);
		if (dial_open(&dial, &options) != DIAL_OK)
			fail(out, dial.why);
		else
			out->is_got = request(&dial, exam, name, out);
		dial_close(&dial);
	}
	free(host);
}
