/* SPDX-License-Identifier: Apache-2.0 */
/* envelope: what is known of a message beside its text, and its form on disk.
 *
 *   envelope  = version field*
 *   field     = tag:1 len:4 (little-endian) bytes:len
 *   TEXT      the bytes
 *   NUMBER    1 to 8 bytes, little-endian
 *   RCPT (64) the recipient's own fields; once a recipient, in their order
 *
 * 1. What is empty or 0 is not written; what was not there reads as that.
 * 2. A length is believed only after it was found to fit, a field that comes
 *    twice is damage. */
#include "mail/envelope.h"

#include <errno.h>

#define ENVELOPE_VERSION 1
#define TAG_RCPT         64
#define FIELD_HEAD       5	/* octets of tag and length */

/* --- rows */

enum kind { TEXT, NUMBER };

struct row {
	unsigned char tag;
	unsigned char kind;
	unsigned short offset;	/* in the struct */
};

static const struct row envelope_row[] = {
#define ENVELOPE_FIELD(kind, tag, name) \
	{ tag, kind, offsetof(struct envelope, name) },
#include "mail/envelope.def"
#undef ENVELOPE_FIELD
};

static const struct row rcpt_row[] = {
#define ENVELOPE_RCPT_FIELD(kind, tag, name) \
	{ tag, kind, offsetof(struct envelope_rcpt, name) },
#include "mail/envelope.def"
#undef ENVELOPE_RCPT_FIELD
};

/* The seen-bits of a reader are one word. */
_Static_assert(countof(envelope_row) <= 32 && countof(rcpt_row) <= 32,
    "more rows than bits");

/* --- writing */

static void
put_le(char *p, uint64_t n, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (char)(unsigned char)(n >> (8 * i));
}

static uint64_t
get_le(struct span s)
{
	uint64_t n = 0;

	for (size_t i = s.len; i-- != 0;)
		n = n << 8 | (unsigned char)s.p[i];
	return n;
}

static int
write_field(struct buf *out, unsigned tag, struct span bytes)
{
	char head[FIELD_HEAD];

	if (bytes.len > UINT32_MAX)
		return -ENOBUFS;
	head[0] = (char)tag;
	put_le(head + 1, bytes.len, 4);
	if (buf_append(out, span_of(head, sizeof head)) != 0)
		return -ENOBUFS;
	return buf_append(out, bytes);
}

static int
write_number(struct buf *out, unsigned tag, uint64_t n)
{
	char bytes[8];
	size_t len = 0;

	put_le(bytes, n, sizeof bytes);
	for (; n != 0; n >>= 8)
		len++;
	return write_field(out, tag, span_of(bytes, len));
}

static int
write_rows(struct buf *out, const void *from, const struct row *row, size_t n)
{
	int error = 0;

	for (size_t i = 0; i < n && error == 0; i++) {
		const char *at = (const char *)from + row[i].offset;
		struct span text;
		uint64_t number;

		if (row[i].kind == TEXT) {
			memcpy(&text, at, sizeof text);
			if (text.len != 0)
				error = write_field(out, row[i].tag, text);
		} else {
			memcpy(&number, at, sizeof number);
			if (number != 0)
				error = write_number(out, row[i].tag, number);
		}
	}
	return error;
}

/* Octets that a recipient's fields will take. */
static size_t
rcpt_len(const struct envelope_rcpt *rcpt)
{
	size_t len = 0;

	for (size_t i = 0; i < countof(rcpt_row); i++) {
		const char *at = (const char *)rcpt + rcpt_row[i].offset;
		struct span text;
		uint64_t number;

		if (rcpt_row[i].kind == TEXT) {
			memcpy(&text, at, sizeof text);
			len += text.len != 0 ? FIELD_HEAD + text.len : 0;
			continue;
		}
		memcpy(&number, at, sizeof number);
		len += number != 0 ? FIELD_HEAD : 0;
		for (; number != 0; number >>= 8)
			len++;
	}
	return len;
}

static int
write_rcpt(struct buf *out, const struct envelope_rcpt *rcpt)
{
	size_t len = rcpt_len(rcpt);
	char head[FIELD_HEAD];

	if (len > UINT32_MAX)
		return -ENOBUFS;
	head[0] = TAG_RCPT;
	put_le(head + 1, len, 4);
	if (buf_append(out, span_of(head, sizeof head)) != 0)
		return -ENOBUFS;
	return write_rows(out, rcpt, rcpt_row, countof(rcpt_row));
}

int
envelope_encode(const struct envelope *envelope, struct buf *out)
{
	static const char version = ENVELOPE_VERSION;
	int error = buf_append(out, span_of(&version, 1));

	if (error == 0)
		error = write_rows(out, envelope, envelope_row,
		    countof(envelope_row));
	for (size_t i = 0; i < envelope->rcpt_n && error == 0; i++)
		error = write_rcpt(out, &envelope->rcpt[i]);
	return error;
}

/* --- reading */

/* Cuts the first field from `*in`. */
static bool
take_field(struct span *in, unsigned *tag, struct span *bytes)
{
	uint64_t len;

	if (in->len < FIELD_HEAD)
		return false;
	*tag = (unsigned char)in->p[0];
	len = get_le(span_of(in->p + 1, 4));
	*in = span_skip(*in, FIELD_HEAD);
	if (len > in->len)
		return false;
	*bytes = span_first(*in, (size_t)len);
	*in = span_skip(*in, (size_t)len);
	return true;
}

static bool
read_field(const struct row *row, struct span bytes, void *to)
{
	char *at = (char *)to + row->offset;
	uint64_t number;

	if (row->kind == TEXT) {
		memcpy(at, &bytes, sizeof bytes);
		return true;
	}
	if (bytes.len > sizeof number)
		return false;
	number = get_le(bytes);
	memcpy(at, &number, sizeof number);
	return true;
}

static bool
read_rows(struct span in, const struct row *row, size_t n, void *to)
{
	uint32_t seen = 0;
	struct span bytes;
	unsigned tag;

	while (in.len != 0) {
		if (!take_field(&in, &tag, &bytes))
			return false;
		for (size_t i = 0; i < n; i++) {
			if (row[i].tag != tag)
				continue;
			if (seen & (uint32_t)1 << i ||
			    !read_field(&row[i], bytes, to))
				return false;
			seen |= (uint32_t)1 << i;
		}
	}
	return true;
}

static size_t
count_rcpt(struct span in)
{
	struct span bytes;
	unsigned tag;
	size_t n = 0;

	while (take_field(&in, &tag, &bytes))
		n += tag == TAG_RCPT;
	return n;
}

int
envelope_decode(struct span bytes, struct arena *arena, struct envelope *out)
{
	struct span field;
	unsigned tag;
	size_t n;

	*out = (struct envelope){ 0 };
	if (bytes.len == 0 || bytes.p[0] != ENVELOPE_VERSION)
		return -EBADMSG;
	bytes = span_skip(bytes, 1);
	if (!read_rows(bytes, envelope_row, countof(envelope_row), out))
		return -EBADMSG;
	n = count_rcpt(bytes);
	if (n == 0)
		return 0;
	out->rcpt = arena_alloc(arena, n * sizeof *out->rcpt);
	if (out->rcpt == NULL)
		return -ENOBUFS;
	while (take_field(&bytes, &tag, &field))
		if (tag == TAG_RCPT && !read_rows(field, rcpt_row,
		    countof(rcpt_row), &out->rcpt[out->rcpt_n++]))
			return -EBADMSG;
	return 0;
}
