/* SPDX-License-Identifier: MIT */
/* Writing all of something, however often it is interrupted. */
#include <errno.h>
#include <unistd.h>
#include "write_all.h"

int write_all(int fd, const uint8_t *data, uint64_t bytes)
{
	while (bytes) {
		ssize_t done = write(fd, data, (size_t)bytes);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		data += done;
		bytes -= (uint64_t)done;
	}
	return 0;
}
