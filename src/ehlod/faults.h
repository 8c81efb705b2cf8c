/* SPDX-License-Identifier: Apache-2.0 */
/* faults: the faults on purpose of the whole daemon: those of the configuration
 * and those of `ehlo fault add`. Any thread may ask; while there are none that
 * costs a load. */
#ifndef EHLOD_FAULTS_H
#define EHLOD_FAULTS_H

#include "policy/fault.h"

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *faults);
/* This configuration is in force: its faults take the place of the former
 * one's and begin to count. What was added at run time stays, unless its name
 * is taken now or faults are not allowed any more. */
void faults_configure(struct faults *faults, struct conf *conf);
/* At run time: NULL, or why not, in words. */
const char *faults_add(struct faults *faults, struct conf *conf);
const char *faults_remove(struct faults *faults, struct span name);
void faults_each(struct faults *faults,
    void (*tell)(void *arg, const struct fault_told *told), void *arg);
/* What they need can be used; otherwise false, and why in `error`. */
bool faults_check(const struct conf *conf, char *error, size_t len);
bool faults_are_there(const struct faults *faults);
/* As fault_set_find(). */
const struct conf_fault *faults_find(struct faults *faults,
    const struct fault_moment *moment, struct conf **conf);

#endif
