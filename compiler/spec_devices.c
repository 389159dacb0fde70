/* SPDX-License-Identifier: MIT */
/* `devices:`: what the daemon puts at the guest's ports. One key of each names its type. */
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

#define MAX_DEVICES 64u

static const struct {
	const char *name;
	uint16_t at;
	uint8_t irq;
} com_ports[] = {	/* the PC's assignment */
	{ "com1", 0x3f8, 4 }, { "com2", 0x2f8, 3 }, { "com3", 0x3e8, 4 }, { "com4", 0x2e8, 3 },
};

static bool read_uart(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;

	for (uint32_t i = 0; node->kind == NODE_SCALAR && i < 4; i++) {
		if (strcmp(com_ports[i].name, node->text))
			continue;
		d->device.type = SVMT_DEV_UART;
		d->device.index = i;
		d->device.at = com_ports[i].at;
		d->device.irq = com_ports[i].irq;
		d->ports = 8;
		return true;
	}
	diag_error(&c->diag, &node->range, "`uart` is %s; the rule is com1, com2, com3 or com4",
		   node_quote(&c->arena, node));
	return false;
}

static bool read_debug_exit(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;
	uint64_t port = 0;
	bool good = read_number(c, node, "debug_exit", 16, UNIT_NONE, &port);

	d->device.type = SVMT_DEV_DEBUG_EXIT;
	d->device.at = port;
	d->device.irq = SVMT_NO_IRQ;
	d->ports = 4;	/* a 32-bit OUT is one device's */
	return good;
}

static bool read_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;
	uint64_t port = 0;
	bool good = read_number(c, node, "at", 16, UNIT_NONE, &port);

	d->device.at = port;
	return good;
}

static bool read_irq(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;
	uint64_t irq = 0;

	if (!read_number(c, node, "irq", 64, UNIT_NONE, &irq))
		return false;
	if (irq > 23) {
		diag_error(&c->diag, &node->range, "`irq` is %s; an I/O APIC has inputs 0 to 23",
			   node_quote(&c->arena, node));
		return false;
	}
	d->device.irq = (uint32_t)irq;
	return true;
}

/* The type's key is read first: it sets the defaults that the others replace. */
static const struct key keys[] = {
	{ "uart", read_uart, false, 0 }, { "debug_exit", read_debug_exit, false, 0 },
	{ "at", read_at, false, 0 }, { "irq", read_irq, false, 0 },
};
KEY_TABLE(device_keys, keys);

static bool read_device(struct comp *c, const struct node *node)
{
	struct spec *spec = &c->spec;
	struct spec_device d = { .range = node->range };
	const struct node *uart, *debug_exit, *extra;

	if (!read_map(c, node, "a device", keys, 4, &d))
		return false;
	uart = node_get(node, "uart");
	debug_exit = node_get(node, "debug_exit");
	if (!uart == !debug_exit) {
		diag_error(&c->diag, &node->range, "a device is exactly one of `uart: com1` and "
			   "`debug_exit: PORT`");
		return false;
	}
	extra = node_get(node, "irq") ? node_get(node, "irq") : node_get(node, "at");
	if (debug_exit && extra) {
		diag_error(&c->diag, &extra->range, "a debug exit has a port only, as in "
			   "`debug_exit: 0xf4`");
		return false;
	}
	spec->devices = arena_grow(&c->arena, spec->devices, spec->device_count,
				   &spec->device_capacity, sizeof(d));
	spec->devices[spec->device_count++] = d;
	return true;
}

bool spec_read_devices(struct comp *c, const struct node *node, void *into)
{
	bool good = want_list(c, node, "devices");

	(void)into;
	if (good && node->count > MAX_DEVICES) {
		diag_error(&c->diag, &node->range, "`devices` has %zu devices; at most %u",
			   node->count, MAX_DEVICES);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
		good &= read_device(c, node->items[i]);
	return good;
}
