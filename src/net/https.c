/* SPDX-License-Identifier: Apache-2.0 */
/* https: see https.h. */
#include "net/https.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/x509.h>

#include "base/die.h"
#include "base/put.h"

#define HEAD_MAX ((size_t)64 << 10)	/* octets of all header fields */

struct transfer {
	const struct https_request *request;
	struct buf *body;
	size_t head_len;
	bool is_too_long;
};

bool
https_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static size_t
take(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *transfer = arg;

	if (transfer->body->len + size * n <= transfer->request->body_max &&
	    buf_append(transfer->body, span_of(bytes, size * n)) == 0)
		return size * n;
	transfer->is_too_long = true;
	return 0;
}

/* They are looked at and not kept, but somebody has to count them. */
static size_t
pass_head(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *transfer = arg;

	(void)bytes;
	transfer->head_len += size * n;
	transfer->is_too_long = transfer->head_len > HEAD_MAX;
	return transfer->is_too_long ? 0 : size * n;
}

/* Any other number than 0 ends it. */
static int
look_up(void *arg, curl_off_t to_get, curl_off_t got, curl_off_t to_send,
    curl_off_t sent)
{
	const struct transfer *transfer = arg;

	(void)to_get;
	(void)got;
	(void)to_send;
	(void)sent;
	return transfer->request->is_stopping != NULL &&
	    atomic_load(transfer->request->is_stopping);
}

/* "host:port:address,address", which is all that is known of the host. */
static struct curl_slist *
known_addresses(const struct https_request *request, unsigned port)
{
	char text[2048];
	struct put put = put_init(text, sizeof text - 1);

	put_str(&put, request->host);
	put_char(&put, ':');
	put_u64(&put, port);
	for (size_t i = 0; i < request->address_n; i++) {
		bool is_six = strchr(request->address[i], ':') != NULL;

		put_char(&put, i == 0 ? ':' : ',');
		put_str(&put, is_six ? "[" : "");
		put_str(&put, request->address[i]);
		put_str(&put, is_six ? "]" : "");
	}
	must(!put.full);
	return curl_slist_append(NULL, put_cstr(&put));
}

static bool
set_trust(CURL *curl, const struct https_request *request)
{
	if (request->ca_file == NULL)
		return true;
	return curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file) ==
	    CURLE_OK && curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) ==
	    CURLE_OK;
}

/* What is not set here is what we want by default: peer and host name are
 * verified, redirections are not followed. These two are said all the same,
 * since so much hangs on them. */
static bool
set_up(CURL *curl, const char *url, struct curl_slist *addresses,
    struct transfer *transfer)
{
	const struct https_request *request = transfer->request;
	int bad = 0;

	bad |= curl_easy_setopt(curl, CURLOPT_URL, url);
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	bad |= curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses);
	bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	bad |= curl_easy_setopt(curl, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	bad |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT,
	    "ehlod/" EHLO_VERSION);
	bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
	    (long)request->timeout_ms);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, pass_head);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
	return bad == CURLE_OK && set_trust(curl, request);
}

/* "Text/Plain; charset=utf-8" is text/plain. */
static bool
is_type(CURL *curl, const char *wanted)
{
	char *type = NULL;
	struct span given;

	(void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	given = span_str(type);
	return span_caseeq(span_trim(span_cut(&given, ';')),
	    span_str(wanted));
}

static enum https_result
judge(CURL *curl, CURLcode code, const struct transfer *transfer,
    char why[HTTPS_WHY_MAX])
{
	const struct https_request *request = transfer->request;
	long status = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->is_too_long) {
		snprintf(why, HTTPS_WHY_MAX, "it is longer than %zu octets",
		    request->body_max);
		return HTTPS_REFUSED;
	}
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		long verdict = 0;

		(void)curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT,
		    &verdict);
		snprintf(why, HTTPS_WHY_MAX, "the certificate of %.120s is "
		    "not right: %.80s", request->host, verdict == X509_V_OK ?
		    "it is for another name" :
		    X509_verify_cert_error_string(verdict));
		return HTTPS_BAD_CERTIFICATE;
	}
	if (code != CURLE_OK) {
		snprintf(why, HTTPS_WHY_MAX, "%.150s: %.80s", request->host,
		    curl_easy_strerror(code));
		return HTTPS_FAILED;
	}
	if (status != 200) {
		snprintf(why, HTTPS_WHY_MAX, "%.150s answers with status %ld",
		    request->host, status);
		return HTTPS_REFUSED;
	}
	if (!is_type(curl, request->type)) {
		snprintf(why, HTTPS_WHY_MAX, "what %.150s sends is no %s",
		    request->host, request->type);
		return HTTPS_REFUSED;
	}
	return HTTPS_OK;
}

enum https_result
https_get(const struct https_request *request, struct buf *body,
    char why[HTTPS_WHY_MAX])
{
	unsigned port = request->port != 0 ? request->port : 443;
	struct transfer transfer = { .request = request, .body = body };
	struct curl_slist *addresses = known_addresses(request, port);
	CURL *curl = curl_easy_init();
	enum https_result result = HTTPS_FAILED;
	char url[1024];

	snprintf(why, HTTPS_WHY_MAX, "no memory for a request");
	snprintf(url, sizeof url, "https://%s:%u%s", request->host, port,
	    request->path);
	if (curl != NULL && addresses != NULL &&
	    set_up(curl, url, addresses, &transfer))
		result = judge(curl, curl_easy_perform(curl), &transfer, why);
	if (curl != NULL)
		curl_easy_cleanup(curl);
	curl_slist_free_all(addresses);
	return result;
}
