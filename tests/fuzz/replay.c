/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of the folders (or files) named: a kept
 * corpus is a test on machines without libFuzzer. Nothing to run is a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned files_run;

static int
run_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	/* exactly as long as the input, so that a sanitizer sees over-reads */
	uint8_t *data = malloc(size ? size : 1);
	size_t got;

	if (file == NULL || data == NULL) {
		perror(path);
		exit(1);
	}
	got = fread(data, 1, size, file);
	(void)fclose(file);	/* only read */
	if (got != size) {
		fprintf(stderr, "%s: short read\n", path);
		exit(1);
	}
	(void)LLVMFuzzerTestOneInput(data, size);	/* always 0 */
	free(data);
	files_run++;
	return 0;
}

static int
run(const char *path)
{
	struct stat st;
	struct dirent *entry;
	char inner[4096];
	DIR *dir;

	if (stat(path, &st) != 0) {
		perror(path);
		exit(1);
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path, (size_t)st.st_size);
	dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
		run(inner);
	}
	closedir(dir);
	return 0;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	printf("%u inputs\n", files_run);
	return files_run == 0;
}
