/* SPDX-License-Identifier: Apache-2.0 */
/* check_fault: faults that could never do what they say. */
#include "conf/load.h"

#define OF(field_) offsetof(struct conf_fault, field_)

static struct place
place_of(const struct block *block, size_t field)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(OPTION_FAULT, i)) != NULL; i++)
		if (option->field == field && block->given[i].len != 0)
			return block->given[i];
	return block->head;
}

static bool
is_any(const char *pattern)
{
	return strcmp(pattern, "*") == 0;
}

/* What is asked for is not known at that moment. */
static void
check_moment(struct mistakes *told, const struct block *block,
    const struct conf_fault *fault)
{
	bool has_sender = fault->stage >= CONF_AT_MAIL;
	bool has_recipient = fault->stage >= CONF_AT_RCPT;
	enum conf_fault_per per = fault->per;

	if (!is_any(fault->sender) && !has_sender)
		mistake_error(told, place_of(block, OF(sender)),
		    "the sender is known from mail on, not at this moment");
	if (!is_any(fault->recipient) && !has_recipient)
		mistake_error(told, place_of(block, OF(recipient)),
		    "recipients are known from rcpt on, not at this moment");
	if (!is_any(fault->login) && fault->stage < CONF_AT_AUTH)
		mistake_error(told, place_of(block, OF(login)),
		    "the login is known from auth on, not at this moment");
	if ((per == CONF_PER_SENDER && !has_sender) ||
	    ((per == CONF_PER_RECIPIENT || per == CONF_PER_TRIPLET) &&
		fault->stage != CONF_AT_RCPT) ||
	    (per == CONF_PER_LOGIN && fault->stage < CONF_AT_AUTH))
		mistake_error(told, place_of(block, OF(per)),
		    "that is not known at this moment, so it cannot be "
		    "counted by");
}

static void
check_effect(struct mistakes *told, const struct block *block,
    const struct conf_fault *fault)
{
	bool is_tls = fault->tls != CONF_FAULT_TLS_GOOD;
	bool is_own = fault->tls == CONF_FAULT_TLS_OWN;
	bool has_list = fault->with_n + fault->without_n != 0;

	if (is_tls && fault->stage != CONF_AT_STARTTLS)
		mistake_error(told, place_of(block, OF(tls)),
		    "'tls' goes with 'at starttls'");
	if (has_list && fault->stage != CONF_AT_EHLO)
		mistake_error(told, place_of(block, fault->with_n != 0
		    ? OF(with) : OF(without)),
		    "the EHLO list is said 'at ehlo'");
	if (is_own != (*fault->certificate != '\0') ||
	    is_own != (*fault->key != '\0'))
		mistake_error(told, place_of(block, OF(tls)),
		    "'tls own' goes with a 'certificate' and a 'key', and "
		    "they with it");
	if (!is_tls && !has_list && *fault->reply == '\0' &&
	    fault->delay_ms == 0 && fault->slow_ms == 0 && fault->cut == 0 &&
	    fault->then == CONF_THEN_GO_ON)
		mistake_error(told, block->head, "this fault does nothing: "
		    "add a 'reply', a 'delay', 'then drop' or another effect");
}

static void
check_listener(struct loader *loader, const struct block *block,
    const struct conf_fault *fault)
{
	const struct conf *conf = loader->conf;

	if (strchr(fault->listener, '*') != NULL || loader->is_fault_only)
		return;
	for (size_t i = 0; i < conf->listener_n; i++)
		if (span_caseeq(span_str(conf->listener[i].name),
		    span_str(fault->listener)))
			return;
	mistake_error(&loader->mistakes, place_of(block, OF(listener)),
	    "there is no listener of this name");
}

void
conf_check_faults(struct loader *loader)
{
	struct mistakes *told = &loader->mistakes;
	const struct conf *conf = loader->conf;

	for (size_t i = 0; i < loader->block_n; i++) {
		const struct block *block = &loader->block[i];

		if (loader->is_fault_only && block->kind != OPTION_FAULT &&
		    block->kind != OPTION_TOP)
			mistake_error(told, block->head,
			    "only a fault can be said here");
		if (block->kind != OPTION_FAULT)
			continue;
		if (!loader->is_fault_only && !conf->faults_allowed)
			mistake_warning(told, block->head, "off: faults need "
			    "'faults-allowed yes;' outside of any block");
		if (block->has_unknown || block->has_bad_value)
			continue;
		check_listener(loader, block, &conf->fault[block->item]);
		check_moment(told, block, &conf->fault[block->item]);
		check_effect(told, block, &conf->fault[block->item]);
	}
}
