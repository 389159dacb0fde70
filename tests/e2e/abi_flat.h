/* SPDX-License-Identifier: MIT */
/*
 * A guest for the tests of memory: flat 32-bit code without paging, so that a GPA is what the code
 * says, with memory that each test lays out by itself. Code and mailbox lie in 64 KiB at 0.
 */
#ifndef SVMKIT_TESTS_ABI_FLAT_H
#define SVMKIT_TESTS_ABI_FLAT_H

#include "abi_guest.h"

#define FLAT_MAX_VCPUS 4
#define FLAT_BASE_BYTES (64u << 10)
#define MIB (1ULL << 20)

struct flat {
	int vm;
	uint32_t *base;			/* the 64 KiB at 0 */
	int base_mem;
	int vcpu[FLAT_MAX_VCPUS];
	struct svmrt_run_page *run[FLAT_MAX_VCPUS];
	struct svmrt_ring *ring[FLAT_MAX_VCPUS];
	char error[SVMRT_ERROR_BYTES];	/* of the last call that failed */
};

/* A memory object of so many bytes, or -errno; *memory, unless NULL, is its mapping. */
int flat_mem(int dev, uint32_t flags, uint64_t bytes, void **memory);

/* VM, 64 KiB at 0 with `code` at ABI_CODE_GPA, policy (VMMCALL: user), vCPUs. Bails out on failure. */
void flat_start(struct flat *flat, int dev, const void *code, size_t code_bytes, uint32_t vcpus);
void flat_stop(struct flat *flat);

int flat_map(struct flat *flat, int mem, uint64_t gpa, uint64_t bytes, uint64_t offset,
	     enum svmrt_map_mode mode);
int flat_range(struct flat *flat, unsigned long request, uint64_t gpa, uint64_t bytes);
int flat_access(struct flat *flat, uint32_t flags, uint64_t gpa, void *buffer, uint64_t bytes);

/* One run from the start of the code: EDI, ECX, EBX, ESI given, EAX 0. The reason, or -errno. */
int flat_call(struct flat *flat, uint32_t vcpu, uint32_t edi, uint32_t ecx, uint32_t ebx,
	      uint32_t esi);
int flat_run(struct flat *flat, uint32_t vcpu);

void flat_stats(struct flat *flat, uint32_t vcpu, struct svmrt_stats *stats);
uint64_t flat_pages(int dev);		/* that the module holds for everybody */

/* EBX to the first word of each of ECX pages from EDI on; VMMCALL. */
extern const uint8_t flat_write_pages[16];
/* EAX = sum of the first words of ECX pages from EDI on; VMMCALL. */
extern const uint8_t flat_sum_pages[16];

#endif
