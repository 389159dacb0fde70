/* SPDX-License-Identifier: MIT */
/*
 * Checks of `devices:`: no two answer the same port or address, none is where memory is, what is
 * there once is there once, and interrupt lines are shared only by devices that can.
 */
#include <inttypes.h>
#include <string.h>
#include "checks.h"
#include "pc.h"
#include "svmt_device.h"

#define FIRMWARE 0xe0000u	/* acpi.c puts the tables there if it can */

/* "com1", "the chipset", "the virtio blk device". */
static const char *name_of(struct comp *c, const struct spec_device *d)
{
	const uint32_t type = d->device.type;

	if (type == SVMT_DEV_UART)
		return arena_printf(&c->arena, "com%" PRIu32, d->device.index + 1);
	if (type == SVMT_DEV_CHIPSET_PC)
		return "the chipset";
	if (svmt_is_virtio(type))
		return arena_printf(&c->arena, "the virtio %s device", svmt_device_word(type));
	return arena_printf(&c->arena, "the %s", svmt_device_key(type));
}

/* "port 0x3f8 (8 ports)" */
static const char *place_of(struct comp *c, const struct svmt_device_range *r)
{
	const char *kind = r->memory ? "address" : "port";

	return arena_printf(&c->arena, "%s 0x%" PRIx64 " (%" PRIu64 " %s%s)", kind, r->first,
			    r->bytes, r->memory ? "byte" : "port", r->bytes == 1 ? "" : "s");
}

static bool meet(const struct svmt_device_range *a, const struct svmt_device_range *b)
{
	return a->memory == b->memory && a->first < b->first + b->bytes &&
	       b->first < a->first + a->bytes;
}

static void check_two(struct comp *c, const struct check *check, const struct spec_device *d,
		      const struct spec_device *other)
{
	struct svmt_device_range a[SVMT_DEVICE_RANGES], b[SVMT_DEVICE_RANGES];
	const unsigned int a_count = svmt_device_ranges(&d->device, a);
	const unsigned int b_count = svmt_device_ranges(&other->device, b);

	for (unsigned int i = 0; i < a_count; i++)
		for (unsigned int j = 0; j < b_count; j++) {
			if (!meet(&a[i], &b[j]))
				continue;
			check_found(c, check, &d->range, "%s at %s overlaps %s at %s; move one",
				    name_of(c, d), place_of(c, &a[i]), name_of(c, other),
				    place_of(c, &b[j]));
			diag_note(&c->diag, &other->range, "the other device is here");
			return;
		}
}

static void places(struct comp *c, const struct check *check)
{
	const struct spec_device *d = c->spec.devices;

	for (size_t i = 0; i < c->spec.device_count; i++) {
		struct svmt_device_range ranges[SVMT_DEVICE_RANGES];

		svmt_device_ranges(&d[i].device, ranges);
		if (!ranges[0].memory && ranges[0].first + ranges[0].bytes > 0x10000)
			check_found(c, check, &d[i].range, "%s at port 0x%" PRIx64 " needs %" PRIu64
				    " ports, but the last port is 0xffff; move it",
				    name_of(c, &d[i]), ranges[0].first, ranges[0].bytes);
		/* A device that is there twice is told so, and not of each of its places. */
		for (size_t j = 0; j < i; j++)
			if (d[i].device.type != SVMT_DEV_CHIPSET_PC ||
			    d[j].device.type != SVMT_DEV_CHIPSET_PC)
				check_two(c, check, &d[i], &d[j]);
	}
}
CHECK(places, "device-ports", "svmspec(5)", PART_DEVICES);

static void find_memory(struct comp *c, const struct check *check, const struct spec_device *d)
{
	struct svmt_device_range ranges[SVMT_DEVICE_RANGES];
	const unsigned int count = svmt_device_ranges(&d->device, ranges);

	for (unsigned int i = 0; i < count; i++)
		for (size_t j = 0; ranges[i].memory && j < c->spec.region_count; j++) {
			const struct spec_region *r = &c->spec.regions[j];
			const struct svmt_device_range region = { true, r->gpa, r->bytes };

			if (!meet(&ranges[i], &region))
				continue;
			check_found(c, check, &r->range, "the region at 0x%" PRIx64 " of 0x%" PRIx64
				    " bytes covers %s at %s; %s", r->gpa, r->bytes, name_of(c, d),
				    place_of(c, &ranges[i]), svmt_is_virtio(d->device.type) ?
				    "end it below, or move the device with `at`" :
				    "end it below and put the rest at 4GiB, as a PC does");
			diag_note(&c->diag, &d->range, "the device is here");
		}
}

static void memory(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.device_count; i++)
		find_memory(c, check, &c->spec.devices[i]);
}
CHECK(memory, "device-memory", "svmspec(5)", PART_DEVICES | PART_MEMORY);

static bool same_device(const struct spec_device *a, const struct spec_device *b)
{
	if (a->device.type != b->device.type)
		return false;
	if (a->device.type == SVMT_DEV_UART)
		return a->device.index == b->device.index;
	return a->device.type == SVMT_DEV_CHIPSET_PC || a->device.type == SVMT_DEV_FW_CFG;
}

static void twice(struct comp *c, const struct check *check)
{
	const struct spec_device *d = c->spec.devices;

	for (size_t i = 0; i < c->spec.device_count; i++)
		for (size_t j = 0; j < i; j++) {
			if (same_device(&d[i], &d[j]))
				check_found(c, check, &d[i].range, "%s is there twice; %s",
					    name_of(c, &d[i]), d[i].device.type == SVMT_DEV_UART ?
					    "use another number" : "remove one");
			else if (d[i].name && d[j].name && !strcmp(d[i].name, d[j].name) &&
				 d[i].device.type == d[j].device.type)
				check_found(c, check, &d[i].range, "two devices have the %s `%s`; "
					    "give each its own", d[i].device.type ==
					    SVMT_DEV_VIRTIO_BLK ? "drive" : "link", d[i].name);
			else
				continue;
			diag_note(&c->diag, &d[j].range, "the other one is here");
		}
}
CHECK(twice, "device-twice", "svmspec(5)", PART_DEVICES);

static void chipset(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.device_count && !spec_has_chipset(&c->spec); i++)
		if (svmt_is_virtio(c->spec.devices[i].device.type))
			check_found(c, check, &c->spec.devices[i].range, "%s needs interrupts, "
				    "which a chipset brings; add `{ chipset: pc }` to `devices`",
				    name_of(c, &c->spec.devices[i]));
}
CHECK(chipset, "device-chipset", "svmspec(5)", PART_DEVICES);

/* Who of the chipset has a line for itself. The SCI is level-triggered, as virtio's lines are. */
static const char *owner_of(const struct svmt_device *d)
{
	switch (d->irq) {
	case PC_IRQ_TIMER: return "the timer";
	case PC_IRQ_KEYBOARD: return "the keyboard controller";
	case PC_IRQ_CASCADE: return "the second interrupt controller";
	case PC_IRQ_RTC: return "the real-time clock";
	case PC_IRQ_SCI: return svmt_is_virtio(d->type) ? NULL : "ACPI";
	default: return NULL;
	}
}

/*
 * Lines mean something with a chipset only. A UART's is edge-triggered, a virtio device's has a level:
 * two of one kind may share a line.
 */
static void lines(struct comp *c, const struct check *check)
{
	const struct spec_device *d = c->spec.devices;

	for (size_t i = 0; i < c->spec.device_count && spec_has_chipset(&c->spec); i++) {
		if (d[i].device.irq == SVMT_NO_IRQ)
			continue;
		if (owner_of(&d[i].device))
			check_found(c, check, &d[i].range, "%s has irq %" PRIu32 ", which %s has; "
				    "take one of 3 to 7, 10, 11 and 16 to 23", name_of(c, &d[i]),
				    d[i].device.irq, owner_of(&d[i].device));
		for (size_t j = 0; j < i; j++) {
			if (d[j].device.irq != d[i].device.irq ||
			    svmt_is_virtio(d[i].device.type) == svmt_is_virtio(d[j].device.type))
				continue;
			check_found(c, check, &d[i].range, "%s has irq %" PRIu32 " as %s has, but one "
				    "is edge-triggered and the other level-triggered; give one of "
				    "them another `irq`", name_of(c, &d[i]), d[i].device.irq,
				    name_of(c, &d[j]));
			diag_note(&c->diag, &d[j].range, "the other device is here");
		}
	}
}
CHECK(lines, "device-irq", "svmspec(5)", PART_DEVICES);

static void start(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.set_count; i++) {
		const struct vcpu_set *set = &c->spec.sets[i];

		if (!set->has_start || set->start != SVMT_START_WAIT_SIPI)
			continue;
		if (!set->first)
			check_found(c, check, &set->start_range, "vCPU 0 is the one that starts the "
				    "others; make it `start: run`, in an item of its own");
		else if (!spec_has_chipset(&c->spec))
			check_found(c, check, &set->start_range, "vCPUs start each other by their "
				    "local APICs, which a chipset brings; add `{ chipset: pc }` to "
				    "`devices`");
	}
}
CHECK(start, "vcpu-start", "svmspec(5)", PART_DEVICES | PART_VCPUS);

/* Linux and PVH images are told; others look for "RSD PTR " where a PC has its firmware. */
static void rsdp(struct comp *c, const struct check *check)
{
	const enum payload_kind kind = c->spec.payload.kind;

	if (!c->spec.acpi_bytes || c->spec.acpi_gpa == FIRMWARE || kind == PAYLOAD_LINUX ||
	    kind == PAYLOAD_PVH)
		return;
	check_found(c, check, &c->spec.acpi_range, "the ACPI tables are at 0x%" PRIx64 ", where this "
		    "payload does not find them; give `memory` a region at 0xe0000, or say "
		    "`acpi: false`", c->spec.acpi_gpa);
}
CHECK_WARNING(rsdp, "device-rsdp", "ACPI 5.2.5.1", PART_DEVICES | PART_MEMORY | PART_PAYLOAD | PART_TABLES);

const struct check *const device_checks[] = {
	&check_places, &check_memory, &check_twice, &check_chipset, &check_lines, &check_start,
	&check_rsdp, NULL,
};
