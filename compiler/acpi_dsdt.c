/* SPDX-License-Identifier: MIT */
/* The DSDT: devices that a guest cannot find by itself, and the value that powers off. */
#include <inttypes.h>
#include "acpi.h"
#include "pc.h"
#include "svmt_device.h"

static void put_s5(struct aml *aml)
{
	size_t package;

	aml_name(aml, "\\_S5");
	package = aml_begin_package(aml, 4);
	aml_integer(aml, PC_S5_TYPE);	/* of PM1a_CNT, PM1b_CNT, two reserved */
	for (unsigned int i = 0; i < 3; i++)
		aml_integer(aml, 0);
	aml_end(aml, package);
}

/* ACPI0007 and the number that the MADT's rows have, too. */
static void put_processor(struct comp *c, struct aml *aml, uint32_t number)
{
	const size_t device = aml_begin_device(aml, arena_printf(&c->arena, "C%03" PRIX32, number));

	aml_name(aml, "_HID");
	aml_string(aml, "ACPI0007");
	aml_name(aml, "_UID");
	aml_integer(aml, number);
	aml_end(aml, device);
}

struct ports { uint16_t first; uint8_t count; };

/* A device of ISA days; `ports` ends with a count of 0. */
static void put_isa(struct aml *aml, const char *name, const char *id, uint32_t uid,
		    const struct ports *ports, unsigned int irq)
{
	const size_t device = aml_begin_device(aml, name);
	size_t resources;

	aml_name(aml, "_HID");
	aml_eisa_id(aml, id);
	aml_name(aml, "_UID");
	aml_integer(aml, uid);
	aml_name(aml, "_CRS");
	resources = aml_begin_resources(aml);
	for (; ports->count; ports++)
		aml_io(aml, ports->first, ports->count);
	if (irq < 16)
		aml_irq(aml, irq);
	else
		aml_interrupt(aml, irq, AML_EDGE, false);
	aml_end_resources(aml, resources);
	aml_end(aml, device);
}

static void put_chipset(struct aml *aml)
{
	put_isa(aml, "PIC", "PNP0000", 0, (const struct ports[]){
		{ PC_PIC_MASTER, 2 }, { PC_PIC_SLAVE, 2 }, { PC_PIC_ELCR, 2 }, { 0, 0 },
	}, PC_IRQ_CASCADE);
	put_isa(aml, "TIMR", "PNP0100", 0, (const struct ports[]){ { PC_PIT, 4 }, { 0, 0 } },
		PC_IRQ_TIMER);
	put_isa(aml, "RTC", "PNP0B00", 0, (const struct ports[]){ { PC_RTC, 2 }, { 0, 0 } },
		PC_IRQ_RTC);
}

static void put_uart(struct comp *c, struct aml *aml, const struct svmt_device *d)
{
	put_isa(aml, arena_printf(&c->arena, "COM%" PRIu32, d->index + 1), "PNP0501", d->index + 1,
		(const struct ports[]){ { (uint16_t)d->at, 8 }, { 0, 0 } }, d->irq);
}

/* QEMU, docs/specs/fw_cfg.rst: QEMU0002, which needs no driver's notice. */
static void put_fw_cfg(struct aml *aml, const struct svmt_device *d)
{
	const size_t device = aml_begin_device(aml, "FWCF");
	size_t resources;

	aml_name(aml, "_HID");
	aml_string(aml, "QEMU0002");
	aml_name(aml, "_STA");
	aml_integer(aml, 0xb);
	aml_name(aml, "_CRS");
	resources = aml_begin_resources(aml);
	aml_io(aml, (uint16_t)d->at, 12);
	aml_end_resources(aml, resources);
	aml_end(aml, device);
}

/* Somebody else has the line, too. */
static bool is_shared(const struct spec *spec, const struct svmt_device *d)
{
	unsigned int count = d->irq == PC_IRQ_SCI;

	for (size_t i = 0; i < spec->device_count; i++)
		count += spec->devices[i].device.irq == d->irq;
	return count > 1;
}

static void put_virtio(struct comp *c, struct aml *aml, const struct svmt_device *d,
		       unsigned int number)
{
	const size_t device = aml_begin_device(aml, arena_printf(&c->arena, "VR%02X", number));
	size_t resources;

	aml_name(aml, "_HID");
	aml_string(aml, "LNRO0005");
	aml_name(aml, "_UID");
	aml_integer(aml, number);
	aml_name(aml, "_CCA");		/* DMA is coherent */
	aml_integer(aml, 1);
	aml_name(aml, "_CRS");
	resources = aml_begin_resources(aml);
	aml_memory(aml, d->at, SVMT_VIRTIO_BYTES);
	aml_interrupt(aml, d->irq, AML_LEVEL, is_shared(&c->spec, d));
	aml_end_resources(aml, resources);
	aml_end(aml, device);
}

void acpi_dsdt(struct comp *c, struct aml *aml)
{
	unsigned int virtio = 0;
	size_t scope;

	put_s5(aml);
	scope = aml_begin_scope(aml, "\\_SB");
	for (uint32_t i = 0; i < c->spec.vcpu_count; i++)
		put_processor(c, aml, i);
	put_chipset(aml);
	for (size_t i = 0; i < c->spec.device_count; i++) {
		const struct svmt_device *d = &c->spec.devices[i].device;

		if (d->type == SVMT_DEV_UART)
			put_uart(c, aml, d);
		else if (d->type == SVMT_DEV_FW_CFG)
			put_fw_cfg(aml, d);
		else if (svmt_is_virtio(d->type))
			put_virtio(c, aml, d, virtio++);
	}
	aml_end(aml, scope);
}
