/* SPDX-License-Identifier: MIT */
/*
 * The daemon's log: lines on stderr. Under systemd (JOURNAL_STREAM is set) each line carries the
 * priority prefix of sd-daemon(3); else it begins with the program's name.
 */
#ifndef SVMRUND_LOG_H
#define SVMRUND_LOG_H

#include <stddef.h>
#include <syslog.h>	/* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO */

/* One line, from any thread. No newline at the end of `format`. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Small allocations that the daemon cannot do without: a failure ends it with a log line. */
void *need_memory(size_t bytes);	/* zeroed */
void *need_more(void *memory, size_t bytes);	/* realloc */
char *need_copy(const char *text, size_t length);	/* NUL-terminated */

#endif
