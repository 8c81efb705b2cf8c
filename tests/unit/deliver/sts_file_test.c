/* SPDX-License-Identifier: Apache-2.0 */
/* sts_file: what is written is read; what is damaged is neither believed nor
 * kept. */
#include "../test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/sts_file.h"

static char folder[64];
static unsigned seen_n;
static char seen[4096];

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ehlo-sts-file-XXXXXX");
	seen_n = 0;
	seen[0] = '\0';
	return mkdtemp(folder) != NULL ? 0 : -1;
}

/* How many files there are; they are removed if so wished. */
static unsigned
count_files(bool removes)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[400];
	unsigned n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (removes)
			unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static int
teardown(void **state)
{
	(void)state;
	count_files(true);
	return rmdir(folder);
}

static void
on_file(void *arg, const struct sts_file *file)
{
	size_t at = strlen(seen);

	(void)arg;
	seen_n++;
	snprintf(seen + at, sizeof seen - at, "%s %s %llu %.*s|",
	    file->domain, file->id, (unsigned long long)file->fetched_at,
	    SPAN_ARG(file->text));
}

static void
put_file(const char *name, const char *text)
{
	char path[400];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
test_written_is_read(void **state)
{
	struct sts_file file = { .domain = "example.org", .id = "one",
		.fetched_at = 1795243023123, .text = SPAN("mode: x\r\n") };

	(void)state;
	assert_int_equal(sts_file_write(folder, &file), 0);
	file.text = SPAN("id no\n\nmode: none\n");
	assert_int_equal(sts_file_write(folder, &file), 0);
	sts_file_read_all(folder, on_file, NULL);
	assert_string_equal(seen, "example.org one 1795243023123 id no\n\n"
	    "mode: none\n|");
	assert_int_equal(count_files(false), 1);
	sts_file_remove(folder, "example.org");
	assert_int_equal(count_files(false), 0);
}

static void
test_folder_is_made(void **state)
{
	const struct sts_file file = { .domain = "example.org", .id = "one",
		.text = SPAN("") };

	(void)state;
	assert_int_equal(rmdir(folder), 0);
	sts_file_read_all(folder, on_file, NULL);
	assert_int_equal(sts_file_write(folder, &file), 0);
	assert_int_equal(count_files(false), 1);
}

static void
test_damage(void **state)
{
	static const char *const bad[] = {
		"", "id one", "id one\nfetched 1", "id one\nfetched 1\nx\n",
		"id \nfetched 1\n\nx", "fetched 1\nid one\n\nx",
		"id one\nfetched x\n\nx", "id one\nfetched -1\n\nx",
		"id 123456789012345678901234567890123\nfetched 1\n\nx",
	};
	struct sts_file file;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(sts_file_parse(span_str(bad[i]), &file) &&
		    file.text.len != 0);
	put_file("bad.example", bad[3]);
	put_file("example.org._new", "id one\nfetched 1\n\nx");
	put_file("Upper.example", "id one\nfetched 1\n\nx");
	put_file("good.example", "id one\nfetched 1\n\nx");
	sts_file_read_all(folder, on_file, NULL);
	assert_string_equal(seen, "good.example one 1 x|");
	assert_int_equal(count_files(false), 1);
}

/* One that is longer than it may be is cut, and the policy in it judged. */
static void
test_long(void **state)
{
	char *text = malloc(200000);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 199999);
	text[199999] = '\0';
	memcpy(text, "id one\nfetched 1\n\n", 18);
	put_file("long.example", text);
	free(text);
	sts_file_read_all(folder, on_file, NULL);
	assert_int_equal(seen_n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_written_is_read, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_folder_is_made, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
