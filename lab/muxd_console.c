/* SPDX-License-Identifier: MIT */
/*
 * The log of the appliance's serial console: console.log and, once that is full, console.log.old.
 * Nothing in the lab depends on what the console says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "muxd.h"

#define CONSOLE_LOG_MAX_BYTES (16ll * 1024 * 1024)

void console_open_log(void)
{
	lab.console_log = open(in_directory("console.log"),
			       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lab.console_log < 0)
		must(-errno, in_directory("console.log"));
	lab.console_bytes = 0;
}

/* Two files of bounded size: a guest that floods its console must not fill the host's disk. */
static void console_rotate(void)
{
	char old[PATH_MAX + 64];

	snprintf(old, sizeof(old), "%s", in_directory("console.log.old"));
	close(lab.console_log);
	rename(in_directory("console.log"), old);
	console_open_log();
}

void console_write(const uint8_t *data, size_t size_bytes)
{
	if (lab.console_bytes > CONSOLE_LOG_MAX_BYTES)
		console_rotate();
	lab.console_bytes += (long long)size_bytes;
	while (size_bytes) {
		const ssize_t n = write(lab.console_log, data, size_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;		/* a full disk costs the log, not the lab */
		data += n;
		size_bytes -= (size_t)n;
	}
}

void console_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init((char *)lab.console_buffer, sizeof(lab.console_buffer));
}

void console_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0)
		console_write((const uint8_t *)buf->base, (size_t)n);
	else if (n < 0)
		uv_read_stop(stream);
}
