/* SPDX-License-Identifier: Apache-2.0 */
/* print: the table, and a configuration, as text that can be read back. */
#include "conf/conf.h"

#include <stdlib.h>

#include "base/die.h"
#include "conf/option.h"

/* A comment of lines that fit a screen. */
static void
print_comment(const char *indent, const char *text, FILE *out)
{
	size_t column = 0;
	struct span rest = span_str(text);

	while (rest.len != 0) {
		struct span word = span_cut(&rest, ' ');

		if (column == 0 || column + 1 + word.len > 78) {
			column = (size_t)fprintf(out, "%s%s# ",
			    column != 0 ? "\n" : "", indent);
		} else {
			fputc(' ', out);
			column++;
		}
		fwrite(word.p, 1, word.len, out);
		column += word.len;
	}
	fputc('\n', out);
}

static void
print_options(const char *indent, enum option_block kind, const void *target,
    FILE *out)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(kind, i)) != NULL; i++) {
		fprintf(out, "%s%s ", indent, option->name);
		option_print(option, target, out);
		fputs(";\n", out);
	}
}

static void
print_block(enum option_block kind, const char *name, const void *target,
    FILE *out)
{
	fprintf(out, "\n%s ", option_blocks[kind].name);
	if (*name != '\0') {
		option_print_word(name, out);
		fputc(' ', out);
	}
	fputs("{\n", out);
	print_options("\t", kind, target, out);
	fputs("}\n", out);
}

void
conf_print(const struct conf *conf, FILE *out)
{
	print_options("", OPTION_TOP, conf, out);
	for (size_t i = 0; i < conf->listener_n; i++)
		print_block(OPTION_LISTENER, conf->listener[i].name,
		    &conf->listener[i], out);
	for (size_t i = 0; i < conf->tls_n; i++)
		print_block(OPTION_TLS, conf->tls[i].name, &conf->tls[i], out);
	if (*conf->users_file != '\0')
		print_block(OPTION_USERS, "", conf, out);
	if (*conf->aliases_file != '\0')
		print_block(OPTION_ALIASES, "", conf, out);
	if (*conf->trail_file != '\0')
		print_block(OPTION_TRAIL, "", conf, out);
	for (size_t i = 0; i < conf->domain_n; i++)
		print_block(OPTION_DOMAIN, conf->domain[i].name,
		    &conf->domain[i], out);
	for (size_t i = 0; i < conf->route_n; i++)
		print_block(OPTION_ROUTE, conf->route[i].name,
		    &conf->route[i], out);
	if (*conf->capture_folder != '\0')
		print_block(OPTION_CAPTURE, "", conf, out);
	for (size_t i = 0; i < conf->fault_n; i++)
		print_block(OPTION_FAULT, conf->fault[i].name,
		    &conf->fault[i], out);
}

/* The value as text, to be freed. */
static char *
text_of(const struct option *option, const void *target)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	must(out != NULL);
	option_print(option, target, out);
	must(fclose(out) == 0);
	return text;
}

void
conf_print_fault(const struct conf_fault *fault, FILE *out)
{
	const struct option *option;

	fputs("fault ", out);
	option_print_word(fault->name, out);
	fputs(" {", out);
	for (size_t i = 0; (option = option_at(OPTION_FAULT, i)) != NULL;
	    i++) {
		char *text = text_of(option, fault);

		if (option->normal == NULL ||
		    strcmp(text, option->normal) != 0)
			fprintf(out, " %s %s;", option->name, text);
		free(text);
	}
	fputs(" }", out);
}

static void
print_default_options(const char *indent, enum option_block kind, FILE *out)
{
	const struct option *option;

	for (size_t i = 0; (option = option_at(kind, i)) != NULL; i++) {
		print_comment(indent, option->meaning, out);
		/* what the machine tells must not be fixed to an example */
		fprintf(out, "%s%s%s %s;\n", indent, option->normal == NULL &&
		    !option_is_required(option) ? "# " : "", option->name,
		    option->normal != NULL ? option->normal : option->example);
	}
}

/* Nobody's default: all of it a comment. */
static void
print_block_for_few(enum option_block block, FILE *out)
{
	const struct option_block_kind *kind = &option_blocks[block];
	const struct option *option;

	fprintf(out, "# %s ", kind->name);
	if (kind->example != NULL)
		fprintf(out, "\"%s\" ", kind->example);
	fputs("{\n", out);
	for (size_t i = 0; (option = option_at(block, i)) != NULL; i++) {
		print_comment("#\t", option->meaning, out);
		fprintf(out, "#\t%s %s;\n", option->name,
		    option->normal != NULL ? option->normal : option->example);
	}
	fputs("# }\n", out);
}

void
conf_print_defaults(FILE *out)
{
	for (size_t i = 0; i < OPTION_BLOCKS; i++) {
		const struct option_block_kind *kind = &option_blocks[i];

		fputs(i != 0 ? "\n" : "", out);
		print_comment("", kind->meaning, out);
		if (i == OPTION_TOP) {
			print_default_options("", OPTION_TOP, out);
			continue;
		}
		if (i == OPTION_FAULT || i == OPTION_CAPTURE) {
			print_block_for_few((enum option_block)i, out);
			continue;
		}
		if (kind->example != NULL)
			fprintf(out, "%s \"%s\" {\n", kind->name,
			    kind->example);
		else
			fprintf(out, "%s {\n", kind->name);
		print_default_options("\t", (enum option_block)i, out);
		fputs("}\n", out);
	}
}
