// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU and its descriptor: built from a template's VMCB and register pages, mapped by the daemon
 * (run page, event ring), polled for events, run, kicked and looked at.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mem_encrypt.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "debug.h"
#include "event.h"
#include "ioctl.h"
#include "irq.h"
#include "svmrt_priv.h"

static atomic_t vcpu_count;
static atomic64_t last_id;

unsigned int svmrt_vcpu_count(void)
{
	return atomic_read(&vcpu_count);
}

#define DETAIL_PAGES DIV_ROUND_UP(sizeof(struct svmrt_detail), PAGE_SIZE)

static void vcpu_free(struct svmrt_vcpu *vcpu)
{
	svmrt_irq_free(vcpu);
	irq_work_sync(&vcpu->debug.exit_soon);
	svmrt_ring_free(vcpu);
	svmrt_state_free(vcpu);
	kvfree(vcpu->msr_values);
	kvfree(vcpu->sample_count);
	kvfree(vcpu->fine_counts);
	if (vcpu->detail)
		svmrt_uncharge(vcpu->vm->user, DETAIL_PAGES);
	kvfree(vcpu->detail);
	if (vcpu->vmcb)
		svmrt_page_free(vcpu->vm->user, virt_to_page(vcpu->vmcb));
	if (vcpu->inputs)
		svmrt_page_free(vcpu->vm->user, virt_to_page(vcpu->inputs));
	kfree(vcpu);
	atomic_dec(&vcpu_count);
}

/* With local APICs, others may be looking at it: interrupt messages walk vcpus[] under RCU. */
static void vcpu_unpublish(struct svmrt_vcpu *vcpu)
{
	struct svmrt_vm *vm = vcpu->vm;

	mutex_lock(&vm->time_lock);
	mutex_lock(&vm->lock);
	WRITE_ONCE(vm->vcpus[vcpu->index], NULL);
	mutex_unlock(&vm->lock);
	mutex_unlock(&vm->time_lock);
	if (vm->irqchip)
		synchronize_rcu();
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct svmrt_vcpu *vcpu = file->private_data;
	struct svmrt_vm *vm = vcpu->vm;

	vcpu_unpublish(vcpu);
	vcpu_free(vcpu);
	svmrt_vm_put(vm);
	return 0;
}

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct svmrt_vcpu *vcpu = file->private_data;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return svmrt_ring_mmap(vcpu, vma);
}

static __poll_t vcpu_poll(struct file *file, poll_table *table)
{
	struct svmrt_vcpu *vcpu = file->private_data;

	poll_wait(file, &vcpu->wait_queue, table);
	return svmrt_ring_unread(vcpu) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* E4: what a vCPU did so far, per exit code. */
static int vcpu_stats(struct svmrt_vcpu *vcpu, struct svmrt_stats __user *user)
{
	struct svmrt_stats *copy;
	u32 size;
	int err = 0;

	if (get_user(size, &user->size))
		return -EFAULT;
	if (size != sizeof(*copy))
		return -EINVAL;
	copy = kmemdup(&vcpu->stats, sizeof(*copy), SVMRT_GFP);
	if (!copy)
		return -ENOMEM;
	copy->size = sizeof(*copy);
	if (copy_to_user(user, copy, sizeof(*copy)))
		err = -EFAULT;
	kfree(copy);
	return err;
}

static int vcpu_rule_counts(struct svmrt_vcpu *vcpu, struct svmrt_rule_counts *arg)
{
	u32 room = arg->count;

	if (arg->reserved)
		return -EINVAL;
	arg->count = vcpu->vm->fine_count;
	if (room < arg->count)
		return -ENOSPC;
	/* The vCPU may be running: each counter is right, together they are of no one moment. */
	return copy_to_user(u64_to_user_ptr(arg->counts), vcpu->fine_counts,
			    arg->count * sizeof(*vcpu->fine_counts)) ? -EFAULT : 0;
}

/* Copies for user space, so that it never holds a lock or a page of ours while it faults. */
struct image_copy {
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
	struct svmk_vmcb scratch;
};

static int vcpu_image(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_image *arg)
{
	struct image_copy *copy;
	u32 i;
	int err = 0;

	if (!mutex_trylock(&vcpu->lock))
		return -EBUSY;
	copy = kvzalloc(sizeof(*copy), SVMRT_GFP);
	if (!copy) {
		mutex_unlock(&vcpu->lock);
		return -ENOMEM;
	}
	memcpy(&copy->vmcb, vcpu->vmcb, sizeof(copy->vmcb));
	if (vcpu->inputs_valid)
		svmrt_restore_inputs(&copy->vmcb, vcpu->inputs);
	for (i = 0; i < 4; i++)
		vmcb_set_intercepts(&copy->vmcb, i, vcpu->intercepts[i]);
	svmrt_control_scrub(&copy->vmcb);
	svmrt_state_export(vcpu, &copy->state);
	arg->flags = vcpu->inputs_valid ? SVMRT_IMAGE_INPUTS : 0;
	mutex_unlock(&vcpu->lock);

	if (copy_to_user(u64_to_user_ptr(arg->vmcb), &copy->vmcb, sizeof(copy->vmcb)) ||
	    copy_to_user(u64_to_user_ptr(arg->state), &copy->state, sizeof(copy->state)))
		err = -EFAULT;
	kvfree(copy);
	return err;
}

/* Rows change while they are copied; each count is one that it had. */
static int vcpu_details(struct svmrt_vcpu *vcpu, struct svmrt_details *arg)
{
	memcpy(arg->others, vcpu->detail->others, sizeof(arg->others));
	return copy_to_user(u64_to_user_ptr(arg->rows), vcpu->detail->rows,
			    sizeof(vcpu->detail->rows)) ? -EFAULT : 0;
}

/*
 * C8: after SHUTDOWN or INVALID the VMCB's contents are undefined where VMEXIT writes; the inputs are
 * put back first, and then all that the caller may set comes from the caller.
 */
static int vcpu_set_image(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_set_image *arg)
{
	struct image_copy *copy = kvzalloc(sizeof(*copy), SVMRT_GFP);
	int err = -EFAULT;

	if (!copy)
		return -ENOMEM;
	if (copy_from_user(&copy->vmcb, u64_to_user_ptr(arg->vmcb), sizeof(copy->vmcb)) ||
	    copy_from_user(&copy->state, u64_to_user_ptr(arg->state), sizeof(copy->state)))
		goto out;
	err = -EBUSY;
	if (!mutex_trylock(&vcpu->lock)) {
		svmrt_err(arg, "vCPU %u is running: kick it first", vcpu->index);
		goto out;
	}
	/* The VMCB's rules are looked at on a copy, so that the call takes all or nothing. */
	err = svmrt_control_import(&copy->scratch, &copy->vmcb, &copy->scratch, arg->error,
				   sizeof(arg->error));
	if (!err)
		err = svmrt_state_import(vcpu, &copy->state, arg->error);
	if (!err) {
		if (vcpu->inputs_valid)
			svmrt_restore_inputs(vcpu->vmcb, vcpu->inputs);
		svmrt_control_import(vcpu->vmcb, &copy->vmcb, &copy->scratch, arg->error,
				     sizeof(arg->error));
		vcpu->inputs_valid = false;
		vcpu->dead = 0;
		vcpu->halted = false;
		vcpu->pending_event = 0;
		vcpu->debug.user_exit = false;
		svmrt_state_init_lazy(vcpu);
		svmrt_pvclock_stale(vcpu);
	}
	mutex_unlock(&vcpu->lock);
out:
	kvfree(copy);
	return err;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct svmrt_vcpu *vcpu = file->private_data;
	void __user *user = (void __user *)uarg;

	switch (cmd) {
	case SVMRT_VCPU_RUN:
		return svmrt_run(vcpu);
	case SVMRT_VCPU_KICK:
		svmrt_kick(vcpu);
		return 0;
	case SVMRT_VCPU_WAKE:
		wake_up_interruptible(&vcpu->wait_queue);
		return 0;
	case SVMRT_VCPU_STATS:
		return vcpu_stats(vcpu, user);
	case SVMRT_VCPU_RULE_COUNTS:
		SVMRT_IOCTL_ANSWER(struct svmrt_rule_counts,
				   arg.flags ? -EINVAL : vcpu_rule_counts(vcpu, &arg), user);
	case SVMRT_VCPU_DETAILS:
		SVMRT_IOCTL_ANSWER(struct svmrt_details,
				   arg.flags ? -EINVAL : vcpu_details(vcpu, &arg), user);
	case SVMRT_VCPU_IMAGE:
		SVMRT_IOCTL_ANSWER(struct svmrt_vcpu_image,
				   arg.flags ? -EINVAL : vcpu_image(vcpu, &arg), user);
	case SVMRT_VCPU_SET_IMAGE:
		SVMRT_IOCTL(struct svmrt_vcpu_set_image, vcpu_set_image(vcpu, &arg), user);
	case SVMRT_VCPU_NMI:
		svmrt_irq_request(vcpu, SVMRT_REQ_NMI);
		return 0;
	case SVMRT_VCPU_EXTINT:
		SVMRT_IOCTL(struct svmrt_vcpu_extint, svmrt_irq_extint(vcpu, &arg), user);
	case SVMRT_VCPU_INIT:
		SVMRT_IOCTL_FLAGS(struct svmrt_vcpu_init, svmrt_irq_init_sipi(vcpu, &arg), user);
	case SVMRT_VCPU_LAPIC:
		SVMRT_IOCTL_CALL(struct svmrt_lapic_state, svmrt_apic_state(vcpu, &arg), user, true);
	case SVMRT_VCPU_DEBUG:
		SVMRT_IOCTL_FLAGS(struct svmrt_vcpu_debug, svmrt_debug_set(vcpu, &arg), user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.poll = vcpu_poll,
	.release = vcpu_release,
};

/* What the policy keeps for each vCPU. */
static int vcpu_init_tables(struct svmrt_vcpu *vcpu)
{
	const struct svmrt_vm *vm = vcpu->vm;
	u32 i;

	vcpu->msr_values = kvcalloc(vm->msr_count, sizeof(*vcpu->msr_values), SVMRT_GFP);
	if (!vcpu->msr_values)
		return -ENOMEM;
	for (i = 0; i < vm->msr_count; i++)
		vcpu->msr_values[i] = vm->msrs[i].value;
	vcpu->sample_count = kvcalloc(SVMRT_SLOTS + vm->fine_count, sizeof(*vcpu->sample_count),
				      SVMRT_GFP);
	if (!vcpu->sample_count)
		return -ENOMEM;
	vcpu->fine_counts = kvcalloc(vm->fine_count, sizeof(*vcpu->fine_counts), SVMRT_GFP);
	return vcpu->fine_counts ? 0 : -ENOMEM;
}

static int vcpu_init_detail(struct svmrt_vcpu *vcpu)
{
	int err = svmrt_charge(vcpu->vm->user, DETAIL_PAGES);

	if (err)
		return err;
	vcpu->detail = kvzalloc(sizeof(*vcpu->detail), SVMRT_GFP);
	if (!vcpu->detail)
		svmrt_uncharge(vcpu->vm->user, DETAIL_PAGES);
	return vcpu->detail ? 0 : -ENOMEM;
}

/* The VMCB page: also one that is never 2 MiB aligned on SNP hosts (A5), see host.c. */
static int vcpu_init_vmcb(struct svmrt_vcpu *vcpu, const struct svmk_vmcb *template, char *error)
{
	struct svmrt_vm *vm = vcpu->vm;
	struct svmrt_control_addresses addresses = {
		.iopm = svmrt_iopm_pa(),
		.msrpm = __sme_set(page_to_phys(vm->msrpm)),
		.n_cr3 = __sme_set(__pa(vm->npt_root)),
	};
	struct page *page = svmrt_host_page_alloc(vm->user);
	int err;
	u32 i;

	if (IS_ERR(page))
		return PTR_ERR(page);
	vcpu->vmcb = page_address(page);
	page = svmrt_page_alloc(vm->user);
	if (IS_ERR(page))
		return PTR_ERR(page);
	vcpu->inputs = page_address(page);
	err = svmrt_control_build(vcpu->vmcb, template, &svmrt_host_features, &addresses, error,
				  SVMRT_ERROR_BYTES);
	for (i = 0; i < 4; i++)
		vcpu->intercepts[i] = vmcb_get_intercepts(vcpu->vmcb, i);
	return err;
}

static int vcpu_init(struct svmrt_vcpu *vcpu, struct svmrt_create_vcpu *arg)
{
	struct image_copy *copy;
	int err;

	copy = kvzalloc(sizeof(*copy), SVMRT_GFP);
	if (!copy)
		return -ENOMEM;
	err = -EFAULT;
	if (copy_from_user(&copy->vmcb, u64_to_user_ptr(arg->vmcb), sizeof(copy->vmcb)) ||
	    copy_from_user(&copy->state, u64_to_user_ptr(arg->state), sizeof(copy->state)))
		goto out;
	err = svmrt_ring_init(vcpu, arg->ring_entries);
	if (!err)
		err = vcpu_init_vmcb(vcpu, &copy->vmcb, arg->error);
	if (!err)
		vcpu->pending_event = vmcb_get_EVENTINJ(&copy->vmcb);
	if (!err)
		err = svmrt_state_init(vcpu, &copy->state, arg->error);
	if (!err)
		err = vcpu_init_tables(vcpu);
	if (!err)
		err = vcpu_init_detail(vcpu);
out:
	kvfree(copy);
	return err;
}

static int vcpu_check(const struct svmrt_vm *vm, struct svmrt_create_vcpu *arg)
{
	if (arg->flags & ~SVMRT_VCPU_WAIT_SIPI) {
		svmrt_err(arg, "vCPU flags %#x: only wait for SIPI (1) exists", arg->flags);
		return -EINVAL;
	}
	if (!vm->policy_set) {
		svmrt_err(arg, "set the VM's policy before its first vCPU");
		return -EINVAL;
	}
	if (arg->index >= SVMRT_MAX_VCPUS) {
		svmrt_err(arg, "vCPU %u: a VM has at most %u", arg->index, SVMRT_MAX_VCPUS);
		return -EINVAL;
	}
	if (vm->vcpus[arg->index]) {
		svmrt_err(arg, "vCPU %u exists already", arg->index);
		return -EEXIST;
	}
	if (arg->ring_entries < 64 || arg->ring_entries > 65536 ||
	    arg->ring_entries & (arg->ring_entries - 1)) {
		svmrt_err(arg, "event ring of %u records: must be a power of two, 64 to 65536",
			  arg->ring_entries);
		return -EINVAL;
	}
	return 0;
}

int svmrt_vcpu_create(struct svmrt_vm *vm, struct svmrt_create_vcpu *arg)
{
	struct svmrt_vcpu *vcpu;
	int err, fd;

	vcpu = kzalloc(sizeof(*vcpu), SVMRT_GFP);
	if (!vcpu)
		return -ENOMEM;
	atomic_inc(&vcpu_count);
	vcpu->vm = vm;
	vcpu->id = atomic64_inc_return(&last_id);
	vcpu->index = arg->index;
	vcpu->cpu = -1;
	vcpu->fetch_gpa = ~0ULL;
	mutex_init(&vcpu->lock);
	init_waitqueue_head(&vcpu->wait_queue);
	svmrt_debug_init(vcpu);
	svmrt_irq_init(vcpu);
	vcpu->irq.wait_sipi = arg->flags & SVMRT_VCPU_WAIT_SIPI;

	mutex_lock(&vm->time_lock);
	mutex_lock(&vm->lock);
	err = vcpu_check(vm, arg);
	if (!err)
		err = vcpu_init(vcpu, arg);
	if (!err)
		err = svmrt_apic_init(vcpu);
	if (!err) {
		/* An NMI in the template blocks others as one that arrives does. */
		if (vm->has_doorbells || (vcpu->pending_event & SVMRT_EV_TYPE) == SVMRT_EV_NMI)
			set_bit(SVMRT_HOOK_IRQ, &vcpu->hooks);
		vm->vcpu_limit = max(vm->vcpu_limit, vcpu->index + 1);
		smp_store_release(&vm->vcpus[vcpu->index], vcpu);
	}
	mutex_unlock(&vm->lock);
	mutex_unlock(&vm->time_lock);
	if (err) {
		vcpu_free(vcpu);
		return err;
	}
	refcount_inc(&vm->refs);
	fd = anon_inode_getfd("svmrt-vcpu", &vcpu_fops, vcpu, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		vcpu_unpublish(vcpu);
		vcpu_free(vcpu);
		svmrt_vm_put(vm);
	}
	return fd;
}
