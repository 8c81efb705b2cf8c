/* SPDX-License-Identifier: Apache-2.0 */
/* value: an option's value between text and memory. For every type the reader
 * (set_…) and the writer (in value_print.c) agree: what was printed is read
 * back as the same value. Messages say what stands there and what was
 * expected. */
#include "conf/option.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/die.h"
#include "base/text.h"
#include "conf/address.h"
#include "conf/domain.h"
#include "conf/unit.h"
#include "conf/via.h"

/* A value under way. */
struct setter {
	const struct option *option;
	const struct option_values *values;
	bool is_good;
};

__attribute__((format(printf, 3, 4))) static void
bad(struct setter *set, size_t i, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	set->values->bad(set->values->arg, i, text);
	set->is_good = false;
}

static struct span
word_at(const struct setter *set, size_t i)
{
	return set->values->word[i];
}

#define TEXT_MAX 400	/* octets: a line of a reply and some */

/* What `%.*s` shows of a word; a message stays a line. */
#define SHOWN(word) SPAN_ARG(span_first((word), 80))

static const char *
keep(struct setter *set, struct span text)
{
	struct span copy = arena_copy(set->values->memory, text);

	must(copy.p != NULL);	/* bounded by the file's size */
	return copy.p;
}

static void *
keep_array(struct setter *set, size_t n, size_t size)
{
	void *p = arena_alloc(set->values->memory, n * size);

	must(p != NULL);
	return p;
}

/* The index of the word in the option's list, or -1 having said what is
 * there. */
static int
set_word(struct setter *set, size_t i)
{
	const char *const *words = set->option->words;
	struct option_guess guess = { .word = word_at(set, i) };
	char list[256];
	struct put all = put_init(list, sizeof list);

	for (int at = 0; words[at] != NULL; at++) {
		if (span_eq(guess.word, span_str(words[at])))
			return at;
		option_guess(&guess, words[at]);
		put_char(&all, ' ');
		put_str(&all, words[at]);
	}
	bad(set, i, "'%.*s' is no value of '%s'; %s%s%sone of:%s",
	    SHOWN(guess.word), set->option->name,
	    guess.best != NULL ? "did you mean '" : "",
	    guess.best != NULL ? guess.best : "",
	    guess.best != NULL ? "'? " : "", put_cstr(&all));
	return -1;
}

/* `units` is NULL for a number without. */
static bool
set_range(struct setter *set, uint64_t n, const struct unit *units)
{
	static const struct unit none[] = { { "", 1 } };
	uint64_t low = set->option->low, high = set->option->high;
	bool is_low = n < low;
	uint64_t edge = is_low ? low : high;
	const struct unit *unit = unit_of(units != NULL ? units : none, edge);

	if (!is_low && n <= high)
		return true;
	bad(set, 0, "'%.*s' is too %s for '%s': at %s %" PRIu64 "%s",
	    SHOWN(word_at(set, 0)), is_low ? "small" : "large",
	    set->option->name, is_low ? "least" : "most",
	    edge / unit->factor, unit->name);
	return false;
}

static uint64_t
set_count(struct setter *set)
{
	uint64_t n;

	if (!text_u64(word_at(set, 0), &n)) {
		bad(set, 0, "'%.*s' is no number: write digits only, like 20",
		    SHOWN(word_at(set, 0)));
		return 0;
	}
	(void)set_range(set, n, NULL);	/* keeps set->is_good */
	return n;
}

static uint64_t
set_size(struct setter *set)
{
	uint64_t n = 0;

	if (!unit_read(unit_sizes, word_at(set, 0), &n))
		bad(set, 0, "'%.*s' is no size: write a number and K, M or G, "
		    "like 25M", SHOWN(word_at(set, 0)));
	else
		(void)set_range(set, n, unit_sizes);	/* keeps set->is_good */
	return n;
}

static uint64_t
set_duration(struct setter *set)
{
	struct span word = word_at(set, 0);
	uint64_t n = 0;

	if (unit_read(unit_durations, word, &n))
		(void)set_range(set, n, unit_durations);	/* or is_good */
	else if (text_u64(word, &n))
		bad(set, 0, "'%.*s' has no unit: write ms, s, m, h or d "
		    "behind it, like 5m", SHOWN(word));
	else
		bad(set, 0, "'%.*s' is no duration: write a number and ms, s, "
		    "m, h or d, like 5m", SHOWN(word));
	return n;
}

static const char *
set_delimiter(struct setter *set)
{
	struct span word = word_at(set, 0);

	if (word.len == 0 || span_eq(word, SPAN("none")))
		return "";
	if (word.len != 1 || memchr("+-=_#~^*", word.p[0], 8) == NULL)
		bad(set, 0, "'%.*s' cannot be a delimiter: write one of "
		    "+ - = _ # ~ ^ * or none", SHOWN(word));
	return keep(set, word);
}

static const char *
set_host(struct setter *set)
{
	char name[256];

	if (!conf_domain_canon(word_at(set, 0), name))
		bad(set, 0, "'%.*s' is no host name: write it like "
		    "mail.example.org", SHOWN(word_at(set, 0)));
	return keep(set, span_str(name));
}

/* A host name in the letters it was given in, if they are ASCII. */
static const char *
set_label(struct setter *set)
{
	struct span word = word_at(set, 0);
	char name[256];

	if (!conf_domain_canon(word, name)) {
		bad(set, 0, "'%.*s' is no host name: write it like "
		    "Mail.example.org", SHOWN(word));
		return "";
	}
	return keep(set, text_is_ascii(word) ? word : span_str(name));
}

/* A path; `escape` doubles the percent signs of the folder before it. */
static const char *
set_path(struct setter *set, size_t i, bool escape)
{
	struct span word = word_at(set, i), folder = set->values->folder;
	char path[8192];
	struct put put = put_init(path, sizeof path - 1);

	if (word.len == 0) {
		bad(set, i, "'%s' needs a path, this one is empty",
		    set->option->name);
		return "";
	}
	if (word.p[0] == '/')
		folder.len = 0;
	for (size_t at = 0; at < folder.len; at++) {
		put_char(&put, folder.p[at]);
		if (escape && folder.p[at] == '%')
			put_char(&put, '%');
	}
	put_bytes(&put, word);
	if (put.full || put.len >= 4096)	/* PATH_MAX of Linux */
		bad(set, i, "this path is too long");
	return keep(set, put_span(&put));
}

static bool
is_none(struct span word)
{
	return word.len == 0 || span_eq(word, SPAN("none"));
}

/* What may go into a line of a reply: UTF-8 without control bytes. */
static const char *
set_text(struct setter *set, size_t i)
{
	struct span word = word_at(set, i);

	if (is_none(word))
		return "";
	for (size_t at = 0; at < word.len && set->is_good; at++)
		if (ascii_is_cntrl(word.p[at]))
			bad(set, i, "'%s' takes no control bytes",
			    set->option->name);
	if (word.len > TEXT_MAX)
		bad(set, i, "this text is too long: at most %d octets",
		    TEXT_MAX);
	return keep(set, word);
}

static const char **
set_words(struct setter *set, size_t *n)
{
	const char **list = keep_array(set, set->values->n, sizeof *list);

	*n = 0;
	if (set->values->n == 1 && is_none(word_at(set, 0)))
		return NULL;
	for (size_t i = 0; i < set->values->n; i++)
		list[(*n)++] = set_text(set, i);
	return list;
}

static const char *
set_name(struct setter *set)
{
	struct span word = word_at(set, 0);

	if (span_eq(word, SPAN("none")) || word.len == 0)
		return "";
	if (word.len > 64)
		bad(set, 0, "this name is too long");
	return keep(set, word);
}

static const char *
set_maildir(struct setter *set)
{
	struct span pattern;
	bool has_user = false;

	if (set->values->n != 2) {
		bad(set, 0, "'deliver maildir' needs one pattern behind it, "
		    "like /var/mail/%%d/%%u");
		return "";
	}
	pattern = word_at(set, 1);
	for (size_t i = 0; i < pattern.len; i++) {
		char next = i + 1 < pattern.len ? pattern.p[i + 1] : '\0';

		if (pattern.p[i] != '%')
			continue;
		if (next != 'd' && next != 'u' && next != '%')
			bad(set, 1, "'%%%.*s' means nothing here: %%d is the "
			    "domain, %%u the account, %%%% a percent sign",
			    SPAN_ARG(span_first(span_skip(pattern, i + 1),
				(unsigned char)next < 128)));
		has_user = has_user || next == 'u';
		i++;
	}
	if (set->is_good && !has_user)
		bad(set, 1, "without %%u all accounts would share one mailbox");
	return set_path(set, 1, true);
}

/* A path, or one of two words: "none" is kept as "". */
static const char *
set_file(struct setter *set)
{
	struct span word = word_at(set, 0);

	if (span_eq(word, SPAN("none")))
		return "";
	return span_eq(word, SPAN("system")) ? "system" :
	    set_path(set, 0, false);
}

static struct conf_via
set_via(struct setter *set)
{
	const struct option_values *values = set->values;
	struct conf_via via;
	size_t at;
	const char *why = via_read(values->word, values->n, values->folder,
	    values->memory, &via, &at);

	if (why != NULL)
		bad(set, at, "'%.*s': %s", SHOWN(word_at(set, at)), why);
	return via;
}

/* Either a Maildir or a server that speaks LMTP. */
static void
set_deliver(struct setter *set, struct conf_domain *domain)
{
	struct conf_via via = { .host = "" };
	const char *maildir = "";

	if (set_word(set, 0) < 0)
		return;
	if (span_eq(word_at(set, 0), SPAN("lmtp")))
		via = set_via(set);
	else
		maildir = set_maildir(set);
	if (!set->is_good)
		return;
	domain->maildir = maildir;
	domain->lmtp = via;
}

static const char *
set_mail(struct setter *set)
{
	struct span word = word_at(set, 0), local, domain = word;
	char name[256], text[64 + 1 + 256];
	struct put put = put_init(text, sizeof text);

	if (span_eq(word, SPAN("none")) || word.len == 0)
		return "";
	local = span_cut(&domain, '@');
	if (local.len == 0 || local.len > 64 || local.len == word.len ||
	    span_find(local, ' ') != local.len ||
	    span_find(local, '"') != local.len ||
	    !conf_domain_canon(domain, name)) {
		bad(set, 0, "'%.*s' is no address: write it like "
		    "anna@example.org", SHOWN(word));
		return "";
	}
	put_bytes(&put, local);
	put_char(&put, '@');
	put_str(&put, name);
	return keep(set, put_span(&put));
}

static unsigned
set_relay(struct setter *set)
{
	unsigned bits = 0;

	for (size_t i = 0; i < set->values->n; i++) {
		int at = set_word(set, i);
		unsigned bit = at > 0 ? 1u << (at - 1) : 0;

		if (at == 0 && set->values->n > 1)
			bad(set, i, "'nobody' stands alone");
		else if (bits & bit)
			bad(set, i, "'%.*s' is there already",
			    SHOWN(word_at(set, i)));
		bits |= bit;
	}
	return bits;
}

static const char **
set_mechanisms(struct setter *set, size_t *n)
{
	const char **name =
	    keep_array(set, set->values->n, sizeof *name);
	bool has_none = false;

	*n = 0;
	for (size_t i = 0; i < set->values->n; i++) {
		int at = set_word(set, i);
		struct span word = word_at(set, i);
		char upper[64];
		size_t len = span_first(word, sizeof upper).len;

		if (at < 0)
			continue;
		if (span_eq(word, SPAN("none"))) {
			has_none = true;
			continue;
		}
		for (size_t j = 0; j < len; j++)
			upper[j] = ascii_upper(word.p[j]);
		for (size_t j = 0; j < *n; j++)
			if (span_eq(span_str(name[j]), span_of(upper, len)))
				bad(set, i, "'%.*s' is there already",
				    SHOWN(word));
		name[(*n)++] = keep(set, span_of(upper, len));
	}
	if (has_none && set->values->n > 1)
		bad(set, 0, "'none' stands alone");
	return *n != 0 ? name : NULL;
}

static struct conf_address *
set_addresses(struct setter *set, size_t *n)
{
	struct conf_address *list =
	    keep_array(set, set->values->n, sizeof *list);

	*n = set->values->n;
	for (size_t i = 0; i < *n; i++) {
		if (!address_read(word_at(set, i), &list[i]))
			bad(set, i, "'%.*s' is no address to listen at: write "
			    "an IP address and a port, like 127.0.0.1:25 or "
			    "[::1]:25", SHOWN(word_at(set, i)));
		list[i].text = keep(set, word_at(set, i));
	}
	return list;
}

static struct conf_network *
set_networks(struct setter *set, size_t *n)
{
	struct conf_network *list;

	*n = set->values->n;
	if (*n == 1 && span_eq(word_at(set, 0), SPAN("none"))) {
		*n = 0;
		return NULL;
	}
	list = keep_array(set, *n, sizeof *list);
	for (size_t i = 0; i < *n; i++) {
		char text[NETWORK_TEXT_MAX];

		if (!network_read(word_at(set, i), &list[i])) {
			bad(set, i, "'%.*s' is no network: write it like "
			    "10.0.0.0/8 or 2001:db8::/32",
			    SHOWN(word_at(set, i)));
		} else if (network_mask(&list[i])) {
			network_print(&list[i], text);
			bad(set, i, "'%.*s' has bits behind its prefix; did "
			    "you mean '%s'?", SHOWN(word_at(set, i)), text);
		}
	}
	return list;
}

/* The value, unless something was wrong with it. */
#define STORE(type, value) \
	do { \
		type stored_ = (value); \
		if (set.is_good) \
			memcpy(place, &stored_, sizeof stored_); \
	} while (0)

bool
option_set(const struct option *option, void *target,
    const struct option_values *values)
{
	struct setter set = { option, values, true };
	char *place = (char *)target + option->field;
	size_t n = 0;
	int at;

	must(values->n != 0);
	if (option_is_single(option) && values->n > 1) {
		bad(&set, 1, "'%s' takes one value", option->name);
		return false;
	}
	switch (option->type) {
	case OPTION_BOOL:
		STORE(bool, set_word(&set, 0) == 1);
		break;
	case OPTION_COUNT:
		STORE(unsigned, (unsigned)set_count(&set));
		break;
	case OPTION_SIZE:
		STORE(uint64_t, set_size(&set));
		break;
	case OPTION_DURATION:
		STORE(uint64_t, set_duration(&set));
		break;
	case OPTION_CHOICE:
		STORE(unsigned, (unsigned)set_word(&set, 0));
		break;
	case OPTION_KEYWORD:
		at = set_word(&set, 0);
		STORE(const char *, option->words[at < 0 ? 0 : at]);
		break;
	case OPTION_DELIMITER:
		STORE(const char *, set_delimiter(&set));
		break;
	case OPTION_NAME:
		STORE(const char *, set_name(&set));
		break;
	case OPTION_HOST:
		STORE(const char *, set_host(&set));
		break;
	case OPTION_LABEL:
		STORE(const char *, set_label(&set));
		break;
	case OPTION_PATH:
		STORE(const char *, set_path(&set, 0, false));
		break;
	case OPTION_FILE:
		STORE(const char *, set_file(&set));
		break;
	case OPTION_TEXT:
		STORE(const char *, set_text(&set, 0));
		break;
	case OPTION_WORDS:
		STORE(const char **, set_words(&set, &n));
		break;
	case OPTION_DELIVER:
		set_deliver(&set, target);
		break;
	case OPTION_VIA:
		STORE(struct conf_via, set_via(&set));
		break;
	case OPTION_MAIL:
		STORE(const char *, set_mail(&set));
		break;
	case OPTION_RELAY:
		STORE(unsigned, set_relay(&set));
		break;
	case OPTION_MECHANISMS:
		STORE(const char **, set_mechanisms(&set, &n));
		break;
	case OPTION_ADDRESSES:
		STORE(struct conf_address *, set_addresses(&set, &n));
		break;
	case OPTION_NETWORKS:
		STORE(struct conf_network *, set_networks(&set, &n));
		break;
	}
	if (set.is_good && option->count != 0)
		memcpy((char *)target + option->count, &n, sizeof n);
	return set.is_good;
}

static void
must_not_be_bad(void *arg, size_t i, const char *text)
{
	(void)arg;
	(void)i;
	(void)text;
	must(!"a default of options.def is a good value");
}

void
option_set_normal(const struct option *option, void *target,
    struct arena *memory)
{
	struct span rest = span_str(option->normal), word[8];
	struct option_values values = { .word = word, .folder = SPAN(""),
		.memory = memory, .bad = must_not_be_bad };

	if (option->normal == NULL)
		return;
	while (rest.len != 0 && values.n < countof(word))
		word[values.n++] = span_cut(&rest, ' ');
	(void)option_set(option, target, &values);	/* dies if bad */
}
