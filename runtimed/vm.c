/* SPDX-License-Identifier: MIT */
/*
 * The life of a VM (see the states in vm.h). vm_advance() is the only place that moves a run
 * forward; it is called after every event that may allow a step and does nothing when none does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "device.h"
#include "events.h"
#include "limits.h"
#include "log.h"
#include "recorder.h"
#include "rpc.h"
#include "subscription.h"
#include "tables.h"
#include "vcpu.h"
#include "vcpu_debug.h"
#include "vm.h"
#include "vm_limit.h"

static const char *const reason_name[] = {
	[VM_END_NONE] = "none", [VM_END_STOP] = "stop", [VM_END_SHUTDOWN] = "shutdown",
	[VM_END_INVALID] = "invalid", [VM_END_BROKEN] = "broken", [VM_END_ERROR] = "error",
	[VM_END_REQUESTED] = "requested", [VM_END_DEBUG_EXIT] = "debug-exit",
	[VM_END_LIMIT] = "limit", [VM_END_POWER_OFF] = "power-off", [VM_END_RESET] = "reset",
};

struct vm *vm_find(struct daemon *daemon, uint64_t number)
{
	list_each(link, &daemon->vms) {
		struct vm *vm = list_object(link, struct vm, link);

		if (vm->number == number)
			return vm;
	}
	return NULL;
}

const char *vm_state_name(const struct vm *vm)
{
	switch (vm->state) {
	case VM_DEFINED: return "defined";
	case VM_PAUSED: return "paused";
	case VM_STOPPED: return "stopped";
	case VM_FAILED: return "failed";
	default: return "running";
	}
}

cJSON *vm_end_json(const struct vm *vm)
{
	const struct vm_end *end = &vm->end;
	const struct svm_exit_info *row = svm_exit_by_code(end->code);
	cJSON *json;

	if (vm->state != VM_STOPPED && vm->state != VM_FAILED)
		return cJSON_CreateNull();
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "reason", reason_name[end->reason]);
	cJSON_AddNumberToObject(json, "vcpu", end->vcpu);
	if (end->has_exit) {
		cJSON_AddStringToObject(json, "exit", row ? row->name : "unknown");
		rpc_add_hex(json, "code", row ? row->code : end->code);
		rpc_add_hex(json, "rip", end->rip);
	} else {
		cJSON_AddNullToObject(json, "exit");
		cJSON_AddNullToObject(json, "code");
		cJSON_AddNullToObject(json, "rip");
	}
	cJSON_AddStringToObject(json, "text", end->text);
	if (end->reason == VM_END_DEBUG_EXIT)
		cJSON_AddNumberToObject(json, "status", end->status);
	if (end->reason == VM_END_LIMIT)
		cJSON_AddStringToObject(json, "limit", end->limit);
	return json;
}

cJSON *vm_state_json(const struct vm *vm)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "vm", (double)vm->number);
	cJSON_AddStringToObject(json, "state", vm_state_name(vm));
	cJSON_AddItemToObject(json, "end", vm_end_json(vm));
	if (vm->state == VM_PAUSED && vcpu_debug_is_hit(vm))
		cJSON_AddItemToObject(json, "debug", vcpu_debug_json(vm));
	return json;
}

/* A thread could not be started although others run: the run ends at once. */
static void give_up(struct vm *vm, unsigned int vcpu, int status)
{
	vm->end.reason = VM_END_ERROR;
	vm->end.vcpu = vcpu;
	snprintf(vm->end.text, sizeof(vm->end.text), "the thread of vCPU %u could not start: %s",
		 vcpu, strerror(status));
	vm_request_stop(vm);
}

/* Guest time and devices: from the start and from vm.resume on, until a pause. */
static void start_clock(struct vm *vm, bool jump)
{
	bus_lock_on_loop(vm);
	vm_clock_start(vm, jump);
	device_resume_all(vm);
	device_timers_follow_clock(vm);
	bus_unlock(vm);
}

static void stop_clock(struct vm *vm)
{
	bus_lock_on_loop(vm);
	vm_clock_stop(vm);
	device_pause_all(vm);
	device_timers_follow_clock(vm);
	bus_unlock(vm);
}

/* Threads and devices are at their end; timers of the module need not expire for nobody. */
static void end_clock(struct vm *vm)
{
	bus_lock_on_loop(vm);
	if (vm->clock.running)
		vm_clock_stop(vm);
	bus_unlock(vm);
}

bool vm_start(struct vm *vm, struct engine_error *error)
{
	int status = device_thread_start(vm);

	if (status) {
		engine_fail(error, status, "the device thread could not start", "");
		return false;
	}
	start_clock(vm, false);
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpus[i]->waits_for_ever)
			continue;
		status = vcpu_thread_start(vm->vcpus[i]);
		if (status && !vm->running) {
			device_thread_give_up(vm);
			engine_fail(error, status, "the thread of a vCPU could not start", "");
			return false;
		}
		vm->state = VM_RUNNING;
		if (status) {
			give_up(vm, i, status);
			break;
		}
		vm->running++;
	}
	if (!vm->running) {
		device_thread_give_up(vm);
		error->number = EINVAL;
		snprintf(error->text, sizeof(error->text),
			 "no vCPU of the VM starts by itself: all wait for a SIPI");
		return false;
	}
	vm_limits_begin(vm);
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		if (!vm->held)
			events_resume(vm->vcpus[i]);
	return true;
}

void vm_request_stop(struct vm *vm)
{
	if (vm->state == VM_PAUSED)
		vm_limits_begin(vm);	/* only to be stopped: the paused time does not count */
	vm->state = VM_STOPPING;
	vm->kicked_ms = daemon_now_ms(vm->daemon);
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->started && !vm->vcpus[i]->joined)
			vcpu_thread_stop(vm->vcpus[i]);
	daemon_need_tick(vm->daemon);
}

/* To whoever watches the VM. */
static void tell_state(struct vm *vm)
{
	list_each(link, &vm->daemon->clients) {
		struct client *client = list_object(link, struct client, link);
		bool listens = false;

		list_each(sub, &vm->subscriptions)
			listens |= list_object(sub, struct subscription, vm_link)->client == client;
		list_each(att, &vm->attachments)
			listens |= list_object(att, struct attachment, vm_link)->client == client;
		if (listens)
			rpc_notify(client, "vm.state", vm_state_json(vm));
	}
}

static void kick_to_park(struct vm *vm)
{
	vm->kicked_ms = daemon_now_ms(vm->daemon);
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->started && !vm->vcpus[i]->joined)
			vcpu_thread_pause(vm->vcpus[i]);
}

void vm_request_pause(struct vm *vm)
{
	vm->state = VM_PAUSING;
	kick_to_park(vm);
	daemon_need_tick(vm->daemon);
	/* Threads that have not noticed the last resume yet will not say again that they park. */
	daemon_wake(vm->daemon);
}

void vm_resume(struct vm *vm, const struct vcpu *only, bool jump)
{
	vm->state = VM_RUNNING;
	vm_limits_begin(vm);
	vcpu_debug_forget(vm);
	start_clock(vm, jump);
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->started && !vm->vcpus[i]->joined &&
		    (!only || only == vm->vcpus[i]))
			vcpu_thread_resume(vm->vcpus[i]);
	tell_state(vm);
}

/* Joins threads that said `done`; the first real reason becomes the run's. */
static void join_threads(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = vm->vcpus[i];

		if (!vcpu->started || vcpu->joined || !atomic_load(&vcpu->done))
			continue;
		pthread_join(vcpu->thread, NULL);
		vcpu->joined = true;
		vm->running--;
		if (vm->end.reason == VM_END_NONE && vcpu->end.reason != VM_END_NONE)
			vm->end = vcpu->end;
		if (vm->state == VM_RUNNING || vm->state == VM_PAUSING)
			vm_request_stop(vm);
	}
}

static bool all_parked(const struct vm *vm)
{
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpus[i]->started && !atomic_load(&vm->vcpus[i]->parked))
			return false;
	return true;
}

/* True when every record was handed out; false while a lossless subscriber holds them. */
static bool drain_rings(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		events_pause(vm->vcpus[i]);
		while (events_drain(vm->vcpus[i]))
			if (vm->held)
				return false;
	}
	return !vm->held;
}

static void finish(struct vm *vm)
{
	enum vm_end_reason reason;

	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		events_finish(vm->vcpus[i]);
	recorder_flush(vm->daemon->recorder);
	console_pump(vm, true);
	subscription_report_all_drops(vm);
	if (vm->end.reason == VM_END_NONE) {
		vm->end.reason = VM_END_REQUESTED;
		snprintf(vm->end.text, sizeof(vm->end.text), "the run was stopped on request");
	}
	reason = vm->end.reason;
	end_clock(vm);
	vm_limits_pause(vm);
	vm->state = reason == VM_END_INVALID || reason == VM_END_BROKEN || reason == VM_END_ERROR ?
		VM_FAILED : VM_STOPPED;
	log_line(vm->state == VM_FAILED ? LOG_WARNING : LOG_INFO, "VM %llu (%s) %s: %s, %s",
		 (unsigned long long)vm->number, vm->name, vm_state_name(vm), reason_name[reason],
		 vm->end.text);
	tell_state(vm);
	vm_wait_answer_all(vm);
}

void vm_advance(struct vm *vm)
{
	if (!vm_is_running(vm))
		return;
	console_pump(vm, false);
	if ((vm->state == VM_RUNNING || vm->state == VM_PAUSING) && device_ended_run_itself(vm))
		vm_request_stop(vm);
	join_threads(vm);
	if (!vm->running && device_thread_end(vm))
		vm->state = VM_DRAINING;
	if (vm->state == VM_DRAINING && drain_rings(vm))
		finish(vm);
	if (vm->state == VM_RUNNING && vcpu_debug_is_hit(vm))
		vm_request_pause(vm);
	if (vm->state == VM_PAUSING && all_parked(vm)) {
		vm->state = VM_PAUSED;
		vm_limits_pause(vm);
		stop_clock(vm);
		console_pump(vm, false);
		tell_state(vm);
		vm_wait_answer_paused(vm);
	}
}

bool vm_tick(struct vm *vm)
{
	bool more = vm_wait_tick(vm);

	more |= vm_limits_tick(vm);
	if (vm->state != VM_STOPPING && vm->state != VM_PAUSING)
		return more;
	/* A kick that came between two RUNs may have found nobody. */
	if (daemon_now_ms(vm->daemon) - vm->kicked_ms < KICK_REPEAT_MS)
		return true;
	if (vm->state == VM_STOPPING)
		vm_request_stop(vm);
	else
		kick_to_park(vm);
	return true;
}

static void free_when_closed(struct vm *vm)
{
	if (vm->open_polls)
		return;
	free(vm->vcpus);
	console_free(&vm->console);
	bus_free(&vm->bus);
	free(vm);
}

void vm_destroy(struct vm *vm)
{
	unsigned int count = vm->vcpu_count;

	list_each(link, &vm->subscriptions)
		subscription_free(list_object(link, struct subscription, vm_link));
	list_each(link, &vm->attachments)
		console_detach(list_object(link, struct attachment, vm_link));
	vm_wait_refuse_all(vm);
	list_remove(&vm->link);
	vm->daemon->vm_count--;
	if (vm->template)
		vm->template->vms--;
	for (unsigned int i = 0; i < count; i++)
		vcpu_destroy(vm->vcpus[i], free_when_closed);
	device_free_all(vm);
	port_cells_free(vm);
	device_thread_free(vm);
	vm_backings_close(&vm->backings);
	if (vm->fd >= 0)
		close(vm->fd);
	if (!count)
		free_when_closed(vm);
}
