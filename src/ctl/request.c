/* SPDX-License-Identifier: Apache-2.0 */
/* request: see request.h. */
#include "ctl/request.h"

#include "base/text.h"

#define TEXT_MAX   1024
#define TEXTS_MAX  1000
#define NUMBER_MAX (INT64_C(1) << 53)	/* what every JSON reader can hold */

json_t *
ctl_request_parse(struct span line, struct put *error)
{
	json_error_t why;
	json_t *object;

	if (line.len > CTL_LINE_MAX) {
		put_str(error, "the request is too long");
		return NULL;
	}
	object = json_loadb(line.p, line.len, JSON_REJECT_DUPLICATES, &why);
	if (object == NULL) {
		put_str(error, "this is no JSON: ");
		text_quote(span_str(why.text), error);
		return NULL;
	}
	if (!json_is_object(object)) {
		put_str(error, "a request is an object: {\"do\": …}");
		json_decref(object);
		return NULL;
	}
	return object;
}

static bool
is_text(const json_t *value)
{
	struct span text;

	if (!json_is_string(value))
		return false;
	text = span_of(json_string_value(value), json_string_length(value));
	for (size_t i = 0; i < text.len; i++)
		if (ascii_is_cntrl(text.p[i]))
			return false;
	return text.len <= TEXT_MAX;
}

static bool
is_texts(const json_t *value)
{
	if (!json_is_array(value) || json_array_size(value) > TEXTS_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!is_text(json_array_get(value, i)))
			return false;
	return true;
}

/* What it should have been, or NULL if it is that. */
static const char *
check_type(const json_t *value, enum ctl_type type)
{
	switch (type) {
	case CTL_TEXT:
		return is_text(value) ? NULL
		    : "a text of at most 1024 octets without control "
		      "characters";
	case CTL_NUMBER:
		return json_is_integer(value) &&
		    json_integer_value(value) >= 0 &&
		    json_integer_value(value) <= NUMBER_MAX ? NULL
		    : "a whole number";
	case CTL_FLAG:
		return json_is_boolean(value) ? NULL : "true or false";
	case CTL_TEXTS:
		return is_texts(value) ? NULL
		    : "a list of at most 1000 texts";
	}
	return NULL;
}

static const struct ctl_field *
find_field(const struct ctl_request *request, const char *name)
{
	for (size_t i = 0; i < request->field_n; i++)
		if (strcmp(request->field[i].name, name) == 0)
			return &request->field[i];
	return NULL;
}

static bool
check_fields(const json_t *object, const struct ctl_request *request,
    struct put *error)
{
	/* jansson's walk wants it so; nothing is changed */
	json_t *walked = (json_t *)(uintptr_t)object, *value;
	const char *name;

	json_object_foreach(walked, name, value) {
		const struct ctl_field *field = find_field(request, name);
		const char *wanted;

		if (strcmp(name, "do") == 0)
			continue;
		if (field == NULL) {
			put_str(error, request->name);
			put_str(error, " knows no \"");
			text_quote(span_first(span_str(name), 64), error);
			put_str(error, "\"");
			return false;
		}
		wanted = check_type(value, field->type);
		if (wanted != NULL) {
			put_str(error, name);
			put_str(error, " wants ");
			put_str(error, wanted);
			return false;
		}
	}
	for (size_t i = 0; i < request->field_n; i++)
		if (request->field[i].is_required &&
		    json_object_get(object, request->field[i].name) == NULL) {
			put_str(error, request->name);
			put_str(error, " wants ");
			put_str(error, request->field[i].name);
			return false;
		}
	return true;
}

const struct ctl_request *
ctl_request_find(const json_t *object, const struct ctl_request *const *row,
    size_t n, size_t *at, struct put *error)
{
	const json_t *what = json_object_get(object, "do");

	if (!is_text(what)) {
		put_str(error, "the request has no \"do\" that says what");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(row[i]->name, json_string_value(what)) != 0)
			continue;
		*at = i;
		return check_fields(object, row[i], error) ? row[i] : NULL;
	}
	put_str(error, "there is no request \"");
	text_quote(span_first(span_str(json_string_value(what)), 64), error);
	put_str(error, "\"");
	return NULL;
}

struct span
ctl_text(const json_t *request, const char *field)
{
	const json_t *value = json_object_get(request, field);

	return value == NULL ? SPAN("")
	    : span_of(json_string_value(value), json_string_length(value));
}

uint64_t
ctl_number(const json_t *request, const char *field)
{
	return (uint64_t)json_integer_value(json_object_get(request, field));
}

bool
ctl_flag(const json_t *request, const char *field)
{
	return json_is_true(json_object_get(request, field));
}
