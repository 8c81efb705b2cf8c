/* SPDX-License-Identifier: Apache-2.0 */
/* cmd: the subcommands of ehlo. Each gets its own words, argv[0] being its
 * name, explains itself with --help, and returns an exit code. */
#ifndef EHLO_CMD_H
#define EHLO_CMD_H

enum cmd_exit {
	CMD_GOOD = 0,
	CMD_FAILED = 1,		/* refused, or it went wrong */
	CMD_UNREACHED = 2,	/* could not connect */
	CMD_USAGE = 3		/* we did not understand what was typed */
};

int cmd_b64(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_mx(int argc, char **argv);
int cmd_relay(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_sendmail(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_sink(int argc, char **argv);
int cmd_fault(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_spool(int argc, char **argv);
int cmd_talk(int argc, char **argv);
int cmd_tls(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_trail(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_user(int argc, char **argv);

#endif
