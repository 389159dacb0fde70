// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's clock by its TSC, as KVM defines it (Documentation/virt/kvm/x86/msr.rst): MSRs in which a
 * guest names the place of a structure that says which TSC was which nanosecond, and how fast it
 * counts. So a guest needs to measure nothing, which it cannot do well where every look at another
 * clock is an exit. The structures are written in process context, before the vCPU enters again.
 *
 * Guest time stands still together with TSCs (time.c), so a structure stays right over a pause.
 */
#include <linux/ktime.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>
#include "npt.h"
#include "pvclock.h"

#define ENABLED 1ULL
#define PLACE(value) ((value) & ~3ULL)

static bool place_good(u64 gpa, size_t bytes)
{
	return !(gpa >> SVMRT_GPA_BITS) && offset_in_page(gpa) + bytes <= PAGE_SIZE;
}

bool svmrt_pvclock_write(struct svmrt_vcpu *vcpu, u32 msr, u64 value)
{
	if (msr == SVMRT_MSR_WALL_CLOCK) {
		if (value & 3 || !place_good(value, sizeof(struct pvclock_wall_clock)))
			return false;
		vcpu->clock.wall = value;
		vcpu->clock.wall_due = true;
		return true;
	}
	if (value & 2 || !place_good(PLACE(value), sizeof(struct pvclock_vcpu_time_info)))
		return false;
	vcpu->clock.system = value;
	svmrt_pvclock_stale(vcpu);
	return true;
}

u64 svmrt_pvclock_read(const struct svmrt_vcpu *vcpu, u32 msr)
{
	return msr == SVMRT_MSR_WALL_CLOCK ? vcpu->clock.wall : vcpu->clock.system;
}

void svmrt_pvclock_stale(struct svmrt_vcpu *vcpu)
{
	vcpu->clock.system_due = vcpu->clock.system & ENABLED;
}

/* Where there is no memory the guest has no clock: it named the place. */
static int store(struct svmrt_vcpu *vcpu, u64 gpa, const void *what, size_t bytes)
{
	struct svmrt_vm *vm = vcpu->vm;
	u32 *version;
	int err;

	mutex_lock(&vm->lock);
	err = svmrt_npt_populate_locked(vm, gpa, true);
	if (!err) {
		/* Both structures begin with a version, which is odd while they change. */
		version = svmrt_npt_peek(vm, gpa, true);
		WRITE_ONCE(*version, *version | 1);
		smp_wmb(); /* odd before the contents, and those before even */
		memcpy(version + 1, what + sizeof(*version), bytes - sizeof(*version));
		smp_wmb();
		WRITE_ONCE(*version, *version + 1);
	}
	mutex_unlock(&vm->lock);
	return err == -ENOENT || err == -EACCES ? 0 : err;
}

static int store_system(struct svmrt_vcpu *vcpu)
{
	struct svmrt_vm *vm = vcpu->vm;
	struct svmrt_pvclock_scale scale = svmrt_pvclock_scale(vm->tsc_khz);
	struct pvclock_vcpu_time_info info = {
		.tsc_to_system_mul = scale.factor, .tsc_shift = scale.shift,
		.flags = PVCLOCK_TSC_STABLE_BIT,	/* as the invariant TSC of CPUID */
		/* One moment for all vCPUs: two would part where the frequency is not quite right. */
		.tsc_timestamp = READ_ONCE(vm->zero_tsc) + vmcb_get_TSC_OFFSET(vcpu->vmcb),
	};

	return store(vcpu, PLACE(vcpu->clock.system), &info, sizeof(info));
}

static int store_wall(struct svmrt_vcpu *vcpu)
{
	u64 ns = svmrt_pvclock_ns(svmrt_pvclock_scale(vcpu->vm->tsc_khz),
				  rdtsc() - READ_ONCE(vcpu->vm->zero_tsc));
	u64 zero_ns = ktime_get_real_ns() - ns;		/* after 1970, and both are unsigned */
	struct pvclock_wall_clock wall = {
		.sec = (u32)(zero_ns / NSEC_PER_SEC), .nsec = (u32)(zero_ns % NSEC_PER_SEC),
	};

	return store(vcpu, vcpu->clock.wall, &wall, sizeof(wall));
}

int svmrt_pvclock_update(struct svmrt_vcpu *vcpu)
{
	int err = 0;

	if (vcpu->clock.system_due) {
		vcpu->populate_gpa = PLACE(vcpu->clock.system);
		err = store_system(vcpu);
		vcpu->clock.system_due = err;
	}
	if (!err && vcpu->clock.wall_due) {
		vcpu->populate_gpa = vcpu->clock.wall;
		err = store_wall(vcpu);
		vcpu->clock.wall_due = err;
	}
	return err;
}
