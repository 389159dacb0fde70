/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that a device's callbacks wait for, on the device thread of its VM and with the bus's
 * lock held. Made and closed while that thread does not run, or by it.
 */
#ifndef SVMRUND_DEVICE_WATCH_H
#define SVMRUND_DEVICE_WATCH_H

#include <stdbool.h>
#include <uv.h>

struct vm;

struct device_watch {
	uv_poll_t *poll;		/* freed when the loop has closed it */
	struct vm *vm;
	int fd;				/* owned; -1: not open */
	bool counts;			/* an eventfd: emptied before the callback */
	void (*ready)(struct device_watch *watch);
};

/* Takes `fd` in any case; waits for nothing yet. 0, or an errno. */
int device_watch_init(struct device_watch *watch, struct vm *vm, int fd,
		      void (*ready)(struct device_watch *watch));
/* An eventfd of its own, which it waits for. 0, or an errno. */
int device_watch_init_eventfd(struct device_watch *watch, struct vm *vm,
			      void (*ready)(struct device_watch *watch));
/* Of an eventfd, from any thread: the callback comes. */
void device_watch_signal(const struct device_watch *watch);
/* UV_READABLE, UV_WRITABLE; 0: nothing. */
void device_watch_want(struct device_watch *watch, int events);
/* Harmless if it is not open (all zeroes is not, either). */
void device_watch_close(struct device_watch *watch);

#endif
