/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"

#define BUF_SMALLEST 64

void
buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){ .max = max };
}

void
buf_free(struct buf *buf)
{
	free(buf->p);
	buf_init(buf, buf->max);
}

char *
buf_room(struct buf *buf, size_t n)
{
	size_t cap = buf->cap ? buf->cap : BUF_SMALLEST;

	if (n > buf->max || buf->len > buf->max - n)
		return NULL;
	if (buf->cap - buf->start - buf->len >= n && buf->p != NULL)
		return buf->p + buf->start + buf->len;
	if (buf->start != 0 && buf->p != NULL) {
		memmove(buf->p, buf->p + buf->start, buf->len);
		buf->start = 0;
	}
	if (buf->cap - buf->len >= n && buf->p != NULL)
		return buf->p + buf->len;
	while (cap < buf->len + n)
		cap = cap > buf->max / 2 ? buf->max : cap * 2;
	buf->p = mem_grow_array(buf->p, cap, 1);
	buf->cap = cap;
	return buf->p + buf->len;
}

void
buf_grow(struct buf *buf, size_t n)
{
	must(n <= buf->cap - buf->start - buf->len);
	buf->len += n;
}

int
buf_append(struct buf *buf, struct span bytes)
{
	char *room;

	if (bytes.len == 0)
		return 0;
	room = buf_room(buf, bytes.len);
	if (room == NULL)
		return -ENOBUFS;
	memcpy(room, bytes.p, bytes.len);
	buf->len += bytes.len;
	return 0;
}

int
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	char small[256];
	char *large;
	int n, result;

	va_start(args, format);
	n = vsnprintf(small, sizeof small, format, args);
	va_end(args);
	must(n >= 0);
	if ((size_t)n < sizeof small)
		return buf_append(buf, span_of(small, (size_t)n));
	if ((size_t)n > buf->max - buf->len)
		return -ENOBUFS;
	/* not into the buf itself: its maximum has no room for the NUL */
	large = mem_new((size_t)n + 1);
	va_start(args, format);
	n = vsnprintf(large, (size_t)n + 1, format, args);
	va_end(args);
	result = buf_append(buf, span_of(large, (size_t)n));
	free(large);
	return result;
}

void
buf_consume(struct buf *buf, size_t n)
{
	must(n <= buf->len);
	buf->start += n;
	buf->len -= n;
	if (buf->len == 0)
		buf->start = 0;
}

void
buf_clear(struct buf *buf)
{
	buf->start = 0;
	buf->len = 0;
}

void *
mem_new(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	must(p != NULL);
	return p;
}

void *
mem_new_array(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	must(p != NULL);
	return p;
}

void *
mem_grow_array(void *old, size_t n, size_t size)
{
	void *p;

	must(size == 0 || n <= SIZE_MAX / size);
	p = realloc(old, n != 0 && size != 0 ? n * size : 1);
	must(p != NULL);
	return p;
}

char *
mem_copy(struct span bytes)
{
	char *copy = mem_new(bytes.len + 1);

	if (bytes.len != 0)
		memcpy(copy, bytes.p, bytes.len);
	return copy;
}

void
mem_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}
