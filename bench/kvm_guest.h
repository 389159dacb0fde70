/* SPDX-License-Identifier: MIT */
/*
 * The smallest program that runs a real-mode guest on KVM: the peer of the benches. The guest has the
 * RAM, the code's address and the CPUID table of tests/e2e/abi_guest.h; it marks a place with OUT 0xf4.
 */
#ifndef SVMKIT_BENCH_KVM_GUEST_H
#define SVMKIT_BENCH_KVM_GUEST_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define KVM_GUEST_CPUID_ROWS 32u
#define KVM_GUEST_VCPUS 64u

struct kvm_guest {
	int kvm, vm;
	unsigned int vcpus;
	int vcpu[KVM_GUEST_VCPUS];
	struct kvm_run *run[KVM_GUEST_VCPUS];
};

void kvm_guest_fail(const char *what) __attribute__((noreturn));	/* perror(3), status 1 */

/* Opens the device, makes the VM and that many vCPUs, all at the code's beginning. */
void kvm_guest_start(struct kvm_guest *g, const uint8_t *code, size_t bytes, unsigned int vcpus);
void kvm_guest_until_marker(struct kvm_guest *g, unsigned int vcpu);

#endif
