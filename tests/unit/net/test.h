/* SPDX-License-Identifier: Apache-2.0 */
/* What every test program of this folder includes; cmocka wants these four
 * before itself. */
#ifndef TEST_NET_TEST_H
#define TEST_NET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
