/* SPDX-License-Identifier: MIT */
/*
 * A vCPU: shared between its thread and the loop. The thread owns the run page while it is alive
 * and not parked, and fills `end` before it sets `done`; the loop owns the ring's tail. vcpu.c
 * makes and frees it, vcpu_thread.c is the thread.
 */
#ifndef SVMRUND_VCPU_H
#define SVMRUND_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>
#include "engine.h"
#include "event_json.h"
#include "vm.h"

struct vcpu {
	struct vm *vm;
	unsigned int index;
	bool waits_for_ever;		/* for a SIPI, without a local APIC: it has no thread */
	int fd;
	struct engine_pages pages;
	struct event_json_head json_head;
	uv_poll_t poll;			/* readable: the ring has unread records */
	bool polling;
	uint64_t next_seq;		/* loop: sequence number that the next record should have */
	uint64_t tail;			/* loop: records consumed */

	pthread_t thread;
	bool started, joined;
	atomic_bool stop;		/* loop -> thread: leave */
	atomic_bool pause;		/* loop -> thread: park until this is false, or stop */
	atomic_bool parked;		/* thread -> loop: the run page is the loop's meanwhile */
	_Atomic uint64_t debug_hit;	/* thread -> loop: SVMRT_DEBUG_HIT_*; the loop clears it */
	atomic_bool done;		/* thread -> loop: `end` is filled */
	struct vm_end end;

	pthread_mutex_t lock;		/* for the two below */
	pthread_cond_t room;		/* the ring was drained, or stop or pause has changed */
	bool waiting;
};

/* Creates the vCPU `index` of the VM's template, mapped and pollable. NULL: `error` is filled. */
struct vcpu *vcpu_create(struct vm *vm, unsigned int index, struct engine_error *error);
/* The thread is joined or never started. Calls `closed` when libuv let go of it. */
void vcpu_destroy(struct vcpu *vcpu, void (*closed)(struct vm *vm));

int vcpu_thread_start(struct vcpu *vcpu);	/* 0 or an errno */
/* Asks the thread to leave; may be called again. Any thread. */
void vcpu_thread_stop(struct vcpu *vcpu);
/* Asks the thread to leave RUN and wait (vcpu.parked); may be called again. Loop. */
void vcpu_thread_pause(struct vcpu *vcpu);
void vcpu_thread_resume(struct vcpu *vcpu);
/* Loop: the ring has room again. */
bool vcpu_ring_has_room(const struct vcpu *vcpu);
void vcpu_ring_drained(struct vcpu *vcpu);

#endif
