/* SPDX-License-Identifier: MIT */
/*
 * sd_notify(3), sd_listen_fds(3) and sd_watchdog_enabled(3). The watchdog is pinged by a timer of
 * the loop: a loop that hangs pings no more.
 */
#include <config.h>
#include "log.h"
#include "service.h"
#ifdef HAVE_LIBSYSTEMD
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>

int service_socket(void)
{
	int count = sd_listen_fds(1);

	if (count <= 0)
		return -1;
	if (count == 1 && sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) > 0)
		return SD_LISTEN_FDS_START;
	log_line(LOG_ERR, "the service manager hands over %d descriptors: want one listening Unix "
		 "stream socket", count);
	return -2;
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	sd_notify(0, "WATCHDOG=1");
}

void service_ready(struct daemon *daemon)
{
	uint64_t limit_us;

	sd_notify(0, "READY=1");
	if (sd_watchdog_enabled(0, &limit_us) > 0)
		uv_timer_start(&daemon->watchdog, on_watchdog, 0, limit_us / 2000 + 1);
}

void service_reloading(void)
{
	struct timespec now;

	/* Type=notify-reload wants to know when the reload began. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void service_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
#else
int service_socket(void)
{
	return -1;
}

void service_ready(struct daemon *daemon)
{
	(void)daemon;
}

void service_reloading(void)
{
}

void service_stopping(void)
{
}
#endif
