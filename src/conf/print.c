/* SPDX-License-Identifier: Apache-2.0 */
/* print: the table of options for people, and a conf as text again. */
#include <arpa/inet.h>

#include "base/text.h"
#include "conf/table.h"

static const char *
example_of(const struct conf_option *option)
{
	switch (option->kind) {
	case KIND_ADDRESSES:
		return "127.0.0.1:2525";
	case KIND_DELIVER:
		return "maildir /var/mail/%d/%u";
	case KIND_PATH:
		return "/etc/ehlod/FILE";
	default:
		return "…";
	}
}

static void
print_default(const struct conf_option *option, FILE *out, const char *indent)
{
	const char *value = option->value;
	int width = (int)strlen(option->name) + 2;

	if (value == NULL) {
		fprintf(out, "%s# %s %s;", indent, option->name,
		    example_of(option));
		width += (int)strlen(example_of(option)) + 2;
	} else if (value[0] == '\0' && option->kind == KIND_NETWORKS) {
		fprintf(out, "%s# %s 127.0.0.0/8;", indent, option->name);
		width += 14;
	} else if (option->kind == KIND_TEXT || value[0] == '\0') {
		fprintf(out, "%s%s \"%s\";", indent, option->name, value);
		width += (int)strlen(value) + 2;
	} else {
		fprintf(out, "%s%s %s;", indent, option->name, value);
		width += (int)strlen(value);
	}
	fprintf(out, "%*s# %s", width < 36 ? 36 - width : 1, "",
	    option->meaning);
	if (option->words != NULL && option->kind != KIND_DELIVER)
		fprintf(out, ": %s", option->words);
	putc('\n', out);
}

void
conf_print_defaults(FILE *out)
{
	fputs("# Every option of ehlod with its default. Blocks may be "
	    "repeated where they have a\n# name. What stands behind # has no "
	    "default.\n\n", out);
	for (int b = 0; b < BLOCK_COUNT; b++) {
		const struct conf_block_kind *block = &conf_blocks[b];
		const char *indent = b == BLOCK_GLOBAL ? "" : "    ";

		/* a block without its must-haves cannot be read back */
		if (b != BLOCK_GLOBAL)
			fprintf(out, "\n# %s\n# %s%s {\n", block->meaning,
			    block->name, block->name_rule == NAME_REQUIRED
			    ? " \"name\"" : "");
		for (size_t i = 0; i < conf_options_n; i++)
			if (conf_options[i].block == (enum conf_block)b) {
				if (b != BLOCK_GLOBAL)
					fputs("#", out);
				print_default(&conf_options[i], out, indent);
			}
		if (b != BLOCK_GLOBAL)
			fputs("# }\n", out);
	}
}

/* mdoc: a backslash and a leading dot or quote are special. */
static void
print_roff(FILE *out, const char *text)
{
	if (text[0] == '.' || text[0] == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else
			putc(*text, out);
	}
}

static void
print_manual_option(const struct conf_option *option, FILE *out)
{
	fprintf(out, ".It Ic %s", option->name);
	if (option->value != NULL && option->value[0] != '\0')
		fprintf(out, " Ns : default %s", option->value);
	fputs("\n", out);
	print_roff(out, option->meaning);
	fputs(".\n", out);
	if (option->words != NULL && option->kind != KIND_DELIVER) {
		fputs("One of: ", out);
		print_roff(out, option->words);
		fputs(".\n", out);
	}
}

void
conf_print_manual(FILE *out)
{
	fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n"
	    ".\\\" Made by: ehlod --manual\n"
	    ".Dd November 21, 2026\n.Dt EHLOD.CONF 5\n.Os\n"
	    ".Sh NAME\n.Nm ehlod.conf\n.Nd configuration of the mail server\n"
	    ".Sh DESCRIPTION\n"
	    "One text file of options,\n.Ql name value ... ; ,\nand blocks,\n"
	    ".Ql name \\(dqname\\(dq { options } .\n"
	    "A\n.Ql #\nbegins a comment.\n"
	    "Sizes are numbers with K, M or G; durations numbers with ms, s, "
	    "m, h or d.\n"
	    "Relative paths mean the folder of the file.\n"
	    "Mistakes are told by\n.Cm ehlod --check\n"
	    "with file, line, column and the nearest known word.\n", out);
	for (int b = 0; b < BLOCK_COUNT; b++) {
		const struct conf_block_kind *block = &conf_blocks[b];

		fprintf(out, ".Sh %s\n", b == BLOCK_GLOBAL
		    ? "GLOBAL OPTIONS" : "BLOCK");
		if (b != BLOCK_GLOBAL)
			fprintf(out, ".Ic %s\n%s:\n", block->name,
			    block->name_rule == NAME_REQUIRED
			    ? ".Ar name" : block->name_rule == NAME_OPTIONAL
			    ? ".Op Ar name" : ".Pp");
		print_roff(out, block->meaning);
		fputs(".\n.Bl -tag -width Ds\n", out);
		for (size_t i = 0; i < conf_options_n; i++)
			if (conf_options[i].block == (enum conf_block)b)
				print_manual_option(&conf_options[i], out);
		fputs(".El\n", out);
	}
	fputs(".Sh SEE ALSO\n.Xr ehlo 1 ,\n.Xr ehlod 8\n", out);
}

static const char *
yesno(bool yes)
{
	return yes ? "yes" : "no";
}

static void
print_networks(const struct conf_listener *listener, FILE *out)
{
	if (listener->network_n == 0)
		return;
	fputs("    networks", out);
	for (size_t i = 0; i < listener->network_n; i++) {
		const struct conf_network *network = &listener->network[i];
		char text[INET6_ADDRSTRLEN] = "";

		inet_ntop(network->len == 4 ? AF_INET : AF_INET6,
		    network->bytes, text, sizeof text);
		fprintf(out, " %s/%u", text, network->bits);
	}
	fputs(";\n", out);
}

static void
print_listener(const struct conf_listener *l, FILE *out)
{
	static const char *const tls[] = { "none", "starttls", "implicit" };

	fprintf(out, "\nlistener \"%s\" {\n    address", l->name);
	for (size_t i = 0; i < l->address_n; i++)
		fprintf(out, " %s", l->address[i].text);
	fprintf(out, ";\n    tls %s;\n    tls-min %s;\n    tls-required %s;\n"
	    "    auth", tls[l->tls], l->tls_min, yesno(l->tls_required));
	for (size_t i = 0; i < l->auth_n; i++) {
		putc(' ', out);
		for (const char *p = l->auth[i]; *p != '\0'; p++)
			putc(ascii_lower(*p), out);
	}
	fprintf(out, "%s;\n    auth-required %s;\n"
	    "    basic-auth-only-after-tls %s;\n    typist %s;\n"
	    "    lmtp %s;\n    persona %s;\n    relay%s%s%s;\n",
	    l->auth_n ? "" : " none", yesno(l->auth_required),
	    yesno(l->basic_auth_only_after_tls), yesno(l->typist),
	    yesno(l->lmtp), l->persona, l->relay ? "" : " nobody",
	    l->relay & CONF_RELAY_AUTHENTICATED ? " authenticated" : "",
	    l->relay & CONF_RELAY_NETWORKS ? " networks" : "");
	print_networks(l, out);
	fprintf(out, "    sender-must-match-login %s;\n"
	    "    max-message-size %llu;\n    max-recipients %u;\n"
	    "    max-errors %u;\n    max-commands %u;\n"
	    "    max-transactions %u;\n    max-auth-failures %u;\n"
	    "    max-sessions %u;\n    max-sessions-per-address %u;\n"
	    "    timeout %llums;\n    data-timeout %llums;\n}\n",
	    yesno(l->sender_must_match_login),
	    (unsigned long long)l->max_message_size, l->max_recipients,
	    l->max_errors, l->max_commands, l->max_transactions,
	    l->max_auth_failures, l->max_sessions,
	    l->max_sessions_per_address, (unsigned long long)l->timeout_ms,
	    (unsigned long long)l->data_timeout_ms);
}

static void
print_global(const struct conf *conf, FILE *out)
{
	fprintf(out, "hostname \"%s\";\nspool \"%s\";\nshards %u;\nlog %s;\n"
	    "log-level %s;\nshow-dialogue %s;\nrecipient-delimiter \"%s\";\n"
	    "shutdown-grace %llums;\nretry-first %llums;\n"
	    "retry-max %llums;\nmax-hops %u;\n"
	    "max-auth-failures-per-address %u;\n",
	    conf->hostname, conf->spool, conf->shards,
	    conf->log == CONF_LOG_STDERR ? "stderr" : "syslog",
	    conf->log_level, yesno(conf->show_dialogue),
	    conf->recipient_delimiter,
	    (unsigned long long)conf->shutdown_grace_ms,
	    (unsigned long long)conf->retry_first_ms,
	    (unsigned long long)conf->retry_max_ms, conf->max_hops,
	    conf->max_auth_failures_per_address);
}

void
conf_print(const struct conf *conf, FILE *out)
{
	print_global(conf, out);
	for (size_t i = 0; i < conf->listener_n; i++)
		print_listener(&conf->listener[i], out);
	for (size_t i = 0; i < conf->tls_n; i++) {
		fputs("\ntls", out);
		if (conf->tls[i].name[0] != '\0')
			fprintf(out, " \"%s\"", conf->tls[i].name);
		fprintf(out, " {\n    certificate \"%s\";\n    key \"%s\";\n"
		    "}\n", conf->tls[i].certificate, conf->tls[i].key);
	}
	if (conf->users_file[0] != '\0')
		fprintf(out, "\nusers { file \"%s\"; }\n", conf->users_file);
	if (conf->aliases_file[0] != '\0')
		fprintf(out, "\naliases { file \"%s\"; }\n",
		    conf->aliases_file);
	for (size_t i = 0; i < conf->domain_n; i++) {
		fprintf(out, "\ndomain \"%s\" {\n    deliver maildir \"%s\";\n",
		    conf->domain[i].name, conf->domain[i].maildir);
		if (conf->domain[i].catch_all[0] != '\0')
			fprintf(out, "    catch-all \"%s\";\n",
			    conf->domain[i].catch_all);
		fputs("}\n", out);
	}
}
