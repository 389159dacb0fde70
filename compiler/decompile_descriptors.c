/* SPDX-License-Identifier: MIT */
/*
 * GDT and IDT of a decompiled template as descriptors and gates: what GDTR and IDTR of a vCPU point
 * at, up to the first entry that makes no sense. As page tables, they are told only when svmc builds
 * the same bytes of them.
 */
#include <inttypes.h>
#include <string.h>
#include "decompile.h"
#include "guest_tables.h"
#include "memory.h"
#include "profile.h"

#define CR0_PE 1ULL
#define PRESENT 0x80u
#define NOT_SYSTEM 0x10u
#define GATES_MAX 256u
#define GDT_MAX 65536u

static void read_template(const struct decompile *d, uint64_t gpa, void *into, size_t bytes)
{
	uint8_t *out = into;

	for (size_t i = 0; i < bytes; i++, gpa++)
		out[i] = svmt_memory_page(d->view, gpa & ~(uint64_t)(SVMT_PAGE_BYTES - 1))
			[gpa % SVMT_PAGE_BYTES];
}

/* APM volume 2, table 4-6: types of system segments, in long mode those with 16 bytes. */
static bool is_system_type(unsigned int type, bool is_long)
{
	const unsigned int types = is_long ? 1u << 2 | 1u << 9 | 1u << 0xb | 1u << 0xc : 0xdafe;

	return types >> type & 1;
}

/*
 * The descriptor at `index` bytes; its length, or 0 if there is none that makes sense. An empty one
 * has attributes of 0.
 */
static unsigned int read_descriptor(const struct decompile *d, uint64_t gpa, uint64_t index,
				    struct spec_descriptor *out)
{
	const bool is_long = has_long_descriptors(d->c);
	uint64_t low, high = 0;

	read_template(d, gpa + index, &low, sizeof(low));
	*out = (struct spec_descriptor){ .selector = index };
	if (!low)
		return 8;
	out->attrib = (low >> 40 & 0xff) | (low >> 52 & 0xf) << 8;
	out->base = (low >> 16 & 0xffffff) | (low >> 56) << 24;
	out->limit = (low & 0xffff) | (low >> 48 & 0xf) << 16;
	if (out->attrib & 0x800)	/* G: the limit counts pages */
		out->limit = out->limit << 12 | 0xfff;
	if (!(out->attrib & PRESENT) ||
	    (!(out->attrib & NOT_SYSTEM) && !is_system_type(out->attrib & 0xf, is_long)))
		return 0;
	if (!is_long || out->attrib & NOT_SYSTEM)
		return 8;
	read_template(d, gpa + index + 8, &high, sizeof(high));
	if (high >> 32)
		return 0;
	out->base |= high << 32;
	return 16;
}

static void find_entries(struct decompile *d, uint64_t gpa, uint64_t bytes)
{
	struct spec *spec = &d->c->spec;
	struct spec_descriptor entry;
	unsigned int length;

	spec->descriptor_count = 0;
	if (bytes > GDT_MAX)	/* the limit register has 16 bits, the VMCB's field 32 */
		bytes = GDT_MAX;
	for (uint64_t at = 8; at + 8 <= bytes; at += length) {
		length = read_descriptor(d, gpa, at, &entry);
		if (!length || at + length > bytes)
			break;
		if (!entry.attrib)
			continue;
		spec->descriptors = arena_grow(&d->c->arena, spec->descriptors,
					       spec->descriptor_count, &spec->descriptor_capacity,
					       sizeof(entry));
		spec->descriptors[spec->descriptor_count++] = entry;
	}
}

/* APM volume 2, 4.8.4; a gate of real mode is an address and nothing else. */
static bool read_gate(const uint8_t *bytes, unsigned int length, struct spec_gate *gate)
{
	uint64_t low = 0, high = 0;

	memcpy(&low, bytes, length < 8 ? length : 8);
	if (length == 16)
		memcpy(&high, bytes + 8, 8);
	gate->has_selector = true;
	gate->selector = low >> 16 & 0xffff;
	gate->to = low & 0xffff;
	gate->type = 0xe;
	if (length == 4)
		return true;
	gate->to |= (low >> 48) << 16 | high << 32;
	gate->type = low >> 40 & 0xf;
	gate->dpl = low >> 45 & 3;
	gate->ist = low >> 32 & 7;
	return low >> 47 & 1 && !(low >> 44 & 1) && !(low >> 35 & 0x1f) && !(high >> 32) &&
	       gate_type_name(gate->type) && (length == 16 ? gate->type >= 0xe : !gate->ist);
}

/* The gate continues the last one's range, with what lies between their handlers as the step. */
static bool continues(const struct spec_gate *last, const struct spec_gate *gate, bool *begins)
{
	const uint64_t step = gate->to - (last->to + (last->last - last->first) * last->step);

	*begins = last->first == last->last;
	return last->last + 1 == gate->first && last->type == gate->type &&
	       last->dpl == gate->dpl && last->ist == gate->ist &&
	       last->has_selector == gate->has_selector && last->selector == gate->selector &&
	       step <= UINT32_MAX && (*begins || step == last->step);
}

static void add_gate(struct decompile *d, const struct spec_gate *gate)
{
	struct spec *spec = &d->c->spec;
	struct spec_gate *last = spec->gate_count ? &spec->gates[spec->gate_count - 1] : NULL;
	bool begins;

	if (last && continues(last, gate, &begins)) {
		if (begins)
			last->step = gate->to - last->to;
		last->last = gate->last;
		return;
	}
	spec->gates = arena_grow(&d->c->arena, spec->gates, spec->gate_count, &spec->gate_capacity,
				 sizeof(*gate));
	spec->gates[spec->gate_count++] = *gate;
}

static void find_gates(struct decompile *d, uint64_t gpa, uint64_t bytes)
{
	struct spec *spec = &d->c->spec;
	const unsigned int length = gate_bytes(d->c);
	const uint64_t cs = vmcb_get_CS_SELECTOR(spec->vmcb);
	static const uint8_t empty[16];

	spec->gate_count = 0;
	for (unsigned int v = 0; v < GATES_MAX && (v + 1) * (uint64_t)length <= bytes; v++) {
		struct spec_gate gate = { .first = v, .last = v };
		uint8_t entry[16];

		read_template(d, gpa + v * length, entry, length);
		if (!memcmp(entry, empty, length))
			continue;
		if (!read_gate(entry, length, &gate))
			break;
		gate.has_selector = gate.selector != cs;
		add_gate(d, &gate);
	}
}

/* In real mode anything is an interrupt table: not so where the guest begins to run. */
static bool holds_code(const struct decompile *d, uint64_t gpa, uint64_t bytes)
{
	const uint64_t entry = memory_entry(&d->c->spec);

	return !(vmcb_get_CR0(d->c->spec.vmcb) & CR0_PE) && entry >= gpa && entry - gpa < bytes;
}

/* What one of the two tables is in the spec. */
struct finder {
	const char *what;
	void (*find)(struct decompile *d, uint64_t gpa, uint64_t bytes);
	uint8_t *(*build)(struct comp *c, uint64_t *bytes);
	struct spec_table *table;
	size_t *count;			/* of its entries */
	uint64_t *bytes;
};

static bool find_at(struct decompile *d, const struct finder *f, uint64_t gpa, uint64_t limit)
{
	struct spec_contents built = { .gpa = gpa };

	f->find(d, built.gpa, limit + 1);
	if (!*f->count)
		return false;
	built.data = f->build(d->c, &built.bytes);
	if (!decompile_is_free(d, built.gpa, built.bytes) || holds_code(d, built.gpa, built.bytes) ||
	    !decompile_has_bytes(d->view, &built))
		return false;
	*f->table = (struct spec_table){ .given = true, .has_at = true, .gpa = built.gpa };
	*f->bytes = built.bytes;
	memory_add(d->c, f->what, built.gpa, built.data, built.bytes, &f->table->range);
	return true;
}

/* Where the pages lead to, or else at the same address, which is where svmc points by itself. */
static bool find(struct decompile *d, const struct finder *f, uint64_t base, uint64_t limit)
{
	unsigned int access;
	uint64_t gpa;

	return (walk(d->c, base, &gpa, &access) == WALK_MAPPED && find_at(d, f, gpa, limit)) ||
	       find_at(d, f, base, limit);
}

static bool find_gdt(struct decompile *d)
{
	struct spec *spec = &d->c->spec;
	const struct finder finder = {
		"the descriptor table", find_entries, build_gdt, &spec->gdt,
		&spec->descriptor_count, &d->gdt_bytes,
	};
	const struct svmk_vmcb *vmcb;

	for (size_t i = 0; i < spec->set_count; i++)
		if (spec->profile->builds_gdt && !decompile_sets(d, i, "gdtr.base"))
			return false;	/* the profile's is in use, and a spec has one or the other */
	for (size_t i = 0; i < spec->set_count && i < DECOMPILE_SETS; i++) {
		vmcb = spec->sets[i].vmcb;
		if (find(d, &finder, vmcb_get_GDTR_BASE(vmcb), vmcb_get_GDTR_LIMIT(vmcb)))
			return true;
	}
	return false;
}

static bool find_idt(struct decompile *d)
{
	struct spec *spec = &d->c->spec;
	const struct finder finder = {
		"the interrupt table", find_gates, build_idt, &spec->idt, &spec->gate_count,
		&d->idt_bytes,
	};
	const struct svmk_vmcb *vmcb;

	for (size_t i = 0; i < spec->set_count && i < DECOMPILE_SETS; i++) {
		vmcb = spec->sets[i].vmcb;
		if (find(d, &finder, vmcb_get_IDTR_BASE(vmcb), vmcb_get_IDTR_LIMIT(vmcb)))
			return true;
	}
	return false;
}

void decompile_find_descriptors(struct decompile *d)
{
	if (!find_gdt(d))
		d->c->spec.descriptor_count = 0;
	if (!find_idt(d))
		d->c->spec.gate_count = 0;
}

static void print_gdt(struct decompile *d)
{
	const struct spec *spec = &d->c->spec;

	fprintf(d->out, "gdt:\n  at: 0x%" PRIx64 "\n  entries:\n", spec->gdt.gpa);
	for (size_t i = 0; i < spec->descriptor_count; i++) {
		const struct spec_descriptor *e = &spec->descriptors[i];
		uint64_t limit = 0;
		const char *kind = descriptor_kind_of(e->attrib, &limit);

		fprintf(d->out, "    - { selector: 0x%" PRIx64, e->selector);
		if (kind && e->attrib & 0x60)
			fprintf(d->out, ", kind: %s, dpl: %u", kind,
				(unsigned int)(e->attrib >> 5 & 3));
		else if (kind)
			fprintf(d->out, ", kind: %s", kind);
		else
			fprintf(d->out, ", attrib: 0x%" PRIx64, e->attrib);
		if (e->base)
			fprintf(d->out, ", base: 0x%" PRIx64, e->base);
		if (e->limit != limit)
			fprintf(d->out, ", limit: 0x%" PRIx64, e->limit);
		fprintf(d->out, " }\n");
	}
}

static void print_gate(struct decompile *d, const struct spec_gate *gate)
{
	fprintf(d->out, "    - { vector: %u", gate->first);
	if (gate->last != gate->first)
		fprintf(d->out, "-%u", gate->last);
	fprintf(d->out, ", to: 0x%" PRIx64, gate->to);
	if (gate->step)
		fprintf(d->out, ", step: 0x%" PRIx64, gate->step);
	if (gate->has_selector)
		fprintf(d->out, ", selector: 0x%" PRIx64, gate->selector);
	if (gate->type != 0xe)
		fprintf(d->out, ", kind: %s", gate_type_name(gate->type));
	if (gate->dpl)
		fprintf(d->out, ", dpl: %" PRIu64, gate->dpl);
	if (gate->ist)
		fprintf(d->out, ", ist: %" PRIu64, gate->ist);
	fprintf(d->out, " }\n");
}

void decompile_descriptors(struct decompile *d)
{
	const struct spec *spec = &d->c->spec;

	if (spec->gdt.given)
		print_gdt(d);
	if (!spec->idt.given)
		return;
	fprintf(d->out, "idt:\n  at: 0x%" PRIx64 "\n  gates:\n", spec->idt.gpa);
	for (size_t i = 0; i < spec->gate_count; i++)
		print_gate(d, &spec->gates[i]);
}
