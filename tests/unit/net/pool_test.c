/* SPDX-License-Identifier: Apache-2.0 */
/* pool: work elsewhere, answers here, a bound on what waits. */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "net/pool.h"

struct bench {
	struct loop *loop;
	pthread_t home;
	sem_t begun, go;	/* for work that waits */
	int done, wanted;
	int order[16];
};

struct task {
	struct pool_job job;
	struct bench *bench;
	int id, worked;
	bool foreign;		/* work ran on another thread */
};

static void
bench_init(struct bench *bench, int wanted)
{
	*bench = (struct bench){ .loop = loop_new(), .home = pthread_self(),
		.wanted = wanted };
	assert_non_null(bench->loop);
	sem_init(&bench->begun, 0, 0);
	sem_init(&bench->go, 0, 0);
}

static void
bench_free(struct bench *bench)
{
	loop_free(bench->loop);
	sem_destroy(&bench->begun);
	sem_destroy(&bench->go);
}

static void
work(struct pool_job *job)
{
	struct task *task = container_of(job, struct task, job);

	task->worked++;
	task->foreign = !pthread_equal(pthread_self(), task->bench->home);
}

static void
work_slowly(struct pool_job *job)
{
	struct task *task = container_of(job, struct task, job);

	sem_post(&task->bench->begun);
	sem_wait(&task->bench->go);
	work(job);
}

static void
done(struct pool_job *job)
{
	struct task *task = container_of(job, struct task, job);
	struct bench *bench = task->bench;

	assert_true(pthread_equal(pthread_self(), bench->home));
	assert_int_equal(task->worked, 1);
	assert_true(task->foreign);
	if (bench->done < (int)countof(bench->order))
		bench->order[bench->done] = task->id;
	if (++bench->done == bench->wanted)
		loop_stop(bench->loop);
}

static int
add(struct pool *pool, struct bench *bench, struct task *task, int id,
    void (*how)(struct pool_job *))
{
	*task = (struct task){ .job.work = how, .job.done = done,
		.bench = bench, .id = id };
	return pool_add(pool, bench->loop, &task->job);
}

static void
test_every_job_is_done_once(void **state)
{
	enum { N = 2000 };
	struct pool *pool = pool_new(4, N);
	struct task *task = calloc(N, sizeof *task);
	struct bench bench;

	(void)state;
	bench_init(&bench, N);
	for (int i = 0; i < N; i++)
		assert_int_equal(add(pool, &bench, &task[i], i, work), 0);
	assert_int_equal(loop_run(bench.loop), 0);
	assert_int_equal(bench.done, N);
	pool_free(pool);
	bench_free(&bench);
	free(task);
}

/* One thread, which is kept busy: then the queue takes two and no more.
 * Seen to catch: `<=` in pool_add(). */
static void
test_full_queue_says_later(void **state)
{
	struct pool *pool = pool_new(1, 2);
	struct task task[5];
	struct bench bench;
	int fourth;

	(void)state;
	bench_init(&bench, 3);
	assert_int_equal(add(pool, &bench, &task[0], 0, work_slowly), 0);
	sem_wait(&bench.begun);
	assert_int_equal(add(pool, &bench, &task[1], 1, work), 0);
	assert_int_equal(add(pool, &bench, &task[2], 2, work), 0);
	fourth = add(pool, &bench, &task[3], 3, work);
	bench.wanted = fourth == 0 ? 4 : 3;
	sem_post(&bench.go);
	assert_int_equal(loop_run(bench.loop), 0);
	assert_int_equal(fourth, -EAGAIN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bench.order[i], i);
	assert_int_equal(task[3].worked, 0);
	bench.wanted = 4;
	assert_int_equal(add(pool, &bench, &task[4], 4, work), 0);
	assert_int_equal(loop_run(bench.loop), 0);
	pool_free(pool);
	bench_free(&bench);
}

/* What is being worked on is finished; what only waits is forgotten. */
static void *
let_go(void *arg)
{
	struct bench *bench = arg;

	sem_post(&bench->go);
	sem_post(&bench->go);
	return NULL;
}

static void
test_free_ends_what_was_taken(void **state)
{
	struct pool *pool = pool_new(2, 100);
	struct task task[2];
	struct bench bench;
	pthread_t helper;

	(void)state;
	bench_init(&bench, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(add(pool, &bench, &task[i], i, work_slowly),
		    0);
	sem_wait(&bench.begun);
	sem_wait(&bench.begun);
	assert_int_equal(pthread_create(&helper, NULL, let_go, &bench), 0);
	pool_free(pool);
	pthread_join(helper, NULL);
	assert_int_equal(task[0].worked, 1);
	assert_int_equal(task[1].worked, 1);
	assert_int_equal(bench.done, 0);	/* the loop did not run */
	bench_free(&bench);
}

static int
count_threads_named(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int n = 0;

	assert_non_null(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		char path[300], comm[32] = "";
		FILE *file;

		snprintf(path, sizeof path, "/proc/self/task/%s/comm",
		    entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(comm, sizeof comm, file) != NULL &&
		    strncmp(comm, name, strlen(name)) == 0)
			n++;
		fclose(file);
	}
	closedir(tasks);
	return n;
}

static void
test_threads_have_names(void **state)
{
	struct pool *pool = pool_new(3, 1);

	(void)state;
	assert_int_equal(count_threads_named("pool-"), 3);
	pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_job_is_done_once),
		cmocka_unit_test(test_full_queue_says_later),
		cmocka_unit_test(test_free_ends_what_was_taken),
		cmocka_unit_test(test_threads_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
