/* SPDX-License-Identifier: Apache-2.0 */
/* dlg: reads a dialogue file; the format is in tests/dlg/README.md. */
#ifndef TESTS_PLAY_DLG_H
#define TESTS_PLAY_DLG_H

#include "drive.h"

#define DLG_ITEMS_MAX 1024

enum dlg_kind { DLG_CLIENT, DLG_SERVER, DLG_SERVER_ANY, DLG_TLS };

struct dlg_item {
	enum dlg_kind kind;
	struct span text;	/* CLIENT: the bytes; SERVER: the pattern;
				 * SERVER_ANY: the code */
};

struct dlg {
	const char *path;
	char *text;		/* the file; spans point into it */
	struct dlg_item item[DLG_ITEMS_MAX];
	size_t item_n;
	struct drive_script script[DRIVE_SCRIPT_MAX];
	size_t script_n;
	struct smtp_server_conf conf;
	struct span client;
	struct buf bodies, notes, events, arena;
	bool is_lf, is_uncut, is_tls, has_events, is_closed;
};

/* Dies with file and line if the file is wrong. */
void dlg_load(struct dlg *dlg, const char *path);
void dlg_free(struct dlg *dlg);

#endif
