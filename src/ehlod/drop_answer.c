/* SPDX-License-Identifier: Apache-2.0 */
/* drop_answer: see drop_answer.h. */
#include "ehlod/drop_answer.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "ehlod/drop_file.h"

void
drop_said_init(struct drop_said *said)
{
	said->put = put_init(said->text, sizeof said->text);
}

void
drop_say(struct drop_said *said, struct span whom, struct span words)
{
	struct put line = said->put;

	put_str(&line, line.len != 0 ? "; " : "");
	text_quote(whom, &line);
	put_str(&line, whom.len != 0 ? ": " : "");
	text_quote(span_trim(words), &line);
	if (!line.full)
		said->put = line;
}

void
drop_say_reply(struct drop_said *said, struct span whom,
    const struct reply *reply)
{
	char text[REPLY_MAX];
	struct put out = put_init(text, sizeof text);

	reply_format(reply, PERSONA_NATIVE, &out);
	while (out.len != 0 && (text[out.len - 1] == '\n' ||
	    text[out.len - 1] == '\r'))
		out.len--;
	drop_say(said, whom, put_span(&out));
}

static bool
write_line(int folder, const char *name, uid_t owner, struct span line)
{
	char pipe[DROP_NAME_MAX];
	struct stat st;
	bool is_heard;
	int fd;

	(void)snprintf(pipe, sizeof pipe, DROP_ASK "%s",
	    name + strlen(DROP_NEW));	/* shorter than it was */
	fd = openat(folder, pipe, O_WRONLY | O_NONBLOCK | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd < 0)
		return false;	/* nobody asked, or he has gone */
	is_heard = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    st.st_uid == owner &&
	    write(fd, line.p, line.len) == (ssize_t)line.len;
	close(fd);
	return is_heard;
}

bool
drop_answer(int folder, const char *name, uid_t owner, enum drop_fate fate,
    const struct drop_said *said)
{
	char text[DROP_ANSWER_MAX];
	struct put out = put_init(text, sizeof text);

	put_str(&out, drop_fate_word(fate));
	put_char(&out, ' ');
	put_bytes(&out, put_span(&said->put));
	put_char(&out, '\n');
	return write_line(folder, name, owner, put_span(&out));
}

int
drop_alive_open(int folder)
{
	int fd;

	/* what stands there may be anybody's */
	(void)unlinkat(folder, DROP_ALIVE, 0);
	if (mkfifoat(folder, DROP_ALIVE, 0600) != 0)
		return -errno;
	/* the umask would take bits away */
	if (fchmodat(folder, DROP_ALIVE, 0622, 0) != 0)
		return -errno;
	fd = openat(folder, DROP_ALIVE, O_RDONLY | O_NONBLOCK | O_NOFOLLOW |
	    O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void
drop_name_owner(uid_t uid, char *out, size_t len)
{
	struct passwd memory, *found = NULL;
	char names[4096];

	if (getpwuid_r(uid, &memory, names, sizeof names, &found) == 0 &&
	    found != NULL)
		snprintf(out, len, "unix:%s", found->pw_name);
	else
		snprintf(out, len, "unix:%u", (unsigned)uid);
}
