// SPDX-License-Identifier: MIT
/* Flat 32-bit guests for the tests of memory; see abi_flat.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi_flat.h"

#define SHARED_BYTES (2 * 4096 + ABI_RING * sizeof(struct svmrt_event))

/* 1: mov %ebx, (%edi); add $0x1000, %edi; dec %ecx; jnz 1b; vmmcall; jmp 1b */
const uint8_t flat_write_pages[16] = {
	0x89, 0x1f, 0x81, 0xc7, 0, 0x10, 0, 0, 0x49, 0x75, 0xf5, 0x0f, 0x01, 0xd9, 0xeb, 0xf0,
};
/* 1: add (%edi), %eax; add $0x1000, %edi; dec %ecx; jnz 1b; vmmcall; jmp 1b */
const uint8_t flat_sum_pages[16] = {
	0x03, 0x07, 0x81, 0xc7, 0, 0x10, 0, 0, 0x49, 0x75, 0xf5, 0x0f, 0x01, 0xd9, 0xeb, 0xf0,
};

static void must(int good, const char *what, const char *text)
{
	if (good)
		return;
	printf("Bail out! %s: %s %s\n", what, strerror(errno), text);
	exit(1);
}

static int call(struct flat *flat, int fd, unsigned long request, void *arg, const char *error)
{
	int result = ioctl(fd, request, arg);

	if (result >= 0)
		return result;
	result = -errno;
	memcpy(flat->error, error, sizeof(flat->error));
	return result;
}

int flat_mem(int dev, uint32_t flags, uint64_t bytes, void **memory)
{
	struct svmrt_create_mem mem = { .size = sizeof(mem), .flags = flags, .bytes = bytes };
	int fd = ioctl(dev, SVMRT_CREATE_MEM, &mem);

	if (fd < 0)
		return -errno;
	if (memory) {
		*memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		must(*memory != MAP_FAILED, "mmap of memory", "");
	}
	return fd;
}

static void flat_mode(struct svmk_vmcb *vmcb)
{
	vmcb_set_intercepts(vmcb, 3, 1u << 24);		/* HLT */
	vmcb_set_CR0(vmcb, 0x11);
	vmcb_set_CS_SELECTOR(vmcb, 8);
	vmcb_set_CS_ATTRIB(vmcb, 0xc9b);
	vmcb_set_CS_LIMIT(vmcb, 0xffffffff);
	vmcb_set_DS_SELECTOR(vmcb, 16);
	vmcb_set_DS_ATTRIB(vmcb, 0xc93);
	vmcb_set_DS_LIMIT(vmcb, 0xffffffff);
	vmcb_set_ES_SELECTOR(vmcb, 16);
	vmcb_set_ES_ATTRIB(vmcb, 0xc93);
	vmcb_set_ES_LIMIT(vmcb, 0xffffffff);
	vmcb_set_SS_SELECTOR(vmcb, 16);
	vmcb_set_SS_ATTRIB(vmcb, 0xc93);
	vmcb_set_SS_LIMIT(vmcb, 0xffffffff);
}

static void add_vcpu(struct flat *flat, uint32_t index)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;
	struct svmrt_create_vcpu vcpu = {
		.size = sizeof(vcpu), .index = index, .ring_entries = ABI_RING,
		.vmcb = (uintptr_t)&vmcb, .state = (uintptr_t)&state,
	};
	uint8_t *shared;

	abi_real_mode(&vmcb, &state);
	flat_mode(&vmcb);
	flat->vcpu[index] = call(flat, flat->vm, SVMRT_VM_CREATE_VCPU, &vcpu, vcpu.error);
	must(flat->vcpu[index] >= 0, "CREATE_VCPU", flat->error);
	shared = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, flat->vcpu[index], 0);
	must(shared != MAP_FAILED, "mmap of the vCPU", "");
	flat->run[index] = (void *)shared;
	flat->ring[index] = (void *)(shared + 4096);
}

void flat_start(struct flat *flat, int dev, const void *code, size_t code_bytes, uint32_t vcpus)
{
	struct svmrt_exit_rule rule = { .code = 0x81, .action = SVMRT_DO_USER };
	struct svmrt_create_vm vm = { .size = sizeof(vm) };
	struct svmrt_policy policy = {
		.size = sizeof(policy), .rules = (uintptr_t)&rule, .rule_count = 1,
	};
	void *base;

	memset(flat, 0, sizeof(*flat));
	flat->vm = call(flat, dev, SVMRT_CREATE_VM, &vm, vm.error);
	must(flat->vm >= 0, "CREATE_VM", flat->error);
	flat->base_mem = flat_mem(dev, SVMRT_MEM_SMALL, FLAT_BASE_BYTES, &base);
	must(flat->base_mem >= 0, "CREATE_MEM", "");
	flat->base = base;
	memcpy((uint8_t *)base + ABI_CODE_GPA, code, code_bytes);
	must(!flat_map(flat, flat->base_mem, 0, FLAT_BASE_BYTES, 0, SVMRT_MAP_SHARED), "VM_MAP",
	     flat->error);
	must(!call(flat, flat->vm, SVMRT_VM_POLICY, &policy, policy.error), "VM_POLICY", flat->error);
	for (uint32_t i = 0; i < FLAT_MAX_VCPUS; i++) {
		flat->vcpu[i] = -1;
		if (i < vcpus)
			add_vcpu(flat, i);
	}
}

void flat_stop(struct flat *flat)
{
	for (uint32_t i = 0; i < FLAT_MAX_VCPUS; i++) {
		if (flat->vcpu[i] < 0)
			continue;
		munmap(flat->run[i], SHARED_BYTES);
		close(flat->vcpu[i]);
	}
	munmap(flat->base, FLAT_BASE_BYTES);
	close(flat->base_mem);
	close(flat->vm);
}

int flat_map(struct flat *flat, int mem, uint64_t gpa, uint64_t bytes, uint64_t offset,
	     enum svmrt_map_mode mode)
{
	struct svmrt_map map = {
		.size = sizeof(map), .gpa = gpa, .bytes = bytes, .offset = offset, .mem_fd = mem,
		.mode = mode,
	};

	return call(flat, flat->vm, SVMRT_VM_MAP, &map, map.error);
}

int flat_range(struct flat *flat, unsigned long request, uint64_t gpa, uint64_t bytes)
{
	struct svmrt_range range = { .size = sizeof(range), .gpa = gpa, .bytes = bytes };

	return call(flat, flat->vm, request, &range, range.error);
}

int flat_access(struct flat *flat, uint32_t flags, uint64_t gpa, void *buffer, uint64_t bytes)
{
	struct svmrt_access access = {
		.size = sizeof(access), .flags = flags, .gpa = gpa, .bytes = bytes,
		.buffer = (uintptr_t)buffer,
	};

	return call(flat, flat->vm, SVMRT_VM_ACCESS, &access, access.error);
}

int flat_run(struct flat *flat, uint32_t vcpu)
{
	if (ioctl(flat->vcpu[vcpu], SVMRT_VCPU_RUN))
		return -errno;
	return (int)flat->run[vcpu]->reason;
}

int flat_call(struct flat *flat, uint32_t vcpu, uint32_t edi, uint32_t ecx, uint32_t ebx,
	      uint32_t esi)
{
	struct svmrt_run_page *run = flat->run[vcpu];

	run->gpr[0] = 0;
	run->gpr[1] = ecx;
	run->gpr[3] = ebx;
	run->gpr[4] = 0x8000;
	run->gpr[6] = esi;
	run->gpr[7] = edi;
	run->rip = ABI_CODE_GPA;
	run->dirty = SVMRT_DIRTY_GPR | SVMRT_DIRTY_RIP;
	return flat_run(flat, vcpu);
}

void flat_stats(struct flat *flat, uint32_t vcpu, struct svmrt_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	must(!ioctl(flat->vcpu[vcpu], SVMRT_VCPU_STATS, stats), "VCPU_STATS", "");
}

uint64_t flat_pages(int dev)
{
	struct svmrt_info info;

	abi_info(dev, &info);
	return info.pages;
}
