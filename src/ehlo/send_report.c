/* SPDX-License-Identifier: Apache-2.0 */
/* What `ehlo send` tells beside the dialogue: the result for programs, the
 * plan, what is built in, the certificate. */
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "ehlo/send.h"
#include "ehlo/tell.h"

void
send_note_session(struct send *send, const struct session *session)
{
	const struct sasl_client_mech *mech = session_mech(session);
	const struct tls_facts *tls = session_tls(session);

	(void)snprintf(send->peer, sizeof send->peer, "%s",
	    session_peer(session));		/* fits */
	(void)snprintf(send->local, sizeof send->local, "%s",
	    session_local(session));		/* fits */
	(void)snprintf(send->mech, sizeof send->mech, "%s",
	    mech != NULL ? mech->name : "");	/* or cut */
	send->connect_took = session_connect_took(session);
	send->has_tls = tls != NULL;
	if (tls != NULL)
		send->tls = *tls;
}

bool
send_save_certificate(struct ssl_st *ssl, const char *path)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	FILE *out = path[0] != '\0' ? fopen(path, "w") : stdout;
	bool is_good;

	is_good = out != NULL && certificate != NULL &&
	    PEM_write_X509(out, certificate) == 1;
	if (out == stdout)
		is_good &= fflush(out) == 0;
	else if (out != NULL)
		is_good &= fclose(out) == 0;
	X509_free(certificate);
	return is_good;
}

/* --- JSON */

static void
member(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",\"%s\":", name);
	show_json_bytes(out, span_str(value));
}

static void
print_tls(const struct tls_facts *tls, FILE *out)
{
	fprintf(out, ",\n \"tls\":{\"trusted\":%s", tls->trust == TLS_TRUSTED ||
	    tls->trust == TLS_TRUST_DANE ? "true" : "false");
	member(out, "protocol", tls->protocol);
	member(out, "cipher", tls->cipher);
	member(out, "verdict", tls->verdict);
	member(out, "names", tls->names);
	if (tls->cert_n != 0)
		member(out, "sha256", tls->cert[0].sha256);
	fputc('}', out);
}

static void
print_recipients(const struct send *send, FILE *out)
{
	fputs(",\"to\":[", out);
	for (size_t i = 0; i < send->rcpt_n; i++) {
		if (i != 0)
			fputc(',', out);
		show_json_bytes(out, send->rcpt[i]);
	}
	fputs("]}", out);
}

void
send_print_json(const struct send *send, int code, FILE *out)
{
	static const char *const results[] = { [CMD_GOOD] = "good",
		[CMD_FAILED] = "failed", [CMD_UNREACHED] = "unreached",
		[CMD_USAGE] = "usage" };

	fprintf(out, "{\"result\":\"%s\",\"exit\":%d", results[code], code);
	if (send->failed_step != NULL) {
		member(out, "failed", send->failed_step);
		member(out, "why", send->why);
	}
	fprintf(out, ",\n \"server\":{\"port\":%u", send->target.session.port);
	member(out, "host", send->target.session.unix_path != NULL ?
	    send->target.session.unix_path : send->target.session.host);
	member(out, "peer", send->peer);
	member(out, "local", send->local);
	fprintf(out, ",\"connect_ms\":%u}", send->connect_took);
	if (send->has_tls)
		print_tls(&send->tls, out);
	if (send->mech[0] != '\0')
		member(out, "auth", send->mech);
	fputs(",\n \"envelope\":{\"from\":", out);
	show_json_bytes(out, send->sender);
	print_recipients(send, out);
	fprintf(out, ",\n \"message\":{\"octets\":%zu", send->octets);
	member(out, "message_id", send->data != NULL ? "" : send->message_id);
	fprintf(out, "},\n \"sent\":%lu,\"recipients_refused\":%lu,\n"
	    " \"steps\":", send->sent_n, send->refused_rcpt_n);
	show_json(&send->show, out);
	fputs("}\n", out);
}

/* --- for people */

static const char *
tls_words(enum target_tls tls)
{
	static const char *const words[] = {
		[TARGET_TLS_AUTO] = "STARTTLS where it is offered",
		[TARGET_TLS_NONE] = "none",
		[TARGET_TLS_OPTIONAL] = "STARTTLS if it can be had",
		[TARGET_TLS_REQUIRED] = "STARTTLS, required",
		[TARGET_TLS_IMPLICIT] = "from the first byte" };

	return words[tls];
}

void
send_print_plan(const struct send *send, FILE *out)
{
	const struct session_options *o = &send->target.session;

	for (size_t i = 0; i < send->mx.n; i++)
		fprintf(out, "server      %s [%s] port %u\n",
		    send->mx.host[i].name, send->mx.host[i].address, o->port);
	if (send->mx.n != 0)
		;	/* told */
	else if (o->unix_path != NULL)
		fprintf(out, "server      %s\n", o->unix_path);
	else
		fprintf(out, "server      %s port %u\n", o->host, o->port);
	fprintf(out, "protocol    %s\n", o->is_lmtp ? "LMTP" :
	    send->target.is_helo ? "SMTP" : "ESMTP");
	fprintf(out, "TLS         %s\n", tls_words(send->target.tls));
	if (send->login.need != LOGIN_NONE) {
		fprintf(out, "login       %.*s, mechanisms:",
		    SPAN_ARG(send->login.sasl.authcid));
		for (size_t i = 0; i < send->login.mech_n; i++)
			fprintf(out, " %s", send->login.mech[i]->name);
		fprintf(out, "%s\n", send->login.mech_n == 0 ?
		    " the strongest" : "");
	}
	fprintf(out, "sender      <%.*s>\n", SPAN_ARG(send->sender));
	for (size_t i = 0; i < send->rcpt_n; i++)
		fprintf(out, "recipient   <%.*s>\n", SPAN_ARG(send->rcpt[i]));
	fprintf(out, "message     %zu octets\n", send->message.len);
}

void
send_print_support(FILE *out)
{
	const struct sasl_client_mech *mech;

	fprintf(out, "ehlo %s\n%s\nmechanisms:", EHLO_VERSION,
	    OpenSSL_version(OPENSSL_VERSION));
	for (size_t i = 0; (mech = sasl_client_at(i)) != NULL; i++)
		fprintf(out, " %s", mech->name);
	fprintf(out, "\nnothing of this is optional\n");
}
