/* SPDX-License-Identifier: Apache-2.0 */
/* A server of Cyrus SASL for peers_test.c, in a process of its own because its
 * names are ours, too. Its one account, user with the password pencil, is kept
 * in a temporary file. Lines in: "MECHANISM hex", "step hex"; "-" is no
 * response. Lines out: '+' go on, '=' logged in, '!' refused, and hex. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sasl/sasl.h>

#define BINDING "0123456789abcdef0123456789abcdef"

static char accounts[] = "/tmp/ehlo-sasl-XXXXXX";

static int
option(void *context, const char *plugin, const char *name,
    const char **result, unsigned *len)
{
	static const char *const known[][2] = {
		{ "auxprop_plugin", "sasldb" }, { "sasldb_path", accounts },
		{ "pwcheck_method", "auxprop" }, { "log_level", "0" },
		{ "mech_list", "PLAIN LOGIN CRAM-MD5 NTLM SCRAM-SHA-1 "
		    "SCRAM-SHA-256" },
	};

	(void)context;
	(void)plugin;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(name, known[i][0]) == 0) {
			*result = known[i][1];
			if (len != NULL)
				*len = (unsigned)strlen(*result);
			return SASL_OK;
		}
	return SASL_FAIL;
}

static int
quiet(void *context, int level, const char *message)
{
	(void)context;
	(void)level;
	(void)message;
	return SASL_OK;
}

/* The library's type for every kind of call-back. */
union callback {
	int (*option)(void *, const char *, const char *, const char **,
	    unsigned *);
	int (*log)(void *, int, const char *);
	int (*any)(void);
};
static sasl_callback_t callback[3];

static sasl_conn_t *
new_server(const char *mech)
{
	/* with a binding, it takes nothing else */
	bool is_plus = strstr(mech, "-PLUS") != NULL;
	static sasl_channel_binding_t binding = { "tls-exporter", 1,
		sizeof BINDING - 1,	/* the library keeps the pointer */
		(const unsigned char *)BINDING };
	sasl_conn_t *server = NULL;

	if (sasl_server_new("smtp", "localhost", "localhost", NULL, NULL,
	    callback, 0, &server) != SASL_OK ||
	    (is_plus && sasl_setprop(server, SASL_CHANNEL_BINDING,
	    &binding) != SASL_OK))
		exit(2);
	return server;
}

static void
answer(int result, const char *out, unsigned len)
{
	putchar(result == SASL_OK ? '=' : result == SASL_CONTINUE ? '+' : '!');
	for (unsigned i = 0; i < len &&
	     (result == SASL_OK || result == SASL_CONTINUE); i++)
		printf("%02x", (unsigned)(unsigned char)out[i]);
	putchar('\n');
	if (fflush(stdout) != 0)
		exit(3);
}

static unsigned
unhex(const char *hex, char *bytes)
{
	unsigned n = 0, value;

	for (; sscanf(hex, "%2x", &value) == 1; hex += 2)
		bytes[n++] = (char)value;
	return n;
}

static void
serve(void)
{
	static char line[16384], bytes[8192];
	sasl_conn_t *server = NULL;

	while (fgets(line, sizeof line, stdin) != NULL) {
		const char *word = line, *hex, *out = NULL;
		char *space = strchr(line, ' ');
		unsigned n, len = 0;
		int result;

		if (space == NULL)
			return;
		*space = '\0';
		hex = space + 1;
		n = hex[0] != '-' ? unhex(hex, bytes) : 0;
		if (strcmp(word, "step") != 0) {
			sasl_dispose(&server);
			server = new_server(word);
			result = sasl_server_start(server, word,
			    hex[0] != '-' ? bytes : NULL, n, &out, &len);
		} else
			result = sasl_server_step(server, bytes, n, &out,
			    &len);
		answer(result, out, len);
	}
	sasl_dispose(&server);
}

int
main(void)
{
	static const char password[] = "pencil";
	sasl_conn_t *server;
	int fd = mkstemp(accounts);

	if (fd < 0)
		return 1;
	(void)close(fd);
	(void)unlink(accounts);	/* the library wants to make it itself */
	callback[0] = (sasl_callback_t){ SASL_CB_GETOPT,
		((union callback){ .option = option }).any, NULL };
	callback[1] = (sasl_callback_t){ SASL_CB_LOG,
		((union callback){ .log = quiet }).any, NULL };
	callback[2] = (sasl_callback_t){ .id = SASL_CB_LIST_END };
	if (sasl_server_init(callback, "ehlo") != SASL_OK)
		return 1;
	server = new_server("");
	if (sasl_setpass(server, "user", password, sizeof password - 1, NULL,
	    0, SASL_SET_CREATE) != SASL_OK)
		return 1;
	sasl_dispose(&server);
	serve();
	sasl_done();
	(void)unlink(accounts);
	return 0;
}
