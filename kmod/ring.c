// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages that a vCPU shares with the daemon: run page, ring header, event records. The daemon
 * may scribble on all of it at any time (E2), so every decision uses our own counters, `tail` and
 * `lossless` are fetched once per use and any value of them has a meaning, and nothing else is read.
 */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/msr.h>
#include <asm/svm.h>
#include "mode.h"
#include "svmrt_priv.h"

/*
 * Pages of our own under one kernel mapping: unlike vmalloc_user's they are charged to the memory
 * cgroup, and one by one to the user.
 */
int svmrt_ring_init(struct svmrt_vcpu *vcpu, u32 entries)
{
	u32 count = 2 + DIV_ROUND_UP(entries * sizeof(struct svmrt_event), PAGE_SIZE);

	vcpu->shared_pages = kvcalloc(count, sizeof(*vcpu->shared_pages), SVMRT_GFP);
	if (!vcpu->shared_pages)
		return -ENOMEM;
	for (; vcpu->shared_count < count; vcpu->shared_count++) {
		struct page *page = svmrt_page_alloc(vcpu->vm->user);

		if (IS_ERR(page))
			return PTR_ERR(page);
		vcpu->shared_pages[vcpu->shared_count] = page;
	}
	vcpu->shared = vmap(vcpu->shared_pages, count, VM_MAP, PAGE_KERNEL);
	if (!vcpu->shared)
		return -ENOMEM;
	vcpu->run = vcpu->shared;
	vcpu->ring = vcpu->shared + PAGE_SIZE;
	vcpu->records = vcpu->shared + 2 * PAGE_SIZE;
	vcpu->ring_entries = entries;
	return 0;
}

void svmrt_ring_free(struct svmrt_vcpu *vcpu)
{
	u32 i;

	vunmap(vcpu->shared);
	for (i = 0; i < vcpu->shared_count; i++)
		svmrt_page_free(vcpu->vm->user, vcpu->shared_pages[i]);
	kvfree(vcpu->shared_pages);
}

int svmrt_ring_mmap(struct svmrt_vcpu *vcpu, struct vm_area_struct *vma)
{
	int err = vm_map_pages(vma, vcpu->shared_pages, vcpu->shared_count);

	return err == -ENXIO ? -EINVAL : err;	/* not all of it lies within the pages */
}

/* A tail that makes no sense counts as a full ring. */
static bool ring_full(const struct svmrt_vcpu *vcpu)
{
	return vcpu->ring_head - READ_ONCE(vcpu->ring->tail) >= vcpu->ring_entries;
}

bool svmrt_ring_blocked(struct svmrt_vcpu *vcpu)
{
	return READ_ONCE(vcpu->ring->lossless) && ring_full(vcpu);
}

bool svmrt_ring_waits(struct svmrt_vcpu *vcpu)
{
	return READ_ONCE(vcpu->ring->lossless) == SVMRT_RING_WAIT;
}

/*
 * Sleep until there is room, or the vCPU is wanted elsewhere. A consumer stores the tail and then
 * looks at the mark; we mark, and then (behind the barrier of wait_event) look at the tail.
 */
void svmrt_ring_wait(struct svmrt_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->ring->waiting, 1);
	wait_event_interruptible(vcpu->wait_queue,
				 atomic_read(&vcpu->kicked) || !svmrt_ring_blocked(vcpu));
	WRITE_ONCE(vcpu->ring->waiting, 0);
}

bool svmrt_ring_unread(struct svmrt_vcpu *vcpu)
{
	return READ_ONCE(vcpu->ring_head) != READ_ONCE(vcpu->ring->tail);
}

void svmrt_ring_wake(struct svmrt_vcpu *vcpu)
{
	if (vcpu->ring_woken == vcpu->ring_head)
		return;
	vcpu->ring_woken = vcpu->ring_head;
	/* wq_has_sleeper orders the published head before the look at the queue. */
	if (wq_has_sleeper(&vcpu->wait_queue))
		wake_up_interruptible(&vcpu->wait_queue);
}

static bool wanted(struct svmrt_vcpu *vcpu, const struct svmrt_policy_slot *policy)
{
	switch (policy->event) {
	case SVMRT_EVENT_STREAM:
		return true;
	case SVMRT_EVENT_SAMPLE:
		if (++vcpu->sample_count[policy->counter] < policy->sample)
			return false;
		vcpu->sample_count[policy->counter] = 0;
		return true;
	default:
		return false;
	}
}

void svmrt_ring_tell(struct svmrt_vcpu *vcpu, u64 code, const struct svmrt_policy_slot *policy,
		     u8 action, bool state_valid)
{
	const struct svmk_vmcb *vmcb = vcpu->vmcb;
	u32 flags = (u32)action << 8;
	struct svmrt_event *event;
	u64 seq;

	if (!wanted(vcpu, policy))
		return;
	seq = vcpu->stats.events++;
	if (ring_full(vcpu)) {
		WRITE_ONCE(vcpu->ring->dropped, ++vcpu->stats.events_dropped);
		return;
	}
	event = &vcpu->records[vcpu->ring_head & (vcpu->ring_entries - 1)];
	event->seq = seq;
	event->tsc = rdtsc();
	event->code = (u32)code;
	if (state_valid) {
		event->exitinfo1 = vmcb_get_EXITINFO1(vmcb);
		/* EXITINFO2 means nothing for MSR (APM 15.11): the record has the number there. */
		event->exitinfo2 = code == SVM_EXIT_CODE_MSR ? (u32)vcpu->gpr[1] :
			vmcb_get_EXITINFO2(vmcb);
		event->rip = vmcb_get_RIP(vmcb);
		event->rax = vmcb_get_RAX(vmcb);
		event->exitintinfo = vmcb_get_EXITINTINFO(vmcb);
		flags |= (u32)vmcb_get_CPL(vmcb) & 3;
		flags |= (u32)svmrt_vmcb_mode(vmcb) << 2;
		if (vmcb_get_INTERRUPT_SHADOW(vmcb))
			flags |= SVMRT_EVENT_SHADOW;
	} else {
		event->exitinfo1 = event->exitinfo2 = event->rip = event->rax = 0;
		event->exitintinfo = 0;
	}
	event->flags = flags;
	smp_store_release(&vcpu->ring->head, ++vcpu->ring_head);
}
