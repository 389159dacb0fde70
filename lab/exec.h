/* SPDX-License-Identifier: MIT */
/*
 * What svmlab-exec and the agent agree on about a command session: an exec channel of the
 * multiplexer carries a session of the same protocol, whose three channels are the command's
 * standard streams. That gives stdin its own credit, so a command that does not read its input
 * cannot keep a signal from reaching it.
 */
#ifndef SVMLAB_EXEC_H
#define SVMLAB_EXEC_H

enum exec_stream { EXEC_STDIN = 0, EXEC_STDOUT = 1, EXEC_STDERR = 2 };

/*
 * The payload of START: flags u8, zero u8, rows u16, columns u16, then strings that each end in a
 * zero byte: the TERM variable, the working directory, and the command with its arguments.
 */
#define EXEC_START_FIXED_BYTES	6u
#define EXEC_FLAG_TTY		1u
#define EXEC_ARGS_MAX		4096u

/* Exit statuses of `svmlab run` that are not the command's own. */
#define EXEC_STATUS_USAGE	2
#define EXEC_STATUS_TIME_LIMIT	124
#define EXEC_STATUS_LAB		125
#define EXEC_STATUS_NOT_RUN	126
#define EXEC_STATUS_NOT_FOUND	127

#endif
