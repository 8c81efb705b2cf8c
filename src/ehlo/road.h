/* SPDX-License-Identifier: Apache-2.0 */
/* road: the way of mail to a domain, as the name system and the hosts on it
 * show it: MX, addresses, their names, DANE, MTA-STS; and what a domain says
 * about its own mail: SPF, DMARC, TLS-RPT. */
#ifndef EHLO_ROAD_H
#define EHLO_ROAD_H

#include "ehlo/exam.h"
#include "smtp/sts.h"

#define ROAD_HOSTS_MAX 16
#define ROAD_ADDRESSES_MAX 8
#define ROAD_TLSA_MAX 8
#define ROAD_TLSA_LEN 512	/* longer data (whole certificates) are left */

/* A question's end without its records. */
struct road_answer {
	bool is_tried;
	enum dns_result result;
	bool is_secure;
	char why[128];
};

struct road_address {
	char text[64];
	struct road_answer reverse;
	char name[256];		/* the first reverse name; "" none */
	bool is_confirmed;	/* that name has this address */
	/* the way through port 25 */
	struct exam_answer dialogue;
	unsigned connect_ms;
	bool has_tls, has_dane;
	struct tls_facts tls;	/* judged by name and chain */
	enum tls_trust dane;
};

struct road_host {
	char name[256];
	unsigned preference;
	struct road_answer lookup;	/* of its addresses */
	bool is_alias;			/* a CNAME (RFC 5321 5.1) */
	bool is_address;		/* an address as a name */
	bool is_twice;
	struct road_address address[ROAD_ADDRESSES_MAX];
	size_t address_n;
	struct road_answer tlsa_lookup;
	struct tlsa tlsa[ROAD_TLSA_MAX];
	size_t tlsa_n;
	char tlsa_data[ROAD_TLSA_MAX][ROAD_TLSA_LEN];
};

struct road_text {
	struct road_answer lookup;
	unsigned n;			/* records that begin so */
	char text[1024];		/* the first of them, raw */
	char name[256];			/* where it was found */
};

struct road_policy {
	bool is_tried, is_got;
	char why[256];
	struct sts_policy policy;
	char *text;			/* of it */
};

struct road {
	char domain[256];		/* A-labels */
	struct road_answer mx;
	bool is_null;			/* RFC 7505 */
	bool is_implicit;		/* no MX: its own address (5.1) */
	struct road_host *host;		/* by preference */
	size_t host_n;
	struct road_text spf, dmarc, sts, rpt;
	struct road_policy policy;
};

/* Are there MX records, or forged ones? One question. */
bool road_has_mx(const struct exam *exam, const char *domain);
/* Asks all there is to ask; `with_texts` also what the domain says. False: the
 * name is none. */
bool road_look(const struct exam *exam, const char *domain, bool with_texts,
    struct road *road);
/* Goes to port `port` of each address: connects, greets, TLS. */
void road_walk(const struct exam *exam, uint16_t port, struct road *road);
void road_free(struct road *road);
/* Into exam->report. */
void road_judge(const struct exam *exam, const struct road *road);
void road_judge_texts(const struct exam *exam, const struct road *road);
void road_show(const struct exam *exam, const struct road *road);

/* The addresses of a name (an address in text is one of its own). */
void road_addresses(const struct exam *exam, const char *name,
    struct road_host *out);
/* The same for one that a person typed: the system is asked, too. */
void road_typed_addresses(const struct exam *exam, const char *name,
    struct road_host *out);
/* The name of an address, and whether it leads back. */
void road_reverse(const struct exam *exam, struct road_address *address);

/* RFC 8461: gets and reads the policy of `domain`. */
void road_policy_get(const struct exam *exam, const char *domain,
    struct road_policy *out);

#endif
