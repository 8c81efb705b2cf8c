/* SPDX-License-Identifier: Apache-2.0 */
/* ehlo check: the full examination of a server or of a domain. */
#include <stdlib.h>

#include "base/buf.h"
#include "ehlo/cmd.h"
#include "ehlo/exam_cmd.h"
#include "ehlo/relay.h"

#define FULL_MAX 3		/* hosts of a domain that are examined fully */

static void
copy_reverse(const struct road_address *address, struct exam_facts *facts)
{
	facts->is_reverse_tried = address->reverse.is_tried;
	facts->is_reverse_failed = address->reverse.result > DNS_NO_NAME;
	facts->is_confirmed = address->is_confirmed;
	if (address->name[0] != '\0')
		snprintf(facts->reverse[facts->reverse_n++], 256, "%s",
		    address->name);
}

/* Looks at one place and judges it. False: nobody was there. Where TLS begins
 * with the first byte, though nobody said so, that is noted in `place`. */
static bool
examine(struct exam_cmd *cmd, struct exam_place *place,
    const struct road_address *address, bool must_be_there)
{
	struct exam_facts *facts = exam_cmd_facts(cmd);
	const struct exam *exam = &cmd->exam;
	bool is_there;

	exam_look(exam, place, facts);
	if (exam_cmd_turn_to_tls(cmd, place, &facts->greeting)) {
		exam_facts_free(facts);
		exam_look(exam, place, facts);
	}
	is_there = facts->connect.result == SESSION_OK;
	if (!is_there && facts->connect.result == SESSION_UNREACHED &&
	    !must_be_there) {
		report_add(&cmd->report, &(struct report_finding){
		    .id = "port", .mark = REPORT_NOTE, .place = place->label,
		    .title = "no server at this port",
		    .detail = exam_words(exam, &facts->connect) });
		goto out;
	}
	copy_reverse(address, facts);
	exam_judge(exam, place, facts);
	exam_show_hello(exam, place, facts);
	exam_show_versions(exam, place, facts);
	exam_show_chain(exam, place, facts);
	if (facts->relay != NULL)
		relay_show(exam, place, facts->relay);
out:
	exam_facts_free(facts);
	return is_there;
}

/* Whether the other addresses of a host are as good as the first. */
static void
knock(struct exam_cmd *cmd, const struct exam_place *first,
    const struct road_address *address)
{
	struct exam_place place;
	struct exam_answer answer;
	struct session *session;

	if (!exam_place_set(&place, first->host, address->text, first->port))
		return;
	exam_progress("%s, %s", place.label, address->text);
	session = exam_dial(&cmd->exam, &place, EXAM_GREETED, NULL, &answer);
	report_add(&cmd->report, &(struct report_finding){
	    .id = "other-address", .place = report_text(&cmd->report,
	    "%s, %s", place.label, address->text),
	    .mark = session != NULL ? REPORT_GOOD : REPORT_WARNING,
	    .title = session != NULL ? "the other address answers, too" :
	    "one of the addresses does not answer",
	    .detail = session != NULL ? "" : exam_words(&cmd->exam, &answer),
	    .remedy = "Whoever tries it first has to wait: let the server "
	    "listen there, or take the address out of DNS. (Or this machine "
	    "has no IPv6.)", .reference = "RFC 5321 5.1" });
	exam_hang_up(session);
}

/* --- a host */

static int
check_host(struct exam_cmd *cmd)
{
	static const uint16_t usual[] = { 25, 587, 465 };
	struct road_host *host = mem_new(sizeof *host);
	struct exam_place place;
	bool is_reached = false;

	if (!exam_cmd_addresses(cmd, host))
		goto out;
	exam_cmd_facts_add(cmd);
	for (size_t i = 0; i < host->address_n; i++)
		if (cmd->exam.dns != NULL && !cmd->no_dns)
			road_reverse(&cmd->exam, &host->address[i]);
	for (size_t i = 0; i < countof(usual); i++) {
		uint16_t port = cmd->port != 0 ? cmd->port : usual[i];
		size_t at = exam_cmd_reached(cmd, host, port);

		if (!exam_place_set(&place, cmd->word, host->address[at].text,
		    port))
			break;
		place.is_implicit |= cmd->target.tls == TARGET_TLS_IMPLICIT;
		if (examine(cmd, &place, &host->address[at],
		    cmd->port != 0)) {
			is_reached = true;
			for (size_t k = 0; k < host->address_n; k++)
				if (k != at)
					knock(cmd, &place, &host->address[k]);
		}
		if (cmd->port != 0)
			break;
	}
	if (!is_reached && cmd->port == 0)
		report_add(&cmd->report, &(struct report_finding){
		    .id = "connect", .mark = REPORT_BAD,
		    .place = cmd->report.subject,
		    .title = "no mail server at any of the ports 25, 587, 465",
		    .remedy = "Is it running, and does a firewall let you "
		    "through? Another port: HOST:PORT." });
out:
	free(host);
	return exam_cmd_finish(cmd, is_reached);
}

/* --- a domain */

/* The first address of a host where somebody answered, or NULL. */
static const struct road_address *
first_reached(const struct road_host *host)
{
	for (size_t i = 0; i < host->address_n; i++)
		if (host->address[i].dialogue.result == SESSION_OK)
			return &host->address[i];
	return NULL;
}

static bool
has_address(const struct road *road)
{
	for (size_t i = 0; i < road->host_n; i++)
		if (road->host[i].address_n > 0)
			return true;
	return false;
}

static int
check_domain(struct exam_cmd *cmd, struct road *road)
{
	const struct road_address *address;
	struct exam_place place;
	size_t n = 0;

	if (cmd->inside == NULL)
		snprintf(cmd->exam.inside, sizeof cmd->exam.inside, "%s",
		    road->domain);
	if (cmd->known == NULL)
		snprintf(cmd->exam.known, sizeof cmd->exam.known,
		    "postmaster@%s", cmd->exam.inside);
	exam_cmd_facts_add(cmd);
	road_walk(&cmd->exam, 25, road);
	road_judge(&cmd->exam, road);
	road_judge_texts(&cmd->exam, road);
	road_show(&cmd->exam, road);
	for (size_t i = 0; i < road->host_n && n < FULL_MAX; i++) {
		address = first_reached(&road->host[i]);
		if (address == NULL || !exam_place_set(&place,
		    road->host[i].name, address->text, 25))
			continue;
		n += examine(cmd, &place, address, true);
	}
	if (n == FULL_MAX && road->host_n > FULL_MAX)
		report_add(&cmd->report, &(struct report_finding){
		    .id = "more-hosts", .mark = REPORT_UNTRIED,
		    .title = "more hosts than three: only the first three "
		    "were examined fully",
		    .remedy = "ehlo check HOST examines one." });
	return exam_cmd_finish(cmd, n > 0 || !has_address(road));
}

/* A name with a port, or an address, is a host; one with MX records is a
 * domain. */
static bool
is_domain(const struct exam_cmd *cmd)
{
	bool is_address = strchr(cmd->word, ':') != NULL ||
	    cmd->word[strspn(cmd->word, "0123456789.")] == '\0';

	if (cmd->is_host || cmd->port != 0 || is_address ||
	    cmd->exam.dns == NULL)
		return false;
	return cmd->is_domain || (!cmd->no_dns &&
	    road_has_mx(&cmd->exam, cmd->word));
}

int
cmd_check(int argc, char **argv)
{
	struct exam_cmd *cmd = mem_new(sizeof *cmd);
	struct road road = { .host = NULL };
	int code;

	if (!exam_cmd_begin(cmd, EXAM_CMD_CHECK, argc, argv, &code))
		goto out;
	if (is_domain(cmd) && road_look(&cmd->exam, cmd->word, true, &road))
		code = check_domain(cmd, &road);
	else
		code = check_host(cmd);
	road_free(&road);
out:
	exam_cmd_end(cmd);
	free(cmd);
	return code;
}
