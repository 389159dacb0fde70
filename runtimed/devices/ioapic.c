/* SPDX-License-Identifier: MIT */
/*
 * Intel 82093AA I/O Advanced Programmable Interrupt Controller (order number 290566), with the EOI
 * register of version 20h (82801 I/O controller hubs, 13.5). A message leaves on the thread that moves
 * the line (SVMRT_VM_MSI); the end of a level-triggered interrupt comes back by an eventfd of its pin.
 *
 * An irqfd would do no less and no more: it, too, is one system call of that thread, which sends the
 * message in the kernel and wakes no loop. But it stands for one message: each write of the guest to an
 * entry would remove it and add another; and it does not tell whether an APIC took the message.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "ioapic.h"
#include "pc.h"

#define REG_SELECT	0x00u
#define REG_WINDOW	0x10u
#define REG_EOI		0x40u

#define INDEX_ID	0x00u
#define INDEX_VERSION	0x01u
#define INDEX_ARBITRATION 0x02u
#define INDEX_TABLE	0x10u

#define VERSION		(0x20u | (SVMT_IRQS - 1u) << 16)

#define ENTRY_VECTOR(entry)	((uint8_t)(entry))
#define ENTRY_MODE(entry)	((unsigned int)((entry) >> 8) & 7)	/* 0 fixed, 1 lowest priority */
#define ENTRY_LOGICAL	(1ULL << 11)
#define ENTRY_LOW	(1ULL << 13)	/* the input is active low */
#define ENTRY_REMOTE	(1ULL << 14)	/* remote IRR: sent, and not ended yet */
#define ENTRY_LEVEL	(1ULL << 15)
#define ENTRY_MASKED	(1ULL << 16)
#define ENTRY_WRITABLE	0xff0000000001afffULL

struct pin {
	struct ioapic *ioapic;
	uint64_t entry;
	bool high;
	int eoi_fd;		/* -1: never was level-triggered */
	bool listening;		/* the module signals eoi_fd when eoi_vector ends */
	uint8_t eoi_vector;
};

struct ioapic {
	struct device device;
	struct bus_range registers;
	struct irq_sink sink;
	uv_poll_t *poll;	/* freed when the loop has closed it */
	int epoll_fd;
	uint8_t select, id;
	struct pin pins[SVMT_IRQS];
};

/* ---- Messages ---- */

static bool is_active(const struct pin *pin)
{
	return pin->high == !(pin->entry & ENTRY_LOW);
}

static void send_message(struct pin *pin)
{
	struct vm *vm = pin->ioapic->device.vm;
	uint64_t address = 0xfee00000 | (pin->entry >> 56) << 12 |
		(pin->entry & ENTRY_LOGICAL ? 1u << 2 : 0);
	uint32_t data = (uint32_t)(pin->entry & 0x7ff) | (uint32_t)(pin->entry & ENTRY_LEVEL) | 1u << 14;
	int taken = vm->daemon->engine->msi(vm->fd, address, data);

	if (taken > 0 && pin->entry & ENTRY_LEVEL && ENTRY_MODE(pin->entry) <= 1)
		pin->entry |= ENTRY_REMOTE;
}

/* A level is sent again until it is taken away: when it comes, when it is unmasked, when it ended. */
static void look_at_level(struct pin *pin)
{
	if (pin->entry & ENTRY_LEVEL && is_active(pin) &&
	    !(pin->entry & (ENTRY_MASKED | ENTRY_REMOTE)))
		send_message(pin);
}

static void set_pin(struct pin *pin, bool high)
{
	bool was = is_active(pin);

	pin->high = high;
	if (pin->entry & ENTRY_LEVEL)
		look_at_level(pin);
	else if (is_active(pin) && !was && !(pin->entry & ENTRY_MASKED))
		send_message(pin);	/* an edge on a masked pin is lost (3.2.4, interrupt mask) */
}

/* ---- End of interrupt ---- */

static void listen_for_eoi(struct pin *pin, bool want, uint8_t vector)
{
	struct vm *vm = pin->ioapic->device.vm;
	struct svmrt_eoifd eoifd = { .fd = pin->eoi_fd, .vector = pin->eoi_vector };
	struct engine_error error;

	if (pin->listening && (!want || vector != pin->eoi_vector)) {
		eoifd.flags = SVMRT_FD_REMOVE;
		vm->daemon->engine->eoifd(vm->fd, &eoifd, &error);
		pin->listening = false;
	}
	if (!want || pin->listening || pin->eoi_fd < 0)
		return;
	eoifd.flags = 0;
	eoifd.vector = pin->eoi_vector = vector;
	pin->listening = !vm->daemon->engine->eoifd(vm->fd, &eoifd, &error);
	if (!pin->listening)
		log_line(LOG_WARNING, "VM %llu: I/O APIC: %s", (unsigned long long)vm->number, error.text);
}

static void make_eoi_fd(struct pin *pin)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = pin };

	pin->eoi_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pin->eoi_fd >= 0)
		epoll_ctl(pin->ioapic->epoll_fd, EPOLL_CTL_ADD, pin->eoi_fd, &event);
}

static void ended(struct pin *pin)
{
	pin->entry &= ~ENTRY_REMOTE;
	look_at_level(pin);
}

static void on_eoi(uv_poll_t *poll, int status, int events)
{
	struct ioapic *ioapic = poll->data;
	struct vm *vm = ioapic->device.vm;
	struct epoll_event found[SVMT_IRQS];
	uint64_t count;
	int ready;

	(void)status;
	(void)events;
	bus_lock(vm);
	ready = epoll_wait(ioapic->epoll_fd, found, SVMT_IRQS, 0);
	for (int i = 0; i < ready; i++) {
		struct pin *pin = found[i].data.ptr;

		if (read(pin->eoi_fd, &count, sizeof(count)) == sizeof(count))
			ended(pin);
	}
	bus_unlock(vm);
}

static void write_eoi(struct ioapic *ioapic, uint8_t vector)
{
	for (unsigned int i = 0; i < SVMT_IRQS; i++)
		if (ENTRY_VECTOR(ioapic->pins[i].entry) == vector && ioapic->pins[i].entry & ENTRY_REMOTE)
			ended(&ioapic->pins[i]);
}

/* ---- Registers ---- */

static void write_entry(struct pin *pin, uint64_t entry)
{
	bool was = is_active(pin);

	entry = (entry & ENTRY_WRITABLE) | (pin->entry & ENTRY_REMOTE);
	if (!(entry & ENTRY_LEVEL))
		entry &= ~ENTRY_REMOTE;
	pin->entry = entry;
	if (entry & ENTRY_LEVEL && !(entry & ENTRY_MASKED) && ENTRY_VECTOR(entry) >= 16) {
		if (pin->eoi_fd < 0)
			make_eoi_fd(pin);
		listen_for_eoi(pin, true, ENTRY_VECTOR(entry));
	} else if (!(entry & ENTRY_LEVEL)) {
		listen_for_eoi(pin, false, 0);
	}
	/* Another polarity makes an edge, too. */
	if (entry & ENTRY_LEVEL)
		look_at_level(pin);
	else if (is_active(pin) && !was && !(entry & ENTRY_MASKED))
		send_message(pin);
}

static uint32_t read_window(const struct ioapic *ioapic)
{
	unsigned int index = ioapic->select, pin = (index - INDEX_TABLE) / 2;

	switch (index) {
	case INDEX_ID:
	case INDEX_ARBITRATION: return (uint32_t)ioapic->id << 24;
	case INDEX_VERSION: return VERSION;
	default: break;
	}
	if (index < INDEX_TABLE || pin >= SVMT_IRQS)
		return 0;
	return (uint32_t)(ioapic->pins[pin].entry >> (index & 1 ? 32 : 0));
}

static void write_window(struct ioapic *ioapic, uint32_t value)
{
	unsigned int index = ioapic->select, number = (index - INDEX_TABLE) / 2;
	struct pin *pin = &ioapic->pins[number % SVMT_IRQS];

	if (index == INDEX_ID)
		ioapic->id = value >> 24 & 0x0f;
	if (index < INDEX_TABLE || number >= SVMT_IRQS)
		return;
	if (index & 1)
		write_entry(pin, (pin->entry & 0xffffffff) | (uint64_t)value << 32);
	else
		write_entry(pin, (pin->entry & ~0xffffffffULL) | value);
}

/* Registers are 32 bits wide and 16 bytes apart; parts of them cannot be accessed (3.0). */
static uint64_t ioapic_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	const struct ioapic *ioapic = list_object(range, struct ioapic, registers);

	if (bytes != 4)
		return 0;
	switch (offset) {
	case REG_SELECT: return ioapic->select;
	case REG_WINDOW: return read_window(ioapic);
	default: return 0;
	}
}

static void ioapic_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct ioapic *ioapic = list_object(range, struct ioapic, registers);

	if (bytes != 4)
		return;
	switch (offset) {
	case REG_SELECT: ioapic->select = (uint8_t)value; break;
	case REG_WINDOW: write_window(ioapic, (uint32_t)value); break;
	case REG_EOI: write_eoi(ioapic, (uint8_t)value); break;
	default: break;
	}
}

/* ---- Wiring ---- */

/* The PIC's output is not on pin 0: it is the INTR line of vCPU 0, where LINT0 sees it. */
static void ioapic_line(struct irq_sink *sink, unsigned int irq, bool level)
{
	struct ioapic *ioapic = list_object(sink, struct ioapic, sink);

	if (irq == PC_IRQ_TIMER)
		irq = PC_TIMER_INPUT;
	else if (irq == PC_TIMER_INPUT)
		return;
	set_pin(&ioapic->pins[irq], level);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void ioapic_free(struct device *device)
{
	struct ioapic *ioapic = list_object(device, struct ioapic, device);

	if (ioapic->poll)
		uv_close((uv_handle_t *)ioapic->poll, on_closed);
	for (unsigned int i = 0; i < SVMT_IRQS; i++)
		if (ioapic->pins[i].eoi_fd >= 0)
			close(ioapic->pins[i].eoi_fd);
	if (ioapic->epoll_fd >= 0)
		close(ioapic->epoll_fd);
	free(ioapic);
}

int ioapic_add(struct vm *vm, uint8_t id, struct engine_error *error)
{
	struct ioapic *ioapic = need_memory(sizeof(*ioapic));
	uv_loop_t *loop = device_loop(vm);

	ioapic->device = (struct device){ .name = "ioapic", .free = ioapic_free };
	device_add(vm, &ioapic->device);
	ioapic->id = id & 0x0f;
	for (unsigned int i = 0; i < SVMT_IRQS; i++)
		ioapic->pins[i] = (struct pin){ .ioapic = ioapic, .entry = ENTRY_MASKED, .eoi_fd = -1 };
	ioapic->registers = (struct bus_range){
		.device = &ioapic->device, .space = BUS_MEMORY, .first = PC_IOAPIC,
		.bytes = PC_APIC_BYTES, .widest = 4, .read = ioapic_read, .write = ioapic_write,
	};
	bus_add(vm, &ioapic->registers);
	ioapic->sink.line = ioapic_line;
	irq_add_sink(vm, &ioapic->sink);
	ioapic->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!loop || ioapic->epoll_fd < 0)
		return engine_fail(error, errno, "I/O APIC", "no descriptors are left");
	ioapic->poll = need_memory(sizeof(*ioapic->poll));
	ioapic->poll->data = ioapic;
	uv_poll_init(loop, ioapic->poll, ioapic->epoll_fd);
	uv_poll_start(ioapic->poll, UV_READABLE, on_eoi);
	return 0;
}
