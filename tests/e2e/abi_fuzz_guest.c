// SPDX-License-Identifier: MIT
/*
 * What the fuzzer's guests are made of: code that likes to exit, page tables, VMCBs that are right
 * but for a few fields, exit rules that are mostly possible. Nothing here calls the module.
 */
#include <cpuid.h>
#include <string.h>
#include "abi_fuzz.h"
#include "abi_guest.h"

#define PML4_GPA 0x2000u
#define PDPT_GPA 0x3000u
#define PD_GPA 0x4000u
#define TCG_EBX 0x54474354u	/* "TCGT" */

/* Instructions that exit, fault, change modes or read and write memory; the same in 16 and 64 bits. */
static const struct { uint8_t length, bytes[7]; } snippets[] = {
	{ 2, { 0x0f, 0xa2 } },				/* cpuid */
	{ 2, { 0xe6, 0x80 } },				/* out %al, $0x80 */
	{ 2, { 0xe4, 0x60 } },				/* in $0x60, %al */
	{ 1, { 0x6e } },				/* outsb */
	{ 2, { 0xf3, 0x6c } },				/* rep insb */
	{ 1, { 0xf4 } },				/* hlt */
	{ 3, { 0x0f, 0x01, 0xd9 } },			/* vmmcall */
	{ 3, { 0x0f, 0x01, 0xd8 } },			/* vmrun */
	{ 3, { 0x0f, 0x01, 0xda } },			/* vmload */
	{ 3, { 0x0f, 0x01, 0xdc } },			/* stgi */
	{ 3, { 0x0f, 0x01, 0xdd } },			/* clgi */
	{ 3, { 0x0f, 0x01, 0xde } },			/* skinit */
	{ 3, { 0x0f, 0x01, 0xdf } },			/* invlpga */
	{ 2, { 0x0f, 0x32 } },				/* rdmsr */
	{ 2, { 0x0f, 0x30 } },				/* wrmsr */
	{ 3, { 0x0f, 0x01, 0xd1 } },			/* xsetbv */
	{ 3, { 0x0f, 0x01, 0xf9 } },			/* rdtscp */
	{ 2, { 0x0f, 0x31 } },				/* rdtsc */
	{ 2, { 0x0f, 0x33 } },				/* rdpmc */
	{ 2, { 0x0f, 0x08 } },				/* invd */
	{ 2, { 0x0f, 0x09 } },				/* wbinvd */
	{ 3, { 0x0f, 0x01, 0xc8 } },			/* monitor */
	{ 3, { 0x0f, 0x01, 0xc9 } },			/* mwait */
	{ 2, { 0xf3, 0x90 } },				/* pause */
	{ 3, { 0x0f, 0x20, 0xc0 } },			/* mov %cr0, %rax */
	{ 3, { 0x0f, 0x22, 0xc0 } },			/* mov %rax, %cr0 */
	{ 3, { 0x0f, 0x22, 0xd8 } },			/* mov %rax, %cr3 */
	{ 3, { 0x0f, 0x22, 0xe0 } },			/* mov %rax, %cr4 */
	{ 4, { 0x44, 0x0f, 0x22, 0xc0 } },		/* mov %rax, %cr8 */
	{ 3, { 0x0f, 0x21, 0xf8 } },			/* mov %dr7, %rax */
	{ 3, { 0x0f, 0x23, 0xf8 } },			/* mov %rax, %dr7 */
	{ 3, { 0x0f, 0x23, 0xc0 } },			/* mov %rax, %dr0 */
	{ 3, { 0x0f, 0x01, 0x18 } },			/* lidt (%rax) */
	{ 3, { 0x0f, 0x01, 0x38 } },			/* invlpg (%rax) */
	{ 2, { 0x0f, 0x0b } },				/* ud2 */
	{ 1, { 0xcc } },				/* int3 */
	{ 2, { 0xcd, 0x21 } },				/* int $0x21 */
	{ 1, { 0xcf } },				/* iret */
	{ 1, { 0xf1 } },				/* icebp */
	{ 2, { 0x0f, 0xaa } },				/* rsm */
	{ 2, { 0x0f, 0x05 } },				/* syscall */
	{ 1, { 0x9c } },				/* pushf */
	{ 1, { 0x9d } },				/* popf */
	{ 1, { 0xfb } },				/* sti */
	{ 2, { 0x8e, 0xd8 } },				/* mov %ax, %ds */
	{ 2, { 0x88, 0x07 } },				/* mov %al, (%rdi) or (%bx) */
	{ 2, { 0x8a, 0x06 } },				/* mov (%rsi), %al or from an address */
	{ 2, { 0xf3, 0xaa } },				/* rep stosb */
	{ 2, { 0xf3, 0xa4 } },				/* rep movsb */
	{ 2, { 0xff, 0xc0 } },				/* inc %eax */
	{ 3, { 0xc1, 0xc0, 0x03 } },			/* rol $3, %eax */
	{ 3, { 0x0f, 0xae, 0x00 } },			/* fxsave (%rax) */
	{ 3, { 0x0f, 0xae, 0x10 } },			/* ldmxcsr (%rax) */
	{ 2, { 0xdb, 0xe3 } },				/* fninit */
	{ 3, { 0x0f, 0x57, 0xc0 } },			/* xorps %xmm0, %xmm0 */
};

static void write_code(struct fuzz *f, uint8_t *code, size_t bytes)
{
	size_t at = 0, i;

	while (at + 16 < bytes) {
		unsigned int pick = fuzz_below(f, sizeof(snippets) / sizeof(snippets[0]) + 4);

		if (pick < sizeof(snippets) / sizeof(snippets[0])) {
			memcpy(code + at, snippets[pick].bytes, snippets[pick].length);
			at += snippets[pick].length;
			continue;
		}
		for (i = 0; i < 4; i++)
			code[at++] = (uint8_t)fuzz_random(f);
	}
	code[at++] = 0xeb;	/* jmp back, by at most 128 bytes */
	code[at] = (uint8_t)(fuzz_random(f) | 0x80);
}

static void put_entry(uint8_t *ram, uint32_t gpa, uint64_t entry)
{
	memcpy(ram + gpa, &entry, sizeof(entry));
}

/* Identity pages of 2 MiB for long mode, sometimes with an entry that is anything. */
static void write_tables(struct fuzz *f, uint8_t *ram)
{
	uint64_t i;

	put_entry(ram, PML4_GPA, PDPT_GPA | 7);
	put_entry(ram, PDPT_GPA, PD_GPA | 7);
	for (i = 0; i < 16; i++)
		put_entry(ram, (uint32_t)(PD_GPA + i * 8), i << 21 | 0x87);
	if (fuzz_chance(f, 20))
		put_entry(ram, PML4_GPA + 0x1000 * fuzz_below(f, 3) + 8 * fuzz_below(f, 16),
			  fuzz_value(f));
}

void fuzz_write_guest(struct fuzz *f, uint8_t *ram, size_t bytes)
{
	if (bytes < PD_GPA + 0x1000)
		return;
	write_code(f, ram + FUZZ_CODE_GPA, 64 + fuzz_below(f, 512));
	write_tables(f, ram);
}

/* ---- VMCBs ---- */

static const struct { uint16_t offset; uint16_t bytes; } save_fields[] = {
#define VMCB_SAVE(off, bytes, NAME, member, spec_name, loaded_by, clean, feature, meaning, rule) \
	{ (off) + VMCB_SAVE_OFFSET, bytes },
#include <svmkit/vmcb_save.def>
#undef VMCB_SAVE
};

static void long_mode(struct svmk_vmcb *vmcb)
{
	vmcb_set_CS_ATTRIB(vmcb, 0x29b);
	vmcb_set_CS_SELECTOR(vmcb, 8);
	vmcb_set_SS_SELECTOR(vmcb, 16);
	vmcb_set_CR0(vmcb, 0x80000011);
	vmcb_set_CR3(vmcb, PML4_GPA);
	vmcb_set_CR4(vmcb, 0x620);		/* PAE, OSFXSR, OSXMMEXCPT */
	vmcb_set_EFER(vmcb, 0x1500);		/* SVME, LMA, LME */
}

static void protected_mode(struct svmk_vmcb *vmcb)
{
	vmcb_set_CS_ATTRIB(vmcb, 0xc9b);
	vmcb_set_CS_SELECTOR(vmcb, 8);
	vmcb_set_CS_LIMIT(vmcb, 0xffffffff);
	vmcb_set_SS_SELECTOR(vmcb, 16);
	vmcb_set_SS_ATTRIB(vmcb, 0xc93);
	vmcb_set_CR0(vmcb, 0x11);
}

static void mutate_field(struct fuzz *f, struct svmk_vmcb *vmcb)
{
	unsigned int i = fuzz_below(f, sizeof(save_fields) / sizeof(save_fields[0]));
	unsigned int bytes = save_fields[i].bytes;
	uint64_t value = fuzz_value(f);

	if (bytes > 8)
		return;
	if (fuzz_chance(f, 50))		/* one bit of what is there */
		value = vmcb_load_word_(vmcb, save_fields[i].offset, bytes) ^
			1ULL << fuzz_below(f, bytes * 8);
	vmcb_store_word_(vmcb, save_fields[i].offset, bytes, value);
}

/*
 * QEMU's emulation loads DR7 at VMRUN without its breakpoints, and the next MOV to DR7 removes one
 * that is not there: QEMU 7.2 ends with SIGSEGV. There, no guest has a DR7 that enables anything.
 * Its #VMEXIT restores CR0 while EFER and CR4 are still the guest's, and "enters long mode" wrongly:
 * with LME and without PAE the host comes back with paging off. There, LME comes with PAE.
 */
static void spare_emulator(struct svmk_vmcb *vmcb)
{
	unsigned int a, b = 0, c, d;

	__cpuid(0x40000000, a, b, c, d);
	if (b != TCG_EBX)
		return;
	vmcb_set_intercepts(vmcb, 1, vmcb_get_intercepts(vmcb, 1) | 1u << 23);	/* DR7 writes */
	vmcb_set_DR7(vmcb, vmcb_get_DR7(vmcb) & ~0xffULL);
	if (!(vmcb_get_CR4(vmcb) & 0x20))
		vmcb_set_EFER(vmcb, vmcb_get_EFER(vmcb) & ~0x100ULL);
}

void fuzz_vmcb(struct fuzz *f, struct svmk_vmcb *vmcb, struct svmrt_vcpu_state *state)
{
	unsigned int mutations = fuzz_chance(f, 40) ? fuzz_below(f, 4) : 0, i;

	abi_real_mode(vmcb, state);
	switch (fuzz_below(f, 4)) {
	case 0:
		long_mode(vmcb);
		break;
	case 1:
		protected_mode(vmcb);
		break;
	default:
		break;
	}
	for (i = 0; i < 16; i++)
		if (i != 0 && i != 4 && fuzz_chance(f, 30))
			state->gpr[i] = fuzz_value(f);
	vmcb_set_RAX(vmcb, fuzz_value(f));
	if (fuzz_chance(f, 30))		/* all kinds of intercepts: control word 0 to 4 */
		vmcb_set_intercepts(vmcb, fuzz_below(f, 4), (uint32_t)fuzz_random(f));
	while (mutations--)
		mutate_field(f, vmcb);
	if (fuzz_chance(f, 10))		/* mostly refused, by name */
		vmcb_store_word_(vmcb, 8 * fuzz_below(f, 512), 8, fuzz_value(f));
	if (fuzz_chance(f, 10))
		((uint8_t *)state)[fuzz_below(f, sizeof(*state))] ^= (uint8_t)fuzz_random(f);
	spare_emulator(vmcb);
}

/* ---- Exit rules ---- */

/* For a part of what this exit code is about, seldom the same as another rule's. */
static void make_finer(struct fuzz *f, struct svmrt_exit_rule *rule, unsigned int number)
{
	if (rule->code != 0x72 && rule->code != 0x7b && rule->code != 0x7c && rule->code != 0x400)
		return;
	rule->first = rule->code == 0x400 ? 0x80000u + number * 0x1000u : number * 16;
	rule->last = rule->first + fuzz_below(f, 16);
	rule->access = rule->code == 0x72 ? SVMRT_ON_READ : 1 + fuzz_below(f, 3);
	if ((rule->code == 0x7b || rule->code == 0x400) && fuzz_chance(f, 50)) {
		rule->action = SVMRT_DO_TABLE;
		rule->value = fuzz_value(f);
	}
	if (fuzz_chance(f, 3))
		rule->last = fuzz_value(f);
}

unsigned int fuzz_rules(struct fuzz *f, struct svmrt_exit_rule *rules, unsigned int room)
{
	static const struct { uint64_t code; uint8_t action; uint16_t vector; } possible[] = {
		{ 0x72, SVMRT_DO_TABLE, 0 }, { 0x7c, SVMRT_DO_TABLE, 0 }, { 0x78, SVMRT_DO_WAIT, 0 },
		{ 0x78, SVMRT_DO_SKIP, 0 }, { 0x7b, SVMRT_DO_SKIP, 0 }, { 0x7b, SVMRT_DO_USER, 0 },
		{ 0x81, SVMRT_DO_SKIP, 0 }, { 0x81, SVMRT_DO_STOP, 0 }, { 0x89, SVMRT_DO_SKIP, 0 },
		{ 0x80, SVMRT_DO_INJECT, 6 }, { 0x41, SVMRT_DO_SKIP, 0 },
		{ 0x46, SVMRT_DO_INJECT, SVMRT_VECTOR_SAME },
		{ 0x4d, SVMRT_DO_INJECT, SVMRT_VECTOR_SAME },
		{ 0x4e, SVMRT_DO_INJECT, SVMRT_VECTOR_SAME }, { 0x43, SVMRT_DO_INJECT, 13 },
		{ 0x7f, SVMRT_DO_STOP, 0 }, { 0x400, SVMRT_DO_USER, 0 },
		{ 0x400, SVMRT_DO_STOP, 0 }, { ~0ULL, SVMRT_DO_STOP, 0 },
		{ 0x10, SVMRT_DO_SKIP, 0 }, { 0x6e, SVMRT_DO_SKIP, 0 }, { 0x77, SVMRT_DO_SKIP, 0 },
	};
	unsigned int count = fuzz_below(f, room), i;

	for (i = 0; i < count; i++) {
		unsigned int pick = fuzz_below(f, sizeof(possible) / sizeof(possible[0]));

		rules[i] = (struct svmrt_exit_rule) {
			.code = possible[pick].code, .action = possible[pick].action,
			.vector = possible[pick].vector, .event = (uint8_t)fuzz_below(f, SVMRT_EVENTS),
		};
		if (rules[i].event == SVMRT_EVENT_SAMPLE)
			rules[i].sample = 1 + fuzz_below(f, 5);
		if (fuzz_chance(f, 30))
			make_finer(f, &rules[i], i);
	}
	if (count && fuzz_chance(f, 10))
		((uint8_t *)rules)[fuzz_below(f, count * (unsigned int)sizeof(*rules))] ^=
			(uint8_t)fuzz_random(f);
	return count;
}
