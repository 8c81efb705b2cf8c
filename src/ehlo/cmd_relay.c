/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo relay: whose mail a server takes for whom. */
#include <stdlib.h>

#include "base/buf.h"
#include "ehlo/cmd.h"
#include "ehlo/exam_cmd.h"
#include "ehlo/relay.h"

static void
tell_column(struct exam_cmd *cmd, const struct exam_place *place,
    enum relay_column column, const struct exam_answer *answer)
{
	static const char *const title[] = {
		"not asked in clear: no session came about",
		"not asked with TLS: no session came about",
		"not asked with a login in clear",
		"not asked with a login and TLS",
	};
	bool is_login = column >= RELAY_CLEAR_LOGIN;

	report_add(&cmd->report, &(struct report_finding){ .id = is_login ?
	    "relay-no-login" : "relay-no-session", .mark = REPORT_UNTRIED,
	    .place = place->label, .title = title[column],
	    .detail = exam_words(&cmd->exam, answer) });
}

/* In which columns something could be asked; `*is_reached`: somebody was
 * there. */
static unsigned
look(struct exam_cmd *cmd, struct exam_place *place, struct relay *relay,
    bool *is_reached)
{
	unsigned asked = 0;

	for (enum relay_column c = RELAY_CLEAR; c < RELAY_COLUMNS; c++) {
		bool is_tls = c == RELAY_TLS || c == RELAY_TLS_LOGIN;

		if (c >= RELAY_CLEAR_LOGIN && cmd->exam.login == NULL)
			break;
		if ((!is_tls && place->is_implicit) ||
		    (is_tls && cmd->target.tls == TARGET_TLS_NONE))
			continue;
		relay_look(&cmd->exam, place, c, true, relay);
		*is_reached |= relay->column[c].result != SESSION_UNREACHED;
		if (relay_has(relay, c))
			asked++;
		else if (!exam_cmd_turn_to_tls(cmd, place, &relay->column[c]))
			tell_column(cmd, place, c, &relay->column[c]);
	}
	exam_progress(NULL);
	return asked;
}

/* That nothing could be asked does not mean that all is well. */
static void
tell_nothing(struct exam_cmd *cmd, const struct exam_place *place,
    bool is_reached)
{
	report_add(&cmd->report, &(struct report_finding){
	    .id = "relay-nothing", .mark = REPORT_BAD, .place = place->label,
	    .title = is_reached ? "nothing could be asked: no session of a "
	    "mail server came about" : "nothing could be asked: no "
	    "connection",
	    .remedy = is_reached ? "ehlo check tells more. A server that takes "
	    "no mail without TLS or a login wants --tls-on-connect, or "
	    "--user." : "Is the server running, does it listen at this "
	    "address and port, and does a firewall let you through?" });
}

int
cmd_relay(int argc, char **argv)
{
	struct exam_cmd *cmd = mem_new(sizeof *cmd);
	struct road_host *host = mem_new(sizeof *host);
	struct relay *relay = mem_new(sizeof *relay);
	struct exam_place place;
	bool is_reached = false;
	int code;

	if (!exam_cmd_begin(cmd, EXAM_CMD_RELAY, argc, argv, &code))
		goto out;
	cmd->report.tables_first = true;
	exam_cmd_facts_add(cmd);
	if (cmd->port == 0)
		cmd->port = 25;
	if (exam_cmd_addresses(cmd, host) && exam_place_set(&place, cmd->word,
	    host->address[exam_cmd_reached(cmd, host, cmd->port)].text,
	    cmd->port)) {
		place.is_implicit |= cmd->target.tls == TARGET_TLS_IMPLICIT;
		if (look(cmd, &place, relay, &is_reached) == 0) {
			tell_nothing(cmd, &place, is_reached);
			goto finish;
		}
		relay_judge(&cmd->exam, &place, relay);
		relay_show(&cmd->exam, &place, relay);
		if (cmd->exam.inside[0] == '\0')
			report_add(&cmd->report, &(struct report_finding){
			    .id = "inside", .mark = REPORT_UNTRIED,
			    .title = "nothing was asked about inside: which "
			    "domain is the server's?",
			    .remedy = "Say --inside DOMAIN." });
	}
finish:
	code = exam_cmd_finish(cmd, is_reached);
out:
	exam_cmd_end(cmd);
	free(relay);
	free(host);
	free(cmd);
	return code;
}
