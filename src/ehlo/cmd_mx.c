/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo mx: the road of mail to a domain, host by host. */
#include <stdlib.h>

#include "base/buf.h"
#include "ehlo/cmd.h"
#include "ehlo/exam_cmd.h"
#include "ehlo/tell.h"

static bool
is_reached(const struct road *road)
{
	for (size_t i = 0; i < road->host_n; i++)
		for (size_t k = 0; k < road->host[i].address_n; k++)
			if (road->host[i].address[k].dialogue.result !=
			    SESSION_UNREACHED)
				return true;
	return road->is_null || road->host_n == 0;
}

int
cmd_mx(int argc, char **argv)
{
	struct exam_cmd *cmd = mem_new(sizeof *cmd);
	struct road road = { .host = NULL };
	int code;

	if (!exam_cmd_begin(cmd, EXAM_CMD_MX, argc, argv, &code))
		goto out;
	cmd->report.tables_first = true;
	if (!road_look(&cmd->exam, cmd->word, false, &road)) {
		tell_error("%s is no domain", cmd->word);
		code = CMD_USAGE;
		goto out;
	}
	road_walk(&cmd->exam, cmd->port != 0 ? cmd->port : 25, &road);
	road_show(&cmd->exam, &road);
	road_judge(&cmd->exam, &road);
	code = exam_cmd_finish(cmd, is_reached(&road));
out:
	road_free(&road);
	exam_cmd_end(cmd);
	free(cmd);
	return code;
}
