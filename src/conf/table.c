/* SPDX-License-Identifier: Apache-2.0 */
/* table: options.def as data. */
#include "conf/table.h"

#define STRUCT_GLOBAL   struct conf
#define STRUCT_LISTENER struct conf_listener
#define STRUCT_TLS      struct conf_tls_files
#define STRUCT_USERS    struct conf
#define STRUCT_ALIASES  struct conf
#define STRUCT_DOMAIN   struct conf_domain

const struct conf_option conf_options[] = {
#define OPTION(block, name, kind, field, value, words, meaning) \
	{ BLOCK_##block, name, KIND_##kind, \
	    offsetof(STRUCT_##block, field), value, words, meaning },
#include "conf/options.def"
#undef OPTION
};

const size_t conf_options_n = countof(conf_options);

const struct conf_block_kind conf_blocks[BLOCK_COUNT] = {
	[BLOCK_GLOBAL] = { "", NAME_NONE, true, "the server as a whole" },
	[BLOCK_LISTENER] = { "listener", NAME_REQUIRED, false,
	    "a way in: addresses and who may do what there" },
	[BLOCK_TLS] = { "tls", NAME_OPTIONAL, false,
	    "a certificate; with a name: for callers who ask for it (SNI)" },
	[BLOCK_USERS] = { "users", NAME_NONE, true, "who may log in" },
	[BLOCK_ALIASES] = { "aliases", NAME_NONE, true,
	    "addresses that mean others" },
	[BLOCK_DOMAIN] = { "domain", NAME_REQUIRED, false,
	    "a domain of ours and where its mail goes" },
};
