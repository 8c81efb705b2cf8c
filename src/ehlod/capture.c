/* SPDX-License-Identifier: Apache-2.0 */
/* capture: see capture.h. The configuration is a file like any other, so that
 * it can be read and changed; what is there is never written over. */
#include "ehlod/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "base/put.h"

#define OURS "ehlo-capture"

/* Relative paths begin at the file's folder. */
static const char beginning[] =
    "# Made by ehlod --capture; yours to change.\n"
    "# Takes mail for everybody, keeps it in mail/, sends nothing.\n"
    "hostname localhost;\n"
    "spool spool;\n"
    "control control;\n"
    "drop-folder drop;\n"
    "shards 1;\n"
    "show-dialogue yes;\n"
    "faults-allowed yes;             # see ehlo-fault(1)\n"
    "\n"
    "listener \"capture\" {\n"
    "    address 127.0.0.1:2525;     # this machine only\n"
    "    typist yes;\n"
    "    auth plain login;\n"
    "    basic-auth-only-after-tls no;\n"
    "    capture yes;\n"
    "    capture-any-login yes;      # every name, every password\n"
    "    persona native;             # exchange2010, postfix, ...\n"
    "}\n"
    "\n"
    "capture {\n"
    "    folder mail;\n"
    "    per recipient;              # or: login\n"
    "    max-messages 1000;          # the oldest go first\n"
    "    max-age 7d;\n"
    "}\n";

static bool
fail(const char *path)
{
	fprintf(stderr, "ehlod: %s: %s\n", path, strerror(errno));
	return false;
}

/* $XDG_STATE_HOME/ehlo-capture, or ~/.local/state/ehlo-capture. */
static bool
put_default(struct put *out)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state != NULL && state[0] == '/') {
		put_str(out, state);
	} else if (home != NULL && home[0] == '/') {
		put_str(out, home);
		put_str(out, "/.local/state");
	} else {
		fputs("ehlod: there is no HOME: say --capture=FOLDER\n",
		    stderr);
		return false;
	}
	put_str(out, "/" OURS);
	return true;
}

/* As mkdir -p, for the user only. */
static bool
make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		int result;

		*slash = '\0';
		result = mkdir(path, 0700);
		*slash = '/';
		if (result != 0 && errno != EEXIST && errno != EROFS)
			return fail(path);
	}
	return mkdir(path, 0700) == 0 || errno == EEXIST || fail(path);
}

static bool
write_beginning(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t len = sizeof beginning - 1;
	ssize_t n;

	if (fd < 0)
		return errno == EEXIST || fail(path);
	n = write(fd, beginning, len);
	if (close(fd) != 0 || n != (ssize_t)len) {
		(void)unlink(path);	/* half a file would be kept */
		return fail(path);
	}
	fprintf(stderr, "ehlod: %s is new: see there what it does\n", path);
	return true;
}

bool
capture_prepare(const char *folder, char *out, size_t len)
{
	struct put put = put_init(out, len - 1);

	if (folder != NULL)
		put_str(&put, folder);
	else if (!put_default(&put))
		return false;
	while (put.len > 1 && out[put.len - 1] == '/')
		put.len--;
	if (put.len == 0 || put.full || put.len + sizeof "/ehlod.conf" > len) {
		fputs("ehlod: --capture: that is no folder\n", stderr);
		return false;
	}
	(void)put_cstr(&put);
	if (!make_folders(out))
		return false;
	put_str(&put, "/ehlod.conf");
	must(!put.full);
	out[put.len] = '\0';
	return write_beginning(out);
}
