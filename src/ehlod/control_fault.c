/* SPDX-License-Identifier: Apache-2.0 */
/* control_fault: "fault.add", "fault.list", "fault.remove": faults on purpose
 * at run time. They are gone with the process; a reload leaves them. */
#include "ehlod/control.h"

#include <stdlib.h>

#include "base/die.h"
#include "ehlod/faults.h"

static void
run_add(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct span text = ctl_text(ctl_request_of(call), "text");
	const char *why = NULL;
	char error[512];
	char *errors = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&errors, &len);
	struct conf *conf;

	must(out != NULL);
	conf = conf_parse_fault(text.p, text.len, out);
	must(fclose(out) == 0);
	if (conf != NULL && !faults_check(conf, error, sizeof error))
		why = error;
	else if (conf != NULL)
		why = faults_add(control->shared->faults, conf);
	if (conf == NULL)
		ctl_refuse(call, "%.*s", (int)(len - (len != 0)), errors);
	else if (why != NULL)
		ctl_refuse(call, "%s: %s", conf->fault[0].name, why);
	else
		ctl_end(call, json_pack("{s:s}", "name", conf->fault[0].name));
	conf_unref(conf);
	free(errors);
}

/* As one would write it. */
static json_t *
json_of(const struct conf_fault *fault)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_t *string;

	must(out != NULL);
	conf_print_fault(fault, out);
	must(fclose(out) == 0);
	string = json_stringn(text, len);
	free(text);
	return string != NULL ? string : json_null();
}

static void
tell(void *arg, const struct fault_told *told)
{
	ctl_item_json(arg, json_pack("{s:s,s:o,s:b,s:I,s:I}",
	    "name", told->fault->name, "text", json_of(told->fault),
	    "from_file", !told->is_ours,
	    "seen", (json_int_t)told->seen,
	    "played", (json_int_t)told->played));
}

static void
run_list(void *arg, struct ctl_call *call)
{
	struct control *control = arg;

	faults_each(control->shared->faults, tell, call);
	ctl_end(call, json_pack("{s:b}", "allowed",
	    control->snapshot->conf->faults_allowed));
}

static void
run_remove(void *arg, struct ctl_call *call)
{
	struct control *control = arg;
	struct span name = ctl_text(ctl_request_of(call), "name");
	const char *why = faults_remove(control->shared->faults, name);

	if (why != NULL)
		ctl_refuse(call, "%.*s: %s", SPAN_ARG(name), why);
	else
		ctl_end(call, NULL);
}

static const struct ctl_field add_fields[] = { { "text", CTL_TEXT, true } };
static const struct ctl_field name_fields[] = { { "name", CTL_TEXT, true } };

static const struct ctl_request rows[] = {
	{ "fault.add", add_fields, countof(add_fields), true, run_add },
	{ "fault.list", .run = run_list },
	{ "fault.remove", name_fields, countof(name_fields), true,
	    run_remove },
};
const struct control_rows control_fault_rows = { rows, countof(rows) };
