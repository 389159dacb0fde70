// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells: a guest's write to a port or an address that only signals an eventfd. Completed in the
 * kernel, with interrupts off; a form that the module does not decode (string, REP, other than MOV)
 * goes where it went without the doorbell.
 */
#include <linux/eventfd.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include "exit.h"
#include "irq.h"
#include "mode.h"
#include "mov.h"

#define CODE_IOIO 0x7b
#define CODE_NPF 0x400
#define IOIO_IN BIT_ULL(0)
#define IOIO_STR BIT_ULL(2)
#define IOIO_REP BIT_ULL(3)
#define MAX_FDS 1024u

struct doorbell {
	struct list_head link;
	struct eventfd_ctx *ctx;
	u64 address, data;
	u32 bytes;		/* 0: any */
	bool port, match;
};

static bool same(const struct doorbell *d, const struct eventfd_ctx *ctx,
		 const struct svmrt_ioeventfd *arg)
{
	return d->ctx == ctx && d->address == arg->address && d->bytes == arg->bytes &&
	       d->port == !!(arg->flags & SVMRT_IOEVENT_PORT) &&
	       d->match == !!(arg->flags & SVMRT_IOEVENT_DATA) && d->data == arg->data;
}

static int check(struct svmrt_ioeventfd *arg)
{
	const u32 known = SVMRT_FD_REMOVE | SVMRT_IOEVENT_PORT | SVMRT_IOEVENT_DATA;
	bool port = arg->flags & SVMRT_IOEVENT_PORT;
	u64 limit = port ? 0xffff : (1ULL << SVMRT_GPA_BITS) - 1;

	if (arg->flags & ~known) {
		svmrt_err(arg, "ioeventfd: flags %#x: only remove, port and data (7) exist", arg->flags);
		return -EINVAL;
	}
	if (arg->bytes > 8 || arg->bytes & (arg->bytes - 1) || (port && arg->bytes == 8) ||
	    arg->address > limit) {
		svmrt_err(arg, "ioeventfd at %#llx of %u bytes: 0 (any), 1, 2, 4 or for memory 8, at most %#llx",
			  arg->address, arg->bytes, limit);
		return -EINVAL;
	}
	if (arg->flags & SVMRT_IOEVENT_DATA ? !arg->bytes || (arg->bytes < 8 &&
							      arg->data >> arg->bytes * 8) :
	    arg->data != 0) {
		svmrt_err(arg, "ioeventfd: data %#llx needs the flag data and a size that holds it",
			  arg->data);
		return -EINVAL;
	}
	return 0;
}

static int add(struct svmrt_vm *vm, struct eventfd_ctx *ctx, const struct svmrt_ioeventfd *arg)
{
	struct doorbell *d;

	list_for_each_entry(d, &vm->doorbells, link)
		if (same(d, ctx, arg))
			return -EEXIST;
	if (vm->fd_count >= MAX_FDS)
		return -ENOSPC;
	d = kzalloc(sizeof(*d), SVMRT_GFP);
	if (!d)
		return -ENOMEM;
	d->ctx = ctx;
	d->address = arg->address;
	d->bytes = arg->bytes;
	d->data = arg->data;
	d->port = arg->flags & SVMRT_IOEVENT_PORT;
	d->match = arg->flags & SVMRT_IOEVENT_DATA;
	list_add_tail_rcu(&d->link, &vm->doorbells);
	vm->fd_count++;
	return 0;
}

static int remove(struct svmrt_vm *vm, struct eventfd_ctx *ctx, const struct svmrt_ioeventfd *arg)
{
	struct doorbell *d;

	list_for_each_entry(d, &vm->doorbells, link)
		if (same(d, ctx, arg)) {
			list_del_rcu(&d->link);
			vm->fd_count--;
			synchronize_rcu();
			eventfd_ctx_put(d->ctx);
			kfree(d);
			return 0;
		}
	return -ENOENT;
}

/* vCPUs look at doorbells only with their hook set; vcpus[] is stable under vm->lock. */
static void set_hooks(struct svmrt_vm *vm)
{
	u32 i;

	mutex_lock(&vm->lock);
	vm->has_doorbells = true;
	for (i = 0; i < vm->vcpu_limit; i++)
		if (vm->vcpus[i])
			set_bit(SVMRT_HOOK_IRQ, &vm->vcpus[i]->hooks);
	mutex_unlock(&vm->lock);
}

int svmrt_ioeventfd(struct svmrt_vm *vm, struct svmrt_ioeventfd *arg)
{
	struct eventfd_ctx *ctx;
	int err = check(arg);

	if (err)
		return err;
	ctx = eventfd_ctx_fdget(arg->fd);
	if (IS_ERR(ctx)) {
		svmrt_err(arg, "descriptor %d is not an eventfd", arg->fd);
		return PTR_ERR(ctx);
	}
	mutex_lock(&vm->fds_lock);
	err = arg->flags & SVMRT_FD_REMOVE ? remove(vm, ctx, arg) : add(vm, ctx, arg);
	mutex_unlock(&vm->fds_lock);
	if (err || arg->flags & SVMRT_FD_REMOVE)
		eventfd_ctx_put(ctx);
	else
		set_hooks(vm);
	if (err)
		svmrt_err(arg, "ioeventfd at %#llx: %s", arg->address,
			  err == -ENOENT ? "no such doorbell" : err == -EEXIST ? "exists already" :
			  err == -ENOSPC ? "a VM has at most 1024 eventfds" : "out of memory");
	return err;
}

void svmrt_ioeventfds_free(struct svmrt_vm *vm)
{
	struct doorbell *d, *next;

	list_for_each_entry_safe(d, next, &vm->doorbells, link) {
		list_del(&d->link);
		eventfd_ctx_put(d->ctx);
		kfree(d);
	}
}

static bool ring(struct svmrt_vm *vm, bool port, u64 address, u32 bytes, u64 data)
{
	struct doorbell *d;
	bool found = false;

	if (bytes < 8)
		data &= (1ULL << bytes * 8) - 1;
	rcu_read_lock();
	list_for_each_entry_rcu(d, &vm->doorbells, link)
		if (d->port == port && d->address == address && (!d->bytes || d->bytes == bytes) &&
		    (!d->match || d->data == data)) {
			svmrt_eventfd_signal(d->ctx);
			found = true;
		}
	rcu_read_unlock();
	return found;
}

/* Before the instruction is stepped over: the event shows it as it exited. */
static void tell(struct svmrt_vcpu *vcpu, u64 code)
{
	int slot = svmrt_exit_slot(code);

	vcpu->stats.exits[slot]++;
	vcpu->stats.doorbells++;
	svmrt_ring_tell(vcpu, code, &vcpu->vm->policy[slot], SVMRT_DO_SKIP, true);
}

static bool store(struct svmrt_vcpu *vcpu, enum svmrt_leave *leave)
{
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	unsigned int bits = svmrt_vmcb_code_bits(vmcb), count;
	u8 insn[SVMRT_FETCH_BYTES];
	struct svmrt_mov mov;
	u64 missing, data, rip;

	count = svmrt_guest_fetch(vcpu, insn, &missing);
	if (!svmrt_mov_decode(insn, count, bits == 64 ? SVMRT_INSN_64 : bits == 32 ?
			      SVMRT_INSN_32 : SVMRT_INSN_16, &mov) || !mov.write)
		return false;
	data = mov.immediate ? mov.value :
	       svmrt_mov_operand(&mov, mov.reg == 0 ? vmcb_get_RAX(vmcb) :
				 mov.reg == 4 ? vmcb_get_RSP(vmcb) : vcpu->gpr[mov.reg]);
	if (!ring(vcpu->vm, false, vmcb_get_EXITINFO2(vmcb), mov.bytes, data))
		return false;
	tell(vcpu, CODE_NPF);
	rip = vmcb_get_RIP(vmcb) + mov.length;
	*leave = svmrt_skip_to(vcpu, bits == 64 ? rip : (u32)rip);
	return true;
}

bool svmrt_ioevent_exit(struct svmrt_vcpu *vcpu, u64 code, enum svmrt_leave *leave)
{
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	u64 info = vmcb_get_EXITINFO1(vmcb);

	if (code == CODE_IOIO) {
		if (info & (IOIO_IN | IOIO_STR | IOIO_REP) ||
		    !ring(vcpu->vm, true, info >> 16 & 0xffff, info >> 4 & 7, vmcb_get_RAX(vmcb)))
			return false;
		tell(vcpu, code);
		*leave = svmrt_skip_to(vcpu, vmcb_get_EXITINFO2(vmcb));
		return true;
	}
	/* A final address (bit 32) that the guest writes to (bit 1). */
	return code == CODE_NPF && info & BIT_ULL(32) && info & 2 && store(vcpu, leave);
}
