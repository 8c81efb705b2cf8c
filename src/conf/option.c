/* SPDX-License-Identifier: Apache-2.0 */
/* option: the table made of options.def, and looking things up in it. */
#include "conf/option.h"

#include "base/die.h"
#include "base/text.h"

static const char *const words_bool[] = { "no", "yes", NULL };
static const char *const words_log[] = { "stderr", "syslog", NULL };
static const char *const words_level[] = {
	"debug", "info", "notice", "warning", "error", NULL
};
static const char *const words_tls[] = { "none", "starttls", "implicit", NULL };
static const char *const words_tls_min[] = { "1.0", "1.1", "1.2", "1.3", NULL };
/* What sasl/ knows, and what else may be a decoy; stored in upper case. */
static const char *const words_auth[] = {
	"scram-sha-256", "scram-sha-1", "plain", "login", "ntlm", "gssapi",
	"none", NULL
};
static const char *const words_persona[] = {
	"native", "exchange2003", "exchange2007", "exchange2010", "iis6",
	"postfix-old", "postfix", NULL
};
static const char *const words_relay[] = {
	"nobody", "authenticated", "networks", NULL
};
static const char *const words_capture[] = { "recipient", "login", NULL };
/* As enum conf_fault_stage, _per, _then, _tls. */
static const char *const words_stage[] = {
	"connect", "banner", "ehlo", "starttls", "auth", "mail", "rcpt",
	"data", "end", NULL
};
static const char *const words_per[] = {
	"all", "session", "client", "login", "sender", "recipient", "triplet",
	NULL
};
static const char *const words_then[] = { "go-on", "drop", "reset", NULL };
static const char *const words_fault_tls[] = {
	"good", "expired", "wrong-name", "broken", "own", NULL
};
static const char *const words_route_tls[] = {
	"none", "may", "must", "verified", NULL
};
static const char *const words_deliver[] = { "maildir", "lmtp", NULL };

const struct option_block_kind option_blocks[OPTION_BLOCKS] = {
#define BLOCK(id_, name_, naming_, example_, meaning_) \
	[OPTION_##id_] = { .name = name_, .naming = OPTION_##naming_, \
	    .example = example_, .meaning = meaning_ },
#include "conf/options.def"
};

#define STRUCT_TOP      struct conf
#define STRUCT_LISTENER struct conf_listener
#define STRUCT_TLS      struct conf_tls_files
#define STRUCT_USERS    struct conf
#define STRUCT_ALIASES  struct conf
#define STRUCT_TRAIL    struct conf
#define STRUCT_DOMAIN   struct conf_domain
#define STRUCT_CAPTURE  struct conf
#define STRUCT_FAULT    struct conf_fault
#define STRUCT_ROUTE    struct conf_route

#define ROW(block_, name_, type_, field_, count_, normal_, example_, words_, \
    low_, high_, meaning_) \
	{ .block = OPTION_##block_, .name = name_, .type = OPTION_##type_, \
	    .field = offsetof(STRUCT_##block_, field_), .count = count_, \
	    .normal = normal_, .example = example_, .words = words_, \
	    .low = low_, .high = high_, .meaning = meaning_ },

static const struct option options[] = {
#define OPTION(block_, name_, type_, field_, ...) \
	ROW(block_, name_, type_, field_, 0, __VA_ARGS__)
#define LIST(block_, name_, type_, field_, ...) \
	ROW(block_, name_, type_, field_, \
	    offsetof(STRUCT_##block_, field_##_n), __VA_ARGS__)
#include "conf/options.def"
};

static size_t
first_of(enum option_block block)
{
	size_t i = 0;

	while (i < countof(options) && options[i].block != block)
		i++;
	must(i < countof(options));
	return i;
}

const struct option *
option_at(enum option_block block, size_t i)
{
	size_t at = first_of(block) + i;

	if (at >= countof(options) || options[at].block != block)
		return NULL;
	return &options[at];
}

size_t
option_index(const struct option *option)
{
	size_t i = (size_t)(option - options) - first_of(option->block);

	must(i < OPTION_MAX);
	return i;
}

const struct option *
option_find(enum option_block block, struct span name)
{
	for (size_t i = 0; i < countof(options); i++)
		if (options[i].block == block &&
		    span_eq(span_str(options[i].name), name))
			return &options[i];
	return NULL;
}

enum option_block
option_find_block(struct span name)
{
	for (size_t i = OPTION_TOP + 1; i < OPTION_BLOCKS; i++)
		if (span_eq(span_str(option_blocks[i].name), name))
			return (enum option_block)i;
	return OPTION_TOP;
}

bool
option_is_single(const struct option *option)
{
	switch (option->type) {
	case OPTION_BOOL:
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_CHOICE:
	case OPTION_KEYWORD:
	case OPTION_DELIMITER:
	case OPTION_NAME:
	case OPTION_HOST:
	case OPTION_LABEL:
	case OPTION_PATH:
	case OPTION_FILE:
	case OPTION_TEXT:
	case OPTION_MAIL:
		return true;
	case OPTION_DELIVER:
	case OPTION_VIA:
	case OPTION_WORDS:
	case OPTION_RELAY:
	case OPTION_MECHANISMS:
	case OPTION_ADDRESSES:
	case OPTION_NETWORKS:
		return false;
	}
	return false;
}

bool
option_is_required(const struct option *option)
{
	return option->normal == NULL && option->type != OPTION_HOST &&
	    option->type != OPTION_LABEL;
}

const char *
option_type_name(const struct option *option)
{
	switch (option->type) {
	case OPTION_BOOL:
	case OPTION_CHOICE:
	case OPTION_KEYWORD:
	case OPTION_RELAY:
	case OPTION_MECHANISMS:
		return NULL;	/* the words say it */
	case OPTION_COUNT:
		return "number";
	case OPTION_SIZE:
		return "size";
	case OPTION_DURATION:
		return "duration";
	case OPTION_DELIMITER:
		return "character";
	case OPTION_NAME:
	case OPTION_HOST:
	case OPTION_LABEL:
		return "name";
	case OPTION_PATH:
	case OPTION_FILE:
		return "path";
	case OPTION_TEXT:
		return "text";
	case OPTION_DELIVER:
		return "pattern";
	case OPTION_VIA:
		return "way";
	case OPTION_WORDS:
		return "text ...";
	case OPTION_MAIL:
		return "address";
	case OPTION_ADDRESSES:
		return "address:port ...";
	case OPTION_NETWORKS:
		return "network/bits ...";
	}
	return NULL;
}

void
option_guess(struct option_guess *guess, const char *candidate)
{
	unsigned distance = text_distance(guess->word, span_str(candidate));
	unsigned near = 1 + (unsigned)span_first(guess->word, 32).len / 4;

	if (distance > near || distance >= strlen(candidate) ||
	    (guess->best != NULL && distance >= guess->distance))
		return;
	guess->best = candidate;
	guess->distance = distance;
}
