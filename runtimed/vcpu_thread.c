/* SPDX-License-Identifier: MIT */
/*
 * The thread of a vCPU: RUN, finish the exit, RUN again, until the run ends or the loop asks it to
 * leave. It touches the run page, its own `end` and what io.h, mmio.h and console.h offer to it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "device.h"
#include "devices/i8259.h"
#include "io.h"
#include "mmio.h"
#include "tables.h"
#include "vcpu.h"

#define THREAD_STACK_BYTES (256u << 10)

static const char *exit_name(uint64_t code, char fallback[24])
{
	const struct svm_exit_info *row = svm_exit_by_code(code);

	if (row)
		return row->name;
	snprintf(fallback, 24, "0x%llx", (unsigned long long)code);
	return fallback;
}

static void end_run(struct vcpu *vcpu, enum vm_end_reason reason, const char *text)
{
	vcpu->end.reason = reason;
	snprintf(vcpu->end.text, sizeof(vcpu->end.text), "%s", text);
}

/* Policy `user`: false when the run cannot go on. */
static bool finish_access(struct vcpu *vcpu)
{
	const struct svmrt_run_page *run = vcpu->pages.run;
	char fallback[24];

	if (run->exitcode == SVM_EXIT_CODE_IOIO)
		return io_handle_exit(vcpu);
	if (run->exitcode == SVM_EXIT_CODE_NPF)
		return mmio_handle_exit(vcpu);
	vcpu->end.reason = VM_END_ERROR;
	snprintf(vcpu->end.text, sizeof(vcpu->end.text),
		 "exit %s has policy `user` but svmrund has no handler for it; use stop, skip or "
		 "inject in the spec", exit_name(run->exitcode, fallback));
	return false;
}

static bool finish_exit(struct vcpu *vcpu)
{
	return finish_access(vcpu) && !device_ended_run(vcpu);
}

/* The guest takes the PIC's interrupt now; without a PIC nobody answers, and the bus floats. */
static void acknowledge(struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	struct vm *vm = vcpu->vm;

	run->inta = 0xff;
	if (vm->pic) {
		bus_lock(vm);
		run->inta = pic_acknowledge(vm->pic);
		bus_unlock(vm);
	}
	run->dirty |= SVMRT_DIRTY_INTA;
}

/* For engines that do not wait in RUN themselves. */
static void wait_for_room(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	vcpu->waiting = true;
	while (!vcpu_ring_has_room(vcpu) && !atomic_load(&vcpu->stop) && !atomic_load(&vcpu->pause))
		pthread_cond_wait(&vcpu->room, &vcpu->lock);
	vcpu->waiting = false;
	pthread_mutex_unlock(&vcpu->lock);
}

static void park(struct vcpu *vcpu)
{
	bus_settle(vcpu->vm);
	pthread_mutex_lock(&vcpu->lock);
	atomic_store(&vcpu->parked, true);
	daemon_wake(vcpu->vm->daemon);
	while (atomic_load(&vcpu->pause) && !atomic_load(&vcpu->stop))
		pthread_cond_wait(&vcpu->room, &vcpu->lock);
	atomic_store(&vcpu->parked, false);
	pthread_mutex_unlock(&vcpu->lock);
}

/* The module names the rule that the state breaks, if it knows one. */
static void end_invalid(struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;

	run->text[sizeof(run->text) - 1] = '\0';
	vcpu->end.reason = VM_END_INVALID;
	snprintf(vcpu->end.text, sizeof(vcpu->end.text),
		 "VMRUN refused the guest state (VMEXIT_INVALID)%s%s", run->text[0] ? ": " : "",
		 run->text);
}

/* A debugger's stop: the thread parks, and the loop pauses the others. */
static void stop_for_debugger(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	atomic_store(&vcpu->debug_hit, vcpu->pages.run->debug);
	atomic_store(&vcpu->pause, true);
	pthread_mutex_unlock(&vcpu->lock);
}

/* What RUN said; false when the run is over. */
static bool after_run(struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;

	switch (run->reason) {
	case SVMRT_RUN_EXIT:
		return finish_exit(vcpu);
	case SVMRT_RUN_INTA:
		acknowledge(vcpu);
		return true;
	case SVMRT_RUN_RING_FULL:
		wait_for_room(vcpu);
		return true;
	case SVMRT_RUN_NONE:
	case SVMRT_RUN_KICKED:
		return true;
	case SVMRT_RUN_DEBUG:
		stop_for_debugger(vcpu);
		return true;
	case SVMRT_RUN_STOP:
		run->text[sizeof(run->text) - 1] = '\0';
		end_run(vcpu, VM_END_STOP, run->text[0] ? run->text : "the exit policy says stop");
		return false;
	case SVMRT_RUN_SHUTDOWN:
		end_run(vcpu, VM_END_SHUTDOWN, "guest shutdown (triple fault)");
		return false;
	case SVMRT_RUN_INVALID:
		end_invalid(vcpu);
		return false;
	default:
		run->text[sizeof(run->text) - 1] = '\0';
		end_run(vcpu, VM_END_BROKEN, run->text[0] ? run->text : "svmrt gave no reason");
		return false;
	}
}

/* RUN itself failed. Without memory for a page of the guest, the run page says which and why. */
static void run_failed(struct vcpu *vcpu, int number)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	const char *name = strerrorname_np(number);

	run->text[sizeof(run->text) - 1] = '\0';
	snprintf(vcpu->end.text, sizeof(vcpu->end.text), "SVMRT_VCPU_RUN: %s (%s)",
		 (number == ENOMEM || number == EDQUOT || number == EHWPOISON) && run->text[0] ? run->text :
		 strerror(number), name ? name : "unknown error");
}

static void run_until_end(struct vcpu *vcpu)
{
	const struct engine *engine = vcpu->vm->daemon->engine;
	struct svmrt_run_page *run = vcpu->pages.run;

	while (!atomic_load(&vcpu->stop)) {
		uint64_t rip;

		if (atomic_load(&vcpu->pause)) {
			park(vcpu);
			continue;
		}
		if (engine->run(vcpu->fd) < 0) {
			if (errno == EINTR)
				continue;
			run_failed(vcpu, errno);
			vcpu->end.reason = VM_END_BROKEN;
			return;
		}
		rip = run->rip;	/* of the exit; finishing it moves RIP on */
		if (after_run(vcpu))
			continue;
		vcpu->end.has_exit = true;
		vcpu->end.code = run->exitcode;
		vcpu->end.rip = rip;
		return;
	}
}

static void *thread_main(void *argument)
{
	struct vcpu *vcpu = argument;

	vm_place_self(&vcpu->vm->place);
	run_until_end(vcpu);
	bus_settle(vcpu->vm);
	atomic_store(&vcpu->done, true);
	daemon_wake(vcpu->vm->daemon);
	return NULL;
}

int vcpu_thread_start(struct vcpu *vcpu)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int status;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	status = vm_place_attributes(&vcpu->vm->place, &attributes);
	/* Signals are the loop's business: a pending one would only throw the vCPU out of RUN. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!status)
		status = pthread_create(&vcpu->thread, &attributes, thread_main, vcpu);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	vcpu->started = status == 0;
	return status;
}

void vcpu_thread_stop(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	atomic_store(&vcpu->stop, true);
	pthread_cond_signal(&vcpu->room);
	pthread_mutex_unlock(&vcpu->lock);
	vcpu->vm->daemon->engine->kick(vcpu->fd);
}

void vcpu_thread_pause(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	atomic_store(&vcpu->pause, true);
	pthread_cond_signal(&vcpu->room);
	pthread_mutex_unlock(&vcpu->lock);
	if (!atomic_load(&vcpu->parked))
		vcpu->vm->daemon->engine->kick(vcpu->fd);
}

void vcpu_thread_resume(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	atomic_store(&vcpu->pause, false);
	pthread_cond_signal(&vcpu->room);
	pthread_mutex_unlock(&vcpu->lock);
}
