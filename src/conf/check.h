/* SPDX-License-Identifier: Apache-2.0 */
/* check: what only the whole file shows. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf/conf.h"
#include "conf/lex.h"

/* Tells mistakes and warnings through the lexer. */
void check_conf(const struct conf *conf, struct lex *lex);

#endif
