/* SPDX-License-Identifier: Apache-2.0 */
/* play: runs dialogue files against the engine, in process.
 *
 *   play [--bytes] FILE…
 *
 * Each file is played whole (with `! lines lf`: a line a read, as a person
 * types) and then once for every place where it can be cut in two. Nothing may
 * depend on the cut. --bytes writes what the client sends, as a fuzz seed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/die.h"
#include "dlg.h"

static unsigned runs;

static bool
matches(struct span pattern, struct span text)
{
	while (pattern.len != 0 && pattern.p[0] != '*') {
		if (text.len == 0 || text.p[0] != pattern.p[0])
			return false;
		pattern = span_skip(pattern, 1);
		text = span_skip(text, 1);
	}
	if (pattern.len == 0)
		return text.len == 0;
	pattern = span_skip(pattern, 1);
	for (size_t i = 0; i <= text.len; i++)
		if (matches(pattern, span_skip(text, i)))
			return true;
	return false;
}

/* How a run is named in a failure. */
static char where[64];

static _Noreturn void
differ(const struct dlg *dlg, struct drive *drive, const char *what,
    struct span expected, struct span got)
{
	fprintf(stderr, "%s: %s: %s\n  expected: %.*s\n  got:      %.*s\n",
	    dlg->path, where, what, SPAN_ARG(expected), SPAN_ARG(got));
	fprintf(stderr, "--- the session\n%.*s--- events: %.*s\n",
	    SPAN_ARG(buf_span(&drive->shown)),
	    SPAN_ARG(buf_span(&drive->told)));
	exit(1);
}

static struct span
cut_line(struct span *said)
{
	struct span line = span_cut(said, '\n');

	line.len -= line.len != 0;	/* its CR */
	return line;
}

static void
compare_said(const struct dlg *dlg, struct drive *drive)
{
	struct span said = buf_span(&drive->said), line;

	for (size_t i = 0; i < dlg->item_n; i++) {
		struct span text = dlg->item[i].text;

		if (dlg->item[i].kind == DLG_SERVER) {
			line = cut_line(&said);
			if (!matches(text, line))
				differ(dlg, drive, "the server says", text,
				    line);
		} else if (dlg->item[i].kind == DLG_SERVER_ANY) {
			do {
				line = cut_line(&said);
				if (!span_starts(line, text))
					differ(dlg, drive, "the server says",
					    text, line);
			} while (line.len > 3 && line.p[3] == '-');
		}
	}
	if (said.len != 0)
		differ(dlg, drive, "the server says more", SPAN(""), said);
}

static void
compare(const struct dlg *dlg, struct drive *drive)
{
	runs++;
	if (drive->broken != NULL)
		differ(dlg, drive, "broken promise", span_str(drive->broken),
		    SPAN(""));
	compare_said(dlg, drive);
	if (!span_eq(buf_span(&dlg->bodies), buf_span(&drive->delivered)))
		differ(dlg, drive, "delivered", buf_span(&dlg->bodies),
		    buf_span(&drive->delivered));
	if (!span_eq(buf_span(&dlg->notes), buf_span(&drive->notes)))
		differ(dlg, drive, "notes", buf_span(&dlg->notes),
		    buf_span(&drive->notes));
	if (dlg->has_events &&
	    !span_eq(buf_span(&dlg->events), buf_span(&drive->told)))
		differ(dlg, drive, "events", buf_span(&dlg->events),
		    buf_span(&drive->told));
	if (dlg->is_closed != drive->is_closed)
		differ(dlg, drive, "hangs up (X)",
		    dlg->is_closed ? SPAN("yes") : SPAN("no"),
		    drive->is_closed ? SPAN("yes") : SPAN("no"));
}

/* Feeds all that the client says; `cut` is where one piece is cut in two,
 * counted from the start of the session, or SIZE_MAX. */
static void
play_once(const struct dlg *dlg, size_t cut)
{
	static struct drive drive;
	struct buf piece;
	size_t at = 0;

	snprintf(where, sizeof where, cut == SIZE_MAX ? "whole" : "cut at %zu",
	    cut);
	drive_init(&drive, &dlg->conf, dlg->client, dlg->is_tls);
	memcpy(drive.script, dlg->script, sizeof drive.script);
	drive.script_n = dlg->script_n;
	buf_init(&piece, 1u << 20);
	for (size_t i = 0; i <= dlg->item_n; i++) {
		bool is_client = i < dlg->item_n &&
		    dlg->item[i].kind == DLG_CLIENT;
		bool is_tls = i < dlg->item_n && dlg->item[i].kind == DLG_TLS;

		if (is_client)
			must(buf_append(&piece, dlg->item[i].text) == 0);
		if (i == dlg->item_n || is_tls || (is_client && dlg->is_lf)) {
			struct span bytes = buf_span(&piece);

			if (cut > at && cut < at + bytes.len) {
				drive_feed(&drive,
				    span_first(bytes, cut - at));
				drive_feed(&drive, span_skip(bytes, cut - at));
			} else if (bytes.len != 0) {
				drive_feed(&drive, bytes);
			}
			at += bytes.len;
			buf_clear(&piece);
		}
		if (is_tls)
			drive_tls(&drive);
	}
	buf_free(&piece);
	compare(dlg, &drive);
	drive_free(&drive);
}

static size_t
client_len(const struct dlg *dlg)
{
	size_t len = 0;

	for (size_t i = 0; i < dlg->item_n; i++)
		if (dlg->item[i].kind == DLG_CLIENT)
			len += dlg->item[i].text.len;
	return len;
}

static void
play(const struct dlg *dlg)
{
	play_once(dlg, SIZE_MAX);
	for (size_t cut = 1; !dlg->is_uncut && cut < client_len(dlg); cut++)
		play_once(dlg, cut);
}

static void
write_bytes(const struct dlg *dlg)
{
	for (size_t i = 0; i < dlg->item_n; i++)
		if (dlg->item[i].kind == DLG_CLIENT)
			fwrite(dlg->item[i].text.p, 1, dlg->item[i].text.len,
			    stdout);
}

int
main(int argc, char **argv)
{
	bool is_bytes = argc > 1 && strcmp(argv[1], "--bytes") == 0;
	static struct dlg dlg;

	for (int i = 1 + is_bytes; i < argc; i++) {
		dlg_load(&dlg, argv[i]);
		if (is_bytes)
			write_bytes(&dlg);
		else
			play(&dlg);
		dlg_free(&dlg);
	}
	if (!is_bytes)
		printf("%d dialogues, %u runs\n", argc - 1, runs);
	return argc < 2 || (!is_bytes && runs == 0);
}
