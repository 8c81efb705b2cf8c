/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "ehlo/tell.h"

void
secret_wipe(struct secret *secret)
{
	mem_wipe(secret, sizeof *secret);
}

/* Forgets everything from the line's end on; false if there is none yet. */
static bool
cut_line(struct secret *secret)
{
	size_t n = span_find(span_of(secret->bytes, secret->len), '\n');

	if (n == secret->len)
		return false;
	if (n != 0 && secret->bytes[n - 1] == '\r')
		n--;
	mem_wipe(secret->bytes + n, secret->len - n);
	secret->len = n;
	return true;
}

int
secret_read_fd(struct secret *secret, int fd)
{
	secret->len = 0;
	while (secret->len < sizeof secret->bytes) {
		ssize_t n = read(fd, secret->bytes + secret->len,
		    sizeof secret->bytes - secret->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		secret->len += (size_t)n;
		if (cut_line(secret))
			return 0;
	}
	return 0;
}

static void
warn_of_mode(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 004) != 0)
		tell_warning("%s can be read by everybody on this machine",
		    path);
}

bool
secret_read_file(struct secret *secret, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? 0 : open(path, O_RDONLY | O_CLOEXEC);
	int result;

	if (fd < 0) {
		tell_error("%s: %s", path, log_errno(errno));
		return false;
	}
	warn_of_mode(fd, is_stdin ? "the standard input" : path);
	result = secret_read_fd(secret, fd);
	if (!is_stdin)
		(void)close(fd);	/* only read */
	if (result != 0)
		tell_error("%s: %s", path, log_errno(result));
	return result == 0;
}

bool
secret_read_number(struct secret *secret, const char *text)
{
	uint64_t fd;
	int result;

	if (!text_u64(span_str(text), &fd) || fd > INT32_MAX) {
		tell_error("%s is no number of a descriptor", text);
		return false;
	}
	result = secret_read_fd(secret, (int)fd);
	if (result != 0)
		tell_error("descriptor %s: %s", text, log_errno(result));
	return result == 0;
}

bool
secret_read_env(struct secret *secret, const char *name)
{
	char *value = getenv(name);
	size_t len;

	if (value == NULL) {
		tell_error("there is no environment variable %s", name);
		return false;
	}
	len = strlen(value);
	secret->len = len < sizeof secret->bytes ? len : sizeof secret->bytes;
	memcpy(secret->bytes, value, secret->len);
	mem_wipe(value, len);
	return true;
}

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
	caught = number;
}

/* Signals that would leave the terminal without echo. */
static const int deadly[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP };

static void
write_text(int tty, const char *text)
{
	size_t n = strlen(text);

	/* a terminal that takes no prompt will give no password */
	if (write(tty, text, n) != (ssize_t)n)
		return;
}

/* One line without echo: its result, or -EINTR when a signal came. */
static int
read_unseen(struct secret *secret, int tty, const char *prompt)
{
	struct termios before, unseen;
	int result;

	if (tcgetattr(tty, &before) != 0)
		return -errno;
	unseen = before;
	unseen.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(tty, TCSAFLUSH, &unseen) != 0)
		return -errno;
	write_text(tty, prompt);
	secret->len = 0;
	result = 0;
	while (caught == 0 && result == 0) {
		ssize_t n = read(tty, secret->bytes + secret->len,
		    sizeof secret->bytes - secret->len);

		if (n < 0 && errno != EINTR)
			result = -errno;
		else if (n == 0)
			result = -ECANCELED;	/* Ctrl-D */
		else if (n > 0)
			secret->len += (size_t)n;
		if (cut_line(secret) || secret->len == sizeof secret->bytes)
			break;
	}
	(void)tcsetattr(tty, TCSAFLUSH, &before);	/* as well as we can */
	write_text(tty, "\n");
	return caught != 0 ? -EINTR : result;
}

/* Like read_unseen(), but signals take effect once the echo is back. Whoever
 * comes back from Ctrl-Z is asked again. */
static int
ask_once(struct secret *secret, int tty, const char *prompt)
{
	struct sigaction before[countof(deadly)];
	struct sigaction noted = { .sa_handler = on_signal };	/* no restart */
	int result;

	do {
		caught = 0;
		for (size_t i = 0; i < countof(deadly); i++)
			(void)sigaction(deadly[i], &noted, &before[i]);
		result = read_unseen(secret, tty, prompt);
		for (size_t i = 0; i < countof(deadly); i++)
			(void)sigaction(deadly[i], &before[i], NULL);
		if (caught != 0)
			(void)raise(caught);
	} while (caught == SIGTSTP);
	return result;
}

static bool
is_same(const struct secret *a, const struct secret *b)
{
	return span_eq(span_of(a->bytes, a->len), span_of(b->bytes, b->len));
}

/* Asks, and once more if there is an `again`. */
static bool
ask(struct secret *secret, const char *prompt, struct secret *again)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int result;
	bool is_good = false;

	if (tty < 0) {
		tell_error("no terminal to ask for the password, use "
		    "--password-file or --password-fd");
		return false;
	}
	result = ask_once(secret, tty, prompt);
	if (result == 0 && again != NULL)
		result = ask_once(again, tty, "Once more: ");
	if (result == -EINTR || result == -ECANCELED)
		tell_error("cancelled");
	else if (result != 0)
		tell_error("the terminal: %s", log_errno(result));
	else if (again != NULL && !is_same(secret, again))
		tell_error("the two are not the same");
	else
		is_good = true;
	(void)close(tty);	/* nothing was kept there */
	return is_good;
}

bool
secret_ask(struct secret *secret, const char *prompt)
{
	return ask(secret, prompt, NULL);
}

bool
secret_ask_twice(struct secret *secret, const char *prompt)
{
	struct secret again = { .len = 0 };
	bool is_good = ask(secret, prompt, &again);

	secret_wipe(&again);
	return is_good;
}
