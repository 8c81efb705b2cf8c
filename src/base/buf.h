/* SPDX-License-Identifier: Apache-2.0 */
/* buf: a growable run of bytes whose maximum is given at its birth, so that a
 * peer can never choose how much we allocate. An empty buf holds no memory.
 * Bytes are appended behind and consumed in front. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/span.h"

struct buf {
	char *p;	/* memory; the bytes begin at p + start */
	size_t start;
	size_t len;
	size_t cap;
	size_t max;
};

void buf_init(struct buf *buf, size_t max);
/* Gives the memory back; the buf stays usable and empty. */
void buf_free(struct buf *buf);

/* 0, or -ENOBUFS if the bytes would pass the maximum (nothing is appended). */
int buf_append(struct buf *buf, struct span bytes);
/* printf into the buf: 0 or -ENOBUFS. */
__attribute__((format(printf, 2, 3)))
int buf_printf(struct buf *buf, const char *format, ...);
/* Room for `n` bytes behind the content, to be filled by the caller and made
 * content by buf_grow(). NULL if that would pass the maximum. */
char *buf_room(struct buf *buf, size_t n);
void buf_grow(struct buf *buf, size_t n);
/* Forget the first `n` bytes (at most buf.len). */
void buf_consume(struct buf *buf, size_t n);
/* Forget the content, keep the memory. */
void buf_clear(struct buf *buf);

static inline struct span
buf_span(const struct buf *buf)
{
	return (struct span){ buf->p != NULL ? buf->p + buf->start : "",
	    buf->len };
}

/* Memory whose size we choose ourselves: cannot fail, dies instead. Zeroed. */
void *mem_new(size_t size);
void *mem_new_array(size_t n, size_t size);
/* As realloc of an array; the new part is not zeroed. */
void *mem_grow_array(void *old, size_t n, size_t size);
/* A NUL-terminated copy on the heap. */
char *mem_copy(struct span bytes);
/* Overwrites secrets so that the compiler does not leave it out. */
void mem_wipe(void *p, size_t len);

#endif
