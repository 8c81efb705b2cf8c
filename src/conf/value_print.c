/* SPDX-License-Identifier: Apache-2.0 */
/* value_print: an option's value as text that value.c reads back as the same
 * value. */
#include "conf/option.h"

#include "base/text.h"
#include "conf/address.h"
#include "conf/unit.h"
#include "conf/via.h"

void
option_print_word(const char *word, FILE *out)
{
	/* what ends a word, what begins a comment or a text, other spaces */
	if (*word != '\0' && strpbrk(word, " \t\r\n;{}\"#") == NULL) {
		fputs(word, out);
		return;
	}
	fputc('"', out);
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\')
			fputc('\\', out);
		fputc(*word, out);
	}
	fputc('"', out);
}

static void
print_list(const struct option *option, const void *place, size_t n, FILE *out)
{
	const void *list;

	memcpy(&list, place, sizeof list);
	for (size_t i = 0; i < n; i++) {
		char text[NETWORK_TEXT_MAX];
		const char *word = text;

		fputs(i != 0 ? " " : "", out);
		if (option->type == OPTION_WORDS) {
			option_print_word(((const char *const *)list)[i], out);
			continue;
		}
		if (option->type == OPTION_ADDRESSES) {
			word = ((const struct conf_address *)list)[i].text;
		} else if (option->type == OPTION_NETWORKS) {
			network_print((const struct conf_network *)list + i,
			    text);
		} else {
			struct put put = put_init(text, sizeof text);

			text_lower(span_str(((const char *const *)list)[i]),
			    &put);
			(void)put_cstr(&put);
		}
		fputs(word, out);
	}
	if (n == 0)
		fputs("none", out);
}

static void
print_relay(unsigned bits, const char *const *words, FILE *out)
{
	const char *space = "";

	if (bits == 0)
		fputs(words[0], out);
	for (unsigned i = 1; words[i] != NULL; i++) {
		if (!(bits & 1u << (i - 1)))
			continue;
		fprintf(out, "%s%s", space, words[i]);
		space = " ";
	}
}

static void
print_deliver(const struct conf_domain *domain, FILE *out)
{
	if (domain->lmtp.way != CONF_VIA_NONE) {
		via_print(&domain->lmtp, out);
		return;
	}
	fputs("maildir ", out);
	option_print_word(domain->maildir, out);
}

#define LOAD(type_) (*(type_ const *)(const void *)place)

void
option_print(const struct option *option, const void *target, FILE *out)
{
	const char *place = (const char *)target + option->field;
	const char *text;
	size_t n = 0;

	switch (option->type) {
	case OPTION_BOOL:
		fputs(LOAD(bool) ? "yes" : "no", out);
		break;
	case OPTION_COUNT:
		fprintf(out, "%u", LOAD(unsigned));
		break;
	case OPTION_SIZE:
		unit_print(unit_sizes, LOAD(uint64_t), out);
		break;
	case OPTION_DURATION:
		unit_print(unit_durations, LOAD(uint64_t), out);
		break;
	case OPTION_CHOICE:
		fputs(option->words[LOAD(unsigned)], out);
		break;
	case OPTION_DELIVER:
		print_deliver(target, out);
		break;
	case OPTION_VIA:
		via_print(&LOAD(struct conf_via), out);
		break;
	case OPTION_DELIMITER:
	case OPTION_FILE:
	case OPTION_NAME:
	case OPTION_TEXT:
	case OPTION_MAIL:
		text = LOAD(char *);
		option_print_word(*text != '\0' ? text : "none", out);
		break;
	case OPTION_KEYWORD:
	case OPTION_HOST:
	case OPTION_LABEL:
	case OPTION_PATH:
		option_print_word(LOAD(char *), out);
		break;
	case OPTION_RELAY:
		print_relay(LOAD(unsigned), option->words, out);
		break;
	case OPTION_MECHANISMS:
	case OPTION_ADDRESSES:
	case OPTION_NETWORKS:
	case OPTION_WORDS:
		memcpy(&n, (const char *)target + option->count, sizeof n);
		print_list(option, place, n, out);
		break;
	}
}
