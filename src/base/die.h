/* SPDX-License-Identifier: Apache-2.0 */
/* die: what to do when we are wrong ourselves.
 * must(x) stays on in release; it says file, line and condition on stderr and
 * aborts. It is never for what a peer, the system or an operator did. */
#ifndef BASE_DIE_H
#define BASE_DIE_H

#define must(condition) \
	((condition) ? (void)0 : die_at(__FILE__, __LINE__, #condition))

_Noreturn void die_at(const char *file, int line, const char *what);

#endif
