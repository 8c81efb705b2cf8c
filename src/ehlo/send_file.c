/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/send_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

#define FILE_MAX ((size_t)2 << 30)

int
send_read_fd(int fd, char **memory, size_t *len)
{
	struct buf all;
	int result = 0;

	buf_init(&all, FILE_MAX);
	while (result == 0) {
		char *room = buf_room(&all, 65536);
		ssize_t n = room != NULL ? read(fd, room, 65536) : -1;

		if (room == NULL)
			result = -EFBIG;
		else if (n == 0)
			break;
		else if (n > 0)
			buf_grow(&all, (size_t)n);
		else if (errno != EINTR)
			result = -errno;
	}
	*memory = result == 0 ? mem_copy(buf_span(&all)) : NULL;
	*len = all.len;
	buf_free(&all);
	return result;
}

int
send_read_file(const char *path, char **memory, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result;

	*memory = NULL;
	if (fd < 0)
		return -errno;
	result = send_read_fd(fd, memory, len);
	(void)close(fd);	/* only read */
	return result;
}

const char *
send_type_of(const char *path)
{
	static const struct {
		const char *end, *type;
	} types[] = {
		{ ".txt", "text/plain" }, { ".log", "text/plain" },
		{ ".html", "text/html" }, { ".htm", "text/html" },
		{ ".csv", "text/csv" }, { ".md", "text/markdown" },
		{ ".ics", "text/calendar" }, { ".vcf", "text/vcard" },
		{ ".xml", "application/xml" }, { ".json", "application/json" },
		{ ".pdf", "application/pdf" }, { ".zip", "application/zip" },
		{ ".gz", "application/gzip" }, { ".tar", "application/x-tar" },
		{ ".doc", "application/msword" },
		{ ".docx", "application/vnd.openxmlformats-officedocument"
		    ".wordprocessingml.document" },
		{ ".xlsx", "application/vnd.openxmlformats-officedocument"
		    ".spreadsheetml.sheet" },
		{ ".odt", "application/vnd.oasis.opendocument.text" },
		{ ".png", "image/png" }, { ".jpg", "image/jpeg" },
		{ ".jpeg", "image/jpeg" }, { ".gif", "image/gif" },
		{ ".svg", "image/svg+xml" }, { ".webp", "image/webp" },
		{ ".mp3", "audio/mpeg" }, { ".mp4", "video/mp4" },
		{ ".eml", "message/rfc822" },
	};
	struct span name = span_str(path);

	for (size_t i = 0; i < countof(types); i++) {
		struct span end = span_str(types[i].end);

		if (name.len > end.len &&
		    span_caseeq(span_skip(name, name.len - end.len), end))
			return types[i].type;
	}
	return "application/octet-stream";
}
