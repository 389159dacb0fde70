/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine: what the engine holds for it, its vCPUs, its devices and its life.
 *
 *   defined --start--> running --stop, or a vCPU ended--> stopping --all threads joined-->
 *   draining --rings and console empty--> stopped | failed
 *   running --pause--> pausing --all threads parked--> paused --resume--> running
 *   pausing, paused --stop--> stopping; pausing --a vCPU ended--> stopping
 *   running --a debugger's stop--> pausing
 *
 * To clients pausing, stopping and draining are "running": a pause is told when every vCPU left
 * RUN, the end after everything that was output. Which request is legal when: vm_moves.c.
 * A VM runs once. It is owned by daemon.vms; vm_destroy() frees it. Loop thread only, except for
 * what vcpu.h hands to the vCPU threads.
 */
#ifndef SVMRUND_VM_H
#define SVMRUND_VM_H

#include <cjson/cJSON.h>
#include "bus.h"
#include "console.h"
#include "daemon.h"
#include "device_thread.h"
#include "irq.h"
#include "list.h"
#include "port_cells.h"
#include "template.h"
#include "vm_backing.h"
#include "vm_clock.h"
#include "vm_end.h"
#include "vm_place.h"

enum vm_state {
	VM_DEFINED, VM_RUNNING, VM_PAUSING, VM_PAUSED, VM_STOPPING, VM_DRAINING, VM_STOPPED,
	VM_FAILED, VM_STATES
};

struct pic;
struct vcpu;

/* Of one run; 0: none. */
struct vm_limits {
	uint64_t run_time_ms;
	uint64_t exits;		/* of all vCPUs, caused by the guest */
	uint64_t vcpus, memory_bytes;	/* of the template: looked at when the VM is created */
};

/* What vm.create says beside the template. */
struct vm_options {
	const char *name;	/* or NULL: the template's */
	struct vm_limits limits;
	struct vm_place place;
	struct vm_backings *backings;	/* emptied in any case */
};

struct vm {
	struct list link;		/* daemon.vms */
	struct daemon *daemon;
	uint64_t number;
	char name[65];
	struct template *template;	/* counted in template->vms; NULL: of a recording */
	unsigned int recorded_number;	/* of a recording: the engine's number */
	char identity[65];		/* of its template */
	uint32_t recorded;		/* number in the log of --record; 0: not recorded */
	enum vm_state state;
	int fd;
	struct vcpu **vcpus;
	unsigned int vcpu_count, open_polls;
	unsigned int running;		/* threads not joined yet */
	bool held;			/* a lossless subscriber is full: rings are not drained */
	struct vm_end end;		/* valid from VM_DRAINING on; the first one counts */
	uint64_t kicked_ms;		/* VM_STOPPING, VM_PAUSING: when all were last kicked */
	struct vm_limits limits;
	struct vm_place place;
	struct vm_backings backings;
	uint64_t ran_ms, resumed_ms;	/* run time before the last resume, and when that was */
	struct bus bus;
	struct list devices;		/* struct device */
	struct irq_lines lines;
	struct pic *pic;		/* of the chipset, which is one of the devices; or NULL */
	struct device_thread device_thread;
	struct port_cells port_cells;
	struct vm_clock clock;
	atomic_bool device_ended;	/* with the two below: device_end_run() */
	struct vm_end device_end;
	pthread_t device_end_thread;
	struct console console;
	struct list subscriptions;	/* struct subscription */
	struct list attachments;	/* struct attachment */
	struct list waiters;		/* struct vm_waiter */
};

/* Builds a VM from a template (vm_build.c). NULL: `error` is filled. */
struct vm *vm_create(struct daemon *daemon, struct template *template,
		     const struct vm_options *options, struct engine_error *error);
/* One of the VMs that the engine has by itself. */
struct vm *vm_create_recorded(struct daemon *daemon, unsigned int number,
			      const struct engine_vm *recorded, struct engine_error *error);
/* The VM must not run. Subscriptions and attachments end, waiters are told. */
void vm_destroy(struct vm *vm);
struct vm *vm_find(struct daemon *daemon, uint64_t number);

/* A run was started and has not ended, paused or not: there are threads, or records to drain. */
static inline bool vm_is_running(const struct vm *vm)
{
	return vm->state > VM_DEFINED && vm->state < VM_STOPPED;
}
const char *vm_state_name(const struct vm *vm);

/* Starts the threads; false: `error` is filled and the VM is as before. */
bool vm_start(struct vm *vm, struct engine_error *error);
void vm_request_stop(struct vm *vm);
/* From VM_RUNNING: VM_PAUSED follows when every thread is parked. */
void vm_request_pause(struct vm *vm);
/*
 * All of it, or that vCPU only while the others stay parked. Guest time goes on from where it stood, or
 * jumps to where it would be.
 */
void vm_resume(struct vm *vm, const struct vcpu *only, bool jump);
/* Console output, ended threads, drained rings: moves the state on. After a wake or a drain. */
void vm_advance(struct vm *vm);
/* Deadlines of the VM and its waiters. True: more to watch. */
bool vm_tick(struct vm *vm);

/* {"vm":N,"state":S,"end":END or null}; caller owns. */
cJSON *vm_state_json(const struct vm *vm);
cJSON *vm_end_json(const struct vm *vm);

/* Requests that wait for the end of the run, or for a pause (vm_wait.c). */
struct rpc_request;
enum vm_waiter_kind { VM_WAIT_STOP, VM_WAIT_END, VM_WAIT_PAUSE };
void vm_wait_add(struct vm *vm, struct rpc_request *request, enum vm_waiter_kind kind,
		 uint64_t deadline_ms);	/* 0: none */
void vm_wait_answer_all(struct vm *vm);	/* the run ended: a pause is refused */
void vm_wait_answer_paused(struct vm *vm);
void vm_wait_refuse_all(struct vm *vm);
bool vm_wait_tick(struct vm *vm);

#endif
