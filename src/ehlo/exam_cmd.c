/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/exam_cmd.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/text.h"
#include "conf/domain.h"
#include "ehlo/cmd.h"
#include "ehlo/tell.h"

#define CONNECT_MS 10000
#define SMUGGLING_MS 10000	/* filters look at the text first */
#define ANSWER_MS 20000		/* some make strangers wait before they greet */
#define OUTSIDE "ehlo-check@example.com"	/* RFC 2606: nobody's */
#define ROOT_KEY "/usr/share/dns/root.key"
#define OPTIONS_MAX (TARGET_OPTIONS_MAX + LOGIN_OPTIONS_MAX + 24)

static const struct {
	const char *name, *usage, *what;
} kinds[] = {
	[EXAM_CMD_CHECK] = { "check", "HOST[:PORT]|DOMAIN",
	    "Examines a mail server, or all servers of a domain, and reports "
	    "what is\nwrong and what to do. No message is delivered.\n" },
	[EXAM_CMD_RELAY] = { "relay", "HOST[:PORT]",
	    "Asks a server whose mail it takes for whom: inside and outside, "
	    "with and\nwithout login, in clear and with TLS, and the old "
	    "address tricks. Goes no\nfurther than RCPT.\n" },
	[EXAM_CMD_TLS] = { "tls", "HOST[:PORT]",
	    "A server's certificate, and which versions and ciphers of TLS "
	    "it takes.\n" },
	[EXAM_CMD_MX] = { "mx", "DOMAIN",
	    "The road of mail to a domain, host by host: MX, addresses, their "
	    "names,\nTLS, DANE, MTA-STS.\n" },
};

static const char report_help[] =
    "Report:\n"
    "  --json                for programs\n"
    "  --html FILE           also as a page\n"
    "  --strict              a warning is a failure, too\n"
    "  --brief               what is good is not listed\n";
static const char dns_help[] =
    "Names:\n"
    "  --resolver ADDR[@PORT]  asked instead of the system's\n"
    "  --trust-anchor FILE   keys for DNSSEC (the root's of the system)\n"
    "  --hosts FILE          names known besides (/etc/hosts)\n"
    "  --no-dns              ask nothing that is not needed\n";
static const char who_help[] =
    "Addresses:\n"
    "  --inside DOMAIN       a domain of the server's (that of HOST, or of\n"
    "                        the login)\n"
    "  --known ADDRESS       one that exists there (postmaster@DOMAIN)\n"
    "  --outside ADDRESS     one of others (" OUTSIDE ")\n"
    "  --from ADDRESS        what the login may send as\n"
    "  --no-verify           log in whatever the certificate is\n";
static const char check_help[] =
    "  --tables              all tables, as in the page\n"
    "Steps:\n"
    "  --host, --domain      what the word is, if that is not clear\n"
    "  --skip STEP           leave it out (may be repeated); STEP is one of\n";
static const char smuggling_help[] =
    "  --smuggling ADDRESS   also try wrong ends of data. A server that is\n"
    "                        right delivers nothing; one that is wrong may\n"
    "                        deliver up to four messages to ADDRESS\n"
    "  --smuggling-wait TIME  how long it may take to answer (10s)\n";

static void
print_help(enum exam_cmd_kind kind)
{
	printf("usage: ehlo %s [OPTION ...] %s\n\n%s\n%s", kinds[kind].name,
	    kinds[kind].usage, kinds[kind].what, report_help);
	if (kind == EXAM_CMD_CHECK) {
		fputs(check_help, stdout);
		for (size_t i = 1; exam_step_name(i) != NULL; i++)
			printf("%s%s", i == 1 ? "                        " :
			    i % 5 == 0 ? ",\n                        " : ", ",
			    exam_step_name(i));
		printf("\n%s", smuggling_help);
	}
	if (kind == EXAM_CMD_CHECK || kind == EXAM_CMD_RELAY)
		fputs(who_help, stdout);
	fputs(dns_help, stdout);
	fputs(target_help, stdout);
	if (kind == EXAM_CMD_CHECK || kind == EXAM_CMD_RELAY)
		fputs(login_help, stdout);
	printf("\nExit: 0 good, 1 something is bad, 2 not reached, 3 usage.\n");
}

/* --- words */

static size_t
add_own_options(struct exam_cmd *cmd, struct args_option *out)
{
	const struct args_option rows[] = {
		{ "--help", .flag = &cmd->is_helped },
		{ "--json", .flag = &cmd->is_json },
		{ "--html", &cmd->html },
		{ "--strict", .flag = &cmd->is_strict },
		{ "--tables", .flag = &cmd->with_tables },
		{ "--brief", .flag = &cmd->is_brief },
		{ "--resolver", &cmd->resolver },
		{ "--trust-anchor", &cmd->trust_anchor },
		{ "--hosts", &cmd->hosts },
		{ "--no-dns", .flag = &cmd->no_dns },
		{ "--inside", &cmd->inside },
		{ "--known", &cmd->known },
		{ "--outside", &cmd->outside },
		{ "--from", &cmd->from },
		{ "--host", .flag = &cmd->is_host },
		{ "--domain", .flag = &cmd->is_domain },
		{ "--smuggling", &cmd->smuggling },
		{ "--smuggling-wait", &cmd->smuggling_wait },
		{ "--skip", .take = args_take_list, .arg = &cmd->skip },
	};

	memcpy(out, rows, sizeof rows);
	return countof(rows);
}

static bool
judge_skip(const struct exam_cmd *cmd)
{
	for (size_t i = 0; i < cmd->skip.n; i++) {
		size_t k = 1;

		while (exam_step_name(k) != NULL &&
		    strcmp(exam_step_name(k), cmd->skip.word[i]) != 0)
			k++;
		if (exam_step_name(k) == NULL) {
			tell_error("--skip %s: there is no such step, see "
			    "ehlo check --help", cmd->skip.word[i]);
			return false;
		}
	}
	return true;
}

static bool
is_address(const char *name)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 ||
	    inet_pton(AF_INET6, name, bytes) == 1;
}

/* The one word: a name in A-labels, or an address; the port beside it. */
static bool
take_word(struct exam_cmd *cmd, int argc, char **argv)
{
	char host[256];
	unsigned port = 0;

	if (argc != 2) {
		tell_error(argc < 2 ? "whom? See ehlo %s --help" :
		    "one at a time, see ehlo %s --help", argv[0]);
		return false;
	}
	if (!target_split(argv[1], host, &port)) {
		tell_error("%s is no server", argv[1]);
		return false;
	}
	if (is_address(host)) {
		snprintf(cmd->word, sizeof cmd->word, "%s", host);
	} else if (!conf_domain_canon(span_str(host), cmd->word)) {
		tell_error("%s is no name of a host or domain", host);
		return false;
	}
	if (port == 0 && cmd->target.port != NULL) {
		port = target_port(cmd->target.port);
		if (port == 0) {
			tell_error("--port %s: no port", cmd->target.port);
			return false;
		}
	}
	cmd->port = (uint16_t)port;
	return target_take(&cmd->target, cmd->word);
}

static bool
read_words(struct exam_cmd *cmd, enum exam_cmd_kind kind, int argc,
    char **argv, int *code)
{
	struct args_option option[OPTIONS_MAX];
	size_t n = add_own_options(cmd, option);

	n += target_options(&cmd->target, option + n);
	n += login_options(&cmd->login, option + n);
	*code = CMD_USAGE;
	if (!args_parse(&argc, argv, option, n))
		return false;
	if (cmd->is_helped) {
		print_help(kind);
		*code = CMD_GOOD;
		return false;
	}
	if (!take_word(cmd, argc, argv) || !judge_skip(cmd))
		return false;
	/* an old version is to be told, not to be stumbled over */
	if (cmd->target.tls_min == NULL && cmd->target.tls_protocol == NULL)
		cmd->target.tls_min = "1.0";
	return target_finish(&cmd->target, cmd->port != 0 ? cmd->port : 25) &&
	    login_finish(&cmd->login, cmd->word, cmd->port);
}

/* --- the resolver */

static struct dns *
open_dns(const struct exam_cmd *cmd, const char *trust_anchor)
{
	const char *const forward[] = { cmd->resolver };
	struct dns_options options = {
		.forward = cmd->resolver != NULL ? forward : NULL,
		.forward_n = cmd->resolver != NULL,
		.hosts = cmd->hosts, .trust_anchor = trust_anchor,
		.timeout_ms = 8000 };
	char error[256];
	struct dns *dns;

	if (options.hosts == NULL && cmd->resolver == NULL &&
	    access("/etc/hosts", R_OK) == 0)
		options.hosts = "/etc/hosts";
	dns = dns_new(&options, error, sizeof error);
	if (dns == NULL)
		tell_error("%s", error);
	return dns;
}

/* A resolver that drops the signatures makes everything look forged. */
static bool
drops_signatures(struct dns *dns)
{
	struct dns_answer *answer = dns_ask_wait(dns, SPAN("."), DNS_A);
	bool drops = answer != NULL && answer->result == DNS_BOGUS;

	dns_answer_free(answer);
	return drops;
}

static void
tell_no_dnssec(struct exam_cmd *cmd, const char *why)
{
	report_add(&cmd->report, &(struct report_finding){ .id = "resolver",
	    .mark = REPORT_UNTRIED, .title = "DNSSEC and DANE",
	    .detail = why });
}

static bool
begin_dns(struct exam_cmd *cmd, bool wants_dnssec)
{
	struct exam *exam = &cmd->exam;

	exam->is_own_resolver = cmd->resolver != NULL;
	if (cmd->no_dns && is_address(cmd->word))
		return true;
	exam->dns = open_dns(cmd, cmd->trust_anchor);
	if (exam->dns == NULL)
		return false;
	if (cmd->trust_anchor != NULL || is_address(cmd->word))
		return true;
	if (access(ROOT_KEY, R_OK) != 0) {
		if (wants_dnssec)
			tell_no_dnssec(cmd, "this machine has not got the "
			    "root's keys, " ROOT_KEY " (Debian's package "
			    "dns-root-data)");
		return true;
	}
	if (!drops_signatures(exam->dns))
		return true;
	dns_free(exam->dns);
	exam->dns = open_dns(cmd, "");
	if (wants_dnssec)
		tell_no_dnssec(cmd, "the resolver does not pass the "
		    "signatures on; try another one: --resolver");
	return exam->dns != NULL;
}

/* --- who is who */

static void
set_addresses(struct exam_cmd *cmd)
{
	struct exam *exam = &cmd->exam;
	struct span user = cmd->login.sasl.authcid, domain = user;
	struct span host = span_str(cmd->word), parent = host;

	domain = span_skip(domain, span_find(domain, '@') + 1);
	(void)span_cut(&parent, '.');
	if (cmd->inside != NULL)
		snprintf(exam->inside, sizeof exam->inside, "%s",
		    cmd->inside);
	else if (domain.len > 0)
		snprintf(exam->inside, sizeof exam->inside, "%.*s",
		    SPAN_ARG(span_first(domain, 255)));
	else if (!is_address(cmd->word))	/* mail.example.org's */
		snprintf(exam->inside, sizeof exam->inside, "%.*s", SPAN_ARG(
		    span_find(parent, '.') < parent.len ? parent : host));
	if (cmd->known != NULL)
		snprintf(exam->known, sizeof exam->known, "%s", cmd->known);
	else if (exam->inside[0] != '\0')
		snprintf(exam->known, sizeof exam->known, "postmaster@%s",
		    exam->inside);
	snprintf(exam->outside, sizeof exam->outside, "%s",
	    cmd->outside != NULL ? cmd->outside : OUTSIDE);
	if (cmd->from != NULL)
		snprintf(exam->sender, sizeof exam->sender, "%s", cmd->from);
	else if (domain.len > 0)
		snprintf(exam->sender, sizeof exam->sender, "%.*s",
		    SPAN_ARG(span_first(user, 255)));
	else if (user.len > 0 && exam->inside[0] != '\0')
		snprintf(exam->sender, sizeof exam->sender, "%.*s@%s",
		    SPAN_ARG(span_first(user, 60)), exam->inside);
}

/* A line end in an address would be a command of its own. */
static bool
are_addresses(const struct exam_cmd *cmd)
{
	const struct {
		const char *option, *word;
	} rows[] = {
		{ "--inside", cmd->inside }, { "--known", cmd->known },
		{ "--outside", cmd->outside }, { "--from", cmd->from },
		{ "--smuggling", cmd->smuggling },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct span word = span_str(rows[i].word);

		for (size_t k = 0; k < word.len; k++)
			if (ascii_is_cntrl(word.p[k]) || word.p[k] == ' ' ||
			    word.p[k] == '<' || word.p[k] == '>') {
				tell_error("%s: no address", rows[i].option);
				return false;
			}
		if (word.len > 250 || !text_is_utf8(word)) {
			tell_error("%s: no address", rows[i].option);
			return false;
		}
	}
	return true;
}

/* --- beginning and end */

bool
exam_cmd_begin(struct exam_cmd *cmd, enum exam_cmd_kind kind, int argc,
    char **argv, int *code)
{
	struct exam *exam = &cmd->exam;

	memset(cmd, 0, sizeof *cmd);
	target_init(&cmd->target);
	login_init(&cmd->login);
	report_init(&cmd->report, kinds[kind].name, "");
	if (!read_words(cmd, kind, argc, argv, code) || !are_addresses(cmd))
		return false;
	srandom((unsigned)clock_real_ms() ^ (unsigned)getpid());
	cmd->report.subject = report_quote(&cmd->report, span_str(cmd->word));
	cmd->report.is_brief = cmd->is_brief;
	cmd->report.with_details = cmd->with_tables || kind != EXAM_CMD_CHECK;
	exam->session = cmd->target.session;
	exam->session.tell = NULL;
	if (cmd->target.connect_timeout == NULL)
		exam->session.connect_ms = CONNECT_MS;
	if (cmd->target.timeout == NULL)
		exam->session.answer_ms = ANSWER_MS;
	exam->login = cmd->login.need != LOGIN_NONE ? &cmd->login : NULL;
	exam->report = &cmd->report;
	exam->trusts_anybody = cmd->target.is_no_verify;
	exam->smuggling = cmd->smuggling;
	exam->smuggling_ms = SMUGGLING_MS;
	if (cmd->smuggling_wait != NULL && !args_duration("--smuggling-wait",
	    cmd->smuggling_wait, &exam->smuggling_ms))
		return false;
	exam->skip = &cmd->skip;
	set_addresses(cmd);
	return begin_dns(cmd, kind == EXAM_CMD_CHECK || kind == EXAM_CMD_MX);
}

int
exam_cmd_finish(struct exam_cmd *cmd, bool is_reached)
{
	int code = report_finish(&cmd->report, cmd->is_json, cmd->is_strict,
	    cmd->html);

	exam_progress(NULL);
	return code == CMD_USAGE || is_reached ? code : CMD_UNREACHED;
}

void
exam_cmd_end(struct exam_cmd *cmd)
{
	dns_free(cmd->exam.dns);
	report_free(&cmd->report);
	target_free(&cmd->target);
	login_wipe(&cmd->login);
	args_list_free(&cmd->skip);
}

void
exam_cmd_facts_add(struct exam_cmd *cmd)
{
	struct exam *exam = &cmd->exam;

	if (exam->inside[0] != '\0')
		report_add_fact(&cmd->report, "inside", report_text(
		    &cmd->report, "%s, %s", exam->inside, exam->known));
	report_add_fact(&cmd->report, "outside", exam->outside);
	if (exam->login != NULL)
		report_add_fact(&cmd->report, "login", report_quote(
		    &cmd->report, cmd->login.sasl.authcid));
}

struct exam_facts *
exam_cmd_facts(struct exam_cmd *cmd)
{
	struct exam_facts *facts = arena_alloc(&cmd->report.arena,
	    sizeof *facts);

	must(facts != NULL);	/* a few places fit into any report */
	return facts;
}

bool
exam_cmd_addresses(struct exam_cmd *cmd, struct road_host *host)
{
	snprintf(host->name, sizeof host->name, "%s", cmd->word);
	road_typed_addresses(&cmd->exam, cmd->word, host);
	exam_progress(NULL);
	if (host->address_n > 0)
		return true;
	report_add(&cmd->report, &(struct report_finding){ .id = "address",
	    .mark = REPORT_BAD, .title = "the name has no address",
	    .place = cmd->report.subject, .detail = report_quote(&cmd->report,
	    span_str(host->lookup.why)),
	    .remedy = "Is it spelled right? Ask the name servers of its "
	    "domain.", .reference = "RFC 5321 5.1" });
	return false;
}

size_t
exam_cmd_reached(const struct exam_cmd *cmd, const struct road_host *host,
    uint16_t port)
{
	for (size_t i = 0; host->address_n > 1 && i < host->address_n; i++) {
		struct exam_answer answer;
		struct exam_place place;
		struct session *session;

		if (!exam_place_set(&place, cmd->word, host->address[i].text,
		    port))
			break;
		place.is_implicit = false;	/* only the connection */
		exam_progress("%s, %s", place.label, place.address);
		session = exam_dial(&cmd->exam, &place, EXAM_CONNECTED, NULL,
		    &answer);
		if (session == NULL)
			continue;
		session_close(session);
		session_free(session);
		return i;
	}
	return 0;
}

bool
exam_cmd_turn_to_tls(struct exam_cmd *cmd, struct exam_place *place,
    const struct exam_answer *silence)
{
	bool is_it;

	if (cmd->target.tls != TARGET_TLS_AUTO ||
	    silence->result != SESSION_TIMEOUT)
		return false;
	exam_progress("%s: is it TLS from the first byte?", place->label);
	is_it = exam_waits_for_tls(&cmd->exam, place, silence);
	exam_progress(NULL);
	if (!is_it)
		return false;
	place->is_implicit = true;
	report_add(&cmd->report, &(struct report_finding){
	    .id = "tls-first", .mark = REPORT_NOTE, .place = place->label,
	    .title = "TLS begins with the first byte here",
	    .detail = "it said nothing in clear, and greeted in TLS",
	    .remedy = "With --tls-on-connect nobody has to wait for that." });
	return true;
}
