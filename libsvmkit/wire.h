/* SPDX-License-Identifier: MIT */
/*
 * Lines over a non-blocking Unix stream socket, with deadlines and signals. Sending reads at the same
 * time, because a daemon that waits for us to read would otherwise never read what we send.
 */
#ifndef SVMKIT_LIBSVMKIT_WIRE_H
#define SVMKIT_LIBSVMKIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_LINE_BYTES (64u << 20)	/* longest line that is taken */

enum wire_status { WIRE_OK, WIRE_CLOSED, WIRE_ERROR, WIRE_TIMEOUT, WIRE_INTERRUPTED, WIRE_TOO_LONG };

struct wire {
	int fd;			/* -1: not open */
	int signal_fd;		/* -1: signals are not caught */
	int first_signal;
	unsigned int signals;	/* caught so far */
	unsigned int tolerated;	/* of them already reported as WIRE_INTERRUPTED */
	bool lost;
	void (*on_send)(void *context, uint64_t done, uint64_t total);	/* or NULL */
	void *send_context;
	char *input;		/* bytes [start, used) are not yet taken; [start, scanned) has no LF */
	size_t start, scanned, used, capacity;
};

/* 0, or -1 with errno; the wire may be closed either way. */
int wire_open(struct wire *wire, const char *path);
void wire_close(struct wire *wire);
int wire_catch_signals(struct wire *wire);

/*
 * The next line, NUL-terminated in place of its LF, valid until the next call. With `patient` the
 * first signal does not interrupt; any later one does, and each is reported once.
 */
enum wire_status wire_line(struct wire *wire, int64_t deadline, bool patient, char **line,
			   size_t *bytes);

/* Send `bytes` bytes and a line feed. */
enum wire_status wire_send_line(struct wire *wire, const char *line, size_t bytes, int64_t deadline);

#endif
