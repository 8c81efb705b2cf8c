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

#define BODY_MAX ((size_t)64 << 10)	/* RFC 8461 3.3 */
#define HEAD_MAX ((size_t)16 << 10)
#define WAIT_MS 10000

/* --- reading */

static bool
fail(struct road_policy *out, const char *why)
{
	snprintf(out->why, sizeof out->why, "%.250s", why);
	return false;
}

static bool
read_mode(struct span value, struct road_policy *out)
{
	static const char *const name[] = { "none", "testing", "enforce" };

	for (size_t i = 0; i < countof(name); i++)
		if (span_eq(value, span_str(name[i]))) {
			out->mode = (enum road_mode)i;
			return true;
		}
	return fail(out, "its mode is none of enforce, testing, none");
}

bool
road_policy_read(struct span text, struct road_policy *out)
{
	bool has_version = false, has_mode = false, has_age = false;

	while (text.len > 0) {
		struct span line = span_cut(&text, '\n'), key, value;

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		value = line;
		key = span_trim(span_cut(&value, ':'));
		value = span_trim(value);
		if (span_eq(key, SPAN("version"))) {
			has_version = span_eq(value, SPAN("STSv1"));
		} else if (span_eq(key, SPAN("mode"))) {
			if (!read_mode(value, out))
				return false;
			has_mode = true;
		} else if (span_eq(key, SPAN("max_age"))) {
			has_age = text_u64(value, &out->max_age) &&
			    out->max_age <= 31557600;
		} else if (span_eq(key, SPAN("mx")) && value.len < 256 &&
		    out->mx_n < ROAD_POLICY_MX_MAX) {
			struct put put = put_init(out->mx[out->mx_n++], 256);

			text_lower(value, &put);
			(void)put_cstr(&put);
		}
	}
	if (!has_version)
		return fail(out, "it does not say version: STSv1");
	if (!has_mode)
		return fail(out, "it has no mode");
	if (!has_age)
		return fail(out, "it has no max_age, or more than a year");
	if (out->mode != ROAD_STS_NONE && out->mx_n == 0)
		return fail(out, "it names no mx");
	return true;
}

bool
road_policy_allows(const struct road_policy *policy, const char *host)
{
	for (size_t i = 0; i < policy->mx_n; i++) {
		struct span pattern = span_str(policy->mx[i]);
		struct span name = span_str(host);

		if (span_starts(pattern, SPAN("*."))) {
			(void)span_cut(&name, '.');
			pattern = span_skip(pattern, 2);
		}
		if (pattern.len > 0 && span_caseeq(pattern, name))
			return true;
	}
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
			return road_policy_read(span_skip(in, i + 4), out);
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
	buf_init(&in, BODY_MAX + HEAD_MAX);
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
