// SPDX-License-Identifier: MIT
/*
 * What many VMs, and VMs of many vCPUs, cost from their creation to the first exit of each, on svmrt
 * and on KVM, in time stamp ticks and in memory that the kernel has less while they are there. One
 * count of one engine a run, in a process that ends with it; one VM before them is not counted, which
 * enables SVM. Inside the lab, as root. Prints "TICKS KIB".
 *
 * Usage: vm_cost vms|vcpus|processes svmrt|kvm COUNT | memory
 * `processes` gives each VM a process, as programs do that run one VM each; `memory` only tells how
 * many KiB the kernel has left.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>
#include "../tests/e2e/abi_guest.h"
#include "../tests/e2e/kernel_memory.h"
#include "kvm_guest.h"

static const uint8_t marker[] = { 0xe6, 0xf4 };		/* out %al, $0xf4 */

static void svmrt_first_exit(int vcpu)
{
	if (ioctl(vcpu, SVMRT_VCPU_RUN))
		kvm_guest_fail("SVMRT_VCPU_RUN");
}

static void svmrt_vm(unsigned int vcpus)
{
	static const struct svmrt_exit_rule rule = { .code = 0x7b, .action = SVMRT_DO_USER };
	const int dev = open("/dev/svmrt", O_RDWR | O_CLOEXEC);
	struct svmrt_vcpu_state state;
	struct abi_guest guest = { 0 };
	struct svmk_vmcb vmcb;
	unsigned int i;

	if (dev < 0)
		kvm_guest_fail("/dev/svmrt");
	abi_start(&guest, dev, marker, sizeof(marker), &rule, 1);
	svmrt_first_exit(guest.vcpu);
	abi_real_mode(&vmcb, &state);
	for (i = 1; i < vcpus; i++) {
		const int vcpu = abi_vcpu(&guest, i, &vmcb, &state);

		if (vcpu < 0)
			kvm_guest_fail("SVMRT_VM_CREATE_VCPU");
		svmrt_first_exit(vcpu);
	}
}

static void kvm_vm(unsigned int vcpus)
{
	struct kvm_guest guest;
	unsigned int i;

	kvm_guest_start(&guest, marker, sizeof(marker), vcpus);
	for (i = 0; i < vcpus; i++)
		kvm_guest_until_marker(&guest, i);
}

typedef void make_vm(unsigned int vcpus);

/* A process that has a VM until its parent closes `until`; returns when the VM has had its exit. */
static void in_process(make_vm *make, const int until[2])
{
	int made[2];
	char byte;

	if (pipe(made))
		kvm_guest_fail("pipe");
	switch (fork()) {
	case -1:
		kvm_guest_fail("fork");
	case 0:
		close(until[1]);
		make(1);
		_exit(write(made[1], "", 1) != 1 || read(until[0], &byte, 1) != 0);
	}
	close(made[1]);
	if (read(made[0], &byte, 1) != 1)
		kvm_guest_fail("a process without VM");
	close(made[0]);
}

static int measure(const char *what, make_vm *make, unsigned int count)
{
	const struct rlimit files = { 8192, 8192 };
	uint64_t begin, ticks;
	long before;
	int until[2];
	unsigned int i;

	if (setrlimit(RLIMIT_NOFILE, &files) || pipe(until))
		kvm_guest_fail("limit of descriptors");
	make(1);
	before = kernel_memory().available;
	begin = __rdtsc();
	if (!strcmp(what, "vcpus"))
		make(count);
	else
		for (i = 0; i < count; i++) {
			if (!strcmp(what, "processes"))
				in_process(make, until);
			else
				make(1);
		}
	ticks = __rdtsc() - begin;
	printf("%llu %ld\n", (unsigned long long)ticks, before - kernel_memory().available);
	close(until[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 2 && !strcmp(what, "memory"))
		return printf("%ld\n", kernel_memory().available) < 0;
	if (argc == 4 && (!strcmp(what, "vms") || !strcmp(what, "vcpus") || !strcmp(what, "processes")) &&
	    (!strcmp(argv[2], "svmrt") || !strcmp(argv[2], "kvm")) && atoi(argv[3]) > 0)
		return measure(what, strcmp(argv[2], "kvm") ? svmrt_vm : kvm_vm, (unsigned int)atoi(argv[3]));
	fputs("usage: vm_cost vms|vcpus|processes svmrt|kvm COUNT | memory\n", stderr);
	return 2;
}
