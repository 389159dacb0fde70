/* SPDX-License-Identifier: MIT */
/*
 * The fixed tables (ACPI 6.3, chapter 5). All of them lie in one block: the RSDP first, where firmware
 * has it for those who search (5.2.5.1), FACS on 64 bytes (5.2.10), the others behind.
 */
#include <inttypes.h>
#include <string.h>
#include "acpi.h"
#include "memory.h"
#include "pc.h"

#define FIRMWARE_BEGIN 0xe0000u	/* where guests look for the RSDP, on 16 bytes */
#define FIRMWARE_END 0x100000u
#define OEM_ID "SVMKIT"
#define OEM_TABLE "SVMKITPC"
#define CREATOR "SVMC"
#define REVISION 1u		/* of our tables, and of what makes them */

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == 36, "5.2.6");

struct rsdp {
	char signature[8];
	uint8_t checksum;	/* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "5.2.5.3");

struct xsdt {
	struct header header;
	uint64_t fadt, madt;
} __attribute__((packed));

struct facs {
	char signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved0[3];
	uint32_t ospm_flags;
	uint8_t reserved1[24];
} __attribute__((packed));
_Static_assert(sizeof(struct facs) == 64, "5.2.10");

/* Generic address structure, 5.2.3.2. */
struct address {
	uint8_t space, bits, offset, access;
	uint64_t at;
} __attribute__((packed));
enum { SPACE_IO = 1, ACCESS_BYTE = 1, ACCESS_WORD = 2, ACCESS_DWORD = 3 };

struct fadt {
	struct header header;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_bytes, pm1_control_bytes, pm2_control_bytes, pm_timer_bytes;
	uint8_t gpe0_bytes, gpe1_bytes, gpe1_base, cst;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control;
	struct address x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 276, "5.2.9");

enum {
	BOOT_LEGACY_DEVICES = 1 << 0, BOOT_NO_VGA = 1 << 2,
	FADT_WBINVD = 1 << 0, FADT_PROC_C1 = 1 << 2, FADT_NO_POWER_BUTTON = 1 << 4,
	FADT_NO_SLEEP_BUTTON = 1 << 5, FADT_RESET = 1 << 10,
	FADT_HEADLESS = 1 << 12,
	CMOS_CENTURY = 0x32,
	NO_C2 = 101, NO_C3 = 1001,	/* latencies from which on there is no such state */
};

struct madt_processor {		/* 5.2.12.2 */
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {		/* 5.2.12.3 */
	uint8_t type, length, id, reserved;
	uint32_t address, first;
} __attribute__((packed));

struct madt_override {		/* 5.2.12.5 */
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_nmi {		/* 5.2.12.7 */
	uint8_t type, length, uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

struct madt {
	struct header header;
	uint32_t lapic, flags;
} __attribute__((packed));
enum { MADT_PCAT_COMPAT = 1, MADT_ENABLED = 1, MADT_LEVEL_HIGH = 0xd, MADT_ALL = 0xff };

/* Where the tables are in the block, and the block in the guest. */
struct layout {
	uint64_t gpa;
	size_t xsdt, facs, fadt, madt, dsdt, bytes;
};

static uint8_t checksum(const void *table, size_t bytes)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)table)[i]);
	return (uint8_t)-sum;
}

/* Put a table in its place, with what its header says of all tables. */
static void put_table(uint8_t *block, size_t at, const char *signature, uint8_t revision,
		      const void *table, size_t bytes)
{
	struct header header = {
		.length = (uint32_t)bytes, .revision = revision, .oem_revision = REVISION,
		.creator_revision = REVISION,
	};

	memcpy(header.signature, signature, sizeof(header.signature));
	memcpy(header.oem_id, OEM_ID, sizeof(header.oem_id));
	memcpy(header.oem_table, OEM_TABLE, sizeof(header.oem_table));
	memcpy(header.creator, CREATOR, sizeof(header.creator));
	memcpy(block + at, table, bytes);
	memcpy(block + at, &header, sizeof(header));
	block[at + offsetof(struct header, checksum)] = checksum(block + at, bytes);
}

static void put_rsdp(uint8_t *block, const struct layout *layout)
{
	struct rsdp rsdp = {
		.revision = 2, .length = sizeof(rsdp), .xsdt = layout->gpa + layout->xsdt,
	};

	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.oem_id, OEM_ID, sizeof(rsdp.oem_id));
	rsdp.checksum = checksum(&rsdp, 20);
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(block, &rsdp, sizeof(rsdp));
}

static void put_facs(uint8_t *block, const struct layout *layout)
{
	struct facs facs = { .length = sizeof(facs), .version = 2 };

	memcpy(facs.signature, "FACS", sizeof(facs.signature));
	memcpy(block + layout->facs, &facs, sizeof(facs));
}

/*
 * ACPI is always on: there is no SMI to turn it on with. The keyboard controller resets and has
 * nothing attached, so nobody is told to look for it.
 */
static void put_fadt(uint8_t *block, const struct layout *layout)
{
	const struct fadt fadt = {
		.facs = (uint32_t)(layout->gpa + layout->facs),
		.dsdt = (uint32_t)(layout->gpa + layout->dsdt),
		.x_dsdt = layout->gpa + layout->dsdt,
		.sci = PC_IRQ_SCI,
		.pm1a_event = PC_PM1_EVENT, .pm1_event_bytes = 4,
		.pm1a_control = PC_PM1_CONTROL, .pm1_control_bytes = 2,
		.pm_timer = PC_PM_TIMER, .pm_timer_bytes = 4,
		.x_pm1a_event = { SPACE_IO, 32, 0, ACCESS_WORD, PC_PM1_EVENT },
		.x_pm1a_control = { SPACE_IO, 16, 0, ACCESS_WORD, PC_PM1_CONTROL },
		.x_pm_timer = { SPACE_IO, 32, 0, ACCESS_DWORD, PC_PM_TIMER },
		.c2_latency = NO_C2, .c3_latency = NO_C3, .century = CMOS_CENTURY,
		.boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
			 FADT_RESET | FADT_HEADLESS,
		.reset = { SPACE_IO, 8, 0, ACCESS_BYTE, PC_RESET }, .reset_value = PC_RESET_VALUE,
		.minor = 3,
	};

	put_table(block, layout->fadt, "FACP", 6, &fadt, sizeof(fadt));
}

static size_t madt_bytes(const struct spec *spec)
{
	return sizeof(struct madt) + spec->vcpu_count * sizeof(struct madt_processor) +
	       sizeof(struct madt_ioapic) + 2 * sizeof(struct madt_override) +
	       sizeof(struct madt_nmi);
}

/* The timer is on input 2, where the cascade of a PC's interrupt controllers is. */
static void put_madt(struct comp *c, uint8_t *block, const struct layout *layout)
{
	const struct madt head = { .lapic = PC_LAPIC, .flags = MADT_PCAT_COMPAT };
	const struct {
		struct madt_ioapic ioapic;
		struct madt_override timer, sci;
		struct madt_nmi nmi;
	} __attribute__((packed)) rest = {
		{ 1, sizeof(rest.ioapic), (uint8_t)c->spec.vcpu_count, 0, PC_IOAPIC, 0 },
		{ 2, sizeof(rest.timer), 0, PC_IRQ_TIMER, PC_TIMER_INPUT, 0 },
		{ 2, sizeof(rest.sci), 0, PC_IRQ_SCI, PC_IRQ_SCI, MADT_LEVEL_HIGH },
		{ 4, sizeof(rest.nmi), MADT_ALL, 0, 1 },
	};
	const size_t bytes = madt_bytes(&c->spec);
	uint8_t *table = arena_alloc(&c->arena, bytes), *at = table + sizeof(head);

	memcpy(table, &head, sizeof(head));
	for (uint32_t i = 0; i < c->spec.vcpu_count; i++) {
		const struct madt_processor row = {
			0, sizeof(row), (uint8_t)i, (uint8_t)i, MADT_ENABLED,
		};

		memcpy(at, &row, sizeof(row));
		at += sizeof(row);
	}
	memcpy(at, &rest, sizeof(rest));
	put_table(block, layout->madt, "APIC", 4, table, bytes);
}

static void put_xsdt(uint8_t *block, const struct layout *layout)
{
	const struct xsdt xsdt = {
		.fadt = layout->gpa + layout->fadt, .madt = layout->gpa + layout->madt,
	};

	put_table(block, layout->xsdt, "XSDT", 1, &xsdt, sizeof(xsdt));
}

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static struct layout lay_out(const struct spec *spec, size_t dsdt_bytes)
{
	struct layout layout;

	layout.xsdt = round_up(sizeof(struct rsdp), 8);
	layout.facs = round_up(layout.xsdt + sizeof(struct xsdt), 64);
	layout.fadt = round_up(layout.facs + sizeof(struct facs), 8);
	layout.madt = round_up(layout.fadt + sizeof(struct fadt), 8);
	layout.dsdt = round_up(layout.madt + madt_bytes(spec), 8);
	layout.bytes = layout.dsdt + dsdt_bytes;
	return layout;
}

static bool find_place(struct comp *c, struct layout *layout)
{
	if (layout->bytes <= FIRMWARE_END - FIRMWARE_BEGIN &&
	    memory_region(&c->spec, FIRMWARE_BEGIN, layout->bytes)) {
		layout->gpa = FIRMWARE_BEGIN;
		return true;
	}
	if (memory_find_room(&c->spec, layout->bytes, 1ull << 32, &layout->gpa))
		return true;
	diag_error(&c->diag, &c->spec.acpi_range, "the ACPI tables of the chipset (0x%zx bytes) find "
		   "no room in RAM below 4GiB; make a region of `memory` larger, or say `acpi: false`",
		   layout->bytes);
	return false;
}

void acpi_build(struct comp *c)
{
	struct aml dsdt = { .arena = &c->arena };
	const struct header no_header = { .length = 0 };
	struct layout layout;
	uint8_t *block;

	if (!c->spec.acpi)
		return;
	aml_bytes(&dsdt, &no_header, sizeof(no_header));
	acpi_dsdt(c, &dsdt);
	layout = lay_out(&c->spec, dsdt.count);
	if (!find_place(c, &layout))
		return;
	block = arena_alloc(&c->arena, layout.bytes);
	put_rsdp(block, &layout);
	put_xsdt(block, &layout);
	put_facs(block, &layout);
	put_fadt(block, &layout);
	put_madt(c, block, &layout);
	put_table(block, layout.dsdt, "DSDT", 2, dsdt.bytes, dsdt.count);
	memory_add(c, "the ACPI tables", layout.gpa, block, layout.bytes, &c->spec.acpi_range);
	c->spec.acpi_gpa = layout.gpa;
	c->spec.acpi_bytes = layout.bytes;
}
