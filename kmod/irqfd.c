// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds at the interrupts' ends: irqfd, whose signal is a message to the local APICs, and eoifd,
 * which is signalled when a level-triggered vector ends, so that whoever drives the line looks again.
 * Each holds a reference on its eventfd until it is removed or the VM ends; an irqfd whose eventfd has
 * been closed by everybody else is taken away at the next call.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include "irq.h"

#define MAX_FDS 1024u

struct irqfd {
	struct list_head link;
	struct svmrt_vm *vm;
	struct eventfd_ctx *ctx;
	wait_queue_entry_t wait;
	poll_table table;
	struct svmrt_apic_msg msg;
	bool hung_up;
};

struct eoifd {
	struct list_head link;
	struct eventfd_ctx *ctx;
	u32 vector;
};

static struct eventfd_ctx *get_eventfd(int fd, struct file **file)
{
	struct eventfd_ctx *ctx;

	*file = eventfd_fget(fd);
	if (IS_ERR(*file))
		return ERR_CAST(*file);
	ctx = eventfd_ctx_fileget(*file);
	if (IS_ERR(ctx))
		fput(*file);
	return ctx;
}

/* ---- irqfd ---- */

/* With interrupts off and the eventfd's lock held: only flags, locks of APICs, and pokes. */
static int irqfd_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->ctx, &count);
		svmrt_apic_send(irqfd->vm, NULL, &irqfd->msg);
	}
	if (events & EPOLLHUP)
		WRITE_ONCE(irqfd->hung_up, true);
	return 0;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	add_wait_queue_priority(head, &container_of(table, struct irqfd, table)->wait);
}

static void irqfd_remove(struct irqfd *irqfd)
{
	u64 count;

	list_del(&irqfd->link);
	irqfd->vm->fd_count--;
	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	eventfd_ctx_put(irqfd->ctx);
	kfree(irqfd);
}

static struct irqfd *irqfd_find(struct svmrt_vm *vm, const struct eventfd_ctx *ctx)
{
	struct irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, &vm->irqfds, link) {
		if (irqfd->ctx == ctx)
			return irqfd;
		if (READ_ONCE(irqfd->hung_up))
			irqfd_remove(irqfd);
	}
	return NULL;
}

static int irqfd_add(struct svmrt_vm *vm, struct file *file, struct eventfd_ctx *ctx,
		     const struct svmrt_apic_msg *msg)
{
	struct irqfd *irqfd;

	if (irqfd_find(vm, ctx))
		return -EEXIST;
	if (vm->fd_count >= MAX_FDS)
		return -ENOSPC;
	irqfd = kzalloc(sizeof(*irqfd), SVMRT_GFP);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	irqfd->ctx = ctx;
	irqfd->msg = *msg;
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wake);
	init_poll_funcptr(&irqfd->table, irqfd_queue);
	list_add(&irqfd->link, &vm->irqfds);
	vm->fd_count++;
	/* A signal from before is a message, too. */
	if (vfs_poll(file, &irqfd->table) & EPOLLIN)
		svmrt_apic_send(vm, NULL, msg);
	return 0;
}

int svmrt_irqfd(struct svmrt_vm *vm, struct svmrt_irqfd *arg)
{
	struct svmrt_apic_msg msg;
	struct eventfd_ctx *ctx;
	struct irqfd *old;
	struct file *file;
	int err;

	if (arg->flags & ~SVMRT_FD_REMOVE || arg->reserved) {
		svmrt_err(arg, "irqfd: flags %#x: only remove (1) exists", arg->flags);
		return -EINVAL;
	}
	if (!vm->irqchip) {
		svmrt_err(arg, "this VM has no local APICs (SVMRT_VM_IRQCHIP)");
		return -ENODEV;
	}
	if (!(arg->flags & SVMRT_FD_REMOVE) &&
	    !svmrt_apic_decode_msi(arg->address, arg->data, &msg)) {
		svmrt_err(arg, "MSI address %#llx, data %#x: no message for local APICs", arg->address,
			  arg->data);
		return -EINVAL;
	}
	ctx = get_eventfd(arg->fd, &file);
	if (IS_ERR(ctx)) {
		svmrt_err(arg, "descriptor %d is not an eventfd", arg->fd);
		return PTR_ERR(ctx);
	}
	mutex_lock(&vm->fds_lock);
	if (arg->flags & SVMRT_FD_REMOVE) {
		old = irqfd_find(vm, ctx);
		err = old ? 0 : -ENOENT;
		if (old)
			irqfd_remove(old);
	} else {
		err = irqfd_add(vm, file, ctx, &msg);
	}
	mutex_unlock(&vm->fds_lock);
	fput(file);
	if (err || arg->flags & SVMRT_FD_REMOVE)
		eventfd_ctx_put(ctx);
	if (err)
		svmrt_err(arg, "eventfd %d: %s", arg->fd, err == -ENOENT ? "is no irqfd of this VM" :
			  err == -EEXIST ? "is an irqfd of this VM already" :
			  err == -ENOSPC ? "a VM has at most 1024 eventfds" : "out of memory");
	return err;
}

/* ---- eoifd ---- */

void svmrt_eoi(struct svmrt_vm *vm, u32 vector)
{
	struct eoifd *eoifd;

	rcu_read_lock();
	list_for_each_entry_rcu(eoifd, &vm->eoifds, link)
		if (eoifd->vector == vector)
			svmrt_eventfd_signal(eoifd->ctx);
	rcu_read_unlock();
}

static void eoifd_remove(struct svmrt_vm *vm, struct eoifd *eoifd)
{
	list_del_rcu(&eoifd->link);
	vm->fd_count--;
	synchronize_rcu();
	eventfd_ctx_put(eoifd->ctx);
	kfree(eoifd);
}

static int eoifd_add(struct svmrt_vm *vm, struct eventfd_ctx *ctx, u32 vector)
{
	struct eoifd *eoifd;

	list_for_each_entry(eoifd, &vm->eoifds, link)
		if (eoifd->ctx == ctx && eoifd->vector == vector)
			return -EEXIST;
	if (vm->fd_count >= MAX_FDS)
		return -ENOSPC;
	eoifd = kzalloc(sizeof(*eoifd), SVMRT_GFP);
	if (!eoifd)
		return -ENOMEM;
	eoifd->ctx = ctx;
	eoifd->vector = vector;
	list_add_rcu(&eoifd->link, &vm->eoifds);
	vm->fd_count++;
	return 0;
}

int svmrt_eoifd(struct svmrt_vm *vm, struct svmrt_eoifd *arg)
{
	struct eoifd *eoifd, *next;
	struct eventfd_ctx *ctx;
	int err = -ENOENT;

	if (arg->flags & ~SVMRT_FD_REMOVE || arg->vector < 16 || arg->vector > 255) {
		svmrt_err(arg, "eoifd: flags %#x (remove 1), vector %#x (0x10 to 0xff)", arg->flags,
			  arg->vector);
		return -EINVAL;
	}
	if (!vm->irqchip) {
		svmrt_err(arg, "this VM has no local APICs (SVMRT_VM_IRQCHIP)");
		return -ENODEV;
	}
	ctx = eventfd_ctx_fdget(arg->fd);
	if (IS_ERR(ctx)) {
		svmrt_err(arg, "descriptor %d is not an eventfd", arg->fd);
		return PTR_ERR(ctx);
	}
	mutex_lock(&vm->fds_lock);
	if (arg->flags & SVMRT_FD_REMOVE) {
		list_for_each_entry_safe(eoifd, next, &vm->eoifds, link)
			if (eoifd->ctx == ctx && eoifd->vector == arg->vector) {
				eoifd_remove(vm, eoifd);
				err = 0;
			}
	} else {
		err = eoifd_add(vm, ctx, arg->vector);
	}
	mutex_unlock(&vm->fds_lock);
	if (err || arg->flags & SVMRT_FD_REMOVE)
		eventfd_ctx_put(ctx);
	if (err)
		svmrt_err(arg, "eventfd %d, vector %#x: %s", arg->fd, arg->vector,
			  err == -ENOENT ? "no such eoifd" : err == -EEXIST ? "exists already" :
			  err == -ENOSPC ? "a VM has at most 1024 eventfds" : "out of memory");
	return err;
}

/* The last reference of the VM has gone: nobody runs, calls or signals on its behalf but irqfds. */
void svmrt_irqfds_free(struct svmrt_vm *vm)
{
	struct irqfd *irqfd, *next;
	struct eoifd *eoifd, *next_eoi;

	list_for_each_entry_safe(irqfd, next, &vm->irqfds, link)
		irqfd_remove(irqfd);
	list_for_each_entry_safe(eoifd, next_eoi, &vm->eoifds, link) {
		list_del(&eoifd->link);
		eventfd_ctx_put(eoifd->ctx);
		kfree(eoifd);
	}
}
