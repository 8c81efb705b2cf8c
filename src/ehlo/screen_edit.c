/* SPDX-License-Identifier: Apache-2.0 */
/* screen_edit: the line with libedit. It asks us for each key (EL_GETCFN), and
 * that is where the server is listened to as well. What must be shown meanwhile
 * is shown thus: cursor to the first row of the line, clear, the new lines,
 * then libedit draws its line again, wherever that now is. */
#include <errno.h>
#include <locale.h>
#include <histedit.h>
#include <langinfo.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "ehlo/screen_priv.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#define MARK '\1'	/* around what has no width */

static struct screen *
screen_of(EditLine *el)
{
	void *screen = NULL;

	(void)el_get(el, EL_CLIENTDATA, &screen);	/* we set it */
	return screen;
}

/* --- where things are on the screen */

static size_t
columns_of(const char *s, size_t len)
{
	mbstate_t state = { 0 };
	size_t columns = 0;

	while (len != 0) {
		wchar_t c;
		size_t n = mbrtowc(&c, s, len, &state);
		int width;

		if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
			return columns + len;
		width = wcwidth(c);
		columns += width >= 0 ? (size_t)width : 2;	/* ^X */
		s += n;
		len -= n;
	}
	return columns;
}

static size_t
terminal_width(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		return size.ws_col;
	return 80;
}

void
screen_edit_hide(struct screen *screen)
{
	const LineInfo *line = el_line(screen->el);
	size_t columns = screen->prompt_columns + columns_of(line->buffer,
	    (size_t)(line->cursor - line->buffer));
	size_t rows = columns / terminal_width();

	if (!screen->has_escapes) {
		fputc('\n', screen->out);
		return;
	}
	fputc('\r', screen->out);
	if (rows != 0)
		fprintf(screen->out, "\033[%zuA", rows);
	fputs("\033[J", screen->out);
}

void
screen_edit_draw(struct screen *screen)
{
	(void)fflush(screen->out);
	(void)el_set(screen->el, EL_REFRESH);
}

void
screen_edit_resize(struct screen *screen)
{
	screen_edit_hide(screen);
	/* after Ctrl-Z the shell has had the terminal */
	(void)el_set(screen->el, EL_PREP_TERM, 1);
	el_resize(screen->el);
	screen_edit_draw(screen);
}

void
screen_take_back(struct screen *screen, struct span line)
{
	size_t rows = (screen->prompt_columns + columns_of(line.p, line.len)) /
	    terminal_width();

	if (!screen->is_terminal || !screen->has_escapes ||
	    screen->shown != screen->shown_at_read)
		return;
	fprintf(screen->out, "\r\033[%zuA\033[J", rows + 1);
	(void)fflush(screen->out);
}

/* --- the prompt */

static char *
on_prompt(EditLine *el)
{
	struct screen *screen = screen_of(el);
	struct put out = put_init(screen->prompt, sizeof screen->prompt - 1);
	char memory[SCREEN_PROMPT_MAX / 2];
	struct put plain = put_init(memory, sizeof memory - 1);
	const char *colour = screen->ask->prompt(screen->ask->arg, &plain);
	struct span text = put_span(&plain);

	screen->prompt_columns = columns_of(text.p, text.len);
	if (screen->has_colour && colour != NULL && text.len > 1) {
		put_char(&out, MARK);
		put_str(&out, "\033[");
		put_str(&out, colour);
		put_char(&out, 'm');
		put_char(&out, MARK);
		/* the last character stands behind the mark: libedit loses
		 * one at the end */
		put_bytes(&out, span_first(text, text.len - 1));
		put_char(&out, MARK);
		put_str(&out, "\033[0m");
		put_char(&out, MARK);
		text = span_skip(text, text.len - 1);
	}
	put_bytes(&out, text);
	screen->prompt[out.len] = '\0';
	return screen->prompt;
}

/* --- keys */

static int
on_key(EditLine *el, wchar_t *out)
{
	struct screen *screen = screen_of(el);

	if (!screen->is_prefilled && screen->ask->prefill != NULL) {
		screen->is_prefilled = true;
		screen_edit_hide(screen);
		(void)el_insertstr(el, screen->ask->prefill);	/* or not */
		screen_edit_draw(screen);
	}
	for (;;) {
		enum screen_wake wake = screen_wait_key(screen);
		ssize_t n;
		size_t used;
		char c;

		if (wake != SCREEN_WAKE_KEY) {
			screen->result = wake == SCREEN_WAKE_BROKEN ?
			    SCREEN_BROKEN : screen_signal();
			errno = EINTR;
			return -1;
		}
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return 0;	/* the terminal is gone */
		used = mbrtowc(out, &c, 1, &screen->wide);
		if (used == (size_t)-2)
			continue;
		if (used == (size_t)-1) {
			screen->wide = (mbstate_t){ 0 };
			*out = L'?';
		}
		return 1;
	}
}

static void
list_candidates(struct screen *screen)
{
	const struct talk_candidates *found = &screen->candidates;
	size_t widest = 0, across, width = terminal_width();

	for (size_t i = 0; i < found->n; i++)
		if (strlen(found->word[i]) > widest)
			widest = strlen(found->word[i]);
	across = width / (widest + 2);
	if (across == 0)
		across = 1;
	screen_edit_hide(screen);
	for (size_t i = 0; i < found->n; i++)
		fprintf(screen->out, "%-*s%s", (int)widest + 2,
		    found->word[i], (i + 1) % across == 0 ||
		    i + 1 == found->n ? "\n" : "");
	screen->shown++;
	screen_edit_draw(screen);
}

/* A word is over, unless it waits for what follows: "FROM:<", "SIZE=". */
static bool
is_over(const char *word)
{
	size_t n = strlen(word);

	return n != 0 && strchr("<:=; >", word[n - 1]) == NULL;
}

static unsigned char
on_tab(EditLine *el, int key)
{
	struct screen *screen = screen_of(el);
	struct talk_candidates *found = &screen->candidates;
	const LineInfo *line = el_line(el);
	size_t typed = (size_t)(line->cursor - line->buffer), common;
	char text[TALK_CANDIDATE_LEN + 1] = "";

	if (screen->ask->complete == NULL)
		return CC_ERROR;
	screen->ask->complete(screen->ask->arg, span_of(line->buffer, typed),
	    found);
	if (found->is_file)
		return _el_fn_complete(el, key);
	if (found->n == 0)
		return CC_ERROR;
	common = talk_common_prefix(found);
	if (found->n > 1 && common <= typed - found->at) {
		list_candidates(screen);
		return CC_NORM;
	}
	/* as they write it, not as it was begun */
	el_deletestr(el, (int)columns_of(line->buffer + found->at,
	    typed - found->at));
	(void)snprintf(text, sizeof text, "%.*s%s", (int)common,
	    found->word[0], found->n == 1 && is_over(found->word[0]) ? " " :
	    "");	/* fits */
	if (el_insertstr(el, text) != 0)
		return CC_ERROR;
	line = el_line(el);
	screen->completed = (size_t)(line->lastchar - line->buffer);
	return CC_REFRESH;
}

static unsigned char
on_up(EditLine *el, int key)
{
	(void)key;
	screen_of(el)->result = SCREEN_UP;
	return CC_NEWLINE;
}

static unsigned char
on_down(EditLine *el, int key)
{
	(void)key;
	screen_of(el)->result = SCREEN_DOWN;
	return CC_NEWLINE;
}

/* --- birth and death */

/* Columns of what is not ASCII are known in UTF-8 only. */
static void
choose_locale(void)
{
	if (setlocale(LC_CTYPE, "") == NULL ||
	    strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		(void)setlocale(LC_CTYPE, "C.UTF-8");	/* or as it was */
}

static void
add_functions(struct screen *screen)
{
#ifdef __SANITIZE_ADDRESS__
	__lsan_disable();	/* libedit never frees their names */
#endif
	(void)el_set(screen->el, EL_ADDFN, "ehlo-complete",
	    "what can stand here", on_tab);
	(void)el_set(screen->el, EL_ADDFN, "ehlo-up", "the line before",
	    on_up);
	(void)el_set(screen->el, EL_ADDFN, "ehlo-down", "the line behind",
	    on_down);
#ifdef __SANITIZE_ADDRESS__
	__lsan_enable();
#endif
}

void
screen_edit_open(struct screen *screen)
{
	const char *term = getenv("TERM");

	choose_locale();
	screen->has_escapes = term != NULL && strcmp(term, "dumb") != 0;
	screen->el = el_init("ehlo", stdin, screen->out, stderr);
	if (screen->el == NULL) {
		screen->is_terminal = false;
		return;
	}
	(void)el_set(screen->el, EL_CLIENTDATA, screen);
	(void)el_set(screen->el, EL_SIGNAL, 0);
	(void)el_set(screen->el, EL_EDITOR, "emacs");
	/* between two lines, too, see screen_open() */
	(void)el_set(screen->el, EL_SETTY, "-x", "-echo", "-icanon",
	    NULL);
	(void)el_set(screen->el, EL_PROMPT_ESC, on_prompt, MARK);
	(void)el_set(screen->el, EL_GETCFN, on_key);
	add_functions(screen);
	(void)el_set(screen->el, EL_BIND, "^I", "ehlo-complete", NULL);
	(void)el_set(screen->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	(void)el_source(screen->el, NULL);	/* ~/.editrc, if it is there */
	screen_history_open(screen);
}

void
screen_edit_close(struct screen *screen)
{
	el_end(screen->el);
	history_end(screen->history);
	history_end(screen->no_history);
}

/* --- reading */

static void
bind_arrows(struct screen *screen)
{
	static const char *const up[] = { "\033[A", "\033OA", "^P" };
	static const char *const down[] = { "\033[B", "\033OB", "^N" };
	bool is_text = screen->ask->mode == SCREEN_LINES;

	for (size_t i = 0; i < countof(up); i++) {
		(void)el_set(screen->el, EL_BIND, up[i], is_text ? "ehlo-up" :
		    "ed-prev-history", NULL);
		(void)el_set(screen->el, EL_BIND, down[i], is_text ?
		    "ehlo-down" : "ed-next-history", NULL);
	}
}

enum screen_result
screen_edit_read(struct screen *screen, struct span *line)
{
	const char *typed;
	int n = 0;

	bind_arrows(screen);
	(void)el_set(screen->el, EL_HIST, history,
	    screen->ask->mode == SCREEN_COMMAND ? screen->history :
	    screen->no_history);
	screen->wide = (mbstate_t){ 0 };
	screen->result = SCREEN_LINE;
	screen->completed = 0;
	(void)fflush(screen->out);
	typed = el_gets(screen->el, &n);
	if (typed != NULL && n > 0)
		*line = span_of(typed, (size_t)n);
	if (screen->result == SCREEN_UP || screen->result == SCREEN_DOWN) {
		screen_edit_hide(screen);
	} else if (line->len == 0) {
		if (screen->result == SCREEN_LINE)
			screen->result = SCREEN_END;
		if (!screen->is_hidden)
			fputs(screen->result == SCREEN_CANCEL ? "^C\n" : "\n",
			    screen->out);
	} else if (line->p[line->len - 1] == '\n') {
		line->len--;
		/* the space that Tab put there was for what did not follow */
		if (line->len != 0 && line->len == screen->completed &&
		    line->p[line->len - 1] == ' ')
			line->len--;
	}
	(void)fflush(screen->out);
	return screen->result;
}
