/* SPDX-License-Identifier: Apache-2.0 */
/* ehlod: the mail server. Exit status: 0 good, 1 it could not run or the
 * configuration is wrong, 3 usage. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "ehlod/capture.h"
#include "ehlod/server.h"
#include "ehlod/snapshot.h"
#include "ehlod/try.h"

#define CONF_PATH "/etc/ehlod/ehlod.conf"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 3 };
enum { OPT_CAPTURE = 256, OPT_CHECK, OPT_DEFAULTS, OPT_MANUAL, OPT_ALLOW_ROOT,
	OPT_SHOW_DIALOGUE, OPT_VERSION };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "capture", optional_argument, NULL, OPT_CAPTURE },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "defaults", no_argument, NULL, OPT_DEFAULTS },
	{ "manual", no_argument, NULL, OPT_MANUAL },
	{ "allow-root", no_argument, NULL, OPT_ALLOW_ROOT },
	{ "show-dialogue", no_argument, NULL, OPT_SHOW_DIALOGUE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
    "usage: ehlod [--config FILE] [--foreground] [--show-dialogue] "
    "[--allow-root]\n"
    "       ehlod --capture[=FOLDER] [--check]\n"
    "       ehlod --check [--config FILE]\n"
    "       ehlod try --from ADDRESS --rcpt ADDRESS ... (see ehlod try --help)"
    "\n"
    "       ehlod --defaults | --manual | --version | --help\n";

static const char help[] =
    "\n"
    "  -c, --config FILE   the configuration (default " CONF_PATH ")\n"
    "  -f, --foreground    stay in the foreground, log where it was started\n"
    "      --show-dialogue show every session's commands and replies as they\n"
    "                      come, passwords left out\n"
    "      --capture[=FOLDER]\n"
    "                      for programmers: takes mail for everybody on\n"
    "                      127.0.0.1:2525, with any login, keeps it in FOLDER\n"
    "                      (default ~/.local/state/ehlo-capture), sends "
    "nothing\n"
    "      --allow-root    run as root although nothing here needs it\n"
    "      --check         read the configuration and all it names, say what\n"
    "                      is wrong (or what it means) and end\n"
    "      --defaults      every option with its default and its meaning\n"
    "      --manual        the same as a manual page, ehlod.conf(5)\n"
    "\n"
    "SIGHUP reads the configuration and certificates again, SIGTERM ends when\n"
    "the messages being received are safe, SIGUSR1 logs statistics.\n"
    "Manual: ehlod(8), ehlod.conf(5), ehlo(1).\n";

static const char default_config[] = CONF_PATH;

struct arguments {
	const char *config, *capture;
	bool captures, is_foreground, is_check, allows_root, shows_dialogue;
};

static int
check(const char *path)
{
	struct snapshot *snapshot = snapshot_load(path, stderr);

	if (snapshot == NULL)
		return EXIT_FAILED;
	snapshot_print(snapshot, stdout);
	snapshot_unref(snapshot);
	return EXIT_GOOD;
}

static int
run(const struct arguments *arguments)
{
	if (geteuid() == 0 && !arguments->allows_root) {
		fputs("ehlod: refusing to run as root: nothing here needs it. "
		    "Start it as a user of\nits own; ports below 1024 want "
		    "CAP_NET_BIND_SERVICE or sockets from the service\n"
		    "manager (see ehlod.service). --allow-root overrides "
		    "this.\n", stderr);
		return EXIT_FAILED;
	}
	/* the working folder stays: relative paths mean the file's folder */
	if (!arguments->is_foreground && daemon(1, 1) != 0) {
		perror("ehlod: daemon");
		return EXIT_FAILED;
	}
	return server_run(arguments->config, arguments->shows_dialogue);
}

/* A configuration of its own, in the foreground. */
static bool
capture(struct arguments *arguments)
{
	static char path[PATH_MAX];

	if (arguments->config != default_config) {
		fputs("ehlod: --capture has a configuration of its own; in a "
		    "file of yours write\n'capture yes;' (see "
		    "ehlod.conf(5))\n", stderr);
		return false;
	}
	if (!capture_prepare(arguments->capture, path, sizeof path))
		return false;
	arguments->config = path;
	arguments->is_foreground = true;
	return true;
}

int
main(int argc, char **argv)
{
	struct arguments arguments = { .config = default_config };
	int c;

	if (argc > 1 && strcmp(argv[1], "try") == 0)
		return try_run(argc - 1, argv + 1);
	while ((c = getopt_long(argc, argv, "c:fh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			arguments.config = optarg;
			break;
		case 'f':
			arguments.is_foreground = true;
			break;
		case OPT_CAPTURE:
			arguments.captures = true;
			arguments.capture = optarg;
			break;
		case OPT_CHECK:
			arguments.is_check = true;
			break;
		case OPT_DEFAULTS:
			conf_print_defaults(stdout);
			return EXIT_GOOD;
		case OPT_MANUAL:
			conf_print_manual(stdout);
			return EXIT_GOOD;
		case OPT_ALLOW_ROOT:
			arguments.allows_root = true;
			break;
		case OPT_SHOW_DIALOGUE:
			arguments.shows_dialogue = true;
			break;
		case 'h':
			fputs(usage, stdout);
			fputs(help, stdout);
			return EXIT_GOOD;
		case OPT_VERSION:
			puts("ehlod " EHLO_VERSION);
			return EXIT_GOOD;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ehlod: what is '%s'?\n%s", argv[optind],
		    usage);
		return EXIT_USAGE;
	}
	if (arguments.captures && !capture(&arguments))
		return EXIT_FAILED;
	return arguments.is_check ? check(arguments.config) : run(&arguments);
}
