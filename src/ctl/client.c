/* SPDX-License-Identifier: Apache-2.0 */
/* client: see client.h. */
#include "ctl/client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "ctl/socket.h"

#define ANSWER_MAX ((size_t)16 << 20)	/* octets of a line */

struct ctl_client {
	int fd;
	struct buf in;
	size_t searched;	/* octets of it without a line's end */
};

struct ctl_client *
ctl_open(const char *path, int *error)
{
	struct ctl_client *client;
	int fd = ctl_socket_connect(path);

	if (fd < 0) {
		*error = fd;
		return NULL;
	}
	client = mem_new(sizeof *client);
	client->fd = fd;
	buf_init(&client->in, ANSWER_MAX);
	return client;
}

void
ctl_close(struct ctl_client *client)
{
	if (client == NULL)
		return;
	close(client->fd);
	buf_free(&client->in);
	free(client);
}

int
ctl_fd(const struct ctl_client *client)
{
	return client->fd;
}

static bool
send_all(int fd, struct span bytes)
{
	while (bytes.len != 0) {
		ssize_t n = send(fd, bytes.p, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = span_skip(bytes, (size_t)n);
	}
	return true;
}

static bool
read_more(struct ctl_client *client)
{
	char *room = buf_room(&client->in, 65536);
	ssize_t n;

	if (room == NULL)
		return false;
	do
		n = recv(client->fd, room, 65536, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	buf_grow(&client->in, (size_t)n);
	return true;
}

/* The next line as JSON, or NULL. */
static json_t *
read_line(struct ctl_client *client)
{
	struct span in;
	json_t *object;
	size_t len;

	for (;;) {
		in = buf_span(&client->in);
		len = client->searched +
		    span_find(span_skip(in, client->searched), '\n');
		if (len < in.len)
			break;
		client->searched = len;
		if (!read_more(client))
			return NULL;
	}
	object = json_loadb(in.p, len, JSON_REJECT_DUPLICATES, NULL);
	buf_consume(&client->in, len + 1);
	client->searched = 0;
	return object;
}

static bool
say(struct ctl_client *client, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	bool is_said = text != NULL &&
	    send_all(client->fd, span_str(text)) &&
	    send_all(client->fd, SPAN("\n"));

	free(text);
	json_decref(request);
	return is_said;
}

enum ctl_answer
ctl_ask(struct ctl_client *client, json_t *request,
    bool (*each)(void *arg, const json_t *item), void *arg, json_t **result)
{
	json_t *line;

	if (result != NULL)
		*result = NULL;
	if (!say(client, request))
		return CTL_BROKEN;
	while ((line = read_line(client)) != NULL) {
		const json_t *item = json_object_get(line, "item");
		bool goes_on = item != NULL &&
		    (each == NULL || each(arg, item));
		bool is_good = json_is_true(json_object_get(line, "ok"));

		if (item == NULL && json_object_get(line, "ok") != NULL) {
			if (result != NULL)
				*result = json_incref(line);
			json_decref(line);
			return is_good ? CTL_DONE : CTL_REFUSED;
		}
		json_decref(line);
		if (item == NULL)
			return CTL_BROKEN;
		if (!goes_on)
			return CTL_STOPPED;
	}
	return CTL_BROKEN;
}

const char *
ctl_why(const json_t *result)
{
	const char *text = json_string_value(json_object_get(result,
	    "error"));

	return text != NULL ? text : "";
}
