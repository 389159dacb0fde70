/* SPDX-License-Identifier: MIT */
/*
 * The device thread of a VM: a libuv loop beside the daemon's, so that interrupts, timers and I/O of
 * one VM wait for no other VM and no client. It exists if a device asked for the loop or a timer
 * while the VM was built, and runs from the start of the VM to its end. libuv's calls on the loop are
 * made while it does not run, or by it; its callbacks take the bus's lock themselves, device timers'
 * and device_async's have it.
 */
#ifndef SVMRUND_DEVICE_THREAD_H
#define SVMRUND_DEVICE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "list.h"

struct vm;

struct device_timer {
	struct list link;	/* device_thread.timers */
	struct vm *vm;
	void (*expired)(struct device_timer *timer);
	bool armed;
	uint64_t at_ns;		/* guest time */
};

/* Another thread has something for the device thread to do. */
struct device_async {
	struct list link;	/* device_thread.asyncs */
	struct vm *vm;
	void (*call)(struct device_async *async);
	atomic_bool wanted;
};

struct device_thread {
	bool exists, running;
	uv_loop_t loop;
	pthread_t thread;
	uv_async_t wake;	/* to stop, or for an async */
	atomic_bool stop, done;
	uv_poll_t timer_poll;
	int timer_fd;
	uint64_t timer_fd_ns;	/* guest time that it is set to, or UINT64_MAX */
	uint64_t not_before_ns;	/* guest time of the next round of timers, at the earliest */
	struct list timers, asyncs;
};

void device_thread_init(struct device_thread *thread);
/* The devices are freed: what they closed goes, too. */
void device_thread_free(struct vm *vm);

/* The loop; made by the first call. NULL: the host has no room for it. */
uv_loop_t *device_loop(struct vm *vm);

int device_thread_start(struct vm *vm);		/* 0 or an errno */
/* Loop: asks it to end, and says whether it has (or never was); daemon_wake() follows. */
bool device_thread_end(struct vm *vm);
/* Ends it at once: no vCPU could be started. */
void device_thread_give_up(struct vm *vm);
bool device_thread_is_self(const struct vm *vm);
bool device_thread_is(const struct vm *vm, pthread_t thread);

/* While the VM is built. False: no room for the thread. */
bool device_timer_init(struct vm *vm, struct device_timer *timer,
		       void (*expired)(struct device_timer *timer));
/* From any thread, with the bus's lock; `at_ns` may have passed. Each `set` expires once. */
void device_timer_set(struct device_timer *timer, uint64_t at_ns);
void device_timer_cancel(struct device_timer *timer);
/* The VM's clock was started or stopped. */
void device_timers_follow_clock(struct vm *vm);

bool device_async_init(struct vm *vm, struct device_async *async,
		       void (*call)(struct device_async *async));
/* From any thread, with the lock or without. */
void device_async_send(struct device_async *async);

#endif
