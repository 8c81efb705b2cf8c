/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope and the message of `ehlo send`, made of its options. */
#include <errno.h>
#include <openssl/rand.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/text.h"
#include "conf/domain.h"
#include "ehlo/send.h"
#include "ehlo/send_edit.h"
#include "ehlo/tell.h"
#include "mail/date.h"
#include "mail/fold.h"

#define FIELDS_MAX 16		/* that we make ourselves */
#define RANDOM_BYTES 16

/* --- envelope */

static bool
is_speakable(struct span address)
{
	for (size_t i = 0; i < address.len; i++)
		if (ascii_is_cntrl(address.p[i])) {
			tell_error("an address cannot hold control "
			    "characters");
			return false;
		}
	return true;
}

/* RFC 5890: a domain can be said in ASCII, a local part cannot. */
static struct span
in_ascii(struct send *send, struct span address)
{
	size_t at = address.len;
	char domain[256], memory[600];
	struct put out = put_init(memory, sizeof memory);

	while (at != 0 && address.p[at - 1] != '@')
		at--;
	if (at == 0 || !text_is_ascii(span_first(address, at)) ||
	    !conf_domain_canon(span_skip(address, at), domain)) {
		send->has_smtputf8 = true;
		return address;
	}
	put_bytes(&out, span_first(address, at));
	put_str(&out, domain);
	if (out.full)
		return address;
	return span_str(send_keep(send, put_span(&out)));
}

static bool
take_address(struct send *send, struct span typed, struct span *out)
{
	struct span address = fold_bare_address(typed);

	if (!is_speakable(address))
		return false;
	if (!text_is_ascii(address) && !send->has_smtputf8)
		address = in_ascii(send, address);
	*out = address;
	return true;
}

static bool
take_list(struct send *send, const struct args_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct span rest = span_str(list->word[i]), one;

		while ((one = fold_next_address(&rest)).len != 0) {
			send->rcpt = mem_grow_array(send->rcpt,
			    send->rcpt_n + 1, sizeof *send->rcpt);
			if (!take_address(send, one,
			    &send->rcpt[send->rcpt_n]))
				return false;
			send->rcpt_n++;
		}
	}
	return true;
}

static void
put_host(struct put *out)
{
	char name[256] = "";

	/* one without a name is called so */
	if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
		put_str(out, "localhost");
	else
		put_str(out, name);
}

/* The account that logs in, if it is an address; else who we are. */
static char *
default_sender(struct send *send)
{
	char memory[600];
	struct put out = put_init(memory, sizeof memory);
	const char *user = send->login.user, *name = getenv("LOGNAME");
	struct passwd *account;

	if (user != NULL && strchr(user, '@') != NULL)
		return send_keep(send, span_str(user));
	if (name == NULL || name[0] == '\0' || send->uses_getpwuid) {
		account = getpwuid(getuid());
		name = account != NULL ? account->pw_name : "nobody";
	}
	put_bytes(&out, span_first(span_str(name), 64));
	put_char(&out, '@');
	put_host(&out);
	return send_keep(send, put_span(&out));
}

bool
send_make_envelope(struct send *send)
{
	if (send->from == NULL)
		send->from = default_sender(send);
	if (!take_address(send, span_str(send->from), &send->sender) ||
	    !take_list(send, &send->to) || !take_list(send, &send->cc) ||
	    !take_list(send, &send->bcc))
		return false;
	if (send->rcpt_n == 0 && !send->is_dump_mail && !send->is_dump &&
	    (send->stop == SEND_NOWHERE || send->stop >= SEND_RCPT)) {
		tell_error("to whom? --to ADDRESS");
		return false;
	}
	return true;
}

/* --- fields */

struct fields {
	struct send *send;
	struct compose_field field[FIELDS_MAX];
	struct compose_field *all;	/* what was made, and the typed ones */
	size_t n;
};

static void
add(struct fields *fields, const char *name, struct span value)
{
	must(fields->n < FIELDS_MAX);
	fields->field[fields->n++] =
	    (struct compose_field){ span_str(name), value };
}

static struct compose_field
apart(const char *typed)
{
	struct span value = span_str(typed), name = span_cut(&value, ':');

	return (struct compose_field){ span_trim(name), span_trim(value) };
}

/* The typed ones take the place of ours, or come behind. */
static void
join(struct fields *fields)
{
	const struct args_list *set = &fields->send->field_set,
	    *more = &fields->send->field_add;

	fields->all = mem_new_array(fields->n + set->n + more->n + 1,
	    sizeof *fields->all);
	memcpy(fields->all, fields->field, fields->n * sizeof *fields->all);
	for (size_t i = 0; i < set->n; i++) {
		struct compose_field field = apart(set->word[i]);
		size_t at = 0;

		while (at < fields->n && !span_caseeq(fields->all[at].name,
		    field.name))
			at++;
		fields->all[at] = field;
		fields->n += at == fields->n;
	}
	for (size_t i = 0; i < more->n; i++)
		fields->all[fields->n++] = apart(more->word[i]);
}

static struct span
joined(struct send *send, const struct args_list *list)
{
	struct buf all;
	struct span text;

	buf_init(&all, SEND_MESSAGE_MAX);
	for (size_t i = 0; i < list->n; i++)
		if (buf_printf(&all, "%s%s", i != 0 ? ", " : "",
		    list->word[i]) != 0)
			break;
	text = span_str(send_keep(send, buf_span(&all)));
	buf_free(&all);
	return text;
}

static void
put_random(struct put *out)
{
	unsigned char bytes[RANDOM_BYTES];

	must(RAND_bytes(bytes, sizeof bytes) == 1);
	put_hex(out, span_of(bytes, sizeof bytes));
}

/* "<random@domain of the sender>" */
static void
make_message_id(struct send *send)
{
	struct put out = put_init(send->message_id,
	    sizeof send->message_id - 1);
	struct span domain = send->sender;

	while (span_find(domain, '@') != domain.len)
		(void)span_cut(&domain, '@');
	put_char(&out, '<');
	put_random(&out);
	put_char(&out, '@');
	if (domain.len == 0 || domain.len > 100 || !text_is_ascii(domain) ||
	    domain.len == send->sender.len)
		put_str(&out, "localhost");
	else
		put_bytes(&out, domain);
	put_char(&out, '>');
	(void)put_cstr(&out);	/* terminated in its place */
}

static struct span
subject_of(struct send *send, struct span date)
{
	char memory[128];
	struct put out = put_init(memory, sizeof memory);

	if (send->subject != NULL)
		return span_str(send->subject);
	put_str(&out, "test ");
	put_bytes(&out, date);
	return span_str(send_keep(send, put_span(&out)));
}

static void
make_fields(struct fields *fields, struct span date)
{
	struct send *send = fields->send;

	add(fields, "Date", date);
	add(fields, "From", send->sender.len != 0 ? span_str(send->from) :
	    SPAN("<>"));
	if (send->to.n != 0)
		add(fields, "To", joined(send, &send->to));
	else if (send->cc.n == 0)
		add(fields, "To", SPAN("undisclosed-recipients:;"));
	if (send->cc.n != 0)
		add(fields, "Cc", joined(send, &send->cc));
	add(fields, "Subject", subject_of(send, date));
	add(fields, "Message-ID", span_str(send->message_id));
	add(fields, "User-Agent", SPAN("ehlo/" EHLO_VERSION));
	join(fields);
}

/* --- the message */

static void
collect(void *arg, struct span bytes)
{
	struct send *send = arg;

	/* past the limit it is cut, and send_make_message says so */
	if (buf_append(&send->message, bytes) != 0)
		send->is_message_bad = true;
}

static bool
transfer_typed(const struct send *send, enum transfer *out)
{
	*out = TRANSFER_AUTO;
	if (send->transfer == NULL)
		return true;
	for (int i = TRANSFER_7BIT; i <= TRANSFER_BASE64; i++)
		if (span_caseeq(span_str(send->transfer),
		    span_str(transfer_name((enum transfer)i)))) {
			*out = (enum transfer)i;
			return true;
		}
	tell_error("--transfer %s: 7bit, 8bit, binary, quoted-printable or "
	    "base64 is expected", send->transfer);
	return false;
}

/* The plainest form of the text comes first (RFC 2046 5.1.4). */
static size_t
collect_parts(struct send *send, bool is_body, enum transfer transfer,
    struct compose_part *out)
{
	size_t n = 0;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < send->part_n; i++) {
			const struct send_part *part = &send->part[i];
			bool is_plain = span_casestarts(span_str(part->type),
			    SPAN("text/plain"));

			if (part->is_body != is_body ||
			    (is_body ? is_plain != (round == 0) : round != 0))
				continue;
			out[n++] = (struct compose_part){ part->bytes,
				.type = span_str(part->type),
				.name = span_str(part->name),
				.id = part->is_inline ?
				    span_str(part->name) : SPAN(""),
				.is_inline = part->is_inline,
				.transfer = transfer };
		}
	return n;
}

static bool
explain(enum compose_result result, struct span which)
{
	char shown[256];
	struct put out = put_init(shown, sizeof shown);

	text_quote(span_first(which, 60), &out);
	switch (result) {
	case COMPOSE_OK:
		return true;
	case COMPOSE_BAD_NAME:
		tell_error("%.*s: cannot stand in a header; values are UTF-8",
		    SPAN_ARG(put_span(&out)));
		break;
	case COMPOSE_TOO_LONG:
		tell_error("%.*s: a word of more than 998 bytes",
		    SPAN_ARG(put_span(&out)));
		break;
	case COMPOSE_NEEDS_UTF8:
		tell_error("%.*s: an address with other letters than ASCII "
		    "needs --smtputf8", SPAN_ARG(put_span(&out)));
		break;
	case COMPOSE_BOUNDARY:
		tell_error("the boundary is in a text; try again");
		break;
	}
	return false;
}

static bool
compose(struct send *send, struct span date)
{
	static const struct compose_part test = {
		.bytes = { "This is a test mailing\n", 23 } };
	struct fields fields = { .send = send };
	char boundary[2 * RANDOM_BYTES];
	struct put token = put_init(boundary, sizeof boundary);
	struct compose_part *part;
	struct compose compose;
	struct span which;
	enum compose_result result;
	enum transfer transfer;
	size_t n;

	if (!transfer_typed(send, &transfer))
		return false;
	part = mem_new_array(send->part_n + 1, sizeof *part);
	put_random(&token);
	make_fields(&fields, date);
	n = collect_parts(send, true, transfer, part);
	compose = (struct compose){ .field = fields.all, .field_n = fields.n,
		.body = n != 0 ? part : &test, .body_n = n != 0 ? n : 1,
		.boundary = put_span(&token), .is_utf8 = send->has_smtputf8,
		.has_8bit = send->has_8bitmime || send->has_smtputf8,
		.has_binary = send->has_binarymime };
	compose.attached = part + n;
	compose.attached_n = collect_parts(send, false, transfer, part + n);
	result = compose_put(&compose, collect, send, &which);
	if (!explain(result, which))
		send->is_message_bad = true;
	free(part);
	free(fields.all);
	return !send->is_message_bad;
}

/* --data: a message as it is; only what was asked for is changed. */
static bool
take_data(struct send *send, struct span date)
{
	bool is_text = strstr(send->data, "\\n") != NULL ||
	    strchr(send->data, '\n') != NULL || send->data[0] == '@' ||
	    strcmp(send->data, "-") == 0;
	struct send_part part = { .type = NULL };
	char path[4096];
	struct edit edit = { .send = send, .date = date };
	struct buf edited;

	/* a word without line ends is the name of a file */
	if (!is_text && snprintf(path, sizeof path, "@%s", send->data) >=
	    (int)sizeof path) {
		tell_error("--data: the name is too long");
		return false;
	}
	if (!send_load(send, "--data", is_text ? send->data : path, &part))
		return false;
	buf_init(&edited, SEND_MESSAGE_MAX);
	if (!send_edit(&edit, part.bytes, &edited))
		send->is_message_bad = true;
	else if (send->bdat != NULL)
		collect(send, buf_span(&edited));
	else
		transfer_put(TRANSFER_8BIT, buf_span(&edited), collect, send);
	buf_free(&edited);
	free(part.memory);
	return !send->is_message_bad;
}

bool
send_make_message(struct send *send)
{
	char memory[64];
	struct put date = put_init(memory, sizeof memory);
	uint64_t now = clock_real_ms();
	bool is_made;

	date_put(&date, now, clock_zone_min(now));
	make_message_id(send);
	send->is_message_bad = false;
	buf_free(&send->message);
	buf_init(&send->message, SEND_MESSAGE_MAX);
	is_made = send->data != NULL ? take_data(send, put_span(&date)) :
	    compose(send, put_span(&date));
	if (!is_made && send->message.len == SEND_MESSAGE_MAX)
		tell_error("the message is too large");
	return is_made;
}
