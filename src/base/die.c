/* SPDX-License-Identifier: Apache-2.0 */
#include "base/die.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/put.h"

_Noreturn void
die_at(const char *file, int line, const char *what)
{
	char text[512];
	struct put out = put_init(text, sizeof text);
	ssize_t ignored;

	put_str(&out, file);
	put_char(&out, ':');
	put_u64(&out, (uint64_t)line);
	put_str(&out, ": must: ");
	put_str(&out, what);
	put_char(&out, '\n');
	ignored = write(2, text, out.len);
	(void)ignored;	/* we are about to abort: nobody is left to tell */
	abort();
}
