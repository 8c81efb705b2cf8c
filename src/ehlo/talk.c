/* SPDX-License-Identifier: Apache-2.0 */
#include "ehlo/talk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "ehlo/cmd.h"
#include "ehlo/talk_priv.h"
#include "ehlo/tell.h"
#include "ehlo/transcript.h"

/* --- one line */

static void
say_typed(struct talk *talk, const struct talk_line *line, struct span text)
{
	if (!talk_is_open(talk) && line->step == STEP_QUIT) {
		talk->is_leaving = true;
		return;
	}
	if (!talk_is_open(talk)) {
		talk_warn(talk, "there is no connection; /open makes one");
		talk->refused++;
		return;
	}
	talk->is_typed = screen_is_terminal(talk->screen);
	switch (line->step) {
	case STEP_STARTTLS:
		talk_starttls(talk, text);
		break;
	case STEP_AUTH:
		talk_auth_typed(talk, line, text);
		break;
	case STEP_DATA:
		talk_data(talk, text);
		break;
	case STEP_BDAT:
		talk_bdat(talk, text);
		break;
	case STEP_QUIT:
		(void)talk_say(talk, STEP_QUIT, text, false);
		talk->is_leaving = true;
		break;
	case STEP_GREETING:
	case STEP_HELLO:
	case STEP_RESPONSE:
	case STEP_MAIL:
	case STEP_RCPT:
	case STEP_TEXT:
	case STEP_RSET:
	case STEP_OTHER:
	case STEP_RAW:
		(void)talk_say(talk, line->step, text, false);
		break;
	}
	talk->is_typed = false;
}

static void
obey(struct talk *talk, struct span text)
{
	struct talk_line line;
	char memory[2048];
	struct put kept = put_init(memory, sizeof memory);

	if (talk_line_for_history(text, &kept))
		screen_remember(talk->screen, put_span(&kept));
	talk->unasked = 0;
	talk->is_raw_sent = false;
	talk_line_read(text, &line);
	switch (line.kind) {
	case TALK_EMPTY:
		break;
	case TALK_SMTP:
		say_typed(talk, &line, text);
		break;
	case TALK_OWN:
		talk_own(talk, &line);
		break;
	case TALK_UNKNOWN:
		talk_warn(talk, "there is no /%.*s, see /help",
		    (int)(line.word.len < 40 ? line.word.len : 40),
		    line.word.p);
		talk->refused++;
		break;
	}
}

static void
say_goodbye(struct talk *talk)
{
	if (!talk_is_open(talk))
		return;
	(void)talk_say(talk, STEP_QUIT, SPAN("QUIT"), false);
	talk_close(talk);
}

/* Is there a reason to read no more lines? */
static bool
is_over(const struct talk *talk)
{
	if (talk->is_leaving)
		return true;
	if (screen_is_terminal(talk->screen))
		return false;
	return talk->was_lost || (talk->options->stops && talk->refused != 0);
}

static void
run_lines(struct talk *talk)
{
	const struct screen_ask ask = { .mode = SCREEN_COMMAND,
		.prompt = talk_prompt, .complete = talk_on_tab, .arg = talk };

	while (!is_over(talk)) {
		struct span line;

		switch (screen_read(talk->screen, &ask, &line)) {
		case SCREEN_LINE:
			obey(talk, line);
			break;
		case SCREEN_CANCEL:
		case SCREEN_UP:
		case SCREEN_DOWN:
			break;
		case SCREEN_BROKEN:
			if (!screen_is_terminal(talk->screen))
				return;
			break;
		case SCREEN_END:
		case SCREEN_STOP:
			talk->is_leaving = true;
			break;
		}
	}
}

/* --- beginning and end */

static bool
open_record(struct talk *talk)
{
	const char *path = talk->options->record;

	if (path == NULL)
		return true;
	talk->record = fopen(path, "we");
	if (talk->record == NULL) {
		tell_error("%s: %s", path, log_errno(errno));
		return false;
	}
	(void)setvbuf(talk->record, NULL, _IOLBF, 0);
	return true;
}

static int
watch_fd(void *arg)
{
	const struct talk *talk = arg;

	return talk->session != NULL ? session_fd(talk->session) : -1;
}

static bool
watch_has_input(void *arg)
{
	const struct talk *talk = arg;

	return talk_is_open(talk) && !talk->has_heard_all &&
	    session_has_input(talk->session);
}

static bool
open_screen(struct talk *talk)
{
	const struct screen_watch watch = { watch_fd, watch_has_input,
		talk_on_input, talk };

	if (talk->options->is_json) {
		talk->json = stdout;
		talk->nowhere = fopen("/dev/null", "we");
		if (talk->nowhere == NULL)
			return false;
	}
	talk->screen = screen_open(&watch, talk->nowhere != NULL ?
	    talk->nowhere : stdout, talk->options->is_json);
	return true;
}

/* What was asked for on the command line, before the first prompt. */
static bool
begin(struct talk *talk)
{
	const struct target *target = talk->options->target;
	/* port 587 is for mail programs, and they do it so */
	bool wants_tls = target->tls == TARGET_TLS_REQUIRED ||
	    target->tls == TARGET_TLS_OPTIONAL ||
	    (target->tls == TARGET_TLS_AUTO && talk->where.port == 587);

	if (!talk_open(talk)) {
		talk->exit_code = CMD_UNREACHED;
		return false;
	}
	if (talk->last.code != 220)
		return true;
	if ((wants_tls || talk->options->logs_in) && !talk_hello(talk))
		return true;
	if (wants_tls && !talk->state.is_tls && (smtp_client_has(
	    session_engine(talk->session), CAP_STARTTLS) ||
	    target->tls == TARGET_TLS_REQUIRED))
		talk_starttls(talk, SPAN("STARTTLS"));
	if (target->tls == TARGET_TLS_REQUIRED && !talk->state.is_tls) {
		talk_warn(talk, "TLS was demanded, and is not to be had");
		talk->exit_code = CMD_FAILED;
		return false;
	}
	if (talk->options->logs_in && talk_is_open(talk))
		talk_auth_whole(talk, SPAN(""), SPAN(""));
	return true;
}

static void
close_record(struct talk *talk)
{
	if (talk->record == NULL)
		return;
	if (ferror(talk->record) || fclose(talk->record) != 0) {
		tell_error("the transcript could not be written");
		talk->exit_code = CMD_FAILED;
	}
	talk->record = NULL;
}

int
talk_run(const struct talk_options *options)
{
	struct talk *talk = mem_new(sizeof *talk);
	int exit_code;

	talk->options = options;
	talk->where = options->target->session;
	talk->exit_code = CMD_GOOD;
	if (!open_record(talk) || !open_screen(talk)) {
		free(talk);
		return CMD_FAILED;
	}
	if (begin(talk))
		run_lines(talk);
	say_goodbye(talk);
	if (talk->exit_code == CMD_GOOD &&
	    !screen_is_terminal(talk->screen) &&
	    (talk->refused != 0 || talk->was_lost))
		talk->exit_code = CMD_FAILED;
	session_free(talk->session);
	close_record(talk);
	screen_close(talk->screen);
	if (talk->nowhere != NULL)
		(void)fclose(talk->nowhere);
	exit_code = talk->exit_code;
	mem_wipe(talk, sizeof *talk);
	free(talk);
	return exit_code;
}
