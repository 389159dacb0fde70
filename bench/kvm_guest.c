// SPDX-License-Identifier: MIT
/* See kvm_guest.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "../tests/e2e/abi_guest.h"
#include "kvm_guest.h"

void kvm_guest_fail(const char *what)
{
	perror(what);
	exit(1);
}

static void make_vm(struct kvm_guest *g, const uint8_t *code, size_t bytes)
{
	struct kvm_userspace_memory_region region = { .memory_size = ABI_RAM_BYTES };
	uint8_t *ram = mmap(NULL, ABI_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (ram == MAP_FAILED)
		kvm_guest_fail("RAM");
	memcpy(ram + ABI_CODE_GPA, code, bytes);
	region.userspace_addr = (uintptr_t)ram;
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	if (g->vm < 0 || ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region))
		kvm_guest_fail("KVM VM");
}

static void make_vcpu(struct kvm_guest *g, unsigned int index, struct kvm_cpuid2 *cpuid)
{
	struct kvm_regs regs = { .rip = ABI_CODE_GPA, .rflags = 2, .rsp = 0x8000 };
	const int size = ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	const int vcpu = ioctl(g->vm, KVM_CREATE_VCPU, index);
	struct kvm_sregs sregs;

	if (vcpu < 0 || size < 0)
		kvm_guest_fail("KVM vCPU");
	g->vcpu[index] = vcpu;
	g->run[index] = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (g->run[index] == MAP_FAILED || ioctl(vcpu, KVM_SET_CPUID2, cpuid) ||
	    ioctl(vcpu, KVM_GET_SREGS, &sregs))
		kvm_guest_fail("KVM vCPU");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		kvm_guest_fail("KVM registers");
}

void kvm_guest_start(struct kvm_guest *g, const uint8_t *code, size_t bytes, unsigned int vcpus)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					  KVM_GUEST_CPUID_ROWS * sizeof(struct kvm_cpuid_entry2));
	uint32_t i;

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->kvm < 0 || !cpuid || vcpus > KVM_GUEST_VCPUS)
		kvm_guest_fail("/dev/kvm");
	make_vm(g, code, bytes);
	for (i = 0; i < KVM_GUEST_CPUID_ROWS; i++)
		cpuid->entries[i].function = i;
	cpuid->nent = KVM_GUEST_CPUID_ROWS;
	g->vcpus = vcpus;
	for (i = 0; i < vcpus; i++)
		make_vcpu(g, i, cpuid);
	free(cpuid);
}

void kvm_guest_until_marker(struct kvm_guest *g, unsigned int vcpu)
{
	do {
		if (ioctl(g->vcpu[vcpu], KVM_RUN, 0) || g->run[vcpu]->exit_reason != KVM_EXIT_IO)
			kvm_guest_fail("KVM_RUN");
	} while (g->run[vcpu]->io.port != 0xf4);
}
