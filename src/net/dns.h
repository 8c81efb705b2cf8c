/* SPDX-License-Identifier: Apache-2.0 */
/* dns: questions to the name system, with the DNSSEC status of each answer
 * (libunbound behind it, RFC 4033-4035). The only code that knows libunbound.
 *
 * 1. Never blocks a loop: answers come back on the loop that asked.
 * 2. Each question gets exactly one answer, at the latest after its time; or
 *    none, if it was cancelled.
 * 3. Any error of the set-up is fatal to dns_new(): a resolver that is half
 *    set up would ask the real root servers.
 * 4. Bounded: 256 questions under way, the others wait in line.
 *
 * A question that took too long is answered; the library goes on with it for up
 * to 20 seconds more, for its cache. */
#ifndef NET_DNS_H
#define NET_DNS_H

#include <stdint.h>

#include "base/span.h"
#include "net/loop.h"

struct dns;

struct dns_options {
	/* "ADDRESS" or "ADDRESS@PORT"; NULL: those of resolv_conf */
	const char *const *forward;
	size_t forward_n;
	const char *resolv_conf;	/* NULL: /etc/resolv.conf */
	const char *hosts;		/* a file like /etc/hosts; NULL: none */
	/* a file with the root's keys (dns-root-data), or a zone file of DS or
	 * DNSKEY records; NULL: /usr/share/dns/root.key if it is there, else
	 * nothing is ever secure; "": nothing is ever secure. With it, all of
	 * the resolvers must pass DNSSEC's records on: what comes from one that
	 * does not is BOGUS. */
	const char *trust_anchor;
	/* domains inside a company that the root denies; "test", "local", "lan"
	 * and their like are known if trust_anchor is NULL */
	const char *const *insecure;
	size_t insecure_n;
	unsigned timeout_ms;		/* of one question; 0: 10000 */
};

enum dns_type {
	DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16,
	DNS_AAAA = 28, DNS_TLSA = 52
};

enum dns_result {
	DNS_OK,			/* there are records */
	DNS_NO_DATA,		/* the name is there, this type is not */
	DNS_NO_NAME,		/* NXDOMAIN */
	DNS_FAILED,		/* SERVFAIL, refused, time-out: temporary */
	DNS_BOGUS		/* DNSSEC says it was tampered with: treated as
				 * temporary by whoever wants to be safe */
};

/* One record, as sent; decode with the functions below. */
struct dns_record {
	struct span data;	/* RDATA */
};

struct dns_answer {
	enum dns_result result;
	bool is_secure;		/* validated; names that are not there, too */
	char why[128];		/* of FAILED and BOGUS, in words */
	char name[256];		/* the canonical name, without a final dot */
	uint32_t ttl;		/* seconds */
	const struct dns_record *record;
	size_t record_n;	/* at most 512; more are dropped */
};
typedef void dns_done(void *arg, const struct dns_answer *answer);

/* NULL on failure, `error` says why. One a process is enough; dns_ask may be
 * called from any loop's thread. Starts threads: not before a fork. */
struct dns *dns_new(const struct dns_options *options, char *error,
    size_t error_len);
/* No question is open any more, and loops that still hold a cancelled one are
 * not run again. May be NULL. */
void dns_free(struct dns *dns);

struct dns_query;
/* `done` is called on `loop`'s thread, never from inside dns_ask. `name` is
 * A-labels, with or without a final dot; "." is the root. NULL: `name` is no
 * domain name. */
struct dns_query *dns_ask(struct dns *dns, struct loop *loop,
    struct span name, enum dns_type type, dns_done *done, void *arg);
/* Not after `done`; on the loop's thread. */
void dns_cancel(struct dns_query *query);

/* For programs without a loop: waits for the answer. Free it by
 * dns_answer_free(). NULL: no domain name. */
struct dns_answer *dns_ask_wait(struct dns *dns, struct span name,
    enum dns_type type);
void dns_answer_free(struct dns_answer *answer);

/* Decoding: false if the record is malformed. Names come without a final dot,
 * "" being the root (null MX, RFC 7505), lower case, and hold nothing but
 * letters, digits and "-_/". */
bool dns_get_mx(const struct dns_record *record, uint16_t *preference,
    char name[256]);
bool dns_get_name(const struct dns_record *record, char name[256]);
/* "192.0.2.1", "2001:db8::1" */
bool dns_get_address(const struct dns_record *record, enum dns_type type,
    char out[64]);
/* The strings of a TXT put together; returns their octets, cut at `len`. */
size_t dns_get_text(const struct dns_record *record, char *out, size_t len);
bool dns_get_tlsa(const struct dns_record *record, uint8_t *usage,
    uint8_t *selector, uint8_t *matching, struct span *data);
/* "1.2.0.192.in-addr.arpa" of an address in text; false if it is none. */
bool dns_reverse_name(const char *address, char out[256]);

#endif
