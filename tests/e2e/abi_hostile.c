// SPDX-License-Identifier: MIT
/*
 * A template and a guest that want the host. Every field of the control area is hostile, all at once
 * and one by one, from the table that the module is built from; then guests reach for MSRs, ports,
 * memory, debug registers, XCR0, the task priority and SVM itself, and what they got is looked at from
 * both sides. Inside the lab, as root (the host's MSRs are compared). Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "abi_guest.h"

#define RULE(c, a) { .code = (c), .action = (a), .event = SVMRT_EVENT_COUNT }
#define VMMCALL_STOPS RULE(0x81, SVMRT_DO_STOP)

/* The guests' programs, position independent. */
#define PROGRAM(name, bits, text) \
	asm(".pushsection .rodata\n.code" #bits "\n" #name ": " text "\n" #name "_end:\n.code64\n" \
	    ".popsection"); \
	extern const uint8_t name[], name##_end[]

PROGRAM(just_stop, 16, "vmmcall");
/* RDMSR leaves what was in EDX:EAX, WRMSR writes it; EBP counts what did not. */
PROGRAM(msr_walk, 16, "1: mov $0xdead, %eax; mov $0xbeef, %edx; rdmsr\n"
	"cmp $0xdead, %eax; jne 3f; cmp $0xbeef, %edx; jne 3f\n"
	"2: wrmsr; cmp %edi, %ecx; je 4f; inc %ecx; jmp 1b\n"
	"3: inc %ebp; jmp 2b\n4: vmmcall");
/* The same for all 65,536 ports. */
PROGRAM(port_walk, 16, "xor %edx, %edx\n1: mov $0x5a, %al; in %dx, %al; cmp $0x5a, %al; je 2f\n"
	"inc %ebp\n2: out %al, %dx; inc %dx; jnz 1b\nvmmcall");
PROGRAM(load_store_jump, 32, "mov (%esi), %eax; mov %ebx, (%esi); jmp *%esi");
PROGRAM(load_far, 64, "1: mov %cr3, %rax; mov %rax, %cr3; mov (%rsi), %rbx; vmmcall");
PROGRAM(raise_priority, 64, "mov $15, %eax; mov %rax, %cr8\n1: mov %cr8, %rbx; jmp 1b");
/* DR7 enables none of them: QEMU 7.2 ends with SIGSEGV when VMRUN or #VMEXIT changes enabled ones. */
PROGRAM(break_everywhere, 64, "mov %rbx, %dr0; mov %rbx, %dr1; mov %rbx, %dr2; mov %rbx, %dr3\n"
	"1: out %al, $0x80; mov %dr2, %rax; cmp %rbx, %rax; je 1b; vmmcall");
PROGRAM(xsave_on, 32, "mov %cr4, %edi; mov %edi, %eax; or $0x40000, %eax; mov %eax, %cr4\n"
	"xor %ecx, %ecx; xgetbv; mov %eax, %ebx\n"
	"mov %edi, %cr4; or $0x40000, %edi; mov %edi, %cr4; xgetbv; mov %eax, %esi; vmmcall");
PROGRAM(set_xcr0, 64, "xor %ecx, %ecx; xor %edx, %edx; mov %ebx, %eax; xsetbv; vmmcall");

static struct abi_guest g;
static int dev;

/* ---- Save areas beyond real mode ---- */

static void flat32(struct svmk_vmcb *vmcb)
{
	vmcb_set_CS_ATTRIB(vmcb, 0xc9b);
	vmcb_set_CS_LIMIT(vmcb, ~0u);
	vmcb_set_SS_ATTRIB(vmcb, 0xc93);
	vmcb_set_SS_LIMIT(vmcb, ~0u);
	vmcb_set_DS_ATTRIB(vmcb, 0xc93);
	vmcb_set_DS_LIMIT(vmcb, ~0u);
	vmcb_set_CR0(vmcb, 0x11);
}

#define PML4 0x3000
#define PDPT 0x4000
#define LOW_PD 0x5000
#define FAR_PD 0x6000
#define FAR_ADDRESS 0x40000000u

static void put64(unsigned int gpa, uint64_t value)
{
	memcpy(g.ram + gpa, &value, sizeof(value));
}

/* The first 2 MiB as they are; FAR_ADDRESS shows what FAR_PD's entry says. */
static void long64(struct svmk_vmcb *vmcb)
{
	flat32(vmcb);
	vmcb_set_CS_ATTRIB(vmcb, 0xa9b);
	vmcb_set_CR0(vmcb, 0x80000011);
	vmcb_set_CR3(vmcb, PML4);
	vmcb_set_CR4(vmcb, 0x40020);		/* PAE, OSXSAVE */
	vmcb_set_EFER(vmcb, 0x1500);		/* SVME, LMA, LME */
	put64(PML4, PDPT | 3);
	put64(PDPT, LOW_PD | 3);
	put64(PDPT + 8, FAR_PD | 3);
	put64(LOW_PD, 0x83);
}

enum mode { REAL16, FLAT32, LONG64 };

static const char *const mode_names[] = { "real mode", "protected mode", "long mode" };

/* abi_start, with the code in another mode. */
static void start(const uint8_t *code, const uint8_t *end, enum mode mode,
		  const struct svmrt_exit_rule *rules, uint32_t count)
{
	struct svmrt_vcpu_state state;
	struct svmk_vmcb vmcb;

	abi_start(&g, dev, code, (size_t)(end - code), rules, count);
	abi_real_mode(&vmcb, &state);
	if (mode == FLAT32)
		flat32(&vmcb);
	if (mode == LONG64)
		long64(&vmcb);
	abi_replace_vcpu(&g, &vmcb, &state);
}

#define START(name, mode, rules) \
	start(name, name##_end, mode, rules, sizeof(rules) / sizeof((rules)[0]))

static void set_gprs(unsigned int a, uint64_t value_a, unsigned int b, uint64_t value_b)
{
	g.run->gpr[a] = value_a;
	g.run->gpr[b] = value_b;
	g.run->dirty |= SVMRT_DIRTY_GPR;
}

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static uint64_t exits(unsigned int slot)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };

	return ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats) ? 0 : stats.exits[slot];
}

/* ---- The control area ---- */

/* What the module may add to a template's own control bits. */
static void forced(struct svmk_vmcb *vmcb, int always_only)
{
	unsigned int word;

#define SVM_INTERCEPT(w, b, NAME, exitcode, force, feature, safety, meaning) \
	if (force == SVM_FORCE_ALWAYS || !always_only) { \
		word = vmcb_get_intercepts(vmcb, w); \
		vmcb_set_intercepts(vmcb, w, word | 1u << (b)); \
	}
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
	vmcb_set_V_INTR_MASKING(vmcb, 1);
	vmcb_set_NP_ENABLE(vmcb, 1);
}

/*
 * The module's copy of an accepted template: every forced bit is there, no bit that neither the
 * template nor the list of forced ones has. Returns the offset of a word that is wrong, or -1.
 */
static int wrong_word(const struct svmk_vmcb *template)
{
	static struct svmk_vmcb got, least, most;
	static struct svmrt_vcpu_state state;
	struct svmrt_vcpu_image image = {
		.size = sizeof(image), .vmcb = (uintptr_t)&got, .state = (uintptr_t)&state,
	};
	unsigned int byte;

	memset(&least, 0, sizeof(least));
	forced(&least, 1);
	most = *template;
	forced(&most, 0);
	if (ioctl(g.vcpu, SVMRT_VCPU_IMAGE, &image))
		return 0;
	for (byte = 0; byte < VMCB_SAVE_OFFSET; byte++)
		if ((got.opaque_page[byte] & least.opaque_page[byte]) != least.opaque_page[byte] ||
		    got.opaque_page[byte] & ~most.opaque_page[byte])
			return (int)byte;
	return -1;
}

static int accepted, refused, wrong;

/* Try a template; if it is taken, look at what became of it, and let it run. */
static void try_template(const struct svmk_vmcb *vmcb, const struct svmrt_vcpu_state *state,
			 const char *name)
{
	int fd = abi_vcpu(&g, 1, vmcb, state), at, reason;

	if (fd < 0) {
		refused += fd == -EINVAL;
		wrong += fd != -EINVAL;
		return;
	}
	close(fd);
	accepted++;
	abi_replace_vcpu(&g, vmcb, state);
	at = wrong_word(vmcb);
	reason = abi_run(&g);
	/* An intercept that the template asked for may come first; the guest has no other choice. */
	if (at >= 0 || (reason != SVMRT_RUN_STOP && reason != SVMRT_RUN_EXIT)) {
		printf("# %s: byte %d of the control area, RUN %d\n", name, at, reason);
		wrong++;
	}
}

static void hostile_templates(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS };
	static struct svmk_vmcb vmcb, once;
	struct svmrt_vcpu_state state;
	unsigned int fields = 0, bit;

	START(just_stop, REAL16, rules);
	abi_real_mode(&vmcb, &state);
	memset(vmcb.opaque_page, 0xff, VMCB_SAVE_OFFSET);
	try_template(&vmcb, &state, "all");
	abi_ok(refused == 1, "a template with every control bit set is refused: %s", g.error);

	/* One field at a time: full of ones; an address that is the host's; only its lowest bit. */
#define VMCB_CONTROL(offset, bytes, hi, lo, NAME, word, access, clean, feature, meaning, rule) \
	for (int kind = 0; kind < 3; kind++) { \
		abi_real_mode(&vmcb, &state); \
		for (bit = 0; bit <= (hi) - (lo); bit++) { \
			unsigned int at = (offset) * 8 + (lo) + bit; \
			if (kind == 0 || (kind == 1 ? bit == 20 : bit == 0)) \
				vmcb.opaque_page[at / 8] |= (uint8_t)(1 << at % 8); \
		} \
		try_template(&vmcb, &state, #NAME); \
		fields++; \
	}
#include <svmkit/vmcb_control.def>
#undef VMCB_CONTROL
	abi_ok(!wrong && accepted > 10 && refused > 100,
	       "%u hostile fields: %d refused, %d taken, none of which got anything", fields, refused,
	       accepted);

	/* Every bit that alone is taken, in one template: no intercept too few, no feature too many. */
	abi_real_mode(&once, &state);
	for (bit = 0; bit < VMCB_SAVE_OFFSET * 8; bit++) {
		int fd;

		abi_real_mode(&vmcb, &state);
		vmcb.opaque_page[bit / 8] |= (uint8_t)(1 << bit % 8);
		fd = abi_vcpu(&g, 2, &vmcb, &state);
		if (fd < 0)
			continue;
		close(fd);
		once.opaque_page[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
	accepted = wrong = 0;
	try_template(&once, &state, "all that is taken");
	abi_ok(accepted == 1 && !wrong, "all bits that are taken one by one, at once");

	/* One intercept at a time is left out, of all. */
	accepted = wrong = 0;
#define SVM_INTERCEPT(w, b, NAME, exitcode, force, feature, safety, meaning) \
	vmcb = once; \
	vmcb_set_intercepts(&vmcb, w, vmcb_get_intercepts(&vmcb, w) & ~(1u << (b))); \
	try_template(&vmcb, &state, #NAME);
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
	abi_ok(accepted > 100 && !wrong, "%d templates without one intercept: forced ones are there",
	       accepted);
	abi_stop(&g);
}

/* ---- MSRs and ports ---- */

static const uint32_t host_msrs[] = {
	0x1b, 0x174, 0x175, 0x176, 0x1d9, 0x277, 0x2ff, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
	0xc0000084, 0xc0000103, 0xc0010010, 0xc0010114, 0xc0010117,
};
#define HOST_MSRS (sizeof(host_msrs) / sizeof(host_msrs[0]))

static void read_host_msrs(uint64_t values[HOST_MSRS])
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	size_t i;

	for (i = 0; i < HOST_MSRS; i++)
		if (pread(fd, &values[i], 8, host_msrs[i]) != 8)
			values[i] = 0;
	close(fd);
}

/* MSRPM that opens what VMLOAD and VMSAVE switch: the one thing that the guest may touch directly. */
static void guest_writes_msrs(void)
{
	static const struct { uint32_t first, last; } ranges[] = {
		{ 0, 0x1fff }, { 0x40000000, 0x400000ff }, { 0x4b564d00, 0x4b564d08 },
		{ 0xc0000000, 0xc0001fff }, { 0xc0010000, 0xc0011fff }, { 0xfffffff0, 0xffffffff },
	};
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS, RULE(0x7c, SVMRT_DO_SKIP) };
	uint64_t before[HOST_MSRS], after[HOST_MSRS], want = 0, got = 0, kept = 0;
	size_t i;

	read_host_msrs(before);
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		START(msr_walk, REAL16, rules);
		set_gprs(RCX, ranges[i].first, RDI, ranges[i].last);
		if (abi_run(&g) != SVMRT_RUN_STOP)
			break;
		want += 2ull * (ranges[i].last - ranges[i].first + 1);
		got += exits(0x7c);
		kept += g.run->gpr[RBP];
		abi_stop(&g);
	}
	read_host_msrs(after);
	abi_ok(want == got && !kept, "RDMSR and WRMSR of %llu MSRs: all exit, none gives anything",
	       (unsigned long long)want / 2);
	abi_ok(before[7] && !memcmp(before, after, sizeof(before)), "and the host's MSRs are as before");
}

static void guest_writes_ports(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS, RULE(0x7b, SVMRT_DO_SKIP) };

	START(port_walk, REAL16, rules);
	abi_ok(abi_run(&g) == SVMRT_RUN_STOP && exits(0x7b) == 2 * 65536 && !g.run->gpr[RBP],
	       "IN and OUT of all 65536 ports: all exit, none gives anything");
	abi_stop(&g);
}

/* ---- Memory ---- */

static uint64_t noise(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 20;
}

static int faults_at(uint64_t gpa, uint64_t bits)
{
	return abi_run(&g) == SVMRT_RUN_EXIT && g.run->exitcode == 0x400 && g.run->exitinfo2 == gpa &&
	       (g.run->exitinfo1 & 0x12) == bits;
}

static void guest_reaches_beyond_its_memory(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS };
	static const uint32_t special[] = {
		ABI_RAM_BYTES, 0xa0000, 0xfec00000, 0xfed00000, 0xfee00000, 0xfffffff0,
	};
	struct svmrt_access access = { .size = sizeof(access), .bytes = 8 };
	uint64_t random = 1, word = 0;
	int i, bad = 0;

	START(load_store_jump, FLAT32, rules);
	for (i = 0; i < 500; i++) {
		uint64_t gpa = i < 6 ? special[i] : noise(&random) & 0xfffffffc;

		if (gpa < ABI_RAM_BYTES)
			continue;
		g.run->rip = ABI_CODE_GPA;
		g.run->dirty = SVMRT_DIRTY_RIP;
		set_gprs(RSI, gpa, RAX, 0x5a5a5a5a);
		bad += !faults_at(gpa, 0) || g.run->gpr[RAX] != 0x5a5a5a5a;
		g.run->rip = ABI_CODE_GPA + 2;
		g.run->dirty = SVMRT_DIRTY_RIP;
		bad += !faults_at(gpa, 2);
		g.run->rip = ABI_CODE_GPA + 4;
		g.run->dirty = SVMRT_DIRTY_RIP;
		bad += !faults_at(gpa, 0x10);
	}
	abi_ok(!bad, "loads, stores and jumps beyond its memory below 4 GiB end as faults with the address");
	access.buffer = (uintptr_t)&word;
	access.gpa = 0xfee00000;
	abi_ok(ioctl(g.vm, SVMRT_VM_ACCESS, &access) && !word, "VM_ACCESS finds nothing there either");
	abi_stop(&g);

	START(load_far, LONG64, rules);
	for (i = 0, bad = 0; i < 500; i++) {
		uint64_t gpa = ((noise(&random) & 0x7ffff) + 0x800) << 21;	/* 4 GiB .. 2^40 */

		put64(FAR_PD, gpa | 0x83);
		g.run->rip = ABI_CODE_GPA;
		g.run->dirty = SVMRT_DIRTY_RIP;
		set_gprs(RSI, FAR_ADDRESS + 0x123450, RBX, 0x5a5a5a5a);
		if (gpa >> 40)
			continue;
		bad += !faults_at(gpa + 0x123450, 0) || g.run->gpr[RBX] != 0x5a5a5a5a;
	}
	abi_ok(!bad, "and so do loads between 4 GiB and 2^40");
	/* Its page tables themselves beyond its memory. */
	put64(PDPT + 8, 0x7654321000 | 3);
	g.run->rip = ABI_CODE_GPA;
	g.run->dirty = SVMRT_DIRTY_RIP;
	abi_ok(abi_run(&g) == SVMRT_RUN_EXIT && g.run->exitcode == 0x400 &&
	       g.run->exitinfo2 >> 12 == 0x7654321, "and a page walk that leads out of its memory");
	abi_stop(&g);
}

/* ---- Instructions of SVM, in every mode ---- */

static void guest_runs_svm_instructions(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS };
	static const struct { const char *name; uint8_t code[4]; uint64_t exit; } insns[] = {
		{ "VMRUN", { 0x0f, 0x01, 0xd8 }, 0x80 }, { "VMLOAD", { 0x0f, 0x01, 0xda }, 0x82 },
		{ "VMSAVE", { 0x0f, 0x01, 0xdb }, 0x83 }, { "STGI", { 0x0f, 0x01, 0xdc }, 0x84 },
		{ "CLGI", { 0x0f, 0x01, 0xdd }, 0x85 }, { "SKINIT", { 0x0f, 0x01, 0xde }, 0x86 },
		{ "INVLPGA", { 0x0f, 0x01, 0xdf }, 0x7a }, { "RDPMC", { 0x0f, 0x33 }, 0x6f },
		{ "MONITOR", { 0x0f, 0x01, 0xc8 }, 0x8a }, { "MWAIT", { 0x0f, 0x01, 0xc9 }, 0x8b },
	};
	enum mode mode;
	size_t i;
	int bad;

	for (mode = FLAT32; mode <= LONG64; mode++) {
		START(just_stop, mode, rules);
		for (i = 0, bad = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
			memcpy(g.ram + ABI_CODE_GPA, insns[i].code, sizeof(insns[i].code));
			g.run->rip = ABI_CODE_GPA;
			g.run->dirty = SVMRT_DIRTY_RIP;
			set_gprs(RAX, 0x1000, RCX, 0);
			if (abi_run(&g) == SVMRT_RUN_EXIT && g.run->exitcode == insns[i].exit &&
			    g.run->rip == ABI_CODE_GPA)
				continue;
			printf("# %s: reason %u, exit %#llx\n", insns[i].name, g.run->reason,
			       (unsigned long long)g.run->exitcode);
			bad++;
		}
		abi_ok(!bad, "in %s, every instruction that is the hypervisor's exits", mode_names[mode]);
		abi_stop(&g);
	}
}

/* ---- What VMRUN does not switch ---- */

static volatile int watched;

static void *run_thread(void *reason)
{
	*(int *)reason = abi_run(&g);
	return NULL;
}

static void on_cpu_0(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void guest_raises_its_priority(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS };
	struct svmrt_stats stats = { .size = sizeof(stats) };
	pthread_t thread;
	int reason = 0;

	START(raise_priority, LONG64, rules);
	pthread_create(&thread, NULL, run_thread, &reason);
	/* If its CR8 were the processor's, the timer would not come through to this CPU any more. */
	while (!ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats) && stats.host_intr < 50)
		usleep(1000);
	ioctl(g.vcpu, SVMRT_VCPU_KICK);
	pthread_join(thread, NULL);
	abi_ok(reason == SVMRT_RUN_KICKED && g.run->gpr[RBX] == 15,
	       "CR8 is the guest's own: it reads 15, and the host's interrupts come through");
	abi_stop(&g);
}

static void guest_sets_breakpoints(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS, RULE(0x7b, SVMRT_DO_SKIP) };
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uintptr_t)&watched, .bp_len = sizeof(watched), .exclude_kernel = 1,
	};
	/* Of the CPU, not of this process: no switch to it loads the registers again. */
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0), reason = 0, i;
	uint64_t hits = 0;
	pthread_t thread;

	START(break_everywhere, LONG64, rules);
	set_gprs(RBX, 0x123456, RCX, 0);
	pthread_create(&thread, NULL, run_thread, &reason);
	for (i = 0; i < 200; i++) {
		uint64_t before = exits(0x7b);

		watched = i;
		while (exits(0x7b) == before && !reason)
			sched_yield();
	}
	ioctl(g.vcpu, SVMRT_VCPU_KICK);
	pthread_join(thread, NULL);
	i = read(fd, &hits, sizeof(hits)) == sizeof(hits);
	abi_ok(i && hits == 200,
	       "a process beside it meets its own breakpoint every time, 200 times (%llu)",
	       (unsigned long long)hits);
	abi_ok(reason == SVMRT_RUN_KICKED, "and the guest always finds its own address in DR2 (%d)",
	       reason);
	close(fd);
	abi_stop(&g);
}

static uint64_t xcr0(void)
{
	uint32_t low, high;

	asm volatile("xgetbv" : "=a" (low), "=d" (high) : "c" (0));
	return (uint64_t)high << 32 | low;
}

/* Until a guest turns XSAVE on the host's XCR0 stays loaded; it must not find that. */
static void guest_turns_xsave_on(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS };
	const uint64_t before = xcr0();
	int reason;

	START(xsave_on, FLAT32, rules);
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP && g.run->gpr[RBX] == 1 && g.run->gpr[RSI] == 1 && before != 1,
	       "a guest that sets CR4.OSXSAVE finds its own XCR0 (reason %d, %#llx, %#llx; the host's is %#llx)",
	       reason, (unsigned long long)g.run->gpr[RBX], (unsigned long long)g.run->gpr[RSI],
	       (unsigned long long)before);
	abi_ok(xcr0() == before && !exits(0x14), "and its MOV to CR4 was no exit of its own");
	abi_stop(&g);
}

static void guest_sets_xcr0(void)
{
	static const struct svmrt_exit_rule rules[] = { VMMCALL_STOPS, RULE(0x8d, SVMRT_DO_SKIP) };
	struct svmrt_stats stats = { .size = sizeof(stats) };
	struct svmrt_vcpu_state state;
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_image image = {
		.size = sizeof(image), .vmcb = (uintptr_t)&vmcb, .state = (uintptr_t)&state,
	};
	uint64_t before = xcr0();
	int stopped;

	START(set_xcr0, LONG64, rules);
	set_gprs(RBX, before, RCX, 0);		/* with what is not for guests, where the host has such */
	stopped = abi_run(&g) == SVMRT_RUN_STOP;
	ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats);
	abi_ok(stopped && !ioctl(g.vcpu, SVMRT_VCPU_IMAGE, &image) && state.xcr0 == 1 &&
	       stats.exits[0x8d] + stats.xcr0_restored == 1 && xcr0() == before,
	       "XSETBV is an exit, or is undone where the emulator does not intercept it");
	abi_stop(&g);
}

int main(void)
{
	struct svmrt_info info;

	dev = abi_open();
	on_cpu_0();
	hostile_templates();
	guest_writes_msrs();
	guest_writes_ports();
	guest_reaches_beyond_its_memory();
	guest_runs_svm_instructions();
	guest_raises_its_priority();
	guest_sets_breakpoints();
	guest_turns_xsave_on();
	guest_sets_xcr0();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.pages && !info.cpus_claimed, "everything was given back");
	return abi_done();
}
