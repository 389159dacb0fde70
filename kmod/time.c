// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest time of a VM: it can stand still while no vCPU runs. What a guest sees of it here are its TSCs
 * and its APIC timers; both go on from where they stood, all vCPUs by the same amount, or jump.
 */
#include <linux/ktime.h>
#include <asm/tsc.h>
#include "irq.h"

#define TRIES 8

/*
 * Both clocks at one moment: of a few tries the one that took least. Under a hypervisor that is busy,
 * the time between two instructions can be that of another guest.
 */
static struct svmrt_moment read_clocks(u64 (*clock)(void))
{
	struct svmrt_moment now = { 0 };
	u64 least = U64_MAX, tsc, ns, took;
	unsigned long flags;
	u32 i;

	local_irq_save(flags);
	for (i = 0; i < TRIES; i++) {
		tsc = rdtsc();
		ns = clock();
		took = rdtsc() - tsc;
		if (took >= least)
			continue;
		least = took;
		now.ns = ns;
		now.tsc = tsc + took / 2;
	}
	local_irq_restore(flags);
	return now;
}

/*
 * The kernel's tsc_khz may be a measurement of milliseconds, made while it booted; what both clocks
 * counted since is better, if they agree on the whole (one of them may have stood still in a suspend).
 */
static struct svmrt_moment loaded;

void svmrt_time_init(void)
{
	loaded = read_clocks(ktime_get_boottime_ns);
}

static u32 measured_khz(const struct svmrt_moment *now)
{
	u64 ms = div_u64(now->ns - loaded.ns, NSEC_PER_MSEC), khz;

	if (ms < MSEC_PER_SEC)
		return tsc_khz;
	khz = div64_u64(now->tsc - loaded.tsc, ms);
	return khz > tsc_khz - tsc_khz / 20 && khz < tsc_khz + tsc_khz / 20 ? khz : tsc_khz;
}

void svmrt_time_begin(struct svmrt_vm *vm)
{
	const struct svmrt_moment now = read_clocks(ktime_get_boottime_ns);

	vm->zero_tsc = now.tsc;
	vm->tsc_khz = measured_khz(&now);
}

/* A vCPU that RUNs, or the number of none. RUN holds vcpu->lock, and looks at `stopped` under it. */
static u32 find_running(const struct svmrt_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->vcpu_limit; i++) {
		if (!vm->vcpus[i])
			continue;
		if (!mutex_trylock(&vm->vcpus[i]->lock))
			break;
		mutex_unlock(&vm->vcpus[i]->lock);
	}
	return i;
}

static void stop_apics(struct svmrt_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->vcpu_limit; i++)
		if (vm->vcpus[i])
			svmrt_apic_stop_time(vm->vcpus[i]);
}

static int stop(struct svmrt_vm *vm, struct svmrt_time *arg)
{
	u32 running;

	if (vm->time_stopped) {
		svmrt_err(arg, "guest time stands still already");
		return -EALREADY;
	}
	WRITE_ONCE(vm->time_stopped, true);
	smp_mb(); /* before the look at the locks: who takes one from now on sees it */
	running = find_running(vm);
	if (running < vm->vcpu_limit) {
		WRITE_ONCE(vm->time_stopped, false);
		svmrt_err(arg, "vCPU %u is running: kick it first", running);
		return -EBUSY;
	}
	/* The second time with one moment for all, by when no timer can expire any more. */
	vm->stopped_at = read_clocks(ktime_get_ns);
	stop_apics(vm);
	vm->stopped_at = read_clocks(ktime_get_ns);
	stop_apics(vm);
	arg->ns = vm->stopped_at.ns;
	return 0;
}

static int go(struct svmrt_vm *vm, struct svmrt_time *arg)
{
	struct svmrt_moment now, passed = { 0 };
	struct svmrt_vcpu *vcpu;
	u32 i;

	if (!vm->time_stopped) {
		svmrt_err(arg, "guest time does not stand still");
		return -EALREADY;
	}
	now = read_clocks(ktime_get_ns);
	if (arg->op == SVMRT_TIME_GO) {
		passed.ns = now.ns - vm->stopped_at.ns;
		passed.tsc = now.tsc - vm->stopped_at.tsc;
	}
	for (i = 0; i < vm->vcpu_limit; i++) {
		vcpu = vm->vcpus[i];
		if (!vcpu)
			continue;
		mutex_lock(&vcpu->lock);
		vmcb_set_TSC_OFFSET(vcpu->vmcb, vmcb_get_TSC_OFFSET(vcpu->vmcb) - passed.tsc);
		mutex_unlock(&vcpu->lock);
		svmrt_apic_go_on(vcpu, passed.ns);
	}
	WRITE_ONCE(vm->zero_tsc, vm->zero_tsc + passed.tsc);
	WRITE_ONCE(vm->time_stopped, false);
	arg->ns = now.ns;
	return 0;
}

int svmrt_vm_time(struct svmrt_vm *vm, struct svmrt_time *arg)
{
	int err;

	if (arg->reserved || arg->op < SVMRT_TIME_STOP || arg->op > SVMRT_TIME_JUMP) {
		svmrt_err(arg, "guest time: operation %u: 1 to 3; reserved is 0", arg->op);
		return -EINVAL;
	}
	/* vCPUs neither come nor go meanwhile; vcpu->lock may be waited for. */
	mutex_lock(&vm->time_lock);
	err = arg->op == SVMRT_TIME_STOP ? stop(vm, arg) : go(vm, arg);
	mutex_unlock(&vm->time_lock);
	return err;
}
