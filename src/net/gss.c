/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gss.h"

#include <dlfcn.h>
#include <errno.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/put.h"
#include "base/text.h"

#define LIBRARY "libgssapi_krb5.so.2"

/* What we call, each found by its name. */
#define CALLS(CALL) \
	CALL(gss_accept_sec_context) \
	CALL(gss_acquire_cred_from) \
	CALL(gss_delete_sec_context) \
	CALL(gss_display_status) \
	CALL(gss_import_name) \
	CALL(gss_init_sec_context) \
	CALL(gss_localname) \
	CALL(gss_release_buffer) \
	CALL(gss_release_cred) \
	CALL(gss_release_name) \
	CALL(gss_unwrap) \
	CALL(gss_wrap)

static struct {
#define CALL(name) __typeof__(&name) name;
	CALLS(CALL)
#undef CALL
	char why[GSS_WHY_MAX];	/* empty: all are there */
} library;

static char krb5_bytes[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
static char service_bytes[] = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04";
static gss_OID_desc krb5_oid = { sizeof krb5_bytes - 1, krb5_bytes };
static gss_OID_desc service_oid = { sizeof service_bytes - 1, service_bytes };

struct gss {
	struct sasl_gss calls;
	gss_ctx_id_t context;
	gss_name_t target;	/* client: whom we want */
	const struct gss_keys *keys;	/* server: ours */
	gss_name_t peer;	/* server: who came */
	gss_buffer_desc out;	/* valid until the next call */
	char name[256];		/* peer's account */
};

struct gss_keys {
	gss_cred_id_t cred;
};

static void
load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	void *symbol;

	if (handle == NULL) {
		(void)snprintf(library.why, sizeof library.why,
		    "there is no Kerberos on this machine: %s", dlerror());
		return;	/* cut if it must be */
	}
#define CALL(name) \
	symbol = dlsym(handle, #name); \
	if (symbol == NULL) \
		(void)snprintf(library.why, sizeof library.why, \
		    "%s is too old: it has no %s", LIBRARY, #name); \
	memcpy(&library.name, &symbol, sizeof symbol);
	CALLS(CALL)
#undef CALL
}

static bool
is_loaded(char why[GSS_WHY_MAX])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, load);	/* cannot fail */
	if (library.why[0] == '\0')
		return true;
	(void)snprintf(why, GSS_WHY_MAX, "%s", library.why);	/* fits */
	return false;
}

/* --- words */

static void
put_status(struct put *out, OM_uint32 code, int kind)
{
	OM_uint32 minor, more = 0;

	do {
		gss_buffer_desc text = GSS_C_EMPTY_BUFFER;

		if (GSS_ERROR(library.gss_display_status(&minor, code, kind,
		    &krb5_oid, &more, &text)))
			return;
		if (out->len != 0)
			put_str(out, ": ");
		text_quote(span_of(text.value, text.length), out);
		(void)library.gss_release_buffer(&minor, &text);
	} while (more != 0);
}

/* Always -1. The library's second word is the one that helps. */
static int
failed(OM_uint32 major, OM_uint32 minor, char *why, size_t why_len)
{
	struct put out = put_init(why, why_len);

	if (GSS_ROUTINE_ERROR(major) != GSS_S_FAILURE || minor == 0)
		put_status(&out, major, GSS_C_GSS_CODE);
	if (minor != 0)
		put_status(&out, minor, GSS_C_MECH_CODE);
	if (out.len == 0)
		put_str(&out, "for a reason it does not tell");
	(void)put_cstr(&out);	/* terminated in `why` */
	return -1;
}

static int
fail_with(const char *text, char *why, size_t why_len)
{
	(void)snprintf(why, why_len, "%s", text);	/* cut if it must be */
	return -1;
}

/* --- tokens */

static gss_buffer_desc
buffer_of(struct span in)
{
	/* the library reads only */
	union { const char *in; void *out; } p = { .in = in.p };

	return (gss_buffer_desc){ in.len, p.out };
}

static void
forget_output(struct gss *gss)
{
	OM_uint32 minor;

	if (gss->out.value != NULL)
		(void)library.gss_release_buffer(&minor, &gss->out);
	gss->out = (gss_buffer_desc)GSS_C_EMPTY_BUFFER;
}

static struct span
output_of(const struct gss *gss)
{
	return span_of(gss->out.length != 0 ? gss->out.value : "",
	    gss->out.length);
}

/* RFC 4752 3.1: the server must prove itself, and messages must be sealed, if
 * only the last two. */
static int
client_step(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	struct gss *gss = arg;
	gss_buffer_desc token = buffer_of(in);
	OM_uint32 major, minor, flags = 0;

	forget_output(gss);
	major = library.gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL,
	    &gss->context, gss->target, &krb5_oid,
	    GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG, 0,
	    GSS_C_NO_CHANNEL_BINDINGS, &token, NULL, &gss->out, &flags, NULL);
	if (GSS_ERROR(major))
		return failed(major, minor, why, why_len);
	*out = output_of(gss);
	if ((major & GSS_S_CONTINUE_NEEDED) != 0)
		return 1;
	if ((flags & GSS_C_MUTUAL_FLAG) == 0 ||
	    (flags & GSS_C_INTEG_FLAG) == 0)
		return fail_with("the server has not proved itself", why,
		    why_len);
	return 0;
}

static int
server_step(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	struct gss *gss = arg;
	gss_buffer_desc token = buffer_of(in);
	OM_uint32 major, minor, flags = 0;

	forget_output(gss);
	major = library.gss_accept_sec_context(&minor, &gss->context,
	    gss->keys->cred, &token, GSS_C_NO_CHANNEL_BINDINGS, &gss->peer,
	    NULL, &gss->out, &flags, NULL, NULL);
	if (GSS_ERROR(major))
		return failed(major, minor, why, why_len);
	*out = output_of(gss);
	if ((major & GSS_S_CONTINUE_NEEDED) != 0)
		return 1;
	if ((flags & GSS_C_INTEG_FLAG) == 0)
		return fail_with("the client's tickets cannot seal", why,
		    why_len);
	return 0;
}

static int
wrap(void *arg, struct span in, struct span *out, char *why, size_t why_len)
{
	struct gss *gss = arg;
	gss_buffer_desc text = buffer_of(in);
	OM_uint32 major, minor;

	forget_output(gss);
	major = library.gss_wrap(&minor, gss->context, 0, GSS_C_QOP_DEFAULT,
	    &text, NULL, &gss->out);
	if (GSS_ERROR(major))
		return failed(major, minor, why, why_len);
	*out = output_of(gss);
	return 0;
}

static int
unwrap(void *arg, struct span in, struct span *out, char *why,
    size_t why_len)
{
	struct gss *gss = arg;
	gss_buffer_desc text = buffer_of(in);
	OM_uint32 major, minor;

	forget_output(gss);
	major = library.gss_unwrap(&minor, gss->context, &text, &gss->out,
	    NULL, NULL);
	if (GSS_ERROR(major))
		return failed(major, minor, why, why_len);
	*out = output_of(gss);
	return 0;
}

/* The account that Kerberos' own rules (auth_to_local) make of the principal:
 * alice@OUR.REALM is alice, a stranger's realm is nobody. */
static int
peer_name(void *arg, struct span *out, char *why, size_t why_len)
{
	struct gss *gss = arg;
	gss_buffer_desc name = GSS_C_EMPTY_BUFFER;
	struct put put = put_init(gss->name, sizeof gss->name);
	OM_uint32 minor, major;

	major = library.gss_localname(&minor, gss->peer, &krb5_oid, &name);
	if (GSS_ERROR(major))
		return failed(major, minor, why, why_len);
	put_bytes(&put, span_of(name.value, name.length));
	(void)library.gss_release_buffer(&minor, &name);
	if (put.full)
		return fail_with("the name is too long", why, why_len);
	*out = put_span(&put);
	return 0;
}

/* --- life */

struct gss *
gss_client_new(struct span host, char why[GSS_WHY_MAX])
{
	char name[512];
	OM_uint32 major, minor;
	gss_buffer_desc text;
	struct gss *gss;
	int len;

	if (!is_loaded(why))
		return NULL;
	len = host.len > sizeof name ? -1
	    : snprintf(name, sizeof name, "smtp@%.*s", SPAN_ARG(host));
	if (len < 0 || (size_t)len >= sizeof name) {
		(void)fail_with("the server's name is too long", why,
		    GSS_WHY_MAX);
		return NULL;
	}
	gss = mem_new(sizeof *gss);
	gss->calls = (struct sasl_gss){ .arg = gss, .step = client_step,
		.wrap = wrap, .unwrap = unwrap };
	text = (gss_buffer_desc){ (size_t)len, name };
	major = library.gss_import_name(&minor, &text, &service_oid,
	    &gss->target);
	if (!GSS_ERROR(major))
		return gss;
	(void)failed(major, minor, why, GSS_WHY_MAX);
	gss_free(gss);
	return NULL;
}

/* Keys of "smtp", whatever host they are for: the machine may have several
 * names. */
static OM_uint32
acquire(struct gss_keys *keys, const char *keytab, OM_uint32 *minor)
{
	char service_name[] = "smtp";
	gss_buffer_desc text = { sizeof service_name - 1, service_name };
	gss_key_value_element_desc element = { "keytab", keytab };
	gss_key_value_set_desc store = { 1, &element };
	gss_OID_set_desc mechs = { 1, &krb5_oid };
	gss_name_t service = GSS_C_NO_NAME;
	OM_uint32 ignored, major = library.gss_import_name(minor, &text,
	    &service_oid, &service);

	if (GSS_ERROR(major))
		return major;
	major = library.gss_acquire_cred_from(minor, service,
	    GSS_C_INDEFINITE, &mechs, GSS_C_ACCEPT,
	    keytab[0] != '\0' ? &store : NULL, &keys->cred, NULL, NULL);
	(void)library.gss_release_name(&ignored, &service);
	return major;
}

struct gss_keys *
gss_keys_open(const char *keytab, char why[GSS_WHY_MAX])
{
	OM_uint32 major, minor = 0;
	struct gss_keys *keys;

	if (!is_loaded(why))
		return NULL;
	if (keytab[0] != '\0' && access(keytab, R_OK) != 0) {
		(void)snprintf(why, GSS_WHY_MAX, "%s: %s", keytab,
		    log_errno(-errno));	/* cut if it must be */
		return NULL;
	}
	keys = mem_new(sizeof *keys);
	major = acquire(keys, keytab, &minor);
	if (!GSS_ERROR(major))
		return keys;
	(void)failed(major, minor, why, GSS_WHY_MAX);
	free(keys);
	return NULL;
}

void
gss_keys_close(struct gss_keys *keys)
{
	OM_uint32 minor;

	if (keys == NULL)
		return;
	(void)library.gss_release_cred(&minor, &keys->cred);
	free(keys);
}

struct gss *
gss_server_new(struct gss_keys *keys)
{
	struct gss *gss = mem_new(sizeof *gss);

	gss->calls = (struct sasl_gss){ .arg = gss, .step = server_step,
		.wrap = wrap, .unwrap = unwrap, .peer = peer_name };
	gss->keys = keys;
	return gss;
}

void
gss_free(struct gss *gss)
{
	OM_uint32 minor;

	if (gss == NULL)
		return;
	forget_output(gss);
	if (gss->context != GSS_C_NO_CONTEXT)
		(void)library.gss_delete_sec_context(&minor, &gss->context,
		    GSS_C_NO_BUFFER);
	if (gss->target != GSS_C_NO_NAME)
		(void)library.gss_release_name(&minor, &gss->target);
	if (gss->peer != GSS_C_NO_NAME)
		(void)library.gss_release_name(&minor, &gss->peer);
	free(gss);
}

const struct sasl_gss *
gss_calls(struct gss *gss)
{
	return &gss->calls;
}
