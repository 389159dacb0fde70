/* SPDX-License-Identifier: MIT */
/*
 * What the emulator's addresses are in a VM: guest page tables, memory, the local APIC's page, devices.
 *
 * Not done: accessed and dirty bits are not set in page tables, protection keys are not looked at, and
 * an update of memory by an instruction with LOCK is not one access to the other vCPUs.
 */
#include <string.h>
#include "bus.h"
#include "device.h"
#include "emu_place.h"
#include "guest_memory.h"
#include "guest_walk.h"
#include "svmt_device.h"
#include "vcpu_state.h"

#define PF_PRESENT	(1u << 0)
#define PF_WRITE	(1u << 1)
#define PF_USER		(1u << 2)
#define PF_RESERVED	(1u << 3)
#define VECTOR_PF 14

#define CR0_WP		(1ULL << 16)
#define CR4_SMAP	(1ULL << 21)

#define APIC_ENABLED	(1ULL << 11)
#define APIC_X2		(1ULL << 10)

#define PAGE_BYTES 4096u

static struct place *place_of(struct emu *emu)
{
	return emu->data;
}

/* ---- Linear to physical ---- */

static enum emu_status page_fault(struct emu *emu, uint64_t linear, uint32_t error)
{
	emu->fault.cr2 = linear;
	return emu_raise(emu, VECTOR_PF, error);
}

/*
 * CPL 3 | page  | CR0.WP | CR4.SMAP, AC clear | read | write
 * yes   | user  | -      | -                  | yes  | if writable
 * yes   | other | -      | -                  | no   | no
 * no    | user  | -      | yes                | no   | no
 * no    | any   | 1      | no                 | yes  | if writable
 * no    | any   | 0      | no                 | yes  | yes
 */
static bool allowed(const struct svmrt_run_page *run, const struct guest_page *page, bool write)
{
	bool user = run->cpl == 3;

	if (!page->page_bytes)
		return true;
	if (user ? !page->user : page->user && run->cr4 & CR4_SMAP && !(run->rflags & EMU_AC))
		return false;
	return !write || page->writable || (!user && !(run->cr0 & CR0_WP));
}

static enum emu_status walk(struct emu *emu, uint64_t linear, bool write, uint64_t *gpa)
{
	const struct place *place = place_of(emu);
	const struct svmrt_run_page *run = place->run;
	const struct guest_paging paging = { .cr0 = run->cr0, .cr3 = run->cr3, .cr4 = run->cr4,
					     .efer = run->efer };
	uint32_t error = (write ? PF_WRITE : 0) | (run->cpl == 3 ? PF_USER : 0);
	struct guest_page page;
	struct guest_gap gap;

	if (!guest_walk(place->vcpu->vm, &paging, linear, &page, &gap)) {
		if (!gap.unreadable)
			return page_fault(emu, linear, error |
					  (gap.reserved ? PF_PRESENT | PF_RESERVED : 0));
		emu->why = "guest page tables at an address without memory";
		return EMU_REFUSED;
	}
	if (!allowed(run, &page, write))
		return page_fault(emu, linear, error | PF_PRESENT);
	*gpa = page.gpa;
	return EMU_DONE;
}

static enum emu_status translate(struct emu *emu, uint64_t linear, bool write, uint64_t *gpa)
{
	struct place *place = place_of(emu);
	struct known_page *known = &place->known[write];
	uint64_t offset = linear % PAGE_BYTES;
	enum emu_status status;

	if (place->hinted && (place->run->exitinfo2 ^ linear) % PAGE_BYTES == 0) {
		*gpa = place->run->exitinfo2;
		return EMU_DONE;
	}
	if (!known->valid || known->linear != linear - offset) {
		status = walk(emu, linear, write, gpa);
		if (status)
			return status;
		*known = (struct known_page){ linear - offset, *gpa - offset, true };
	}
	*gpa = known->gpa + offset;
	return EMU_DONE;
}

/* Up to two pages: how many bytes are in the first one. */
struct span {
	uint64_t gpa[2];
	unsigned int first_bytes;
};

static enum emu_status translate_span(struct emu *emu, uint64_t linear, unsigned int bytes, bool write,
				      struct span *span)
{
	unsigned int left = PAGE_BYTES - (unsigned int)(linear % PAGE_BYTES);
	enum emu_status status = translate(emu, linear, write, &span->gpa[0]);

	span->first_bytes = bytes < left ? bytes : left;
	if (status || bytes <= left)
		return status;
	linear += left;
	if (emu->mode != ZYDIS_MACHINE_MODE_LONG_64)
		linear = (uint32_t)linear;
	return translate(emu, linear, write, &span->gpa[1]);
}

/* ---- The local APIC's page, where the module left an access to us ---- */

static enum emu_status refuse_apic(struct emu *emu)
{
	emu->why = "the registers of the local APIC take aligned accesses of 4 bytes only";
	return EMU_REFUSED;
}

/* Devices come first: asking for the APIC costs a system call. */
static bool in_apic(const struct vcpu *vcpu, uint64_t gpa, struct svmrt_lapic_state *state)
{
	const struct engine *engine = vcpu->vm->daemon->engine;

	if (!engine || !engine->lapic || !vcpu->vm->template ||
	    !svmt_chipset(&vcpu->vm->template->view) || bus_answers(vcpu->vm, BUS_MEMORY, gpa))
		return false;
	memset(state, 0, sizeof(*state));
	return !engine->lapic(vcpu->fd, state) &&
		(state->base & (APIC_ENABLED | APIC_X2)) == APIC_ENABLED &&
		(gpa ^ state->base) >> 12 == 0;
}

static bool is_apic_register(uint64_t gpa, unsigned int bytes)
{
	return bytes == 4 && gpa % 16 == 0 && gpa % PAGE_BYTES < 0x400;
}

/* The module does it when the vCPU runs again. */
static enum emu_status write_apic(struct emu *emu, uint64_t gpa, const void *from, unsigned int bytes)
{
	struct place *place = place_of(emu);

	if (!is_apic_register(gpa, bytes))
		return refuse_apic(emu);
	place->run->apic_offset = (uint32_t)(gpa % PAGE_BYTES);
	memcpy(&place->run->apic_value, from, sizeof(place->run->apic_value));
	place->run->dirty |= SVMRT_DIRTY_APIC;
	place->apic_written = true;
	return EMU_DONE;
}

/* ---- Physical accesses: none crosses a page, and memory comes in whole pages ---- */

static enum emu_status no_memory(struct emu *emu)
{
	emu->why = "the host has no memory for the operand";
	return EMU_REFUSED;
}

static unsigned int widest(unsigned int bytes)
{
	return bytes >= 8 ? 8 : bytes >= 4 ? 4 : bytes >= 2 ? 2 : 1;
}

static enum emu_status read_physical(struct emu *emu, uint64_t gpa, uint8_t *to, unsigned int bytes)
{
	struct vcpu *vcpu = place_of(emu)->vcpu;
	struct svmrt_lapic_state apic;

	if (vcpu->vm->template && guest_has(vcpu->vm, gpa, bytes, false))
		return guest_read(vcpu->vm, gpa, to, bytes) ? EMU_DONE : no_memory(emu);
	if (in_apic(vcpu, gpa, &apic)) {
		if (!is_apic_register(gpa, bytes))
			return refuse_apic(emu);
		memcpy(to, &apic.regs[gpa % PAGE_BYTES / 16], 4);
		return EMU_DONE;
	}
	for (unsigned int at = 0, part; at < bytes; at += part) {
		uint64_t value;

		part = widest(bytes - at);
		value = bus_read(vcpu->vm, BUS_MEMORY, gpa + at, part);
		memcpy(to + at, &value, part);
	}
	return EMU_DONE;
}

/* ROM drops writes. */
static enum emu_status write_physical(struct emu *emu, uint64_t gpa, const uint8_t *from,
				      unsigned int bytes)
{
	struct vcpu *vcpu = place_of(emu)->vcpu;
	struct svmrt_lapic_state apic;

	if (vcpu->vm->template && guest_has(vcpu->vm, gpa, bytes, false)) {
		if (!guest_has(vcpu->vm, gpa, bytes, true))
			return EMU_DONE;
		return guest_write(vcpu->vm, gpa, from, bytes) ? EMU_DONE : no_memory(emu);
	}
	if (in_apic(vcpu, gpa, &apic))
		return write_apic(emu, gpa, from, bytes);
	for (unsigned int at = 0, part; at < bytes; at += part) {
		uint64_t value = 0;

		part = widest(bytes - at);
		memcpy(&value, from + at, part);
		bus_write(vcpu->vm, BUS_MEMORY, gpa + at, part, value);
	}
	return EMU_DONE;
}

/* ---- Operations ---- */

static enum emu_status op_read(struct emu *emu, uint64_t linear, void *to, unsigned int bytes,
			       enum emu_access access)
{
	struct span span;
	enum emu_status status = translate_span(emu, linear, bytes, access == EMU_UPDATE, &span);

	if (!status)
		status = read_physical(emu, span.gpa[0], to, span.first_bytes);
	if (!status && span.first_bytes < bytes)
		status = read_physical(emu, span.gpa[1], (uint8_t *)to + span.first_bytes,
				       bytes - span.first_bytes);
	return status;
}

static enum emu_status op_write(struct emu *emu, uint64_t linear, const void *from, unsigned int bytes)
{
	struct span span;
	enum emu_status status = translate_span(emu, linear, bytes, true, &span);

	if (!status)
		status = write_physical(emu, span.gpa[0], from, span.first_bytes);
	if (!status && span.first_bytes < bytes)
		status = write_physical(emu, span.gpa[1], (const uint8_t *)from + span.first_bytes,
					bytes - span.first_bytes);
	return status;
}

static enum emu_status op_probe(struct emu *emu, uint64_t linear, unsigned int bytes, bool write)
{
	struct span span;

	return translate_span(emu, linear, bytes, write, &span);
}

static uint32_t op_in(struct emu *emu, uint16_t port, unsigned int bytes)
{
	return (uint32_t)bus_read(place_of(emu)->vcpu->vm, BUS_PORT, port, bytes);
}

static void op_out(struct emu *emu, uint16_t port, unsigned int bytes, uint32_t value)
{
	bus_write(place_of(emu)->vcpu->vm, BUS_PORT, port, bytes, value);
}

static bool read_state(struct emu *emu, struct vcpu_state *state)
{
	if (!vcpu_state_read(place_of(emu)->vcpu, state))
		return true;
	emu->why = "the vCPU's registers cannot be read";
	return false;
}

static bool op_load_segments(struct emu *emu)
{
	struct vcpu_state state;

	if (!read_state(emu, &state))
		return false;
#define LOAD(name) emu->segments[EMU_##name] = (struct emu_segment){ \
		.base = vmcb_get_##name##_BASE(&state.vmcb), \
		.limit = (uint32_t)vmcb_get_##name##_LIMIT(&state.vmcb), \
		.attrib = (uint32_t)vmcb_get_##name##_ATTRIB(&state.vmcb) }
	LOAD(ES);
	LOAD(CS);
	LOAD(SS);
	LOAD(DS);
	LOAD(FS);
	LOAD(GS);
#undef LOAD
	return true;
}

/* FXSAVE64: XMM registers from byte 160 on. */
static bool op_load_xmm(struct emu *emu)
{
	struct vcpu_state state;

	if (!read_state(emu, &state))
		return false;
	memcpy(emu->xmm, state.page.fxsave + 160, sizeof(emu->xmm));
	return true;
}

static bool op_store_xmm(struct emu *emu)
{
	struct engine_error error;
	struct vcpu_state state;

	if (!read_state(emu, &state))
		return false;
	memcpy(state.page.fxsave + 160, emu->xmm, sizeof(emu->xmm));
	if (!vcpu_state_replace(place_of(emu)->vcpu, &state, &error))
		return true;
	emu->why = "the vCPU's registers cannot be set";
	return false;
}

static bool op_leave(struct emu *emu)
{
	const struct place *place = place_of(emu);
	struct vcpu *vcpu = place->vcpu;

	return place->apic_written || atomic_load(&vcpu->stop) || atomic_load(&vcpu->pause) ||
		atomic_load(&vcpu->vm->device_ended);
}

const struct emu_ops emu_place_ops = {
	.read = op_read, .write = op_write, .probe = op_probe, .in = op_in, .out = op_out,
	.load_segments = op_load_segments, .load_xmm = op_load_xmm, .store_xmm = op_store_xmm,
	.leave = op_leave,
};
