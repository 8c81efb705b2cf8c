/* SPDX-License-Identifier: Apache-2.0 */
/* certs: certificates made for the test, in a folder of its own. */
#ifndef TEST_NET_CERTS_H
#define TEST_NET_CERTS_H

#include <stdbool.h>

struct certs {
	char folder[64];
};

struct cert_wish {
	const char *file;	/* makes <folder>/<file>.pem and .key */
	const char *common_name;
	const char *names;	/* "DNS:a,DNS:b" or NULL */
	bool rsa;		/* else EC P-256 */
	int days;		/* until it ends; negative: over */
	bool with_issuer;	/* signed by a CA that stands behind it */
};

void certs_make_folder(struct certs *certs);
void certs_make(const struct certs *certs, const struct cert_wish *wish);
/* "<folder>/<file>", valid for the next 15 calls. */
const char *certs_path(const struct certs *certs, const char *file);
/* Takes the folder and all in it away. */
void certs_remove(struct certs *certs);

#endif
