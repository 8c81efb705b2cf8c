/* SPDX-License-Identifier: Apache-2.0 */
/* manual: ehlod.conf(5) in mdoc(7). The reference is made from options.def;
 * only the words about the language itself stand here. */
#include "conf/conf.h"

#include "conf/option.h"

/* Before the reference. */
static const char head[] =
    ".\\\" SPDX-License-Identifier: Apache-2.0\n"
    ".\\\" Made by `ehlod --manual` from the table of options.\n"
    ".Dd November 21, 2026\n"
    ".Dt EHLOD.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm ehlod.conf\n"
    ".Nd configuration of the mail server ehlod\n"
    ".Sh DESCRIPTION\n"
    "The file holds options and blocks of options:\n"
    ".Bd -literal -offset indent\n"
    "name value ...;\n"
    "block \"name\" {\n"
    "        name value ...;\n"
    "}\n"
    ".Ed\n"
    ".Pp\n"
    "Every option has a default that is right for most; what has none must\n"
    "be given.\n"
    "A\n"
    ".Sq #\n"
    "begins a comment that ends with its line.\n"
    "A value with spaces or one of\n"
    ".Ql \\&; { } \\(dq\n"
    "in it stands in double quotes, where\n"
    ".Ql \\e\n"
    "takes the meaning from a quote or from another\n"
    ".Ql \\e .\n"
    "Several values may stand on several lines.\n"
    "An option is given once in its block.\n"
    ".Pp\n"
    "A\n"
    ".Ar size\n"
    "is a number of octets, or of units of 1024 with\n"
    ".Cm K , M\n"
    "or\n"
    ".Cm G\n"
    "behind it: 25M.\n"
    "A\n"
    ".Ar duration\n"
    "is a number and one of\n"
    ".Cm ms , s , m , h\n"
    "and\n"
    ".Cm d :\n"
    "5m.\n"
    "An IPv6 address before a port stands in brackets: [::1]:25.\n"
    "A relative\n"
    ".Ar path\n"
    "begins at the folder of the configuration file.\n"
    "A domain may be written in any script.\n"
    ".Pp\n"
    ".Ql ehlod --check\n"
    "reads the file and tells every mistake with its line, column and what\n"
    "was expected;\n"
    ".Ql ehlod --defaults\n"
    "prints all options as a file to begin with.\n"
    "On SIGHUP the file is read again; if there is a mistake in it, the old\n"
    "configuration stays, whole.\n"
    ".Sh OPTIONS\n";

/* Behind it. */
static const char tail[] =
    ".Sh EXAMPLES\n"
    "A server for one domain and its users:\n"
    ".Bd -literal -offset indent\n"
    "hostname mail.example.org;\n"
    "\n"
    "listener \"mx\" {\n"
    "        address 0.0.0.0:25 [::]:25;\n"
    "        tls starttls;\n"
    "}\n"
    "listener \"submission\" {\n"
    "        address 0.0.0.0:587 [::]:587;\n"
    "        tls starttls;\n"
    "        tls-required yes;\n"
    "        auth plain login;\n"
    "        auth-required yes;\n"
    "        relay authenticated;\n"
    "}\n"
    "tls { certificate cert.pem; key key.pem; }\n"
    "users { file users; }\n"
    "aliases { file aliases; }\n"
    "domain \"example.org\" { deliver maildir /var/mail/%d/%u; }\n"
    ".Ed\n"
    ".Sh SEE ALSO\n"
    ".Xr ehlo 1 ,\n"
    ".Xr ehlod.users 5 ,\n"
    ".Xr ehlod 8\n";

/* Text of a line: nothing in it is taken for a macro or an escape. */
static void
print_text(const char *text, FILE *out)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
	}
}

static void
print_option(const struct option *option, FILE *out)
{
	const char *type = option_type_name(option);

	fputs(".It Ic ", out);
	print_text(option->name, out);
	if (option->type == OPTION_DELIVER)
		fputs(" Cm maildir", out);
	if (type != NULL) {
		fputs(" Ar ", out);
		print_text(type, out);
	} else {
		for (size_t i = 0; option->words[i] != NULL; i++) {
			fputs(i != 0 ? " | Cm " : " Cm ", out);
			print_text(option->words[i], out);
		}
		fputs(option_is_single(option) ? "" : " ...", out);
	}
	fputc('\n', out);
	print_text(option->meaning, out);
	fputc('\n', out);
	if (option->normal != NULL) {
		fputs("Default:\n.Cm ", out);
		print_text(option->normal, out);
		fputs(" .\n", out);
	} else if (option_is_required(option)) {
		fputs("Must be given.\n", out);
	}
}

void
conf_print_manual(FILE *out)
{
	const struct option *option;

	fputs(head, out);
	for (size_t i = 0; i < OPTION_BLOCKS; i++) {
		const struct option_block_kind *kind = &option_blocks[i];

		if (i == OPTION_TOP)
			fputs(".Ss Top level\n", out);
		else
			fprintf(out, ".Ss %s%s { ... }\n", kind->name,
			    kind->naming == OPTION_NAMED ? " \\(dqname\\(dq"
			    : kind->naming == OPTION_MAY_BE_NAMED
			    ? " [\\(dqname\\(dq]" : "");
		print_text(kind->meaning, out);
		fputs("\n.Bl -tag -width Ds\n", out);
		for (size_t j = 0; (option = option_at((enum option_block)i,
		    j)) != NULL; j++)
			print_option(option, out);
		fputs(".El\n", out);
	}
	fputs(tail, out);
}
