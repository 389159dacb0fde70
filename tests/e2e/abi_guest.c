// SPDX-License-Identifier: MIT
/* The bare client of /dev/svmrt that the tests below the daemon share; see abi_guest.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi_guest.h"

static int tests, failures;

void abi_ok(int good, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", good ? "" : "not ", ++tests);
	failures += !good;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

int abi_done(void)
{
	printf("1..%d\n", tests);
	return failures != 0;
}

static void bail(const char *what, int err, const char *text)
{
	printf("Bail out! %s: %s %s\n", what, strerror(-err), text);
	exit(1);
}

int abi_call(struct abi_guest *guest, int fd, unsigned long request, void *arg, char *error)
{
	int result = ioctl(fd, request, arg);

	guest->error[0] = 0;
	if (result < 0) {
		result = -errno;
		if (error)
			memcpy(guest->error, error, sizeof(guest->error));
	}
	return result;
}

int abi_open(void)
{
	int fd = open("/dev/svmrt", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		bail("/dev/svmrt", -errno, "");
	return fd;
}

void abi_info(int dev, struct svmrt_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	if (ioctl(dev, SVMRT_INFO, info))
		bail("SVMRT_INFO", -errno, "");
}

void abi_real_mode(struct svmk_vmcb *vmcb, struct svmrt_vcpu_state *state)
{
	uint16_t fcw = 0x37f;
	uint32_t mxcsr = 0x1f80;

	memset(vmcb, 0, sizeof(*vmcb));
	memset(state, 0, sizeof(*state));
	vmcb_set_intercepts(vmcb, 3, 1u << 18 | 1u << 24);	/* CPUID, HLT */
	vmcb_set_intercepts(vmcb, 4, 1u << 1);			/* VMMCALL */
	vmcb_set_CS_ATTRIB(vmcb, 0x9b);
	vmcb_set_CS_LIMIT(vmcb, 0xffff);
	vmcb_set_SS_ATTRIB(vmcb, 0x93);
	vmcb_set_SS_LIMIT(vmcb, 0xffff);
	vmcb_set_DS_ATTRIB(vmcb, 0x93);
	vmcb_set_DS_LIMIT(vmcb, 0xffff);
	vmcb_set_ES_ATTRIB(vmcb, 0x93);
	vmcb_set_ES_LIMIT(vmcb, 0xffff);
	vmcb_set_FS_ATTRIB(vmcb, 0x93);
	vmcb_set_FS_LIMIT(vmcb, 0xffff);
	vmcb_set_GS_ATTRIB(vmcb, 0x93);
	vmcb_set_GS_LIMIT(vmcb, 0xffff);
	vmcb_set_LDTR_ATTRIB(vmcb, 0x82);
	vmcb_set_LDTR_LIMIT(vmcb, 0xffff);
	vmcb_set_TR_ATTRIB(vmcb, 0x8b);
	vmcb_set_TR_LIMIT(vmcb, 0xffff);
	vmcb_set_IDTR_LIMIT(vmcb, 0x3ff);
	vmcb_set_EFER(vmcb, 1 << 12);
	vmcb_set_CR0(vmcb, 0x10);
	vmcb_set_DR6(vmcb, 0xffff0ff0);
	vmcb_set_DR7(vmcb, 0x400);
	/* IF: none comes, but a guest that runs without it is not interrupted on Bochs (run-lab-bochs). */
	vmcb_set_RFLAGS(vmcb, 0x202);
	vmcb_set_RIP(vmcb, ABI_CODE_GPA);
	vmcb_set_RSP(vmcb, 0x8000);
	vmcb_set_G_PAT(vmcb, 0x0007040600070406ULL);
	state->xcr0 = 1;
	memcpy(state->fxsave, &fcw, sizeof(fcw));
	memcpy(state->fxsave + 24, &mxcsr, sizeof(mxcsr));
}

int abi_create_vm(struct abi_guest *guest, int dev)
{
	struct svmrt_create_vm vm = { .size = sizeof(vm) };

	guest->vm = abi_call(guest, dev, SVMRT_CREATE_VM, &vm, vm.error);
	return guest->vm;
}

int abi_map(struct abi_guest *guest, int fd, uint64_t gpa, uint64_t bytes, uint32_t mode)
{
	struct svmrt_map map = {
		.size = sizeof(map), .gpa = gpa, .bytes = bytes, .mem_fd = fd, .mode = mode,
	};

	return abi_call(guest, guest->vm, SVMRT_VM_MAP, &map, map.error);
}

int abi_policy(struct abi_guest *guest, const struct svmrt_exit_rule *rules, uint32_t count)
{
	return abi_policy_with(guest, rules, count, NULL, 0);
}

int abi_policy_with(struct abi_guest *guest, const struct svmrt_exit_rule *rules, uint32_t count,
		    const struct svmrt_cpuid_row *cpuid, uint32_t cpuid_count)
{
	struct svmrt_policy policy = {
		.size = sizeof(policy), .rules = (uintptr_t)rules, .rule_count = count,
		.cpuid = (uintptr_t)cpuid, .cpuid_count = cpuid_count,
	};

	return abi_call(guest, guest->vm, SVMRT_VM_POLICY, &policy, policy.error);
}

int abi_vcpu(struct abi_guest *guest, uint32_t index, const struct svmk_vmcb *vmcb,
	     const struct svmrt_vcpu_state *state)
{
	struct svmrt_create_vcpu vcpu = {
		.size = sizeof(vcpu), .index = index, .ring_entries = ABI_RING,
		.vmcb = (uintptr_t)vmcb, .state = (uintptr_t)state,
	};

	return abi_call(guest, guest->vm, SVMRT_VM_CREATE_VCPU, &vcpu, vcpu.error);
}

#define SHARED_BYTES (2 * 4096 + ABI_RING * sizeof(struct svmrt_event))

static void open_vcpu(struct abi_guest *guest, const struct svmk_vmcb *vmcb,
		      const struct svmrt_vcpu_state *state)
{
	guest->vcpu = abi_vcpu(guest, 0, vmcb, state);
	if (guest->vcpu < 0)
		bail("CREATE_VCPU", guest->vcpu, guest->error);
	guest->run = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, guest->vcpu, 0);
	if (guest->run == MAP_FAILED)
		bail("mmap of the vCPU", -errno, "");
	guest->ring = (void *)((uint8_t *)guest->run + 4096);
	guest->records = (void *)((uint8_t *)guest->run + 8192);
}

void abi_start(struct abi_guest *guest, int dev, const void *code, size_t code_bytes,
	       const struct svmrt_exit_rule *rules, uint32_t rule_count)
{
	abi_start_with(guest, dev, code, code_bytes, rules, rule_count, NULL, 0);
}

void abi_start_with(struct abi_guest *guest, int dev, const void *code, size_t code_bytes,
		    const struct svmrt_exit_rule *rules, uint32_t rule_count,
		    const struct svmrt_cpuid_row *cpuid, uint32_t cpuid_count)
{
	abi_prepare(guest, dev, code, code_bytes, rules, rule_count, cpuid, cpuid_count);
	abi_open_vcpu(guest);
}

void abi_prepare(struct abi_guest *guest, int dev, const void *code, size_t code_bytes,
		 const struct svmrt_exit_rule *rules, uint32_t rule_count,
		 const struct svmrt_cpuid_row *cpuid, uint32_t cpuid_count)
{
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = ABI_RAM_BYTES };
	int err;

	if (abi_create_vm(guest, dev) < 0)
		bail("CREATE_VM", guest->vm, guest->error);
	guest->mem = abi_call(guest, dev, SVMRT_CREATE_MEM, &mem, mem.error);
	if (guest->mem < 0)
		bail("CREATE_MEM", guest->mem, guest->error);
	guest->ram = mmap(NULL, ABI_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, guest->mem, 0);
	if (guest->ram == MAP_FAILED)
		bail("mmap of memory", -errno, "");
	memcpy(guest->ram + ABI_CODE_GPA, code, code_bytes);
	err = abi_map(guest, guest->mem, 0, ABI_RAM_BYTES, SVMRT_MAP_SHARED);
	if (err)
		bail("VM_MAP", err, guest->error);
	err = abi_policy_with(guest, rules, rule_count, cpuid, cpuid_count);
	if (err)
		bail("VM_POLICY", err, guest->error);
}

void abi_open_vcpu(struct abi_guest *guest)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;

	abi_real_mode(&vmcb, &state);
	open_vcpu(guest, &vmcb, &state);
}

void abi_replace_vcpu(struct abi_guest *guest, const struct svmk_vmcb *vmcb,
		      const struct svmrt_vcpu_state *state)
{
	munmap(guest->run, SHARED_BYTES);
	close(guest->vcpu);
	open_vcpu(guest, vmcb, state);
}

void abi_stop(struct abi_guest *guest)
{
	munmap(guest->run, SHARED_BYTES);
	munmap(guest->ram, ABI_RAM_BYTES);
	close(guest->vcpu);
	close(guest->mem);
	close(guest->vm);
}

int abi_run(struct abi_guest *guest)
{
	if (ioctl(guest->vcpu, SVMRT_VCPU_RUN))
		return -errno;
	return (int)guest->run->reason;
}
