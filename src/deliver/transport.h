/* SPDX-License-Identifier: Apache-2.0 */
/* transport: what travels between the one who decides what becomes of a
 * message (delivery) and those who carry it: some recipients of one parcel
 * that go the same way. Whoever gets a transfer decides the fate of all its
 * recipients (parcel_set) and calls `done` once. */
#ifndef DELIVER_TRANSPORT_H
#define DELIVER_TRANSPORT_H

#include "deliver/lane.h"
#include "deliver/parcel.h"

struct transfer {
	struct parcel *parcel;
	uint32_t *rcpt;		/* in the parcel's arena; those that are still
				 * FATE_OPEN are to be tried */
	size_t rcpt_n;
	enum lane_class class;
	uint32_t sender;	/* hash */
	void (*done)(struct transfer *transfer);
	struct transfer *next;	/* of whoever has it */
};

/* What a session with a server can tell of itself. */
struct peer {
	char name[256];		/* "mx.example.net", "192.0.2.1", a path */
	char text[320];		/* "mx.example.net [192.0.2.1]:25" */
	char tls[128];		/* "TLSv1.3 TLS_…, DANE"; "" in clear */
};

#endif
