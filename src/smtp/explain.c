/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/explain.h"

#include "base/put.h"
#include "base/text.h"

enum cause {
#define CAUSE(id, ...) CAUSE_##id,
#include "smtp/explain.def"
#undef CAUSE
	CAUSE_COUNT
};

enum passes { PASSES_NO, PASSES_YES, PASSES_CODE };

static const struct cause_row {
	const char *name, *meaning, *advice, *section;
	enum explain_fault fault;
	enum explain_remedy remedy;
	enum passes passes;
} causes[CAUSE_COUNT] = {
#define CAUSE(id, name, fault, remedy, passes, meaning, advice, section) \
	[CAUSE_##id] = { name, meaning, advice, section, EXPLAIN_##fault, \
	    EXPLAIN_##remedy, PASSES_##passes },
#include "smtp/explain.def"
#undef CAUSE
};

static const struct words_row {
	enum cause cause;
	const char *whose, *codes, *status, *words;
} words[] = {
#define WORDS(cause, whose, codes, status, words) \
	{ CAUSE_##cause, whose, codes, status, words },
#include "smtp/explain_words.def"
#undef WORDS
};

static const struct status_row {
	uint16_t subject, detail;
	enum cause cause4, cause5;
	const char *text;
} statuses[] = {
#define STATUS(subject, detail, cause4, cause5, text) \
	{ subject, detail, CAUSE_##cause4, CAUSE_##cause5, text },
#include "smtp/explain_codes.def"
};

static const struct code_row {
	unsigned code;
	enum explain_stage stage;
	enum cause cause;
} codes[] = {
#define CODE(code, stage, cause) { code, EXPLAIN_##stage, CAUSE_##cause },
#include "smtp/explain_codes.def"
};

/* --- the text, made comparable */

#define FOLD_MAX 2048

static bool
is_edge(char c)
{
	static const char edges[] = " <>()[]{}\"',;:=";

	return span_find(span_of(edges, sizeof edges - 1), c) <
	    sizeof edges - 1;
}

/* The address that `c`, an at sign, is in the middle of goes; whatever it is
 * called, it says nothing about the reply. Returns what is behind it. */
static struct span
drop_address(struct put *out, struct span rest)
{
	size_t n = 0;

	while (out->len != 0 && !is_edge(out->p[out->len - 1]))
		out->len--;
	while (n < rest.len && (unsigned char)rest.p[n] > ' ' &&
	    !is_edge(rest.p[n]))
		n++;
	return span_skip(rest, n);
}

/* "550-5.7.26 " and "5.7.26 " at the beginning of a line. */
static struct span
drop_codes(struct span line)
{
	size_t n = 0, dots = 0;

	if (line.len > 3 && (line.p[3] == ' ' || line.p[3] == '-') &&
	    ascii_is_digit(line.p[0]) && ascii_is_digit(line.p[1]) &&
	    ascii_is_digit(line.p[2]))
		line = span_skip(line, 4);
	while (n < line.len && n < 10 &&
	    (ascii_is_digit(line.p[n]) || line.p[n] == '.'))
		dots += line.p[n++] == '.';
	if (dots == 2 && (n == line.len || line.p[n] == ' '))
		line = span_skip(line, n);
	return line;
}

static void
fold(struct span text, struct put *out)
{
	while (text.len != 0 && !out->full) {
		struct span line = drop_codes(span_cut(&text, '\n'));

		while (line.len != 0 && !out->full) {
			char c = line.p[0];
			bool was_space = out->len == 0 ||
			    out->p[out->len - 1] == ' ';

			line = span_skip(line, 1);
			if (c == '@')
				line = drop_address(out, line);
			else if ((unsigned char)c > ' ')
				put_char(out, ascii_lower(c));
			else if (!was_space)
				put_char(out, ' ');
		}
		if (out->len != 0 && out->p[out->len - 1] != ' ')
			put_char(out, ' ');
	}
}

/* --- matching */

/* Which two bytes follow each other in a text: most words of the table are out
 * by that alone. */
struct pairs {
	unsigned char bits[65536 / 8];
};

static unsigned
pair_at(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static void
find_pairs(struct span text, struct pairs *pairs)
{
	memset(pairs, 0, sizeof *pairs);
	for (size_t i = 0; i + 1 < text.len; i++) {
		unsigned pair = pair_at(text.p + i);

		pairs->bits[pair / 8] |= (unsigned char)(1u << pair % 8);
	}
}

static bool
may_match(const struct pairs *pairs, const char *pattern)
{
	unsigned pair;

	if (pattern[0] == '*' || pattern[0] == '\0' || pattern[1] == '*' ||
	    pattern[1] == '\0')
		return true;
	pair = pair_at(pattern);
	return pairs->bits[pair / 8] & 1u << pair % 8;
}

/* Where `part` stands in `text`, or text.len. At the beginning of a word if
 * that is asked for. */
static size_t
find_part(struct span text, struct span part, bool at_word)
{
	at_word = at_word && part.len != 0 && ascii_is_alnum(part.p[0]);
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (span_starts(span_skip(text, i), part) &&
		    (!at_word || i == 0 || !ascii_is_alnum(text.p[i - 1])))
			return i;
	return text.len;
}

static bool
matches_words(struct span text, const char *pattern)
{
	struct span rest = span_str(pattern);
	bool is_first = true;

	while (rest.len != 0) {
		struct span part = span_cut(&rest, '*');
		size_t at = part.len != 0 ? find_part(text, part, is_first) :
		    0;

		if (part.len != 0 && at == text.len)
			return false;
		text = span_skip(text, at + part.len);
		is_first = false;
	}
	return true;
}

static bool
matches_code(unsigned code, const char *list)
{
	struct span rest = span_str(list);
	char digits[3] = { (char)('0' + code / 100), (char)('0' + code / 10 %
	    10), (char)('0' + code % 10) };

	if (rest.len == 0 || code == 0)
		return true;
	while (rest.len != 0)
		if (span_starts(span_of(digits, sizeof digits),
		    span_cut(&rest, ' ')))
			return true;
	return false;
}

static bool
read_status(struct span text, uint16_t status[3])
{
	for (size_t i = 0; i < 3; i++) {
		uint64_t n;

		if (!text_u64(span_cut(&text, '.'), &n) || n > 999)
			return false;
		status[i] = (uint16_t)n;
	}
	return text.len == 0;
}

static bool
matches_status(const uint16_t status[3], const char *wanted)
{
	uint16_t want[3];

	return wanted[0] == '\0' || (read_status(span_str(wanted), want) &&
	    want[1] == status[1] && want[2] == status[2]);
}

static const struct words_row *
find_words(const struct explain_query *query, const uint16_t status[3])
{
	char memory[FOLD_MAX];
	struct put out = put_init(memory, sizeof memory);
	struct pairs pairs;

	fold(query->text, &out);
	find_pairs(put_span(&out), &pairs);
	for (size_t i = 0; i < countof(words); i++)
		if (may_match(&pairs, words[i].words) &&
		    matches_code(query->code, words[i].codes) &&
		    matches_status(status, words[i].status) &&
		    matches_words(put_span(&out), words[i].words))
			return &words[i];
	return NULL;
}

static const struct status_row *
find_status(const uint16_t status[3])
{
	for (size_t i = 0; status[0] != 0 && i < countof(statuses); i++)
		if (statuses[i].subject == status[1] &&
		    statuses[i].detail == status[2])
			return &statuses[i];
	return NULL;
}

static const struct code_row *
find_code(unsigned code, enum explain_stage stage)
{
	for (size_t i = 0; i < countof(codes); i++)
		if (codes[i].code == code &&
		    (codes[i].stage == stage || codes[i].stage == EXPLAIN_ANY))
			return &codes[i];
	return NULL;
}

/* Which of the two says more: a code that is used for everything says less
 * than any enhanced code; another one more than a vague enhanced code. */
static bool
is_code_better(unsigned code, const struct status_row *status)
{
	bool is_vague = status->detail == 0 ||
	    (status->subject == 5 && status->detail == 1) ||
	    (status->subject == 7 && status->detail == 1);

	return is_vague && code != 550 && code != 554 && code != 450 &&
	    code != 451 && code != 0;
}

/* --- the answer */

static void
fill(struct explain *out, enum cause cause, unsigned class)
{
	const struct cause_row *row = &causes[cause];

	out->name = row->name;
	out->fault = row->fault;
	out->remedy = row->remedy;
	out->meaning = row->meaning;
	out->advice = row->advice;
	out->section = row->section;
	out->is_good = class == 2 || class == 3;
	out->is_temporary = !out->is_good && (row->passes == PASSES_YES ||
	    (row->passes == PASSES_CODE && class == 4));
}

static enum cause
cause_of_digit(unsigned class)
{
	static const enum cause of[] = { [2] = CAUSE_DONE, [3] = CAUSE_GO_ON,
		[4] = CAUSE_LATER, [5] = CAUSE_REFUSED };

	return class >= 2 && class < countof(of) ? of[class] : CAUSE_NONSENSE;
}

/* The status of the query, or the one its text begins with. */
static void
status_of(const struct explain_query *query, uint16_t status[3])
{
	struct span text = query->text;

	memcpy(status, query->status, 3 * sizeof *status);
	if (status[0] == 0 && !read_status(span_cut(&text, ' '), status))
		memset(status, 0, 3 * sizeof *status);
	if (status[0] != 2 && status[0] != 4 && status[0] != 5)
		memset(status, 0, 3 * sizeof *status);
}

void
explain_reply(const struct explain_query *query, struct explain *out)
{
	uint16_t status[3];
	const struct status_row *by_status;
	const struct code_row *by_code = find_code(query->code, query->stage);
	const struct words_row *by_words = NULL;
	unsigned class = query->code / 100;

	memset(out, 0, sizeof *out);
	out->whose = "";
	out->status = "";
	status_of(query, status);
	by_status = find_status(status);
	if (by_status != NULL)
		out->status = by_status->text;
	out->is_odd = status[0] != 0 && query->code != 0 && status[0] != class;
	if (query->code == 0)
		class = status[0];
	if (class == 4 || class == 5 || class == 0)
		by_words = find_words(query, status);
	if (by_words != NULL) {
		out->basis = EXPLAIN_BY_WORDS;
		out->whose = by_words->whose;
		fill(out, by_words->cause, class);
	} else if (by_status != NULL && (class == 4 || class == 5) &&
	    !(by_code != NULL && is_code_better(query->code, by_status))) {
		out->basis = EXPLAIN_BY_STATUS;
		fill(out, class == 4 ? by_status->cause4 : by_status->cause5,
		    class);
	} else if (by_code != NULL) {
		out->basis = EXPLAIN_BY_CODE;
		fill(out, by_code->cause, class);
	} else {
		out->basis = EXPLAIN_BY_DIGIT;
		fill(out, cause_of_digit(class), class);
	}
}

enum explain_stage
explain_stage_of(enum smtp_step_type step)
{
	static const enum explain_stage of[] = {
		[STEP_GREETING] = EXPLAIN_GREETING,
		[STEP_HELLO] = EXPLAIN_HELLO,
		[STEP_STARTTLS] = EXPLAIN_STARTTLS,
		[STEP_AUTH] = EXPLAIN_AUTH,
		[STEP_RESPONSE] = EXPLAIN_AUTH,
		[STEP_MAIL] = EXPLAIN_MAIL,
		[STEP_RCPT] = EXPLAIN_RCPT,
		[STEP_DATA] = EXPLAIN_DATA,
		[STEP_TEXT] = EXPLAIN_TEXT,
		[STEP_BDAT] = EXPLAIN_TEXT,
		[STEP_RSET] = EXPLAIN_OTHER,
		[STEP_QUIT] = EXPLAIN_QUIT,
		[STEP_OTHER] = EXPLAIN_OTHER,
		[STEP_RAW] = EXPLAIN_ANY,
	};

	return (size_t)step < countof(of) ? of[step] : EXPLAIN_ANY;
}

void
explain_answer(enum smtp_step_type step, const struct answer *answer,
    struct explain *out)
{
	struct explain_query query = {
		.stage = explain_stage_of(step), .code = answer->code,
		.text = answer_text(answer),
	};

	memcpy(query.status, answer->status, sizeof query.status);
	explain_reply(&query, out);
}

bool
explain_row(size_t i, struct explain *out)
{
	if (i >= CAUSE_COUNT)
		return false;
	memset(out, 0, sizeof *out);
	out->whose = "";
	out->status = "";
	fill(out, (enum cause)i, causes[i].fault == EXPLAIN_NOBODY ? 2 : 5);
	return true;
}

/* --- names */

const char *
explain_fault_name(enum explain_fault fault)
{
	static const char *const names[EXPLAIN_FAULTS] = { "nobody", "client",
		"sender", "message", "recipient", "server", "network",
		"policy" };

	return fault < EXPLAIN_FAULTS ? names[fault] : "";
}

const char *
explain_fault_words(enum explain_fault fault)
{
	static const char *const texts[EXPLAIN_FAULTS] = {
		"nobody: it went well",
		"the client: what was said to the server",
		"the sender's side: login, rights, address, DNS or reputation",
		"the message: what is in it",
		"the recipient: address or mailbox",
		"the server that answered",
		"the network or DNS between the two",
		"nobody: a rule of the receiving side",
	};

	return fault < EXPLAIN_FAULTS ? texts[fault] : "";
}

const char *
explain_remedy_name(enum explain_remedy remedy)
{
	static const char *const names[EXPLAIN_REMEDIES] = { "nothing", "wait",
		"say-otherwise", "log-in", "start-tls", "fix-recipient",
		"fix-sender", "fix-dns", "delist", "fix-message", "slow-down",
		"ask-recipient", "ask-server", "go-elsewhere" };

	return remedy < EXPLAIN_REMEDIES ? names[remedy] : "";
}

const char *
explain_stage_name(enum explain_stage stage)
{
	static const char *const names[EXPLAIN_STAGES] = { "", "greeting",
		"EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA",
		"end of data", "other", "QUIT" };

	return stage < EXPLAIN_STAGES ? names[stage] : "";
}
