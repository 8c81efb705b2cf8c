/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: from a domain to hosts, and from a host to addresses (RFC 5321 5.1),
 * over net/dns, without stopping the loop.
 *
 * 1. Hosts come in the order in which they are to be tried: by preference,
 *    equal ones by chance.
 * 2. Work is bounded: of hundreds of hosts the first RESOLVE_HOSTS are kept,
 *    of addresses RESOLVE_ADDRESSES, IPv6 and IPv4 in turn.
 * 3. Only an answer that says "there is none" is for good; what failed, timed
 *    out or is bogus is for later.
 * 4. A domain whose best host is ourselves is a loop: hosts of the same and of
 *    less preference are cut. */
#ifndef DELIVER_RESOLVE_H
#define DELIVER_RESOLVE_H

#include "net/dial.h"
#include "net/dns.h"
#include "net/tls_client.h"

#define RESOLVE_HOSTS     16
#define RESOLVE_ADDRESSES 8
#define RESOLVE_TLSA      8
#define RESOLVE_TLSA_LEN  2048	/* octets of data: a digest, or a whole key */

struct resolve_env {
	struct loop *loop;
	struct dns *dns;		/* NULL: names cannot be looked up */
	const char *hostname;		/* ours */
	uint64_t random;		/* for the order of equal hosts */
};

enum resolve_result { RESOLVE_GOOD, RESOLVE_LATER, RESOLVE_NEVER };

struct resolve_mx {
	uint16_t preference;
	char name[256];
};

/* What came of it, in words and as RFC 3463 has it. */
struct resolve_verdict {
	enum resolve_result result;
	uint16_t status[3];
	char why[256];
};

struct resolve_hosts {
	struct resolve_verdict verdict;
	bool is_secure;		/* DNSSEC vouches for the list */
	bool is_implicit;	/* no MX: the domain itself */
	size_t n;
	struct resolve_mx host[RESOLVE_HOSTS];
};

struct resolve_tlsa {
	uint8_t usage, selector, matching;
	uint16_t len;
	char data[RESOLVE_TLSA_LEN];
};

struct resolve_addresses {
	struct resolve_verdict verdict;
	size_t n;
	struct dial_address address[RESOLVE_ADDRESSES];
	/* DANE: records that were got securely; of usage 255 those that are
	 * of no use to us */
	char tlsa_host[256];	/* where they stand: the host, or what it is
				 * an alias of */
	size_t tlsa_n;
	struct resolve_tlsa tlsa[RESOLVE_TLSA];
};

struct resolve;
typedef void resolve_hosts_done(void *arg, const struct resolve_hosts *hosts);
typedef void resolve_addresses_done(void *arg,
    const struct resolve_addresses *addresses);

/* `done` is called once, never from inside, with a value that lives as long as
 * the call. */
struct resolve *resolve_domain(const struct resolve_env *env,
    struct span domain, resolve_hosts_done *done, void *arg);
/* `wants_dane`: the name was got securely, look for its TLSA records, too. */
struct resolve *resolve_host(const struct resolve_env *env, struct span name,
    uint16_t port, bool wants_dane, resolve_addresses_done *done, void *arg);
/* Not after `done`; may be NULL. */
void resolve_cancel(struct resolve *resolve);

/* The order of promise 1; `random` is any number. */
void resolve_order(struct resolve_mx *host, size_t n, uint64_t random);
/* Promise 4: how many of the ordered hosts are left. */
size_t resolve_cut_ourselves(const struct resolve_mx *host, size_t n,
    const char *hostname);

#endif
