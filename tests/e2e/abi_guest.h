/* SPDX-License-Identifier: MIT */
/*
 * A bare client of /dev/svmrt for the tests that go under the daemon: one VM with one memory object
 * and one real-mode vCPU, built by hand. Every step returns -errno and keeps the module's text.
 */
#ifndef SVMKIT_TESTS_ABI_GUEST_H
#define SVMKIT_TESTS_ABI_GUEST_H

#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmrt.h>
#include <svmkit/vmcb.h>

#define ABI_RAM_BYTES (64 << 10)
#define ABI_CODE_GPA 0x1000
#define ABI_RING 64

/* Real-mode code as assembler text: bytes `name` to `name_end`. Its labels can be named, too. */
#define ABI_CODE16(name, text) \
	__asm__(".pushsection .rodata\n.code16\n" #name ":\n" text #name "_end:\n" \
		".code64\n.popsection\n"); \
	ABI_LABEL(name); \
	ABI_LABEL(name##_end)
#define ABI_LABEL(name) extern const uint8_t name[] __attribute__((visibility("hidden")))

struct abi_guest {
	int vm, mem, vcpu;
	uint8_t *ram;
	struct svmrt_run_page *run;
	struct svmrt_ring *ring;
	struct svmrt_event *records;
	char error[SVMRT_ERROR_BYTES];
};

/* ioctl that keeps `error`; returns the descriptor or 0, or -errno. */
int abi_call(struct abi_guest *guest, int fd, unsigned long request, void *arg, char *error);

int abi_open(void);			/* /dev/svmrt, or exits with a TAP bail-out */
void abi_info(int dev, struct svmrt_info *info);

/* A real-mode save area: CS:IP = 0:ABI_CODE_GPA, flat data. */
void abi_real_mode(struct svmk_vmcb *vmcb, struct svmrt_vcpu_state *state);

int abi_create_vm(struct abi_guest *guest, int dev);
int abi_map(struct abi_guest *guest, int fd, uint64_t gpa, uint64_t bytes, uint32_t mode);
int abi_policy(struct abi_guest *guest, const struct svmrt_exit_rule *rules, uint32_t count);
int abi_policy_with(struct abi_guest *guest, const struct svmrt_exit_rule *rules, uint32_t count,
		    const struct svmrt_cpuid_row *cpuid, uint32_t cpuid_count);
int abi_vcpu(struct abi_guest *guest, uint32_t index, const struct svmk_vmcb *vmcb,
	     const struct svmrt_vcpu_state *state);

/* All of the above with 64 KiB of RAM at 0 and `code` at ABI_CODE_GPA; bails out on failure. */
void abi_start(struct abi_guest *guest, int dev, const void *code, size_t code_bytes,
	       const struct svmrt_exit_rule *rules, uint32_t rule_count);
void abi_start_with(struct abi_guest *guest, int dev, const void *code, size_t code_bytes,
		    const struct svmrt_exit_rule *rules, uint32_t rule_count,
		    const struct svmrt_cpuid_row *cpuid, uint32_t cpuid_count);
/* The same in two steps, for what must be said before the first vCPU. */
void abi_prepare(struct abi_guest *guest, int dev, const void *code, size_t code_bytes,
		 const struct svmrt_exit_rule *rules, uint32_t rule_count,
		 const struct svmrt_cpuid_row *cpuid, uint32_t cpuid_count);
void abi_open_vcpu(struct abi_guest *guest);
/* Close vCPU 0 of a started guest and make it again from another save area. */
void abi_replace_vcpu(struct abi_guest *guest, const struct svmk_vmcb *vmcb,
		      const struct svmrt_vcpu_state *state);
void abi_stop(struct abi_guest *guest);

/* RUN once; returns the reason, or -errno. */
int abi_run(struct abi_guest *guest);

/* TAP. */
void abi_ok(int good, const char *format, ...) __attribute__((format(printf, 2, 3)));
int abi_done(void);

#endif
