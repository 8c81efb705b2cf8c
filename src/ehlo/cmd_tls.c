/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo tls: a server's certificate, and what kinds of TLS it takes. */
#include <stdlib.h>

#include "base/buf.h"
#include "ehlo/cmd.h"
#include "ehlo/exam_cmd.h"
#include "ehlo/exam_judge.h"

#define CIPHERS_MAX 64

static void
show_facts(struct exam_cmd *cmd, const struct tls_facts *tls)
{
	struct report *report = &cmd->report;
	const struct tls_cert_facts *leaf = &tls->cert[0];

	report_add_fact(report, "verdict", report_quote(report,
	    span_str(tls->verdict)));
	report_add_fact(report, "session", report_text(report, "%s, %s%s%s",
	    tls->protocol, tls->cipher, tls->group[0] != '\0' ? ", " : "",
	    tls->group));
	report_add_fact(report, "asked for", report_quote(report,
	    span_str(tls->asked)));
	report_add_fact(report, "names", report_quote(report,
	    span_str(tls->names)));
	if (tls->cert_n == 0)
		return;
	report_add_fact(report, "serial", leaf->serial);
	report_add_fact(report, "sha256", leaf->sha256);
	report_add_fact(report, "TLSA 3 1 1", leaf->spki_sha256);
}

static void
show_ciphers(struct exam_cmd *cmd, const struct exam_place *place,
    const struct exam_facts *facts)
{
	static char name[CIPHERS_MAX][64];
	struct report_table *table = report_add_table(&cmd->report,
	    "ciphers", "Ciphers, as the server prefers them",
	    "Version|Cipher");

	for (size_t v = EXAM_VERSIONS; v-- > 0;) {
		size_t n;

		if (facts->version[v].state != EXAM_ACCEPTED)
			continue;
		n = exam_try_ciphers(&cmd->exam, place, (enum tls_version)v,
		    name, countof(name));
		for (size_t i = 0; i < n; i++) {
			struct report_row *row = report_add_row(&cmd->report,
			    table);

			row->cell[0].text = report_text(&cmd->report,
			    "TLS %s", exam_version_name(v));
			row->cell[1].text = report_text(&cmd->report, "%s",
			    name[i]);
		}
	}
}

/* No TLS at all is what is worst here. */
static void
tell_none(struct exam_cmd *cmd, const struct exam_place *place,
    const struct exam_answer *answer)
{
	report_add(&cmd->report, &(struct report_finding){ .id = "handshake",
	    .mark = REPORT_BAD, .place = place->label,
	    .title = "no TLS came about",
	    .detail = exam_words(&cmd->exam, answer),
	    .remedy = "At port 465 TLS begins with the first byte "
	    "(--tls-on-connect), elsewhere with STARTTLS.",
	    .reference = "RFC 3207, RFC 8314 3.3" });
}

static bool
look(struct exam_cmd *cmd, struct exam_place *place)
{
	struct exam_facts *facts = exam_cmd_facts(cmd);
	const struct judge judge = { &cmd->exam, place, facts };
	struct exam_answer answer;
	struct session *session = exam_dial(&cmd->exam, place, EXAM_TLS,
	    NULL, &answer);

	if (session == NULL && exam_cmd_turn_to_tls(cmd, place, &answer))
		session = exam_dial(&cmd->exam, place, EXAM_TLS, NULL,
		    &answer);
	if (session == NULL) {
		tell_none(cmd, place, &answer);
		goto out;
	}
	facts->has_tls = true;
	facts->cert = *session_tls(session);
	exam_keep_hello(session, &facts->tls);
	exam_hang_up(session);
	exam_try_versions(&cmd->exam, place, facts);
	show_facts(cmd, &facts->cert);
	exam_show_chain(&cmd->exam, place, facts);
	exam_show_versions(&cmd->exam, place, facts);
	show_ciphers(cmd, place, facts);
	judge_tls(&judge);
out:
	exam_progress(NULL);
	return answer.result != SESSION_UNREACHED;
}

int
cmd_tls(int argc, char **argv)
{
	struct exam_cmd *cmd = mem_new(sizeof *cmd);
	struct road_host *host = mem_new(sizeof *host);
	struct exam_place place;
	bool is_reached = false;
	int code;

	if (!exam_cmd_begin(cmd, EXAM_CMD_TLS, argc, argv, &code))
		goto out;
	cmd->report.tables_first = true;
	if (cmd->port == 0)
		cmd->port = 25;
	if (exam_cmd_addresses(cmd, host) && exam_place_set(&place, cmd->word,
	    host->address[exam_cmd_reached(cmd, host, cmd->port)].text,
	    cmd->port)) {
		place.is_implicit |= cmd->target.tls == TARGET_TLS_IMPLICIT;
		is_reached = look(cmd, &place);
	}
	code = exam_cmd_finish(cmd, is_reached);
out:
	exam_cmd_end(cmd);
	free(host);
	free(cmd);
	return code;
}
