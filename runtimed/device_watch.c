/* SPDX-License-Identifier: MIT */
/* libuv's polls outlive what they belong to by a turn of the loop: so they live on their own. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "bus.h"
#include "device_thread.h"
#include "device_watch.h"
#include "log.h"
#include "vm.h"

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct device_watch *watch = poll->data;
	uint64_t count;

	(void)status;	/* EBADF and the like: the device's read or write meets it, too */
	(void)events;
	if (watch->counts && read(watch->fd, &count, sizeof(count)) < 0)
		return;
	bus_lock(watch->vm);
	watch->ready(watch);
	bus_unlock(watch->vm);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

int device_watch_init(struct device_watch *watch, struct vm *vm, int fd,
		      void (*ready)(struct device_watch *watch))
{
	uv_loop_t *loop = device_loop(vm);
	int status;

	*watch = (struct device_watch){ .vm = vm, .fd = fd, .ready = ready };
	watch->poll = need_memory(sizeof(*watch->poll));
	status = loop ? uv_poll_init(loop, watch->poll, fd) : UV_EMFILE;
	if (!status) {
		watch->poll->data = watch;
		return 0;
	}
	free(watch->poll);
	close(fd);
	*watch = (struct device_watch){ .fd = -1 };
	return -status;
}

int device_watch_init_eventfd(struct device_watch *watch, struct vm *vm,
			      void (*ready)(struct device_watch *watch))
{
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int status = fd < 0 ? errno : device_watch_init(watch, vm, fd, ready);

	if (status)
		return status;
	watch->counts = true;
	device_watch_want(watch, UV_READABLE);
	return 0;
}

void device_watch_signal(const struct device_watch *watch)
{
	const uint64_t one = 1;
	const ssize_t done = write(watch->fd, &one, sizeof(one));

	(void)done;	/* EAGAIN: it was signalled 2^64 - 2 times and not seen */
}

void device_watch_want(struct device_watch *watch, int events)
{
	if (events)
		uv_poll_start(watch->poll, events, on_event);
	else
		uv_poll_stop(watch->poll);
}

void device_watch_close(struct device_watch *watch)
{
	if (!watch->poll)
		return;
	uv_close((uv_handle_t *)watch->poll, on_closed);
	close(watch->fd);
	watch->poll = NULL;
	watch->fd = -1;
}
