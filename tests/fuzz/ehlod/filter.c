/* SPDX-License-Identifier: Apache-2.0 */
/* filter: which waiting mail a line on the control socket means. 1. A request
 * that is understood has a filter, or words why not. 2. Case does not matter,
 * and a filter with all its texts replaced by stars means whatever it meant. 3.
 * What shows a reason shows it whole, whoever it is about. */
#include "base/die.h"
#include "base/text.h"
#include "ehlod/queue_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ctl_field fields[] = { QUEUE_FILTER_FIELDS };
static const struct ctl_request row = { .name = "queue.list",
	.field = fields, .field_n = countof(fields) };
static const struct ctl_request *const table[] = { &row };

static struct note *
make_note(struct reasons *reasons, struct span reason)
{
	struct envelope_rcpt rcpt[] = {
		{ .address = SPAN("bert@elsewhere.example") },
		{ .address = SPAN("b@x"), .route = SPAN("*.example.org") },
	};
	const struct envelope envelope = {
		.sender = SPAN("anna@sender.example"),
		.listener = SPAN("submission"), .login = SPAN("anna"),
		.rcpt = rcpt, .rcpt_n = countof(rcpt) };
	struct note *note = note_new(&envelope, NOTE_RCPTS_MAX);

	note_put_reason(note, reasons, reason);
	return note;
}

/* As text: "x" is "*", and upper case is lower case. */
static bool
means_with(const json_t *request, const struct note *note, bool are_stars)
{
	struct queue_filter *filter = mem_new(sizeof *filter);
	json_t *copy = json_deep_copy(request), *value;
	struct put none = put_init(NULL, 0);
	const char *name;
	bool result;
	void *next;

	json_object_foreach_safe(copy, next, name, value) {
		char memory[1100];
		struct put text = put_init(memory, sizeof memory);

		if (!json_is_string(value) || strcmp(name, "do") == 0 ||
		    strcmp(name, "state") == 0 ||
		    json_string_length(value) == 0)
			continue;
		if (are_stars)
			put_char(&text, '*');
		else
			for (size_t i = 0; i < json_string_length(value); i++)
				put_char(&text, ascii_upper(
				    json_string_value(value)[i]));
		(void)json_object_set_new(copy, name, json_stringn(text.p,
		    text.len));
	}
	must(queue_filter_read(filter, copy, &none));
	result = queue_filter_note(filter, note);
	json_decref(copy);
	free(filter);
	return result;
}

static void
check_filter(const json_t *request)
{
	struct queue_filter *filter = mem_new(sizeof *filter);
	char memory[256];
	struct put error = put_init(memory, sizeof memory);
	struct reasons reasons;
	struct note *note;

	reasons_init(&reasons);
	note = make_note(&reasons, SPAN("b@x: mx: 450 4.2.0 <b@x>: busy"));
	if (!queue_filter_read(filter, request, &error)) {
		must(error.len != 0 && !error.full);
	} else {
		bool is_meant = queue_filter_note(filter, note);

		must(means_with(request, note, false) == is_meant);
		must(!is_meant || means_with(request, note, true));
	}
	note_free(note);
	reasons_free(&reasons);
	free(filter);
}

/* What is said of one of the recipients, with or without him in front. */
static void
check_reason(struct span words)
{
	char memory[NOTE_REASON_MAX], text[REASON_MAX];
	struct put out = put_init(text, sizeof text);
	struct reasons reasons;
	struct note *note;

	put_str(&out, words.len % 2 == 0 ? "b@x: " : "");
	put_bytes(&out, span_first(words, sizeof text - 8));
	for (size_t i = 0; i < out.len; i++)
		if (text[i] == '\1')
			text[i] = ' ';	/* nobody's, see note.c */
	reasons_init(&reasons);
	note = make_note(&reasons, put_span(&out));
	must(span_eq(note_reason(note, memory), put_span(&out)));
	note_free(note);
	reasons_free(&reasons);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char memory[512];
	struct put error = put_init(memory, sizeof memory);
	json_t *object = ctl_request_parse(span_of(data, size), &error);
	size_t at = 0;

	check_reason(span_of(data, size));
	if (object != NULL && ctl_request_find(object, table, countof(table),
	    &at, &error) != NULL)
		check_filter(object);
	json_decref(object);
	return 0;
}
