/* SPDX-License-Identifier: Apache-2.0 */
/* table: the options as data, for the parser and the printers of this folder.
 */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include "base/span.h"
#include "conf/conf.h"

enum conf_block { BLOCK_GLOBAL, BLOCK_LISTENER, BLOCK_TLS, BLOCK_USERS,
	BLOCK_ALIASES, BLOCK_DOMAIN, BLOCK_COUNT };

enum conf_kind {
	KIND_NAME,	/* a host's name */
	KIND_PATH,	/* relative ones to the file's folder */
	KIND_TEXT,	/* anything, also empty */
	KIND_WORD,	/* one of `words`, kept as text */
	KIND_YESNO, KIND_COUNT, KIND_SIZE, KIND_DURATION,
	KIND_LOG, KIND_TLS,	/* one of `words`, kept as its number */
	KIND_AUTH, KIND_RELAY,	/* several of `words` */
	KIND_ADDRESSES, KIND_NETWORKS,
	KIND_DELIVER	/* "maildir" and a path */
};

struct conf_option {
	enum conf_block block;
	const char *name;
	enum conf_kind kind;
	size_t field;		/* offset in the block's struct */
	const char *value;	/* default, or NULL */
	const char *words;
	const char *meaning;
};

struct conf_block_kind {
	const char *name;	/* "" for GLOBAL */
	enum { NAME_NONE, NAME_OPTIONAL, NAME_REQUIRED } name_rule;
	bool is_once;		/* may stand once */
	const char *meaning;
};

extern const struct conf_option conf_options[];
extern const size_t conf_options_n;
extern const struct conf_block_kind conf_blocks[BLOCK_COUNT];

#endif
