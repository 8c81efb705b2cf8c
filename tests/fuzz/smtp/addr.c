/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: addr. What parses lies inside the input, is put as it was
 * written, parses again to the same, holds no control byte and no line end of
 * any alphabet, keeps its limits, and is a path when put into brackets. */
#include "base/die.h"
#include "base/text.h"
#include "smtp/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(struct span part, struct span whole)
{
	must(part.len == 0 || (part.p >= whole.p &&
	    part.p + part.len <= whole.p + whole.len));
}

static void
check_bytes(struct span text)
{
	must(text_is_utf8(text));
	for (size_t i = 0; i < text.len; i++) {
		must(!ascii_is_cntrl(text.p[i]));
		must((unsigned char)text.p[i] != 0xc2 ||
		    (unsigned char)text.p[i + 1] >= 0xa0);
	}
}

static void
check_local(const struct addr *addr)
{
	char memory[ADDR_LOCAL_MAX];
	struct put out = put_init(memory, sizeof memory);

	must(addr->local.len != 0 && addr->local.len <= ADDR_LOCAL_MAX);
	must(addr->is_quoted == (addr->local.p[0] == '"'));
	addr_put_local(addr, &out);
	must(!out.full);
	check_bytes(put_span(&out));
	if (!addr->is_quoted)
		must(span_eq(put_span(&out), addr->local));
}

static void
check_addr(const struct addr *addr, struct span whole)
{
	char memory[ADDR_MAX + 2];
	struct put out = put_init(memory, sizeof memory);
	struct addr again;
	struct span path;

	check_inside(addr->local, whole);
	check_inside(addr->domain, whole);
	check_local(addr);
	must(addr->domain.len != 0 && addr->domain.len <= ADDR_DOMAIN_MAX);
	must(addr->is_literal == (addr->domain.p[0] == '['));
	must(addr->is_literal || addr_is_domain(addr->domain));
	must(span_find(addr->domain, '@') == addr->domain.len);

	put_char(&out, '<');
	addr_put(addr, &out);
	put_char(&out, '>');
	must(!out.full);
	path = put_span(&out);
	must(addr_parse_path(&path, false, &again) == ADDR_OK);
	must(path.len == 0);
	must(span_eq(again.local, addr->local));
	must(span_eq(again.domain, addr->domain));
	must(again.is_utf8 == addr->is_utf8);
	path = span_first(span_skip(put_span(&out), 1), out.len - 2);
	check_bytes(path);
	must(addr->is_utf8 == !text_is_ascii(path));
	must(addr_parse(path, &again) == ADDR_OK);
	if (!addr->is_quoted) {
		must(addr_parse_path(&path, true, &again) == ADDR_OK);
		must(path.len == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_of(data, size);
	struct addr addr;

	if (addr_parse(input, &addr) == ADDR_OK) {
		check_addr(&addr, input);
		must(addr.local.len + 1 + addr.domain.len == size);
	}
	for (int lenient = 0; lenient < 2; lenient++) {
		struct span rest = input;
		enum addr_result result = addr_parse_path(&rest, lenient,
		    &addr);

		check_inside(rest, input);
		if (result == ADDR_OK && addr.local.len != 0)
			check_addr(&addr, input);
		if (result == ADDR_OK || result == ADDR_NO_DOMAIN)
			must(rest.len == 0 || rest.p[0] == ' ');
		else
			must(span_eq(rest, input));
		/* strict is a part of lenient */
		rest = input;
		if (!lenient && result == ADDR_OK)
			must(addr_parse_path(&rest, true, &addr) == ADDR_OK);
	}
	if (addr_is_hello_name(input)) {
		must(size != 0 && size <= ADDR_DOMAIN_MAX);
		must(text_is_ascii(input));
		check_bytes(input);
	}
	return 0;
}
