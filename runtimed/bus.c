/* SPDX-License-Identifier: MIT */
/* Accesses to ports and addresses: finds who answers, and splits what is too wide for it. */
#include <time.h>
#include "bus.h"
#include "vm.h"

void bus_init(struct bus *bus)
{
	pthread_mutex_init(&bus->lock, NULL);
}

void bus_free(struct bus *bus)
{
	pthread_mutex_destroy(&bus->lock);
}

void bus_add(struct vm *vm, struct bus_range *range)
{
	range->next = vm->bus.ranges[range->space];
	vm->bus.ranges[range->space] = range;
}

void bus_lock(struct vm *vm)
{
	pthread_mutex_lock(&vm->bus.lock);
}

/* Whoever has the lock may wait for room in the console, which only the loop makes. */
void bus_lock_on_loop(struct vm *vm)
{
	struct timespec until;

	while (pthread_mutex_trylock(&vm->bus.lock)) {
		console_pump(vm, false);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!pthread_mutex_timedlock(&vm->bus.lock, &until))
			return;
	}
}

void bus_unlock(struct vm *vm)
{
	pthread_mutex_unlock(&vm->bus.lock);
}

static struct bus_range *find(const struct vm *vm, enum bus_space space, uint64_t address)
{
	struct bus_range *range = vm->bus.ranges[space];

	while (range && address - range->first >= range->bytes)
		range = range->next;
	return range;
}

/* Ports count modulo 2^16. */
static uint64_t address_of(enum bus_space space, uint64_t address)
{
	return space == BUS_PORT ? (uint16_t)address : address;
}

bool bus_answers(const struct vm *vm, enum bus_space space, uint64_t address)
{
	return find(vm, space, address);
}

static bool fits(const struct bus_range *range, uint64_t address, unsigned int bytes)
{
	uint64_t offset = address - range->first;

	return bytes <= range->widest && (!offset || range->bytes - offset >= bytes);
}

static uint64_t read_part(struct vm *vm, enum bus_space space, uint64_t address, unsigned int bytes)
{
	struct bus_range *range;
	unsigned int half = bytes / 2;

	address = address_of(space, address);
	range = find(vm, space, address);
	if (range && fits(range, address, bytes))
		return range->read(range, address - range->first, bytes) &
			(bytes == 8 ? ~0ULL : (1ULL << 8 * bytes) - 1);
	if (bytes == 1)
		return 0xff;
	return read_part(vm, space, address, half) |
		read_part(vm, space, address + half, half) << 8 * half;
}

static void write_part(struct vm *vm, enum bus_space space, uint64_t address, unsigned int bytes,
		       uint64_t value)
{
	struct bus_range *range;
	unsigned int half = bytes / 2;

	address = address_of(space, address);
	range = find(vm, space, address);
	if (range && fits(range, address, bytes)) {
		range->write(range, address - range->first, bytes, value);
	} else if (bytes > 1) {
		write_part(vm, space, address, half, value & ((1ULL << 8 * half) - 1));
		write_part(vm, space, address + half, half, value >> 8 * half);
	}
}

void bus_deliver_posted(struct vm *vm)
{
	struct svmrt_port_page *page = vm->port_cells.page;
	uint32_t head;

	if (!page)
		return;
	head = __atomic_load_n(&page->head, __ATOMIC_ACQUIRE);
	while (page->tail != head) {
		const struct svmrt_posted posted = page->posted[page->tail % SVMRT_POSTED];

		__atomic_store_n(&page->tail, page->tail + 1, __ATOMIC_RELEASE);
		write_part(vm, BUS_PORT, posted.port, posted.bytes, posted.value);
	}
}

void bus_settle(struct vm *vm)
{
	bus_lock(vm);
	bus_deliver_posted(vm);
	bus_unlock(vm);
}

uint64_t bus_read(struct vm *vm, enum bus_space space, uint64_t address, unsigned int bytes)
{
	uint64_t value;

	bus_lock(vm);
	bus_deliver_posted(vm);
	value = read_part(vm, space, address, bytes);
	bus_unlock(vm);
	return value;
}

void bus_write(struct vm *vm, enum bus_space space, uint64_t address, unsigned int bytes,
	       uint64_t value)
{
	bus_lock(vm);
	bus_deliver_posted(vm);
	write_part(vm, space, address, bytes, bytes == 8 ? value : value & ((1ULL << 8 * bytes) - 1));
	bus_unlock(vm);
}
