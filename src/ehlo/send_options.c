/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `ehlo send`: what they are called, what they may be. Names of
 * swaks are taken where they mean the same; doc/swaks.md has them all. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/die.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/send.h"
#include "ehlo/send_file.h"
#include "ehlo/tell.h"

#define OWN_OPTIONS_MAX 100

char *
send_keep(struct send *send, struct span text)
{
	char *copy = mem_copy(text);

	send->kept = mem_grow_array(send->kept, send->kept_n + 1,
	    sizeof *send->kept);
	send->kept[send->kept_n++] = copy;
	return copy;
}

/* --- texts that are files, or the standard input, or themselves */

static bool
load_file(struct send *send, const char *option, const char *path,
    struct send_part *part)
{
	size_t len;
	int result;

	if (strcmp(path, "-") == 0) {
		result = 0;
		if (send->stdin_text == NULL)
			result = send_read_fd(0, &send->stdin_text,
			    &send->stdin_len);
		part->bytes = span_of(send->stdin_text, send->stdin_len);
	} else {
		result = send_read_file(path, &part->memory, &len);
		part->bytes = span_of(part->memory, result == 0 ? len : 0);
	}
	if (result != 0)
		tell_error("%s: %s: %s", option, path, log_errno(result));
	return result == 0;
}

/* "\n" stands for a line end. */
static char *
with_line_ends(struct send *send, const char *word)
{
	char *text = send_keep(send, span_str(word)), *to = text;

	for (const char *from = text; *from != '\0';) {
		if (from[0] == '\\' && from[1] == 'n') {
			*to++ = '\n';
			from += 2;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return text;
}

bool
send_load(struct send *send, const char *option, const char *word,
    struct send_part *part)
{
	if (strcmp(word, "-") == 0)
		return load_file(send, option, word, part);
	if (word[0] == '@' && word[1] != '@')
		return load_file(send, option, word + 1, part);
	part->bytes = span_str(with_line_ends(send,
	    word[0] == '@' ? word + 1 : word));
	return true;
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static struct send_part *
add_part(struct send *send)
{
	send->part = mem_grow_array(send->part, send->part_n + 1,
	    sizeof *send->part);
	send->part[send->part_n] = (struct send_part){ .type = NULL };
	return &send->part[send->part_n++];
}

static bool
take_body(struct send *send, const char *option, const char *word,
    const char *type)
{
	struct send_part *part = add_part(send);

	part->is_body = true;
	part->type = type;
	return send_load(send, option, word, part);
}

static bool
take_text(void *arg, struct span name, const char *value)
{
	(void)name;
	return take_body(arg, "--body", value, "text/plain");
}

static bool
take_html(void *arg, struct span name, const char *value)
{
	(void)name;
	return take_body(arg, "--html", value, "text/html");
}

/* A body whose type was named before. */
static bool
take_attach_body(void *arg, struct span name, const char *value)
{
	struct send *send = arg;
	const char *type = send->next_type;

	(void)name;
	send->next_type = NULL;
	return take_body(send, "--attach-body", value,
	    type != NULL ? type : "text/plain");
}

static bool
attach(struct send *send, const char *option, const char *word,
    bool is_inline)
{
	const char *path = word[0] == '@' ? word + 1 : word;
	struct send_part *part = add_part(send);

	part->type = send->next_type != NULL ? send->next_type :
	    send_type_of(path);
	part->name = send->next_name != NULL ? send->next_name :
	    strcmp(path, "-") != 0 ? base_name(path) : NULL;
	if (send->is_next_unnamed)
		part->name = NULL;
	part->is_inline = is_inline;
	send->next_name = NULL;
	send->is_next_unnamed = false;
	return load_file(send, option, path, part);
}

static bool
take_attach(void *arg, struct span name, const char *value)
{
	(void)name;
	return attach(arg, "--attach", value, false);
}

static bool
take_inline(void *arg, struct span name, const char *value)
{
	(void)name;
	return attach(arg, "--inline", value, true);
}

static bool
take_attach_name(void *arg, struct span name, const char *value)
{
	struct send *send = arg;

	(void)name;
	send->next_name = value;
	send->is_next_unnamed = value == NULL;
	return true;
}

/* --- header fields */

static bool
add_field(struct send *send, struct args_list *list, struct span field)
{
	struct span rest = field, name = span_cut(&rest, ':');

	if (name.len == field.len || !compose_is_name(span_trim(name))) {
		char shown[128];
		struct put out = put_init(shown, sizeof shown);

		text_quote(span_first(field, 30), &out);
		tell_error("%.*s: \"Name: value\" is expected of a header "
		    "field", SPAN_ARG(put_span(&out)));
		return false;
	}
	return args_take_list(list, SPAN(""), send_keep(send, field));
}

/* swaks puts several into one word, "\n" between. */
static bool
add_fields(struct send *send, struct args_list *list, const char *value)
{
	struct span rest = span_str(with_line_ends(send, value));

	while (rest.len != 0) {
		struct span line = span_cut(&rest, '\n');

		/* a continuation belongs to what it continues */
		while (rest.len != 0 && (rest.p[0] == ' ' ||
		    rest.p[0] == '\t')) {
			line = span_of(line.p, (size_t)(rest.p - line.p));
			line.len += span_find(rest, '\n');
			(void)span_cut(&rest, '\n');
		}
		if (line.len != 0 && !add_field(send, list, line))
			return false;
	}
	return true;
}

static bool
take_field(void *arg, struct span name, const char *value)
{
	struct send *send = arg;

	(void)name;
	return add_fields(send, &send->field_set, value);
}

static bool
take_added_field(void *arg, struct span name, const char *value)
{
	struct send *send = arg;

	(void)name;
	return add_fields(send, &send->field_add, value);
}

/* --h-Subject VALUE, --header-Subject VALUE; a last colon may stand there. */
static bool
take_named_field(void *arg, struct span name, const char *value)
{
	struct send *send = arg;
	char memory[1024];
	struct put out = put_init(memory, sizeof memory - 1);

	while (name.len != 0 && name.p[0] == '-')
		name = span_skip(name, 1);
	(void)span_cut(&name, '-');
	if (name.len != 0 && name.p[name.len - 1] == ':')
		name.len--;
	put_bytes(&out, name);
	put_str(&out, ": ");
	if (strlen(value) + out.len >= sizeof memory) {
		tell_error("--header-%.*s: too long", SPAN_ARG(name));
		return false;
	}
	put_str(&out, value);
	return add_field(send, &send->field_set, put_span(&out));
}

static bool
ignore(void *arg, struct span name, const char *value)
{
	(void)arg;
	(void)name;
	(void)value;
	return true;	/* that is how we do it anyway */
}

/* --- the table */

static size_t
envelope_options(struct send *s, struct args_option *out)
{
	const struct args_option rows[] = {
		{ "--from", &s->from, .also = "-f" },
		{ "--to", .also = "-t", .take = args_take_list,
		    .arg = &s->to },
		{ "--cc", .take = args_take_list, .arg = &s->cc },
		{ "--bcc", .take = args_take_list, .arg = &s->bcc },
		{ "--notify", &s->notify },
		{ "--ret", &s->ret },
		{ "--envid", &s->envid },
		{ "--orcpt", .take = args_take_list, .arg = &s->orcpt },
		{ "--smtputf8", .flag = &s->has_smtputf8 },
		{ "--8bitmime", .flag = &s->has_8bitmime },
		{ "--binarymime", .flag = &s->has_binarymime },
		{ "--body-kind", &s->body_kind },
		{ "--size", &s->size },
		{ "--no-size", .flag = &s->no_size },
		{ "--requiretls", .flag = &s->has_requiretls },
		{ "--deliver-by", &s->deliver_by },
		{ "--hold-for", &s->hold_for },
		{ "--hold-until", &s->hold_until },
		{ "--priority", &s->priority },
		{ "--mail-auth", &s->mail_auth },
		{ "--mail-param", .take = args_take_list,
		    .arg = &s->mail_param },
		{ "--rcpt-param", .take = args_take_list,
		    .arg = &s->rcpt_param },
		{ "--bdat", &s->bdat, .kind = ARGS_OPTIONAL },
		{ "--force-getpwuid", .flag = &s->uses_getpwuid },
	};

	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

static size_t
message_options(struct send *s, struct args_option *out)
{
	const struct args_option rows[] = {
		{ "--subject", &s->subject },
		{ "--body", .also = "--text", .take = take_text, .arg = s },
		{ "--html", .take = take_html, .arg = s },
		{ "--attach", .take = take_attach, .arg = s },
		{ "--inline", .take = take_inline, .arg = s },
		{ "--attach-body", .take = take_attach_body, .arg = s },
		{ "--attach-type", &s->next_type },
		{ "--attach-name", .take = take_attach_name, .arg = s,
		    .kind = ARGS_OPTIONAL },
		{ "--header", .take = take_field, .arg = s },
		{ "--header-", .take = take_named_field, .arg = s,
		    .kind = ARGS_PREFIX },
		{ "--h-", .take = take_named_field, .arg = s,
		    .kind = ARGS_PREFIX },
		{ "--add-header", .also = "-ah", .take = take_added_field,
		    .arg = s },
		{ "--data", &s->data, .also = "-d" },
		{ "--expand", .flag = &s->expands },
		{ "--transfer", &s->transfer },
		{ "--no-data-fixup", .also = "-ndf", .take = ignore,
		    .kind = ARGS_NO_VALUE },
		{ "--no-strip-from", .also = "-nsf", .take = ignore,
		    .kind = ARGS_NO_VALUE },
	};

	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

static size_t
dialogue_options(struct send *s, struct args_option *out)
{
	static const char draft[] = "the draft of PRDR never became a "
	    "standard; LMTP answers each recipient";
	static const char choice[] = "ehlo send has no such choice: "
	    "see doc/swaks.md";
	const struct args_option rows[] = {
		{ "--quit-after", &s->quit_after, .also = "-q --quit" },
		{ "--drop-after", &s->drop_after, .also = "-da" },
		{ "--drop-after-send", &s->drop_after_send, .also = "-das" },
		{ "--pipeline", .take = ignore, .kind = ARGS_NO_VALUE },
		{ "--stubborn", .flag = &s->is_stubborn },
		{ "--repeat", &s->repeat_typed },
		{ "--interval", &s->interval_typed },
		{ "--reconnect", .flag = &s->is_reconnecting },
		{ "--pipe", &s->pipe },
		{ "--config", &s->config, .kind = ARGS_OPTIONAL },
		{ "--prdr", .refusal = draft },
		{ "--dump-as-body", .also = "-dab -dabsp "
		    "--dump-as-body-shows-password", .refusal = choice },
		{ "--mx", .flag = &s->uses_mx },
		{ "--copy-routing", &s->route },
		{ "--resolver", &s->resolver },
	};

	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

static size_t
output_options(struct send *s, struct args_option *out)
{
	struct show *w = &s->show;
	const struct args_option rows[] = {
		{ "--json", .flag = &s->is_json },
		{ "--quiet", .flag = &s->is_quiet },
		{ "--silent", &s->silent, .also = "-S",
		    .kind = ARGS_OPTIONAL },
		{ "--show-data", .flag = &w->shows_text },
		{ "--suppress-data", .also = "-n", .take = ignore,
		    .kind = ARGS_NO_VALUE },
		{ "--show-time-lapse", &s->lapse, .also = "-stl",
		    .kind = ARGS_OPTIONAL },
		{ "--auth-plaintext", .flag = &w->decodes, .also = "-apt" },
		{ "--auth-hide-password", .also = "-ahp", .take = ignore,
		    .kind = ARGS_OPTIONAL },
		{ "--protect-prompt", .also = "-pp", .take = ignore,
		    .kind = ARGS_NO_VALUE },
		{ "--no-info-hints", .flag = &w->no_note_marks,
		    .also = "-nih" },
		{ "--no-send-hints", .flag = &w->no_sent_marks,
		    .also = "-nsh" },
		{ "--no-receive-hints", .flag = &w->no_received_marks,
		    .also = "-nrh" },
		{ "--no-hints", .flag = &s->no_marks, .also = "-nth" },
		{ "--hide-receive", .flag = &w->hides_received,
		    .also = "-hr" },
		{ "--hide-send", .flag = &w->hides_sent, .also = "-hs" },
		{ "--hide-informational", .flag = &w->hides_notes,
		    .also = "-hi" },
		{ "--hide-all", .flag = &s->hides_all, .also = "-ha" },
		{ "--output", &s->output, .also = "--output-file" },
		{ "--output-file-stdout", &s->output_out },
		{ "--output-file-stderr", &s->output_err },
		{ "--tls-get-peer-cert", &s->cert_file,
		    .kind = ARGS_OPTIONAL },
		{ "--show-raw-text", .also = "-raw", .refusal = "tcpdump "
		    "shows packets; ehlo talk shows every byte that is odd" },
		{ "--dump", .flag = &s->is_dump },
		{ "--dump-mail", .flag = &s->is_dump_mail },
		{ "--support", .flag = &s->is_support },
		{ "--help", .flag = &s->is_help },
		{ "--version", .flag = &s->is_version },
	};

	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

/* --- judging */

static const struct {
	const char *name;
	enum send_point point;
} points[] = {
	{ "CONNECT", SEND_CONNECT }, { "BANNER", SEND_CONNECT },
	{ "FIRST-HELO", SEND_FIRST_HELLO },
	{ "FIRST-EHLO", SEND_FIRST_HELLO },
	{ "FIRST-LHLO", SEND_FIRST_HELLO }, { "XCLIENT", SEND_XCLIENT },
	{ "STARTTLS", SEND_STARTTLS }, { "TLS", SEND_STARTTLS },
	{ "HELO", SEND_HELLO }, { "EHLO", SEND_HELLO },
	{ "LHLO", SEND_HELLO }, { "AUTH", SEND_AUTH },
	{ "MAIL", SEND_MAIL }, { "FROM", SEND_MAIL },
	{ "RCPT", SEND_RCPT }, { "TO", SEND_RCPT }, { "DATA", SEND_DATA },
	{ "DOT", SEND_DOT },
};

static bool
find_point(struct send *send, const char *option, const char *word,
    enum send_stop how)
{
	const char *nearest;

	if (word == NULL)
		return true;
	if (send->stop != SEND_NOWHERE) {
		tell_error("--quit-after, --drop-after, --drop-after-send: "
		    "only one of them");
		return false;
	}
	for (size_t i = 0; i < countof(points); i++) {
		bool is_late = points[i].point >= SEND_DATA;

		if (!span_caseeq(span_str(word), span_str(points[i].name)) ||
		    (is_late && how == SEND_QUIT))
			continue;
		send->stop = points[i].point;
		send->stop_how = how;
		return true;
	}
	nearest = args_nearest(word, &points[0].name, countof(points),
	    sizeof points[0]);
	tell_error("%s %s: not a step%s%s%s", option, word,
	    nearest != NULL ? ", did you mean " : " (CONNECT, EHLO, STARTTLS, "
	    "XCLIENT, AUTH, MAIL, RCPT; to drop also DATA, DOT)",
	    nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
	return false;
}

static bool
judge_output(struct send *send)
{
	struct show *show = &send->show;

	show->has_lapse = send->lapse != NULL;
	show->is_lapse_whole = send->lapse != NULL &&
	    strcmp(send->lapse, "i") == 0;
	show->no_sent_marks |= send->no_marks;
	show->no_received_marks |= send->no_marks;
	if (send->silent != NULL && strcmp(send->silent, "") != 0 &&
	    strcmp(send->silent, "1") != 0 && strcmp(send->silent, "2") != 0 &&
	    strcmp(send->silent, "3") != 0) {
		tell_error("--silent %s: 1, 2 or 3 is expected",
		    send->silent);
		return false;
	}
	return true;
}

static bool
judge(struct send *send)
{
	send->repeat = 1;
	if (send->repeat_typed != NULL && !args_number("--repeat",
	    send->repeat_typed, 1, 1000000000, &send->repeat))
		return false;
	if (send->interval_typed != NULL && !args_duration("--interval",
	    send->interval_typed, &send->interval_ms))
		return false;
	if ((send->pipe != NULL) + (send->target.server != NULL) +
	    (send->target.socket != NULL) +
	    (send->uses_mx || send->route != NULL) > 1) {
		tell_error("--server, --unix, --pipe, --mx, --copy-routing: "
		    "only one of them");
		return false;
	}
	send->target.session.is_stubborn = send->is_stubborn;
	return find_point(send, "--quit-after", send->quit_after, SEND_QUIT) &&
	    find_point(send, "--drop-after", send->drop_after, SEND_DROP) &&
	    find_point(send, "--drop-after-send", send->drop_after_send,
	    SEND_DROP_UNHEARD) && judge_output(send);
}

bool
send_parse(struct send *send, int *argc, char **argv)
{
	struct args_option option[OWN_OPTIONS_MAX + XCLIENT_OPTIONS_MAX +
	    TARGET_OPTIONS_MAX + LOGIN_OPTIONS_MAX];
	size_t n = envelope_options(send, option);

	n += message_options(send, option + n);
	n += dialogue_options(send, option + n);
	n += output_options(send, option + n);
	must(n <= OWN_OPTIONS_MAX);
	n += xclient_options(&send->xclient, option + n);
	n += target_options(&send->target, option + n);
	n += login_options(&send->login, option + n);
	/* what a file said first may be said again */
	for (size_t i = 0; i < n; i++)
		option[i].kind |= ARGS_REPEATED;
	if (!args_parse(argc, argv, option, n))
		return false;
	for (int i = 1; i < *argc; i++)
		if (!target_take(&send->target, argv[i]))
			return false;
	return judge(send);
}

void
send_free(struct send *send)
{
	args_list_free(&send->to);
	args_list_free(&send->cc);
	args_list_free(&send->bcc);
	args_list_free(&send->mail_param);
	args_list_free(&send->rcpt_param);
	args_list_free(&send->orcpt);
	args_list_free(&send->field_set);
	args_list_free(&send->field_add);
	for (size_t i = 0; i < send->part_n; i++)
		free(send->part[i].memory);
	for (size_t i = 0; i < send->kept_n; i++)
		free(send->kept[i]);
	free(send->part);
	free(send->kept);
	free(send->stdin_text);
	free(send->rcpt);
	buf_free(&send->message);
	xclient_free(&send->xclient);
	show_free(&send->show);
	login_wipe(&send->login);
	target_free(&send->target);
}
