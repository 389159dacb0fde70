/* SPDX-License-Identifier: MIT */
/*
 * `devices:`: what the daemon puts at the guest's ports and addresses. One key of each names its
 * type; what it stands on at the host (a drive, a link) has a name that svmrund is told later.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "pc.h"
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"
#include "svmt_device.h"

#define VIRTIO_FIRST 0xd0000000u

static const struct {
	const char *name;
	uint16_t at;
	uint8_t irq;
} com_ports[] = {	/* the PC's assignment */
	{ "com1", 0x3f8, 4 }, { "com2", 0x2f8, 3 }, { "com3", 0x3e8, 4 }, { "com4", 0x2e8, 3 },
};

/* What virtio devices take in turn: lines that a PC leaves to add-on cards, then the rest. */
static const uint8_t virtio_irqs[] = { 5, 6, 7, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23 };

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
		d->has_at = d->has_irq = true;
		return true;
	}
	diag_error(&c->diag, &node->range, "`uart` is %s; the rule is com1, com2, com3 or com4",
		   node_quote(&c->arena, node));
	return false;
}

/* A device whose key has its first port. */
static bool read_port(struct comp *c, const struct node *node, struct spec_device *d, uint32_t type)
{
	uint64_t port = 0;
	bool good = read_number(c, node, svmt_device_key(type), 16, UNIT_NONE, &port);

	d->device.type = type;
	d->device.at = port;
	return good;
}

static bool read_debug_exit(struct comp *c, const struct node *node, void *into)
{
	return read_port(c, node, into, SVMT_DEV_DEBUG_EXIT);
}

static bool read_debug_console(struct comp *c, const struct node *node, void *into)
{
	return read_port(c, node, into, SVMT_DEV_DEBUG_CONSOLE);
}

static bool read_fw_cfg(struct comp *c, const struct node *node, void *into)
{
	return read_port(c, node, into, SVMT_DEV_FW_CFG);
}

static bool read_chipset(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;

	d->device.type = SVMT_DEV_CHIPSET_PC;
	c->spec.acpi = true;
	c->spec.acpi_range = d->range;
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "pc"))
		return true;
	diag_error(&c->diag, &node->range, "`chipset` is %s; the rule is pc",
		   node_quote(&c->arena, node));
	return false;
}

static bool read_virtio(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;

	d->device.type = node->kind == NODE_SCALAR ? svmt_virtio_type(node->text) : 0;
	if (d->device.type)
		return true;
	diag_error(&c->diag, &node->range, "`virtio` is %s; the rule is console, blk, rng or net",
		   node_quote(&c->arena, node));
	return false;
}

static bool read_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;
	const bool virtio = svmt_is_virtio(d->device.type);
	uint64_t at = 0;

	if (!read_number(c, node, "at", virtio ? 52 : 16, virtio ? UNIT_SIZE : UNIT_NONE, &at))
		return false;
	d->device.at = at;
	d->has_at = true;
	if (!virtio || !(at % SVMT_VIRTIO_BYTES))
		return true;
	diag_error(&c->diag, &node->range, "`at` is %s; the registers of a virtio device begin on a "
		   "page, a multiple of 4KiB", node_quote(&c->arena, node));
	return false;
}

static bool read_irq(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;
	uint64_t irq = 0;

	if (!read_number(c, node, "irq", 64, UNIT_NONE, &irq))
		return false;
	if (irq >= SVMT_IRQS) {
		diag_error(&c->diag, &node->range, "`irq` is %s; an I/O APIC has inputs 0 to 23",
			   node_quote(&c->arena, node));
		return false;
	}
	d->device.irq = (uint32_t)irq;
	d->has_irq = true;
	return true;
}

static bool read_name(struct comp *c, const struct node *node, void *into, const char *key)
{
	struct spec_device *d = into;

	if (!read_text(c, node, key, &d->name))
		return false;
	if (strlen(d->name) == node->text_bytes && svmt_good_name(d->name))
		return true;
	diag_error(&c->diag, &node->range, "`%s` is %s; the rule is a name of 1 to %u letters, "
		   "digits, `-`, `_` and `.`, the first a letter or digit. Which file or interface "
		   "it stands for is said when the VM is created", key,
		   node_quote(&c->arena, node), SVMT_NAME_MAX);
	return false;
}

static bool read_drive(struct comp *c, const struct node *node, void *into)
{
	return read_name(c, node, into, "drive");
}

static bool read_link(struct comp *c, const struct node *node, void *into)
{
	return read_name(c, node, into, "link");
}

static bool read_read_only(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;
	bool read_only = false;

	if (!read_bool(c, node, "read_only", &read_only))
		return false;
	d->device.flags = read_only ? SVMT_DEV_F_READ_ONLY : 0;
	return true;
}

/* Six bytes of two digits with colons between; at least one is not zero. */
static bool parse_mac(const char *text, __u8 mac[6])
{
	static const char digits[] = "0123456789abcdef";
	unsigned int any = 0;

	for (unsigned int i = 0; i < 18; i++) {
		const char *digit;

		if (i % 3 == 2) {
			if (text[i] != (i < 17 ? ':' : 0))
				return false;
			continue;
		}
		digit = text[i] ? strchr(digits, tolower((unsigned char)text[i])) : NULL;
		if (!digit)
			return false;
		mac[i / 3] = (__u8)(mac[i / 3] << 4 | (digit - digits));
		any |= mac[i / 3];
	}
	return any != 0;
}

static bool read_mac(struct comp *c, const struct node *node, void *into)
{
	struct spec_device *d = into;

	if (node->kind == NODE_SCALAR && parse_mac(node->text, d->device.mac) &&
	    !(d->device.mac[0] & 1))
		return true;
	diag_error(&c->diag, &node->range, "`mac` is %s; the rule is six bytes, as in "
		   "02:00:00:00:00:01, the first of them even (no group's address)",
		   node_quote(&c->arena, node));
	return false;
}

static bool read_acpi(struct comp *c, const struct node *node, void *into)
{
	(void)into;
	return read_bool(c, node, "acpi", &c->spec.acpi);
}

#define OF(TYPE) (1u << SVMT_DEV_##TYPE)
#define OF_VIRTIO (OF(VIRTIO_CONSOLE) | OF(VIRTIO_BLK) | OF(VIRTIO_RNG) | OF(VIRTIO_NET))

/* The type's key is read first: it sets the defaults that the others replace. */
static const struct key keys[] = {
	{ "uart", read_uart, false, 0 }, { "debug_exit", read_debug_exit, false, 0 },
	{ "chipset", read_chipset, false, 0 }, { "debug_console", read_debug_console, false, 0 },
	{ "fw_cfg", read_fw_cfg, false, 0 }, { "virtio", read_virtio, false, 0 },
	{ "at", read_at, false, 0 }, { "irq", read_irq, false, 0 },
	{ "drive", read_drive, false, 0 }, { "read_only", read_read_only, false, 0 },
	{ "link", read_link, false, 0 }, { "mac", read_mac, false, 0 },
	{ "acpi", read_acpi, false, 0 },
};
KEY_TABLE(device_keys, keys);
#define TYPE_KEYS 6u
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Keys beside the type's: which devices take them, in the order of `keys`. */
static const struct {
	uint32_t types;
	const char *which;
} options[KEYS - TYPE_KEYS] = {
	{ OF(UART) | OF_VIRTIO, "uart and virtio devices" },
	{ OF(UART) | OF_VIRTIO, "uart and virtio devices" },
	{ OF(VIRTIO_BLK), "`virtio: blk`" }, { OF(VIRTIO_BLK), "`virtio: blk`" },
	{ OF(VIRTIO_NET), "`virtio: net`" }, { OF(VIRTIO_NET), "`virtio: net`" },
	{ OF(CHIPSET_PC), "the chipset" },
};

static bool check_options(struct comp *c, const struct node *node, const struct spec_device *d)
{
	const char *wanted = d->device.type == SVMT_DEV_VIRTIO_BLK ? "drive" :
			     d->device.type == SVMT_DEV_VIRTIO_NET ? "link" : NULL;
	bool good = true;

	for (size_t i = TYPE_KEYS; i < KEYS; i++) {
		const struct node *option = node_get(node, keys[i].name);

		if (!option || options[i - TYPE_KEYS].types & 1u << d->device.type)
			continue;
		diag_error(&c->diag, &option->range, "`%s` is for %s only; remove it", keys[i].name,
			   options[i - TYPE_KEYS].which);
		good = false;
	}
	if (!wanted || d->name)
		return good;
	diag_error(&c->diag, &node->range, "a %s needs a name for its %s, as in `%s: %s`",
		   d->device.type == SVMT_DEV_VIRTIO_BLK ? "virtio disk" : "virtio network card",
		   wanted, wanted, d->device.type == SVMT_DEV_VIRTIO_BLK ? "root" : "lan");
	return false;
}

static bool read_device(struct comp *c, const struct node *node)
{
	struct spec *spec = &c->spec;
	struct spec_device d = { .range = node->range, .device.irq = SVMT_NO_IRQ };
	unsigned int types = 0;

	for (size_t i = 0; node->kind == NODE_MAP && i < TYPE_KEYS; i++)
		types += node_get(node, keys[i].name) != NULL;
	if (!read_map(c, node, "a device", keys, KEYS, &d))
		return false;
	if (types != 1) {
		diag_error(&c->diag, &node->range, "a device is exactly one of `uart: com1`, "
			   "`chipset: pc`, `virtio: blk`, `debug_exit: PORT`, `debug_console: PORT` "
			   "and `fw_cfg: PORT`");
		return false;
	}
	if (!check_options(c, node, &d))
		return false;
	spec->devices = arena_grow(&c->arena, spec->devices, spec->device_count,
				   &spec->device_capacity, sizeof(d));
	spec->devices[spec->device_count++] = d;
	return true;
}

static bool irq_is_taken(const struct spec *spec, uint32_t irq)
{
	for (size_t i = 0; i < spec->device_count; i++)
		if (spec->devices[i].has_irq && spec->devices[i].device.irq == irq)
			return true;
	return false;
}

/* The first line of the list that nobody has. */
static bool choose_irq(struct comp *c, struct spec_device *d)
{
	for (size_t i = 0; i < sizeof(virtio_irqs); i++) {
		if (irq_is_taken(&c->spec, virtio_irqs[i]))
			continue;
		d->device.irq = virtio_irqs[i];
		d->has_irq = true;
		return true;
	}
	diag_error(&c->diag, &d->range, "all lines for virtio devices have one; set `irq`: virtio "
		   "devices may share a line");
	return false;
}

/* Index, place and line of virtio devices, once it is known which ones others have. */
static bool place_virtio(struct comp *c)
{
	uint32_t seen[SVMT_DEV_VIRTIO_NET + 1] = { 0 };
	uint64_t at = VIRTIO_FIRST;
	bool good = true;

	for (size_t i = 0; i < c->spec.device_count; i++) {
		struct spec_device *d = &c->spec.devices[i];

		if (!svmt_is_virtio(d->device.type))
			continue;
		d->device.index = seen[d->device.type]++;
		if (!d->has_at)
			d->device.at = at;
		at += SVMT_VIRTIO_BYTES;
		if (!d->has_irq)
			good = good && choose_irq(c, d);
	}
	return good;
}

bool spec_has_chipset(const struct spec *spec)
{
	for (size_t i = 0; i < spec->device_count; i++)
		if (spec->devices[i].device.type == SVMT_DEV_CHIPSET_PC)
			return true;
	return false;
}

bool spec_read_devices(struct comp *c, const struct node *node, void *into)
{
	bool good = want_list(c, node, "devices");

	(void)into;
	if (good && node->count > SVMT_MAX_DEVICES) {
		diag_error(&c->diag, &node->range, "`devices` has %zu devices; at most %u",
			   node->count, SVMT_MAX_DEVICES);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
		good &= read_device(c, node->items[i]);
	return place_virtio(c) && good;
}
