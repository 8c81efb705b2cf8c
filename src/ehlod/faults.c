/* SPDX-License-Identifier: Apache-2.0 */
/* faults: see faults.h. */
#include "ehlod/faults.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/die.h"
#include "net/tls.h"

struct faults {
	pthread_mutex_t lock;
	struct fault_set *set;
	bool are_allowed;
	atomic_size_t n;	/* of the set, to be read without the lock */
};

static void
lock(struct faults *faults)
{
	must(pthread_mutex_lock(&faults->lock) == 0);
}

static void
unlock(struct faults *faults)
{
	atomic_store(&faults->n, fault_set_n(faults->set));
	must(pthread_mutex_unlock(&faults->lock) == 0);
}

struct faults *
faults_new(void)
{
	struct faults *faults = mem_new(sizeof *faults);

	must(pthread_mutex_init(&faults->lock, NULL) == 0);
	faults->set = fault_set_new();
	return faults;
}

void
faults_free(struct faults *faults)
{
	if (faults == NULL)
		return;
	fault_set_free(faults->set);
	pthread_mutex_destroy(&faults->lock);
	free(faults);
}

void
faults_configure(struct faults *faults, struct conf *conf)
{
	lock(faults);
	faults->are_allowed = conf->faults_allowed;
	fault_set_clear(faults->set, false);
	if (!conf->faults_allowed) {
		fault_set_clear(faults->set, true);
	} else {
		for (size_t i = 0; i < conf->fault_n; i++)
			(void)fault_set_remove(faults->set,	/* if it is */
			    span_str(conf->fault[i].name));
		/* the parser has seen to it that no name comes twice */
		must(fault_set_add(faults->set, conf, false));
	}
	unlock(faults);
}

const char *
faults_add(struct faults *faults, struct conf *conf)
{
	const char *why = NULL;

	lock(faults);
	if (!faults->are_allowed)
		why = "faults are not allowed here: say 'faults-allowed yes;' "
		    "in the configuration";
	else if (!fault_set_add(faults->set, conf, true))
		why = "there is a fault of this name already";
	unlock(faults);
	return why;
}

const char *
faults_remove(struct faults *faults, struct span name)
{
	bool was_there;

	lock(faults);
	was_there = fault_set_remove(faults->set, name);
	unlock(faults);
	return was_there ? NULL : "there is no fault of this name";
}

void
faults_each(struct faults *faults,
    void (*tell)(void *arg, const struct fault_told *told), void *arg)
{
	lock(faults);
	fault_set_each(faults->set, tell, arg);
	unlock(faults);
}

bool
faults_check(const struct conf *conf, char *error, size_t len)
{
	for (size_t i = 0; i < conf->fault_n; i++) {
		const struct tls_cert_files files = { "",
			conf->fault[i].certificate, conf->fault[i].key };
		struct tls_server *tls;

		if (conf->fault[i].tls != CONF_FAULT_TLS_OWN)
			continue;
		tls = tls_server_new(&files, 1, TLS_1_2, error, len);
		if (tls == NULL)
			return false;
		tls_server_unref(tls);
	}
	return true;
}

bool
faults_are_there(const struct faults *faults)
{
	return atomic_load_explicit(&faults->n, memory_order_relaxed) != 0;
}

const struct conf_fault *
faults_find(struct faults *faults, const struct fault_moment *moment,
    struct conf **conf)
{
	const struct conf_fault *fault;

	lock(faults);
	fault = fault_set_find(faults->set, moment, conf);
	unlock(faults);
	return fault;
}
