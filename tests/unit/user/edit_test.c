/* SPDX-License-Identifier: Apache-2.0 */
/* Edits: one account changes, every other byte stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>

#include <cmocka.h>

#include "user/edit.h"

#define FILE_TEXT \
	"# our users\n" \
	"\n" \
	" GuyT : !old : mailbox=no\r\n" \
	"# between\n" \
	"b:!\n" \
	"\tlast:!x:send-as=a@b"

static const struct span nothing = { NULL, 0 };

static void
assert_text(int result, const struct buf *out, const char *expected)
{
	assert_int_equal(result, 0);
	if (!span_eq(buf_span(out), span_str(expected)))
		fail_msg("got\n%.*s\nexpected\n%s", SPAN_ARG(buf_span(out)),
		    expected);
}

static void
adds_at_the_end(void **state)
{
	struct user_edit edit = { SPAN("new@x.org"), SPAN("$h"),
		SPAN("mailbox=no") };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_text(user_edit_add(SPAN(FILE_TEXT), &edit, &out), &out,
	    FILE_TEXT "\nnew@x.org:$h:mailbox=no\n");
	buf_clear(&out);
	edit.attributes = nothing;
	assert_text(user_edit_add(SPAN("a:!\n"), &edit, &out), &out,
	    "a:!\nnew@x.org:$h\n");
	buf_clear(&out);
	assert_text(user_edit_add(SPAN(""), &edit, &out), &out,
	    "new@x.org:$h\n");
	buf_clear(&out);
	edit.name = SPAN("guyt");
	assert_int_equal(user_edit_add(SPAN(FILE_TEXT), &edit, &out),
	    -EEXIST);
	buf_free(&out);
}

static void
changes_in_place(void **state)
{
	struct user_edit edit = { SPAN("guyt"), SPAN("$new"), nothing };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_text(user_edit_change(SPAN(FILE_TEXT), &edit, &out), &out,
	    "# our users\n\n GuyT:$new:mailbox=no\r\n# between\nb:!\n"
	    "\tlast:!x:send-as=a@b");
	buf_clear(&out);
	edit = (struct user_edit){ SPAN("LAST"), nothing, SPAN("") };
	assert_text(user_edit_change(SPAN(FILE_TEXT), &edit, &out), &out,
	    "# our users\n\n GuyT : !old : mailbox=no\r\n# between\nb:!\n"
	    "\tlast:!x");
	buf_clear(&out);
	edit = (struct user_edit){ SPAN("a"), SPAN("$new"), nothing };
	assert_text(user_edit_change(SPAN("\xef\xbb\xbf" "a:!\n"), &edit,
	    &out), &out, "\xef\xbb\xbf" "a:$new\n");
	edit.name = SPAN("nobody");
	assert_int_equal(user_edit_change(SPAN(FILE_TEXT), &edit, &out),
	    -ENOENT);
	buf_free(&out);
}

/* seen to catch: a comment that looks like an account taken for one
 * (tests/faults/user-edit-comment.patch). */
static void
removes_the_line(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_text(user_edit_remove(SPAN("#b:!\n" FILE_TEXT), SPAN("B"),
	    &out), &out, "#b:!\n# our users\n\n GuyT : !old : mailbox=no\r\n"
	    "# between\n\tlast:!x:send-as=a@b");
	buf_clear(&out);
	assert_text(user_edit_remove(SPAN("a:!"), SPAN("a"), &out), &out, "");
	assert_int_equal(user_edit_remove(SPAN(FILE_TEXT), SPAN("between"),
	    &out), -ENOENT);
	buf_free(&out);
}

static void
is_bounded(void **state)
{
	struct user_edit edit = { SPAN("new"), SPAN("$h"), nothing };
	struct buf out;

	(void)state;
	buf_init(&out, sizeof FILE_TEXT);
	assert_int_equal(user_edit_add(SPAN(FILE_TEXT), &edit, &out),
	    -ENOBUFS);
	buf_free(&out);
}

#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define OLD "scram=SCRAM-SHA-256$5000:AAAAAAAA$" KEY ":" KEY
#define NEW "scram=SCRAM-SHA-256$6000:BBBBBBBB$" KEY ":" KEY
#define NT  "nt=0123456789abcdef0123456789abcdef"
#define NT2 "nt=ffffffffffffffffffffffffffffffff"

/* seen to catch: a new password with the old keys beside it, so that the old
 * one still opens the door (tests/faults/user-old-keys.patch). */
static void
keys_go_with_the_password(void **state)
{
	struct user_edit edit = { .name = SPAN("a"), .hash = SPAN("$new") };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_text(user_edit_change(SPAN("a:!:" OLD " mailbox=no " NT "\n"),
	    &edit, &out), &out, "a:$new:mailbox=no\n");
	buf_clear(&out);
	edit.scram = SPAN(NEW);
	edit.nt = SPAN(NT2);
	edit.is_nt_kept = true;
	edit.seed = SPAN("# made-up keys: x");
	assert_text(user_edit_change(SPAN("a:!:" OLD " mailbox=no " NT),
	    &edit, &out), &out, "a:$new:mailbox=no " NEW " " NT2
	    "\n# made-up keys: x\n");
	buf_clear(&out);
	assert_text(user_edit_change(SPAN("a:!:" OLD "\n"), &edit, &out),
	    &out, "a:$new:" NEW "\n# made-up keys: x\n");
	buf_clear(&out);
	/* other attributes: the keys stay */
	edit = (struct user_edit){ .name = SPAN("a"),
		.attributes = SPAN("mailbox=no") };
	assert_text(user_edit_change(SPAN("a:!:" OLD " " NT
	    " disabled=yes\n"), &edit, &out), &out,
	    "a:!:mailbox=no " OLD " " NT "\n");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_at_the_end),
		cmocka_unit_test(changes_in_place),
		cmocka_unit_test(removes_the_line),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(keys_go_with_the_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
