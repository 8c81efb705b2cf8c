/* SPDX-License-Identifier: Apache-2.0 */
/* control: see control.h. */
#include "ehlod/control.h"

#include <errno.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/log.h"
#include "ehlod/drop.h"
#include "ehlod/queue_walk.h"

static const struct control_rows *const families[] = {
	&control_status_rows,
	&control_fault_rows,
	&control_queue_rows,
	&control_show_rows,
	&control_route_rows,
	&control_tls_rows,
	&control_trace_rows,
};

static void
on_turn(void *arg)
{
	struct control *control = arg;

	if (control->server != NULL)
		ctl_server_flush(control->server);
}

static const char *
remedy_of(int error)
{
	switch (error) {
	case -ENOENT:
		return "make its folder, owned by the user that runs ehlod, or "
		    "set 'control'";
	case -EADDRINUSE:
		return "another ehlod answers there: set 'control' to another "
		    "path";
	case -ESRCH:
		return "there is no such 'control-group'";
	case -EEXIST:
		return "something that is no socket has this name";
	default:
		return "see 'control' in ehlod.conf(5)";
	}
}

void
control_start(struct control *control)
{
	const struct conf *conf = control->snapshot->conf;
	int error = 0;

	control->started_ms = clock_real_ms();
	loop_on_turn(control->loop, on_turn, control);
	control->drop = drop_start(control);
	control->server = ctl_server_new(control->loop, conf->control,
	    conf->control_group, &error);
	if (control->server == NULL) {
		log_warning("no-control", LOG_Z("socket", conf->control),
		    LOG_ERRNO(error), LOG_Z("remedy", remedy_of(error)));
		return;
	}
	for (size_t i = 0; i < countof(families); i++)
		ctl_server_add(control->server, families[i]->row,
		    families[i]->n, control);
	queue_walk_warm(control);
}

void
control_begin(struct control *control)
{
	control->under_way++;
}

static void
tell_stopped(struct control *control)
{
	if (control->is_stopping && control->under_way == 0)
		control->stopped(control);
}

void
control_end(struct control *control)
{
	must(control->under_way != 0);
	control->under_way--;
	tell_stopped(control);
}

void
control_stop(struct control *control)
{
	control->is_stopping = true;
	drop_stop(control->drop);
	if (control->server != NULL)
		ctl_server_stop(control->server);
	tell_stopped(control);
}

void
control_free(struct control *control)
{
	drop_free(control->drop);
	control->drop = NULL;
	ctl_server_free(control->server);
	control->server = NULL;
}
