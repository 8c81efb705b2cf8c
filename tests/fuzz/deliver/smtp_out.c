/* SPDX-License-Identifier: Apache-2.0 */
/* smtp_out: a server that says anything. 1. Nobody is relayed before the end of
 * a text was said. 2. When it is over, all who are left open were told "too
 * many" behind one who was accepted, or the connection is lost. 3. No line of
 * ours holds what an address holds of line ends.
 * Seen to catch: a 250 to DATA taken for a delivery. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "deliver/smtp_out.h"
#include "fake_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct smtp_client client;
static struct smtp_out out;
static struct parcel *parcel;
static bool has_ended;

static void
check(void)
{
	for (size_t i = 0; i < parcel->envelope.rcpt_n; i++)
		must(parcel->outcome[i].fate != FATE_RELAYED || has_ended);
}

static void
speak(void)
{
	struct span text = SPAN("Subject: x\r\n\r\n.\r\n");
	char part[512];

	while (smtp_client_output(&client, part, sizeof part) != 0)
		;
	if (smtp_client_wants_text(&client) == NULL)
		return;
	while (text.len != 0)
		(void)smtp_client_text(&client, &text, part, sizeof part);
	(void)smtp_client_text_end(&client, part);
	smtp_out_text_ended(&out);
	has_ended = true;
	speak();
}

/* False: the session is over. */
static bool
listen_to(struct span *in, struct transfer *transfer)
{
	struct smtp_client_event event;

	for (;;) {
		size_t used = smtp_client_input(&client, *in, &event);

		*in = span_skip(*in, used);
		if (event.type == CLIENT_MORE)
			return used != 0;
		switch (smtp_out_take(&out, &event)) {
		case SMTP_OUT_GOING:
			speak();
			break;
		case SMTP_OUT_OVER:
			if (!smtp_out_begin(&out, transfer))
				return false;
			speak();
			break;
		case SMTP_OUT_CLOSE:
			return false;
		}
		check();
		if (event.type == CLIENT_BROKEN)
			return false;
	}
}

static void
make_parcel(struct span rcpts)
{
	struct envelope_rcpt rcpt[8] = { 0 };
	struct envelope envelope = { .sender = SPAN("s@y"), .rcpt = rcpt };
	struct store_pin pin = { .text_len = 18 };
	struct conf *conf = fake_conf_new("/tmp", "example.org");
	struct buf bytes;

	do
		rcpt[envelope.rcpt_n++].address = span_cut(&rcpts, ',');
	while (rcpts.len != 0 && envelope.rcpt_n < countof(rcpt));
	buf_init(&bytes, 1 << 20);
	must(envelope_encode(&envelope, &bytes) == 0);
	must(parcel_new(&pin, buf_span(&bytes), conf, &parcel) == 0);
	buf_free(&bytes);
	conf_unref(conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint32_t index[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct span in = span_of(data, size);
	struct smtp_client_conf conf = { .is_lmtp = size != 0 && data[0] & 1 };
	struct peer peer = { .name = "mx", .text = "mx" };
	struct outcome why = parcel_outcome(FATE_LATER, 4, 4, 2, "gone");
	struct smtp_step hello = { .type = STEP_HELLO,
		.line = SPAN("EHLO me") };
	struct smtp_client_event event;
	struct transfer transfer = { .rcpt = index };
	char part[64];

	in = span_skip(in, 1);
	make_parcel(span_cut(&in, '\n'));
	transfer.parcel = parcel;
	transfer.rcpt_n = parcel->envelope.rcpt_n;
	has_ended = false;
	smtp_client_init(&client, &conf);
	smtp_client_add(&client, &hello);
	(void)smtp_client_output(&client, part, sizeof part);
	in = span_skip(in, smtp_client_input(&client, in, &event));
	smtp_out_init(&out, &client, &peer);
	if (event.type == CLIENT_ANSWER && hello.state == STEP_DONE &&
	    smtp_out_begin(&out, &transfer)) {
		do
			speak();
		while (listen_to(&in, &transfer));
		if (out.open_steps != 0)
			(void)smtp_out_lost(&out, &why);
		check();
	}
	smtp_client_drop(&client);
	smtp_out_free(&out);
	parcel_free(parcel);
	return 0;
}
