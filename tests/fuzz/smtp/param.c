/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: param. What was taken can be written and is read back the same,
 * in the order it came or the other way round; what was refused leaves nothing
 * and points at its fault; no kept value holds a control byte. First octet:
 * which extensions. */
#include "base/die.h"
#include "base/put.h"
#include "base/stamp.h"
#include "base/text.h"
#include "smtp/param.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 4096

static void
put_param(struct put *out, const char *keyword, const char *value)
{
	put_char(out, ' ');
	put_str(out, keyword);
	put_char(out, '=');
	put_str(out, value);
}

static void
put_mail(const struct mail_params *mail, struct put *out)
{
	static const char *const body[] = { "7BIT", "8BITMIME", "BINARYMIME" };

	if (mail->has_size) {
		put_str(out, " SIZE=");
		put_u64(out, mail->size);
	}
	if (mail->body != PARAM_BODY_7BIT)
		put_param(out, "body", body[mail->body]);
	if (mail->smtputf8)
		put_str(out, " SMTPUTF8");
	if (mail->requiretls)
		put_str(out, " requiretls");
	if (mail->ret != PARAM_RET_UNSET)
		put_param(out, "ret", mail->ret == PARAM_RET_FULL ? "FULL" :
		    "hdrs");
	if (mail->envid[0] != '\0')
		put_param(out, "ENVID", mail->envid);
	if (mail->has_auth && span_eq(span_str(mail->auth), SPAN("<>"))) {
		put_str(out, " AUTH=<>");
	} else if (mail->has_auth) {
		put_str(out, " AUTH=");
		text_xtext_encode(span_str(mail->auth), out);
	}
	if (mail->hold == PARAM_HOLD_FOR) {
		put_str(out, " HOLDFOR=");
		put_u64(out, mail->hold_s);
	} else if (mail->hold == PARAM_HOLD_UNTIL) {
		put_str(out, " HOLDUNTIL=");
		stamp_put(out, mail->hold_s);
	}
	if (mail->by == PARAM_BY_NONE)
		return;
	put_str(out, mail->by_s < 0 ? " by=-" : " BY=");
	put_u64(out, (uint64_t)(mail->by_s < 0 ? -mail->by_s : mail->by_s));
	put_str(out, mail->by == PARAM_BY_RETURN ? ";r" : ";N");
	put_str(out, mail->by_trace ? "t" : "");
}

static void
put_rcpt(const struct rcpt_params *rcpt, struct put *out)
{
	static const char *const notify[] = { "NEVER", "success", "FAILURE",
		"delay" };
	const char *lead = " NOTIFY=";

	for (unsigned i = 0; i < countof(notify); i++) {
		if ((rcpt->notify & 1u << i) == 0)
			continue;
		put_str(out, lead);
		put_str(out, notify[i]);
		lead = ",";
	}
	if (rcpt->orcpt[0] != '\0')
		put_param(out, "ORCPT", rcpt->orcpt);
}

static void
reverse(struct span text, struct put *out)
{
	while (text.len != 0) {
		size_t at = text.len;

		while (at != 0 && text.p[at - 1] != ' ')
			at--;
		put_char(out, ' ');
		put_bytes(out, span_skip(text, at));
		text = span_first(text, at != 0 ? at - 1 : 0);
	}
}

static void
check_text(const char *text, size_t cap)
{
	size_t len = strlen(text);

	must(len < cap);
	for (size_t i = 0; i < len; i++)
		must(!ascii_is_cntrl(text[i]));
	must(text_is_utf8(span_of(text, len)));
}

static void
check_same_mail(const struct mail_params *a, const struct mail_params *b)
{
	must(a->size == b->size && a->has_size == b->has_size);
	must(a->body == b->body && a->ret == b->ret);
	must(a->smtputf8 == b->smtputf8 && a->has_auth == b->has_auth);
	must(a->requiretls == b->requiretls);
	must(strcmp(a->envid, b->envid) == 0);
	must(strcmp(a->auth, b->auth) == 0);
	must(a->hold == b->hold && a->hold_s == b->hold_s);
	must(a->by == b->by && a->by_s == b->by_s &&
	    a->by_trace == b->by_trace);
}

static void
check_mail(struct span input, const struct param_allow *allow)
{
	char memory[2][TEXT_MAX];
	struct put text = put_init(memory[0], TEXT_MAX);
	struct put other = put_init(memory[1], TEXT_MAX);
	struct mail_params mail, again;
	struct span bad;

	if (param_parse_mail(input, allow, &mail, &bad) != PARAM_OK) {
		const struct mail_params none = { 0 };

		must(bad.len != 0 && bad.p >= input.p &&
		    bad.p + bad.len <= input.p + input.len);
		check_same_mail(&mail, &none);
		return;
	}
	must(bad.len == 0);
	check_text(mail.envid, sizeof mail.envid);
	check_text(mail.auth, sizeof mail.auth);
	must(!mail.has_size || allow->size);
	must(!mail.smtputf8 || allow->smtputf8);
	must(!mail.has_auth || allow->auth);
	must(!mail.requiretls || allow->requiretls);
	must(mail.body != PARAM_BODY_8BITMIME || allow->eightbit);
	must(mail.body != PARAM_BODY_BINARYMIME || allow->binary);
	must(mail.envid[0] == '\0' || allow->dsn);
	must(mail.hold == PARAM_HOLD_NONE || allow->hold);
	must(mail.by == PARAM_BY_NONE || allow->by);
	/* the decoded mailbox may take three octets for one */
	put_mail(&mail, &text);
	must(!text.full);
	if (param_parse_mail(put_span(&text), allow, &again, &bad) != PARAM_OK)
		must(span_starts(bad, SPAN("AUTH=")) &&
		    bad.len > strlen("AUTH=") + PARAM_AUTH_MAX);
	else
		check_same_mail(&mail, &again);
	reverse(input, &other);
	if (!other.full) {
		must(param_parse_mail(put_span(&other), allow, &again, &bad) ==
		    PARAM_OK);
		check_same_mail(&mail, &again);
	}
}

static void
check_rcpt(struct span input, const struct param_allow *allow)
{
	char memory[TEXT_MAX];
	struct put text = put_init(memory, sizeof memory);
	struct rcpt_params rcpt, again;
	struct span bad;

	if (param_parse_rcpt(input, allow, &rcpt, &bad) != PARAM_OK) {
		must(bad.len != 0 && bad.p >= input.p &&
		    bad.p + bad.len <= input.p + input.len);
		must(rcpt.notify == 0 && rcpt.orcpt[0] == '\0');
		return;
	}
	must(allow->dsn || (rcpt.notify == 0 && rcpt.orcpt[0] == '\0'));
	check_text(rcpt.orcpt, sizeof rcpt.orcpt);
	put_rcpt(&rcpt, &text);
	must(!text.full);
	must(param_parse_rcpt(put_span(&text), allow, &again, &bad) ==
	    PARAM_OK);
	must(rcpt.notify == again.notify);
	must(strcmp(rcpt.orcpt, again.orcpt) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct param_allow allow;
	struct span input;

	if (size == 0)
		return 0;
	allow = (struct param_allow){ .size = !(data[0] & 1),
		.eightbit = !(data[0] & 2), .binary = !(data[0] & 4),
		.smtputf8 = !(data[0] & 8), .dsn = !(data[0] & 16),
		.auth = !(data[0] & 32), .requiretls = !(data[0] & 64),
		.hold = !(data[0] & 64), .by = !(data[0] & 128) };
	input = span_of(data + 1, size - 1);
	check_mail(input, &allow);
	check_rcpt(input, &allow);
	return 0;
}
