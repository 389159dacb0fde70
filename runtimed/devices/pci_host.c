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
#define ADDRESS_FUNCTION(address) ((address) >> 8 & 0xffff)	/* bus, device, function */

struct pci_host {
	struct device device;
	struct bus_range address_port, data;
	uint32_t address;
	uint8_t config[256];
};

/* Only 32 bits wide: narrower accesses are other ports' (CF9h among them). */
static uint64_t address_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)offset;
	return bytes == 4 ? list_object(range, struct pci_host, address_port)->address : ~0ull;
}

static void address_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	(void)offset;
	if (bytes == 4)
		list_object(range, struct pci_host, address_port)->address =
			(uint32_t)value & ADDRESS_KEPT;
}

static uint64_t data_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	const struct pci_host *host = list_object(range, struct pci_host, data);
	uint64_t value = 0;

	if (!(host->address & ENABLE) || ADDRESS_FUNCTION(host->address))
		return ~0ull;
	memcpy(&value, host->config + (host->address & 0xfc) + offset, bytes);
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

void pci_host_add(struct vm *vm)
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
}
