/* SPDX-License-Identifier: MIT */
/* The device thread: its life, timers on one timerfd, and calls from other threads. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "bus.h"
#include "device_thread.h"
#include "vm.h"
#include "vm_clock.h"

/* A guest's timers must not keep a host CPU busy: rounds of them have this distance. */
#define MIN_ROUND_NS 20000

void device_thread_init(struct device_thread *thread)
{
	list_init(&thread->timers);
	list_init(&thread->asyncs);
	thread->timer_fd = -1;
	thread->timer_fd_ns = UINT64_MAX;
}

/* ---- Timers ---- */

static void set_timer_fd(struct vm *vm, uint64_t at_ns)
{
	struct device_thread *thread = &vm->device_thread;
	uint64_t host_ns = vm_clock_host_ns(vm, at_ns);
	struct itimerspec when = { 0 };

	if (thread->timer_fd_ns == at_ns)
		return;
	thread->timer_fd_ns = at_ns;
	if (at_ns != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(host_ns / 1000000000);
		when.it_value.tv_nsec = (long)(host_ns % 1000000000);
	}
	timerfd_settime(thread->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static uint64_t earliest(struct vm *vm)
{
	uint64_t at_ns = UINT64_MAX;

	list_each(link, &vm->device_thread.timers) {
		const struct device_timer *timer = list_object(link, struct device_timer, link);

		if (timer->armed && timer->at_ns < at_ns)
			at_ns = timer->at_ns;
	}
	if (at_ns < vm->device_thread.not_before_ns)
		at_ns = vm->device_thread.not_before_ns;
	return at_ns;
}

/* The timerfd may be early (a timer was cancelled), never late. */
void device_timers_follow_clock(struct vm *vm)
{
	if (vm->device_thread.exists)
		set_timer_fd(vm, vm->clock.running ? earliest(vm) : UINT64_MAX);
}

static void run_timers(struct vm *vm)
{
	struct device_thread *thread = &vm->device_thread;
	uint64_t now_ns = vm_clock_ns(vm), count;

	if (read(thread->timer_fd, &count, sizeof(count)) != sizeof(count))
		return;		/* set anew meanwhile */
	thread->timer_fd_ns = UINT64_MAX;
	if (!vm->clock.running)
		return;
	thread->not_before_ns = now_ns + MIN_ROUND_NS;
	list_each(link, &thread->timers) {
		struct device_timer *timer = list_object(link, struct device_timer, link);

		if (!timer->armed || timer->at_ns > now_ns)
			continue;
		timer->armed = false;
		timer->expired(timer);
	}
	set_timer_fd(vm, earliest(vm));
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct vm *vm = poll->data;

	(void)status;
	(void)events;
	bus_lock(vm);
	run_timers(vm);
	bus_unlock(vm);
}

bool device_timer_init(struct vm *vm, struct device_timer *timer,
		       void (*expired)(struct device_timer *timer))
{
	*timer = (struct device_timer){ .vm = vm, .expired = expired };
	list_append(&vm->device_thread.timers, &timer->link);
	return device_loop(vm) != NULL;
}

void device_timer_set(struct device_timer *timer, uint64_t at_ns)
{
	struct vm *vm = timer->vm;

	timer->armed = true;
	timer->at_ns = at_ns;
	if (at_ns < vm->device_thread.not_before_ns)
		at_ns = vm->device_thread.not_before_ns;
	if (vm->clock.running && at_ns < vm->device_thread.timer_fd_ns)
		set_timer_fd(vm, at_ns);
}

void device_timer_cancel(struct device_timer *timer)
{
	timer->armed = false;
}

/* ---- Calls from other threads ---- */

bool device_async_init(struct vm *vm, struct device_async *async,
		       void (*call)(struct device_async *async))
{
	async->vm = vm;
	async->call = call;
	atomic_init(&async->wanted, false);
	list_append(&vm->device_thread.asyncs, &async->link);
	return device_loop(vm) != NULL;
}

void device_async_send(struct device_async *async)
{
	atomic_store(&async->wanted, true);
	uv_async_send(&async->vm->device_thread.wake);
}

static void on_wake(uv_async_t *wake)
{
	struct vm *vm = wake->data;

	bus_lock(vm);
	list_each(link, &vm->device_thread.asyncs) {
		struct device_async *async = list_object(link, struct device_async, link);

		if (atomic_exchange(&async->wanted, false))
			async->call(async);
	}
	bus_unlock(vm);
	if (atomic_load(&vm->device_thread.stop))
		uv_stop(&vm->device_thread.loop);
}

/* ---- Life ---- */

static int make_loop(struct vm *vm)
{
	struct device_thread *thread = &vm->device_thread;

	thread->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (thread->timer_fd < 0)
		return -1;
	if (uv_loop_init(&thread->loop)) {
		close(thread->timer_fd);
		return -1;
	}
	thread->exists = true;
	thread->wake.data = thread->timer_poll.data = vm;
	uv_async_init(&thread->loop, &thread->wake, on_wake);
	uv_poll_init(&thread->loop, &thread->timer_poll, thread->timer_fd);
	uv_poll_start(&thread->timer_poll, UV_READABLE, on_timer);
	return 0;
}

uv_loop_t *device_loop(struct vm *vm)
{
	if (!vm->device_thread.exists && make_loop(vm))
		return NULL;
	return &vm->device_thread.loop;
}

static void *thread_main(void *argument)
{
	struct vm *vm = argument;

	vm_place_self(&vm->place);
	uv_run(&vm->device_thread.loop, UV_RUN_DEFAULT);
	atomic_store(&vm->device_thread.done, true);
	daemon_wake(vm->daemon);
	return NULL;
}

int device_thread_start(struct vm *vm)
{
	struct device_thread *thread = &vm->device_thread;
	sigset_t all, before;
	int status;

	if (!thread->exists)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	status = pthread_create(&thread->thread, NULL, thread_main, vm);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	thread->running = status == 0;
	return status;
}

bool device_thread_end(struct vm *vm)
{
	struct device_thread *thread = &vm->device_thread;

	if (!thread->running)
		return true;
	if (!atomic_exchange(&thread->stop, true))
		uv_async_send(&thread->wake);
	if (!atomic_load(&thread->done))
		return false;
	pthread_join(thread->thread, NULL);
	thread->running = false;
	return true;
}

void device_thread_give_up(struct vm *vm)
{
	if (!device_thread_end(vm)) {
		pthread_join(vm->device_thread.thread, NULL);
		vm->device_thread.running = false;
	}
}

bool device_thread_is(const struct vm *vm, pthread_t thread)
{
	return vm->device_thread.exists && vm->device_thread.running &&
		pthread_equal(vm->device_thread.thread, thread);
}

bool device_thread_is_self(const struct vm *vm)
{
	return device_thread_is(vm, pthread_self());
}

void device_thread_free(struct vm *vm)
{
	struct device_thread *thread = &vm->device_thread;

	if (!thread->exists)
		return;
	uv_close((uv_handle_t *)&thread->wake, NULL);
	uv_close((uv_handle_t *)&thread->timer_poll, NULL);
	uv_run(&thread->loop, UV_RUN_DEFAULT);
	uv_loop_close(&thread->loop);
	close(thread->timer_fd);
	thread->exists = false;
}
