/* SPDX-License-Identifier: Apache-2.0 */
/* What kinds of TLS a server agrees to, one connection each. */
#include "base/text.h"
#include "ehlo/exam.h"

/* Ciphers of no worth that our OpenSSL may still know. */
#define WEAK \
	"eNULL:EXPORT:LOW:RC4:DES:3DES:MD5:SEED:IDEA:!aNULL:@SECLEVEL=0"
/* Without a certificate: anybody may be at the other end. */
#define ANONYMOUS "aNULL:!eNULL:@SECLEVEL=0"

static const char *const names[EXAM_VERSIONS] = { "1.0", "1.1", "1.2",
	"1.3" };

const char *
exam_version_name(size_t i)
{
	return names[i];
}

/* The certificate is not judged here: to read all the authorities of the system
 * would take longer than the handshake. */
static void
begin(struct tls_client_options *options)
{
	tls_client_defaults(options);
	options->ca_dir = "/nonexistent";
}

/* One handshake with these options. */
static void
try(const struct exam *exam, const struct exam_place *place,
    const struct tls_client_options *options, struct exam_version *out)
{
	char error[160];
	struct tls_client *tls = tls_client_new(options, error, sizeof error);
	struct exam_answer answer;
	struct session *session;
	const struct tls_facts *facts;

	if (tls == NULL) {
		snprintf(out->why, sizeof out->why, "we cannot: %.140s", error);
		return;
	}
	session = exam_dial(exam, place, EXAM_TLS, tls, &answer);
	facts = session != NULL ? session_tls(session) : NULL;
	if (facts != NULL) {
		out->state = EXAM_ACCEPTED;
		snprintf(out->cipher, sizeof out->cipher, "%s",
		    facts->cipher);
		snprintf(out->group, sizeof out->group, "%s", facts->group);
	} else if (answer.result == SESSION_TLS_FAILED ||
	    answer.result == SESSION_CLOSED) {
		out->state = EXAM_REFUSED;
	}
	if (session == NULL)
		snprintf(out->why, sizeof out->why, "%.150s", answer.why);
	exam_hang_up(session);
	tls_client_unref(tls);
}

void
exam_try_versions(const struct exam *exam, const struct exam_place *place,
    struct exam_facts *facts)
{
	struct tls_client_options options;

	if (!facts->has_tls)
		return;
	for (size_t i = 0; i < EXAM_VERSIONS; i++) {
		exam_progress("%s: TLS %s", place->label, names[i]);
		begin(&options);
		options.least = options.most = (enum tls_version)i;
		try(exam, place, &options, &facts->version[i]);
	}
	exam_progress("%s: weak ciphers", place->label);
	begin(&options);
	options.least = TLS_1_0;
	options.most = TLS_1_2;
	options.ciphers = WEAK;
	try(exam, place, &options, &facts->weak);
	options.ciphers = ANONYMOUS;
	try(exam, place, &options, &facts->anonymous);
}

/* What is left to be offered in TLS 1.3. */
static const char *
rest_of_suites(char got[][64], size_t n, struct put *put)
{
	static const char *const suite[] = { "TLS_AES_256_GCM_SHA384",
		"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
		"TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256" };

	for (size_t i = 0; i < countof(suite); i++) {
		size_t k = 0;

		while (k < n && strcmp(got[k], suite[i]) != 0)
			k++;
		if (k < n)
			continue;
		if (put->len > 0)
			put_char(put, ':');
		put_str(put, suite[i]);
	}
	return put_cstr(put);
}

/* The same up to TLS 1.2. */
static const char *
rest_of_ciphers(char got[][64], size_t n, struct put *put)
{
	put_str(put, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
	for (size_t i = 0; i < n; i++) {
		put_str(put, ":!");
		put_str(put, got[i]);
	}
	return put_cstr(put);
}

size_t
exam_try_ciphers(const struct exam *exam, const struct exam_place *place,
    enum tls_version version, char out[][64], size_t max)
{
	struct tls_client_options options;
	struct exam_version got;
	char list[4096];
	size_t n = 0;

	begin(&options);
	options.least = options.most = version;
	while (n < max) {
		struct put put = put_init(list, sizeof list);

		got = (struct exam_version){ EXAM_UNTRIED, "", "", "" };
		if (version == TLS_1_3)
			options.ciphersuites = rest_of_suites(out, n, &put);
		else
			options.ciphers = rest_of_ciphers(out, n, &put);
		if (put.len == 0)
			break;
		exam_progress("%s: TLS %s, cipher %zu", place->label,
		    names[version], n + 1);
		try(exam, place, &options, &got);
		if (got.state != EXAM_ACCEPTED)
			break;
		snprintf(out[n++], 64, "%s", got.cipher);
	}
	return n;
}
