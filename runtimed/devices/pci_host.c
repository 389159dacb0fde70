/* SPDX-License-Identifier: MIT */
/*
 * Configuration mechanism #1 (PCI local bus specification 3.0, 3.2.2.3.2) with one function: a host
 * bridge without registers of its own, by which systems know that the mechanism works. Its IDs are
 * Red Hat's for such a bridge. Devices of this PC are not on PCI.
 */
#include <stdlib.h>
#include <string.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "pc.h"
#include "pci_host.h"

#define ENABLE		(1u << 31)
#define ADDRESS_KEPT	0x80fffffcu
#define ADDRESS_FUNCTION 0x80ffff00u	/* enable, bus, device, function */

struct pci_host {
	struct device device;
	struct bus_range address_port, data;
	struct svmrt_port_cell *address, *absent;	/* the address; ones, unless it is the bridge's */
	uint8_t config[256];
};

/* Only 32 bits wide: narrower accesses are other ports' (CF9h among them). */
static uint64_t address_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	const struct pci_host *host = list_object(range, struct pci_host, address_port);

	(void)offset;
	return bytes == 4 ? port_cell_value(host->address) : ~0ull;
}

static void address_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct pci_host *host = list_object(range, struct pci_host, address_port);

	(void)offset;
	if (bytes == 4)
		__atomic_store_n(&host->address->value, (uint32_t)value & ADDRESS_KEPT,
				 __ATOMIC_RELAXED);
}

static uint64_t data_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	const struct pci_host *host = list_object(range, struct pci_host, data);
	uint32_t address = port_cell_value(host->address);
	uint64_t value = 0;

	if ((address & ADDRESS_FUNCTION) != ENABLE)
		return ~0ull;
	memcpy(&value, host->config + (address & 0xfc) + offset, bytes);
	return value;
}

/* Every register of the bridge is read-only. */
static void data_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	(void)range;
	(void)offset;
	(void)bytes;
	(void)value;
}

static void pci_host_free(struct device *device)
{
	free(device);
}

/* Systems ask for every function of 256 buses: the module says that nobody is there. */
static int add_cells(struct pci_host *host, struct engine_error *error)
{
	struct vm *vm = host->device.vm;
	struct svmrt_port address = {
		.port = PC_PCI_ADDRESS, .bytes = 4, .store_mask = ADDRESS_KEPT,
	};
	struct svmrt_port data = {
		.flags = SVMRT_PORT_UNLESS, .port = PC_PCI_DATA, .bytes = 4,
		.unless_mask = ADDRESS_FUNCTION, .unless_value = ENABLE,
	};

	host->address = port_cell_add(vm, &address, error);
	if (!host->address)
		return -1;
	data.unless_cell = port_cell_number(&vm->port_cells, host->address);
	host->absent = port_cell_add(vm, &data, error);
	if (!host->absent)
		return -1;
	port_cell_mode(host->address, SVMRT_PORT_READ | SVMRT_PORT_STORE);
	port_cell_offer(host->absent, true, ~0u);
	return 0;
}

int pci_host_add(struct vm *vm, struct engine_error *error)
{
	static const uint8_t header[] = {
		0x36, 0x1b, 0x08, 0x00,		/* 1b36:0008 */
		0x00, 0x00, 0x00, 0x00,		/* command, status */
		0x00, 0x00, 0x00, 0x06,		/* revision, class: host bridge */
	};
	struct pci_host *host = need_memory(sizeof(*host));

	host->device = (struct device){ .name = "pci", .free = pci_host_free };
	memcpy(host->config, header, sizeof(header));
	host->address_port = (struct bus_range){
		.device = &host->device, .space = BUS_PORT, .first = PC_PCI_ADDRESS, .bytes = 1,
		.widest = 4, .read = address_read, .write = address_write,
	};
	host->data = (struct bus_range){
		.device = &host->device, .space = BUS_PORT, .first = PC_PCI_DATA, .bytes = 4,
		.widest = 4, .read = data_read, .write = data_write,
	};
	device_add(vm, &host->device);
	bus_add(vm, &host->address_port);
	bus_add(vm, &host->data);
	return add_cells(host, error);
}
