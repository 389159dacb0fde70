// SPDX-License-Identifier: MIT
/*
 * What an exit costs, here and in KVM, with the same guest in one boot of the lab: time stamp ticks
 * an exit, which are instructions when the lab counts them (svmlab up --icount). The guest is a
 * real-mode loop, CPUID tables are alike, KVM is driven by the smallest program that can.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>
#include "../tests/e2e/abi_guest.h"

#define EXITS 2000u
#define WARM 200u
#define CPUID_ROWS 32u

/* mov $N, %si; 1: INSN; dec %si; jnz 1b; out %al, $0xf4 */
struct guest_code {
	const char *name;
	uint8_t insn[4];
	uint8_t bytes;
	int to_user;		/* every exit returns to user space */
};

static const struct guest_code codes[] = {
	{ "CPUID, in kernel", { 0x0f, 0xa2 }, 2, 0 },
	{ "VMMCALL, in kernel", { 0x0f, 0x01, 0xd9 }, 3, 0 },
	{ "OUT to user space and back", { 0xe6, 0x80 }, 2, 1 },
};

/* The loop twice: a warm-up, then the exits that count, each ended by OUT 0xf4. */
static size_t assemble(const struct guest_code *code, uint8_t *out)
{
	static const uint32_t rounds[2] = { WARM, EXITS };
	size_t n = 0;
	int i;

	for (i = 0; i < 2; i++) {
		out[n++] = 0xbe;
		out[n++] = (uint8_t)rounds[i];
		out[n++] = (uint8_t)(rounds[i] >> 8);
		out[n++] = 0x31;	/* xor %eax, %eax: the CPUID leaf */
		out[n++] = 0xc0;
		memcpy(out + n, code->insn, code->bytes);
		n += code->bytes;
		out[n++] = 0x4e;
		out[n++] = 0x75;
		out[n] = (uint8_t)-(code->bytes + 5);
		n++;
		out[n++] = 0xe6;
		out[n++] = 0xf4;
	}
	return n;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- KVM ---- */

struct kvm_guest {
	int vcpu;
	struct kvm_run *run;
};

static void kvm_start(struct kvm_guest *g, const uint8_t *code, size_t bytes)
{
	struct kvm_userspace_memory_region region = { .memory_size = ABI_RAM_BYTES };
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					     CPUID_ROWS * sizeof(struct kvm_cpuid_entry2));
	struct kvm_regs regs = { .rip = ABI_CODE_GPA, .rflags = 2, .rsp = 0x8000 };
	struct kvm_sregs sregs;
	int kvm = open("/dev/kvm", O_RDWR), vm, size;
	uint8_t *ram;
	uint32_t i;

	if (kvm < 0 || !cpuid)
		fail("/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ram = mmap(NULL, ABI_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memcpy(ram + ABI_CODE_GPA, code, bytes);
	region.userspace_addr = (uintptr_t)ram;
	if (vm < 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		fail("KVM VM");
	g->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	g->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	for (i = 0; i < CPUID_ROWS; i++)
		cpuid->entries[i].function = i;
	cpuid->nent = CPUID_ROWS;
	if (g->vcpu < 0 || ioctl(g->vcpu, KVM_SET_CPUID2, cpuid) ||
	    ioctl(g->vcpu, KVM_GET_SREGS, &sregs))
		fail("KVM vCPU");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(g->vcpu, KVM_SET_SREGS, &sregs) || ioctl(g->vcpu, KVM_SET_REGS, &regs))
		fail("KVM registers");
	free(cpuid);
}

/* Until OUT 0xf4. */
static void kvm_until_marker(struct kvm_guest *g)
{
	do {
		if (ioctl(g->vcpu, KVM_RUN, 0) || g->run->exit_reason != KVM_EXIT_IO)
			fail("KVM_RUN");
	} while (g->run->io.port != 0xf4);
}

static uint64_t kvm_cost(const uint8_t *code, size_t bytes)
{
	struct kvm_guest g;
	uint64_t begin;

	kvm_start(&g, code, bytes);
	kvm_until_marker(&g);
	begin = __rdtsc();
	kvm_until_marker(&g);
	return (__rdtsc() - begin) / EXITS;
}

/* ---- svmrt ---- */

static void svmrt_until_marker(struct abi_guest *g)
{
	for (;;) {
		if (abi_run(g) != SVMRT_RUN_EXIT || g->run->exitcode != 0x7b)
			fail("SVMRT_VCPU_RUN");
		g->run->rip = g->run->next_rip;
		g->run->dirty = SVMRT_DIRTY_RIP;
		if (g->run->exitinfo1 >> 16 == 0xf4)
			return;
	}
}

static uint64_t svmrt_cost(int dev, const uint8_t *code, size_t bytes, int event)
{
	struct svmrt_cpuid_row cpuid[CPUID_ROWS] = { 0 };
	struct svmrt_exit_rule rules[] = {
		{ .code = 0x72, .action = SVMRT_DO_TABLE, .event = (uint8_t)event },
		{ .code = 0x81, .action = SVMRT_DO_SKIP, .event = (uint8_t)event },
		{ .code = 0x7b, .action = SVMRT_DO_USER, .event = SVMRT_EVENT_COUNT },
	};
	struct abi_guest g = { 0 };
	uint64_t begin;
	uint32_t i;

	for (i = 0; i < CPUID_ROWS; i++)
		cpuid[i].leaf = i;
	abi_start_with(&g, dev, code, bytes, rules, 3, cpuid, CPUID_ROWS);
	svmrt_until_marker(&g);
	begin = __rdtsc();
	svmrt_until_marker(&g);
	begin = __rdtsc() - begin;
	abi_stop(&g);
	return begin / EXITS;
}

/* ---- Both, side by side ---- */

static void first_exit(int dev)
{
	static const uint8_t marker[] = { 0xe6, 0xf4 };
	struct svmrt_exit_rule rule = { .code = 0x7b, .action = SVMRT_DO_USER };
	struct kvm_guest kvm;
	struct abi_guest g = { 0 };
	uint64_t ours = 0, theirs = 0, begin;
	int i;

	/* The second of two: warm. */
	for (i = 0; i < 2; i++) {
		begin = __rdtsc();
		g = (struct abi_guest){ 0 };
		abi_start_with(&g, open("/dev/svmrt", O_RDWR), marker, sizeof(marker), &rule, 1, NULL, 0);
		svmrt_until_marker(&g);
		ours = __rdtsc() - begin;
		abi_stop(&g);
	}
	close(dev);
	for (i = 0; i < 2; i++) {
		pid_t child = fork();

		if (!child) {
			begin = __rdtsc();
			kvm_start(&kvm, marker, sizeof(marker));
			kvm_until_marker(&kvm);
			theirs = __rdtsc() - begin;
			printf("%s%-34s %10llu %10llu %6.2f\n", i ? "" : "# cold: ",
			       "open of the device to first exit", (unsigned long long)ours,
			       (unsigned long long)theirs, (double)ours / (double)theirs);
			fflush(stdout);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

/* One loop of exits after the other, until somebody ends it: for bench/exit-ops. */
static void forever(int dev, const char *engine, size_t number)
{
	uint8_t code[64];

	if (number >= sizeof(codes) / sizeof(codes[0]))
		exit(2);
	for (;;) {
		const size_t bytes = assemble(&codes[number], code);

		if (!strcmp(engine, "kvm"))
			kvm_cost(code, bytes);
		else
			svmrt_cost(dev, code, bytes, SVMRT_EVENT_COUNT);
	}
}

int main(int argc, char **argv)
{
	int dev = abi_open();
	size_t i;

	if (argc == 4 && !strcmp(argv[1], "--forever"))
		forever(dev, argv[2], strtoul(argv[3], NULL, 10));
	printf("%-34s %10s %10s %6s\n", "ticks an exit", "svmrt", "KVM", "ratio");
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		uint8_t code[64];
		size_t bytes = assemble(&codes[i], code);
		uint64_t ours = svmrt_cost(dev, code, bytes, SVMRT_EVENT_COUNT), theirs = 0;
		pid_t child;
		int result[2];

		if (pipe(result))
			fail("pipe");
		child = fork();
		if (!child) {
			theirs = kvm_cost(code, bytes);
			_exit(write(result[1], &theirs, sizeof(theirs)) != sizeof(theirs));
		}
		if (read(result[0], &theirs, sizeof(theirs)) != sizeof(theirs))
			fail("the KVM half");
		waitpid(child, NULL, 0);
		printf("%-34s %10llu %10llu %6.2f\n", codes[i].name, (unsigned long long)ours,
		       (unsigned long long)theirs, (double)ours / (double)theirs);
		if (!codes[i].to_user)
			printf("%-34s %10lld\n", "  added by streaming it",
			       (long long)(svmrt_cost(dev, code, bytes, SVMRT_EVENT_STREAM) - ours));
		fflush(stdout);
	}
	first_exit(dev);
	return 0;
}
