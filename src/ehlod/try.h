/* SPDX-License-Identifier: Apache-2.0 */
/* try: what would happen to an envelope, and which line of the configuration
 * decides: the policy's own functions over the configuration as it would be
 * loaded, without a network and without a running daemon. */
#ifndef EHLOD_TRY_H
#define EHLOD_TRY_H

/* argv[0] is "try". 0: it would be taken; 1: refused, or the configuration is
 * wrong; 3: usage. */
int try_run(int argc, char **argv);

#endif
