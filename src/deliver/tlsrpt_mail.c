/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrpt_mail: see tlsrpt_mail.h. */
#include "deliver/tlsrpt_mail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <zlib.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/text.h"
#include "mail/date.h"

#define LINE_OCTETS 57		/* that make a line of 76 in base64 */
#define GZIP_BITS   (15 + 16)	/* zlib's way to say: largest window, gzip */
#define DAY_SECONDS 86400

/* Midnight of the day, seconds since 1970. */
static int64_t
begin_of(const char *day)
{
	struct tm tm = { 0 };

	must(strptime(day, "%Y-%m-%d", &tm) != NULL);
	return (int64_t)timegm(&tm);
}

/* --- the JSON */

static json_t *
report_of(const struct tlsrpt_mail *mail)
{
	const char *day = mail->due->day;
	char begin[32], end[32], id[64];

	snprintf(begin, sizeof begin, "%sT00:00:00Z", day);
	snprintf(end, sizeof end, "%sT23:59:59Z", day);
	snprintf(id, sizeof id, "%s-%016" PRIx64, day, mail->random);
	return json_pack("{s:s,s:{s:s,s:s},s:s,s:s,s:O}",
	    "organization-name", mail->hostname, "date-range",
	    "start-datetime", begin, "end-datetime", end,
	    "contact-info", mail->from, "report-id", id,
	    "policies", mail->policies);
}

/* The caller's to free. */
static unsigned char *
compress_text(const char *text, size_t *len)
{
	size_t text_len = strlen(text);
	z_stream stream = { .next_in = (unsigned char *)(uintptr_t)text,
		.avail_in = (uInt)text_len };
	unsigned char *out;

	must(text_len <= UINT32_MAX / 2);
	must(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
	    GZIP_BITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	*len = deflateBound(&stream, (uLong)text_len);
	out = mem_new(*len);
	stream.next_out = out;
	stream.avail_out = (uInt)*len;
	must(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	*len = stream.total_out;
	(void)deflateEnd(&stream);
	return out;
}

/* --- the mail */

static int
put_base64(struct span bytes, struct buf *out)
{
	int error = 0;

	while (bytes.len != 0 && error == 0) {
		char memory[BASE64_LEN(LINE_OCTETS) + 2];
		struct put line = put_init(memory, sizeof memory);

		base64_encode(span_first(bytes, LINE_OCTETS), &line);
		put_str(&line, "\r\n");
		error = buf_append(out, put_span(&line));
		bytes = span_skip(bytes, LINE_OCTETS);
	}
	return error;
}

/* One address a line. */
static int
put_to(struct span to, struct buf *out)
{
	int error = buf_printf(out, "To:");

	while (to.len != 0 && error == 0) {
		struct span one = span_cut(&to, ' ');

		error = buf_printf(out, " %.*s%s\r\n", SPAN_ARG(one),
		    to.len != 0 ? "," : "");
	}
	return error;
}

static int
put_head(const struct tlsrpt_mail *mail, const char *boundary,
    struct buf *out)
{
	const char *domain = mail->due->domain;
	char memory[64];
	struct put date = put_init(memory, sizeof memory);
	int error;

	date_put(&date, mail->now_ms, clock_zone_min(mail->now_ms));
	error = buf_printf(out, "From: <%s>\r\n", mail->from);
	if (error == 0)
		error = put_to(mail->to, out);
	if (error == 0)
		error = buf_printf(out, "Date: %.*s\r\n"
		    "Subject: Report Domain: %s\r\n"
		    " Submitter: %s\r\n"
		    " Report-ID: <%s-%016" PRIx64 "@%s>\r\n"
		    "Message-ID: <%s-%016" PRIx64 "@%s>\r\n"
		    "Auto-Submitted: auto-generated\r\n"
		    /* RFC 8460 3: what is wrong with TLS does not stop it */
		    "TLS-Required: No\r\n"
		    "TLS-Report-Domain: %s\r\n"
		    "TLS-Report-Submitter: %s\r\n"
		    "MIME-Version: 1.0\r\n"
		    "Content-Type: multipart/report; report-type=tlsrpt;\r\n"
		    " boundary=%s\r\n", SPAN_ARG(put_span(&date)), domain,
		    mail->hostname, mail->due->day, mail->random,
		    mail->hostname, mail->due->day, mail->random,
		    mail->hostname, domain, mail->hostname, boundary);
	return error;
}

static int
put_parts(const struct tlsrpt_mail *mail, const char *boundary,
    struct span report, struct buf *out)
{
	int64_t begin = begin_of(mail->due->day);
	int error = buf_printf(out, "\r\n--%s\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "This is a report on TLS in sessions with the mail hosts of\r\n"
	    "%s on %s (UTC), made by %s.\r\n"
	    "The attached file is for programs (RFC 8460).\r\n"
	    "\r\n--%s\r\n"
	    "Content-Type: application/tlsrpt+gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment;\r\n"
	    " filename=\"%s!%s!%" PRId64 "!%" PRId64 ".json.gz\"\r\n\r\n",
	    boundary, mail->due->domain, mail->due->day, mail->hostname,
	    boundary, mail->hostname, mail->due->domain, begin,
	    begin + DAY_SECONDS - 1);

	if (error == 0)
		error = put_base64(report, out);
	if (error == 0)
		error = buf_printf(out, "--%s--\r\n", boundary);
	return error;
}

int
tlsrpt_mail_put(const struct tlsrpt_mail *mail, struct buf *out)
{
	json_t *report = report_of(mail);
	char *text = json_dumps(report, JSON_COMPACT);
	unsigned char *packed;
	char boundary[40];
	size_t len;
	int error;

	must(text != NULL);
	packed = compress_text(text, &len);
	snprintf(boundary, sizeof boundary, "tlsrpt%016" PRIx64,
	    mail->random);
	error = put_head(mail, boundary, out);
	if (error == 0)
		error = put_parts(mail, boundary, span_of(packed, len), out);
	free(packed);
	free(text);
	json_decref(report);
	return error;
}
