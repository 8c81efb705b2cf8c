/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM as a server, MS-NLMP 3.2, version 2 only, from a stored NT hash:
 *
 *   START ──(empty, or "NTLM supported")──→ NEGOTIATE ──CHALLENGE──→
 *   AUTHENTICATE ──credentials──→ done
 *
 * Clients are lenient readers and odd writers, so this is one: curl sends a
 * NEGOTIATE of 32 octets and knows only OEM strings, others insist on
 * NEGOTIATE_SIGN although nothing is signed. Which domain a client thinks it is
 * in counts for the arithmetic only; the account is the user name. */
#include "base/text.h"
#include "sasl/mech.h"

enum { START, NEGOTIATE, AUTHENTICATE };

#define CHALLENGE_LEN 56	/* before its texts */
#define NETBIOS_MAX   15	/* characters */
#define AUTHENTICATE_MIN 64

static enum sasl_result
malformed(struct sasl_server *sasl)
{
	return sasl_malformed(sasl, "no NTLM message");
}

/* --- CHALLENGE */

/* Text as it stands in AV pairs: UTF-16, whatever was negotiated. */
static void
put_av_text(struct put *put, unsigned id, struct span text)
{
	char memory[2 * SASL_NAME_MAX];
	struct put utf16 = put_init(memory, sizeof memory);

	ntlm_put_utf16_of_octets(&utf16, span_first(text, SASL_NAME_MAX));
	ntlm_put_av(put, id, put_span(&utf16));
}

/* The first label, as NetBIOS would have it. */
static struct span
netbios_name(struct span name, char memory[NETBIOS_MAX])
{
	struct put put = put_init(memory, NETBIOS_MAX);
	struct span label = span_first(span_cut(&name, '.'), NETBIOS_MAX);

	for (size_t i = 0; i < label.len; i++)
		put_char(&put, ascii_upper(label.p[i]));
	return put_span(&put);
}

static void
put_info(const struct sasl_server *sasl, struct put *put)
{
	struct span host = sasl->options.host, domain = host;
	char memory[NETBIOS_MAX], time[8];
	struct put clock = put_init(time, sizeof time);

	(void)span_cut(&domain, '.');
	ntlm_put_u64(&clock, sasl->options.now_filetime);
	put_av_text(put, NTLM_AV_DOMAIN, netbios_name(domain, memory));
	put_av_text(put, NTLM_AV_SERVER, netbios_name(host, memory));
	put_av_text(put, NTLM_AV_DNS_DOMAIN, domain);
	put_av_text(put, NTLM_AV_DNS_SERVER, host);
	ntlm_put_av(put, NTLM_AV_TIME, put_span(&clock));
	ntlm_put_av(put, NTLM_AV_END, SPAN(""));
}

static void
put_challenge(const struct sasl_server *sasl, uint32_t theirs,
    struct put *put)
{
	bool is_oem = sasl->keep.ntlm.is_oem;
	uint32_t flags = NTLM_REQUEST_TARGET | NTLM_NTLM | NTLM_ALWAYS_SIGN |
	    NTLM_TARGET_DOMAIN | NTLM_TARGET_INFO | NTLM_VERSION |
	    (is_oem ? NTLM_OEM : NTLM_UNICODE) |
	    (theirs & (NTLM_SIGN | NTLM_EXTENDED | NTLM_128 | NTLM_56));
	struct span domain = sasl->options.host, name;
	char memory[NETBIOS_MAX], info_memory[SASL_CHALLENGE_MAX];
	struct put info = put_init(info_memory, sizeof info_memory);
	size_t at = CHALLENGE_LEN;

	(void)span_cut(&domain, '.');
	name = netbios_name(domain, memory);
	put_info(sasl, &info);
	put->full |= info.full;
	ntlm_put_head(put, NTLM_CHALLENGE);
	ntlm_put_field(put, is_oem ? name.len : 2 * name.len, &at);
	ntlm_put_u32(put, flags);
	put_bytes(put, span_of(sasl->options.random, NTLM_NONCE));
	ntlm_put_u64(put, 0);
	ntlm_put_field(put, info.len, &at);
	ntlm_put_version(put);
	if (is_oem)
		put_bytes(put, name);
	else
		ntlm_put_utf16_of_octets(put, name);
	put_bytes(put, put_span(&info));
}

static enum sasl_result
take_negotiate(struct sasl_server *sasl, struct span message,
    struct span *out)
{
	struct sasl_server_ntlm *ntlm = &sasl->keep.ntlm;
	struct put put = put_init(ntlm->challenge, sizeof ntlm->challenge);
	uint32_t flags;

	if (!ntlm_is(message, NTLM_NEGOTIATE) || message.len < 16 ||
	    message.len > sizeof ntlm->negotiate)
		return malformed(sasl);
	flags = ntlm_u32(message.p + 12);
	if ((flags & (NTLM_UNICODE | NTLM_OEM)) == 0)
		return malformed(sasl);
	memcpy(ntlm->negotiate, message.p, message.len);
	ntlm->negotiate_len = message.len;
	ntlm->is_oem = (flags & NTLM_UNICODE) == 0;
	put_challenge(sasl, flags, &put);
	if (put.full)
		return sasl_refuse(sasl, "our name is too long for NTLM");
	ntlm->challenge_len = put.len;
	sasl->step = AUTHENTICATE;
	*out = put_span(&put);
	return SASL_CHALLENGE;
}

/* --- AUTHENTICATE */

static enum sasl_result
take_user(struct sasl_server *sasl)
{
	const struct sasl_server_ntlm *ntlm = &sasl->keep.ntlm;
	char memory[SASL_NAME_MAX + 1];
	struct put name = put_init(memory, sizeof memory);

	if (ntlm->is_oem) {
		/* whatever their code page is: here it is UTF-8 or nobody */
		put_bytes(&name, ntlm->user);
		if (name.full)
			return sasl_malformed(sasl, "user name too long");
	} else if (!ntlm_put_utf8(&name, ntlm->user))
		return sasl_malformed(sasl, "user name too long, or no "
		    "UTF-16");
	if (name.len == 0)
		return sasl_refuse(sasl, "anonymous");
	return sasl_take_name(sasl, sasl->authcid, put_span(&name));
}

static enum sasl_result
take_authenticate(struct sasl_server *sasl, struct span message)
{
	struct sasl_server_ntlm *ntlm = &sasl->keep.ntlm;
	enum sasl_result result;

	if (!ntlm_is(message, NTLM_AUTHENTICATE) ||
	    message.len < AUTHENTICATE_MIN ||
	    !ntlm_field(message, 28, &ntlm->domain) ||
	    !ntlm_field(message, 36, &ntlm->user))
		return malformed(sasl);
	result = take_user(sasl);
	ntlm->authenticate = message;
	return result == SASL_DONE ? SASL_NEED_CREDENTIALS : result;
}

/* --- the proof */

/* NTOWFv2 of the stored hash and of the names as the client wrote them. */
static bool
make_key(const struct sasl_server_ntlm *ntlm,
    const unsigned char hash[NTLM_KEY_LEN], unsigned char key[NTLM_KEY_LEN])
{
	char user_memory[1024], domain_memory[1024];
	struct put user = put_init(user_memory, sizeof user_memory);
	struct put domain = put_init(domain_memory, sizeof domain_memory);

	if (ntlm->is_oem) {
		ntlm_put_utf16_of_octets(&user, ntlm->user);
		ntlm_put_utf16_of_octets(&domain, ntlm->domain);
	} else {
		put_bytes(&user, ntlm->user);
		put_bytes(&domain, ntlm->domain);
	}
	return !user.full && !domain.full &&
	    ntlm_key(hash, put_span(&user), put_span(&domain), key);
}

/* MS-NLMP 3.2.5.1.2: if the blob, which the proof covers, says that there is a
 * MIC, all three messages must be those that the client saw. */
static bool
is_mic_right(const struct sasl_server_ntlm *ntlm, struct span nt,
    const unsigned char key[NTLM_KEY_LEN])
{
	const struct span message[3] = {
		span_of(ntlm->negotiate, ntlm->negotiate_len),
		span_of(ntlm->challenge, ntlm->challenge_len),
		ntlm->authenticate };
	unsigned char session[NTLM_KEY_LEN], mic[NTLM_KEY_LEN];
	struct span flags;

	if (!ntlm_av_find(span_skip(nt, NTLM_KEY_LEN + NTLM_BLOB_MIN),
	    NTLM_AV_FLAGS, &flags) || flags.len != 4 ||
	    (ntlm_u32(flags.p) & NTLM_AV_HAS_MIC) == 0)
		return true;
	return ntlm_session_key(key, (const unsigned char *)nt.p, session) &&
	    ntlm_mic(session, message, mic) &&
	    sasl_same(span_of(mic, sizeof mic), span_first(
		span_skip(ntlm->authenticate, NTLM_MIC_AT), NTLM_KEY_LEN));
}

static enum sasl_result
judge(struct sasl_server *sasl, const unsigned char hash[NTLM_KEY_LEN])
{
	const struct sasl_server_ntlm *ntlm = &sasl->keep.ntlm;
	unsigned char key[NTLM_KEY_LEN], proof[NTLM_KEY_LEN];
	bool is_right, is_whole;
	struct span nt;

	if (!ntlm_field(ntlm->authenticate, 20, &nt))
		return malformed(sasl);
	if (nt.len < NTLM_KEY_LEN + NTLM_BLOB_MIN)
		return sasl_refuse(sasl, "NTLMv1, or no password at all");
	if (!make_key(ntlm, hash, key) ||
	    !ntlm_proof(key, sasl->options.random,
		span_skip(nt, NTLM_KEY_LEN), proof))
		return sasl_refuse(sasl, "NTLM cannot be computed");
	is_right = sasl_same(span_of(proof, sizeof proof),
	    span_first(nt, NTLM_KEY_LEN));
	is_whole = is_right && is_mic_right(ntlm, nt, key);
	explicit_bzero(key, sizeof key);
	if (!is_right)
		return sasl_refuse(sasl, "wrong password");
	if (!is_whole)
		return sasl_refuse(sasl, "the MIC is wrong: somebody has "
		    "changed the messages");
	return sasl_accept(sasl);
}

static enum sasl_result
ntlm_known(struct sasl_server *sasl, const struct sasl_credentials *known,
    struct span *out)
{
	enum sasl_result result = judge(sasl, known->nt_hash);

	*out = SPAN("");
	if (!known->has_nt_hash && result != SASL_MALFORMED)
		return sasl_refuse(sasl, "no NT hash is stored for the "
		    "account");
	if (!known->may_log_in && result == SASL_DONE)
		return sasl_refuse(sasl, "the account may not log in");
	return result;
}

static enum sasl_result
ntlm_step(struct sasl_server *sasl, const struct span *response,
    struct span *out)
{
	switch (sasl->step) {
	case START:
		sasl->step = NEGOTIATE;
		/* an empty one, from clients that always send one */
		if (response == NULL || response->len == 0)
			return SASL_CHALLENGE;
		return take_negotiate(sasl, *response, out);
	case NEGOTIATE:
		return take_negotiate(sasl, *response, out);
	case AUTHENTICATE:
		return take_authenticate(sasl, *response);
	}
	return malformed(sasl);
}

const struct sasl_mech sasl_ntlm = { "NTLM", 0, ntlm_step, ntlm_known };
