/* SPDX-License-Identifier: Apache-2.0 */
/* tell: see tell.h. What a stranger said is given to the log as it is: the log
 * quotes it. */
#include "deliver/tell.h"

#include "base/log.h"
#include "base/put.h"
#include "mail/trace.h"
#include "trail/trail.h"

struct span
tell_words(const struct outcome *outcome, char *memory, size_t len)
{
	struct put out = put_init(memory, len);
	struct span words = outcome->words;

	if (outcome->code != 0) {
		put_u64(&out, outcome->code);
		put_char(&out, ' ');
	}
	/* lines are put together, each without the code it repeats */
	for (bool is_first = true; words.len != 0; is_first = false) {
		struct span line = span_cut(&words, '\n');

		if (!is_first)
			put_str(&out, " / ");
		put_bytes(&out, span_first(line, out.cap - out.len));
	}
	return put_span(&out);
}

static void
tell_trail(const struct parcel *parcel, uint32_t rcpt, enum trail_kind kind,
    struct span words)
{
	const struct outcome *outcome = &parcel->outcome[rcpt];

	trail_event(&(struct trail_event){ .kind = kind,
		.message = parcel->pin.id,
		.to = parcel->envelope.rcpt[rcpt].address,
		.peer = outcome->host, .facts = outcome->tls,
		.words = words });
}

void
tell_outcome(const struct parcel *parcel, uint32_t rcpt)
{
	static const struct {
		const char *event;
		enum log_level level;
		enum trail_kind kind;
	} row[] = {
		[FATE_RELAYED] = { "relayed", LOG_LEVEL_INFO, TRAIL_RELAYED },
		[FATE_DISCARDED] = { "discarded", LOG_LEVEL_INFO,
		    TRAIL_DELIVERED },
		[FATE_FAILED] = { "failed", LOG_LEVEL_WARNING, TRAIL_FAILED },
		[FATE_EXPIRED] = { "expired", LOG_LEVEL_WARNING,
		    TRAIL_EXPIRED },
		[FATE_LATER] = { "deferred", LOG_LEVEL_NOTICE, TRAIL_LATER },
	};
	const struct outcome *outcome = &parcel->outcome[rcpt];
	const struct envelope *envelope = &parcel->envelope;
	char id[TRACE_ID_LEN], memory[PARCEL_WORDS_MAX];
	struct put put = put_init(id, sizeof id);
	struct span words;

	if (outcome->fate >= countof(row) || row[outcome->fate].event == NULL ||
	    outcome->is_local)
		return;
	trace_put_id(&put, parcel->pin.id);
	words = tell_words(outcome, memory, sizeof memory);
	log_event(row[outcome->fate].level, row[outcome->fate].event,
	    LOG_S("id", put_span(&put)), LOG_S("session", envelope->session),
	    LOG_S("from", envelope->sender),
	    LOG_S("to", envelope->rcpt[rcpt].address),
	    LOG_S("host", outcome->host), LOG_S("tls", outcome->tls),
	    LOG_S("reply", words));
	tell_trail(parcel, rcpt, row[outcome->fate].kind, words);
}
