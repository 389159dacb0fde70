// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports that the kernel answers for user space, from cells in a page that both share: registers whose
 * reads have no effect, registers that only keep what is written, and writes that may wait in a queue.
 * What a port means stays in user space, which may scribble on the page at any time: each word of it is
 * read once, and any value has a meaning that harms nobody but the guest.
 */
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/slab.h>
#include "exit.h"

#define MIN_DELAY_NS 1000u
#define MAX_DELAY_NS 1000000000u

struct port_row {
	u32 store_mask;
	u32 unless_mask, unless_value;
	u16 port;
	u8 bytes, cell, unless_cell;
	bool unless;
};

struct svmrt_port_table {
	struct port_row rows[SVMRT_PORT_CELLS];
	u32 count;
	u32 delay_ns;
	struct page *shared;
	struct svmrt_port_page *page;
	struct eventfd_ctx *ctx;
	raw_spinlock_t lock;		/* of head, armed and the queue */
	u32 head;			/* our own copy: the page is hostile */
	bool armed;
	struct hrtimer timer;
};

static_assert(sizeof(struct svmrt_port_page) <= PAGE_SIZE);

/* ---- Posted writes ---- */

/* Whoever posts from now on starts the timer again, so no write waits for longer than the delay. */
static enum hrtimer_restart ring_bell(struct hrtimer *timer)
{
	struct svmrt_port_table *table = container_of(timer, struct svmrt_port_table, timer);
	unsigned long flags;

	raw_spin_lock_irqsave(&table->lock, flags);
	table->armed = false;
	raw_spin_unlock_irqrestore(&table->lock, flags);
	svmrt_eventfd_signal(table->ctx);
	return HRTIMER_NORESTART;
}

static bool post(struct svmrt_port_table *table, const struct port_row *row, u32 value)
{
	struct svmrt_port_page *page = table->page;
	struct svmrt_posted *posted;
	bool arm = false, room;

	raw_spin_lock(&table->lock);
	/* A tail that makes no sense counts as a full queue. */
	room = table->head - READ_ONCE(page->tail) < SVMRT_POSTED;
	if (room) {
		posted = &page->posted[table->head % SVMRT_POSTED];
		posted->port = row->port;
		posted->bytes = row->bytes;
		posted->value = value;
		smp_store_release(&page->head, ++table->head);
		arm = !table->armed;
		table->armed = true;
	}
	raw_spin_unlock(&table->lock);
	if (arm)
		hrtimer_start(&table->timer, ns_to_ktime(table->delay_ns), HRTIMER_MODE_REL_HARD);
	return room;
}

/* ---- Accesses ---- */

static u32 low_bytes(u64 value, u32 bytes)
{
	return bytes == 4 ? (u32)value : (u32)value & ((1u << bytes * 8) - 1);
}

static bool access(struct svmrt_port_table *table, const struct port_row *row, bool in, u64 rax,
		   u32 *value)
{
	struct svmrt_port_cell *cell = &table->page->cells[row->cell];
	u32 mode = READ_ONCE(cell->mode);

	if (row->unless && (READ_ONCE(table->page->cells[row->unless_cell].value) & row->unless_mask) ==
			   row->unless_value)
		return false;
	if (in) {
		*value = READ_ONCE(cell->value);
		return mode & SVMRT_PORT_READ;
	}
	if (mode & SVMRT_PORT_POST)
		return post(table, row, low_bytes(rax, row->bytes));
	if (mode & SVMRT_PORT_STORE)
		WRITE_ONCE(cell->value, low_bytes(rax, row->bytes) & row->store_mask);
	return mode & SVMRT_PORT_STORE;
}

bool svmrt_port_access(struct svmrt_vcpu *vcpu, u32 *value)
{
	struct svmrt_port_table *table = vcpu->vm->ports;
	u64 info = vmcb_get_EXITINFO1(vcpu->vmcb);
	u32 i, port = info >> 16 & 0xffff, bytes = info >> 4 & 7;

	if (info & SVMRT_IOIO_STR)
		return false;
	for (i = 0; i < table->count; i++)
		if (table->rows[i].port == port && table->rows[i].bytes == bytes)
			return access(table, &table->rows[i], info & SVMRT_IOIO_IN,
				      vmcb_get_RAX(vcpu->vmcb), value);
	return false;
}

/* ---- Calls ---- */

static struct svmrt_port_table *make_table(struct svmrt_vm *vm, struct svmrt_ports *arg)
{
	struct svmrt_port_table *table = kzalloc(sizeof(*table), SVMRT_GFP);

	if (!table)
		return ERR_PTR(-ENOMEM);
	table->shared = svmrt_page_alloc(vm->user);
	if (IS_ERR(table->shared)) {
		int err = PTR_ERR(table->shared);

		kfree(table);
		svmrt_err(arg, "no page for the VM's ports");
		return ERR_PTR(err);
	}
	table->page = page_address(table->shared);
	table->delay_ns = arg->delay_ns;
	raw_spin_lock_init(&table->lock);
	svmrt_hrtimer_setup(&table->timer, ring_bell, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	return table;
}

/* vCPUs read the table without a lock: it does not change while there are some. */
static int may_change(const struct svmrt_vm *vm, char error[SVMRT_ERROR_BYTES])
{
	if (!vm->vcpu_limit)
		return 0;
	snprintf(error, SVMRT_ERROR_BYTES, "ports are set before the first vCPU");
	return -EBUSY;
}

static int add_table(struct svmrt_vm *vm, struct svmrt_ports *arg, struct eventfd_ctx *ctx)
{
	struct svmrt_port_table *table;
	int err = may_change(vm, arg->error);

	if (err)
		return err;
	if (vm->ports) {
		svmrt_err(arg, "the VM has its ports already");
		return -EEXIST;
	}
	table = make_table(vm, arg);
	if (IS_ERR(table))
		return PTR_ERR(table);
	table->ctx = ctx;
	smp_store_release(&vm->ports, table);	/* whole before mmap sees it */
	return 0;
}

int svmrt_ports(struct svmrt_vm *vm, struct svmrt_ports *arg)
{
	struct eventfd_ctx *ctx;
	int err;

	if (arg->delay_ns < MIN_DELAY_NS || arg->delay_ns > MAX_DELAY_NS) {
		svmrt_err(arg, "ports: a delay of %u ns: %u to %u", arg->delay_ns, MIN_DELAY_NS,
			  MAX_DELAY_NS);
		return -EINVAL;
	}
	ctx = eventfd_ctx_fdget(arg->fd);
	if (IS_ERR(ctx)) {
		svmrt_err(arg, "descriptor %d is not an eventfd", arg->fd);
		return PTR_ERR(ctx);
	}
	mutex_lock(&vm->lock);
	err = add_table(vm, arg, ctx);
	mutex_unlock(&vm->lock);
	if (err)
		eventfd_ctx_put(ctx);
	return err;
}

static int check_row(struct svmrt_port *arg)
{
	bool unless = arg->flags & SVMRT_PORT_UNLESS;

	if (arg->flags & ~SVMRT_PORT_UNLESS || arg->reserved) {
		svmrt_err(arg, "port: flags %#x: only unless (1) exists; reserved is 0", arg->flags);
		return -EINVAL;
	}
	if (arg->port > 0xffff || (arg->bytes != 1 && arg->bytes != 2 && arg->bytes != 4) ||
	    arg->cell >= SVMRT_PORT_CELLS || arg->store_mask != low_bytes(arg->store_mask, arg->bytes)) {
		svmrt_err(arg, "port %#x of %u bytes, cell %u, mask %#x: at most 0xffff, 1, 2 or 4, below %u, and as wide as the port",
			  arg->port, arg->bytes, arg->cell, arg->store_mask, SVMRT_PORT_CELLS);
		return -EINVAL;
	}
	if (unless ? arg->unless_cell >= SVMRT_PORT_CELLS || arg->unless_value & ~arg->unless_mask :
		     arg->unless_cell || arg->unless_mask || arg->unless_value) {
		svmrt_err(arg, "port %#x unless cell %u has %#x of %#x: needs the flag, a cell below %u, and a value within the mask",
			  arg->port, arg->unless_cell, arg->unless_value, arg->unless_mask,
			  SVMRT_PORT_CELLS);
		return -EINVAL;
	}
	return 0;
}

static int add_row(struct svmrt_vm *vm, struct svmrt_port *arg)
{
	struct svmrt_port_table *table = vm->ports;
	int err = may_change(vm, arg->error);
	u32 i;

	if (err)
		return err;
	if (!table) {
		svmrt_err(arg, "port %#x: SVMRT_VM_PORTS comes first", arg->port);
		return -ENODEV;
	}
	for (i = 0; i < table->count; i++)
		if (table->rows[i].cell == arg->cell || (table->rows[i].port == arg->port &&
							 table->rows[i].bytes == arg->bytes)) {
			svmrt_err(arg, "port %#x: this port or cell %u is taken", arg->port, arg->cell);
			return -EEXIST;
		}
	table->rows[table->count++] = (struct port_row) {	/* no more than there are cells */
		.port = arg->port, .bytes = arg->bytes, .cell = arg->cell,
		.store_mask = arg->store_mask, .unless = arg->flags & SVMRT_PORT_UNLESS,
		.unless_cell = arg->unless_cell, .unless_mask = arg->unless_mask,
		.unless_value = arg->unless_value,
	};
	return 0;
}

int svmrt_port(struct svmrt_vm *vm, struct svmrt_port *arg)
{
	int err = check_row(arg);

	if (err)
		return err;
	mutex_lock(&vm->lock);
	err = add_row(vm, arg);
	mutex_unlock(&vm->lock);
	return err;
}

int svmrt_ports_mmap(struct svmrt_vm *vm, struct vm_area_struct *vma)
{
	struct svmrt_port_table *table = smp_load_acquire(&vm->ports);
	int err;

	if (!table || !(vma->vm_flags & VM_SHARED))
		return table ? -EINVAL : -ENODEV;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	err = vm_map_pages(vma, &table->shared, 1);
	return err == -ENXIO ? -EINVAL : err;	/* not all of it lies within the page */
}

void svmrt_ports_free(struct svmrt_vm *vm)
{
	struct svmrt_port_table *table = vm->ports;

	if (!table)
		return;
	hrtimer_cancel(&table->timer);
	eventfd_ctx_put(table->ctx);
	svmrt_page_free(vm->user, table->shared);
	kfree(table);
}
