// SPDX-License-Identifier: MIT
/*
 * Guest memory that goes while guests use it, inside the lab: zap, unmap, remap and dirty harvest
 * against several vCPUs that never stop. A guest that sees a page after it went finds another
 * guest's or nobody's value there and says so. Prints TAP.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi_flat.h"

#define AT (4 * MIB)
#define RACERS 3
#define ROUNDS 150u

static struct flat f;
static int dev;
static atomic_int stop, unexpected;

/* RUN until told to stop. Memory that is away for a moment is an NPF exit: the guest tries again. */
static void *racer(void *argument)
{
	uint32_t vcpu = (uint32_t)(uintptr_t)argument;

	while (!atomic_load(&stop)) {
		int reason = flat_run(&f, vcpu);

		if (reason == SVMRT_RUN_KICKED || (reason == SVMRT_RUN_EXIT &&
						   f.run[vcpu]->exitcode == 0x400))
			continue;
		printf("# vCPU %u: %d, exit %#llx at %#llx, EAX %#llx: %s\n", vcpu, reason,
		       (unsigned long long)f.run[vcpu]->exitcode,
		       (unsigned long long)f.run[vcpu]->rip,
		       (unsigned long long)f.run[vcpu]->gpr[0], f.run[vcpu]->text);
		atomic_store(&unexpected, 1);
		return NULL;
	}
	return NULL;
}

static pthread_t threads[RACERS];

/* EDI is each vCPU's page, EBX its tag, ESI the word where it counts its rounds. */
static void go(uint64_t gpa, uint64_t stride)
{
	atomic_store(&stop, 0);
	atomic_store(&unexpected, 0);
	for (uint32_t i = 0; i < RACERS; i++) {
		struct svmrt_run_page *run = f.run[i];

		run->gpr[7] = gpa + i * stride;
		run->gpr[3] = 0x1111u * (i + 1);
		run->gpr[6] = 0x2000 + 64 * i;
		run->dirty = SVMRT_DIRTY_GPR;
		pthread_create(&threads[i], NULL, racer, (void *)(uintptr_t)i);
	}
}

static uint32_t rounds(uint32_t vcpu)
{
	return atomic_load((_Atomic uint32_t *)&f.base[0x2000 / 4 + 16 * vcpu]);
}

/* Every guest has begun and ended a round of its own since the call. */
static void wait_rounds(void)
{
	uint32_t from[RACERS];

	for (uint32_t i = 0; i < RACERS; i++)
		from[i] = rounds(i);
	for (uint32_t i = 0; i < RACERS; i++)
		while (rounds(i) - from[i] < 2 && !atomic_load(&unexpected))
			usleep(100);
}

static void halt_all(void)
{
	atomic_store(&stop, 1);
	for (uint32_t i = 0; i < RACERS; i++) {
		ioctl(f.vcpu[i], SVMRT_VCPU_KICK);
		pthread_join(threads[i], NULL);
	}
}

/*
 * 1: mov (%edi), %eax; test %eax, %eax; jz 2f; cmp %ebx, %eax; jne 3f
 * 2: mov %ebx, (%edi); incl (%esi); jmp 1b
 * 3: vmmcall
 */
static const uint8_t own_page[] = {
	0x8b, 0x07, 0x85, 0xc0, 0x74, 0x04, 0x39, 0xd8, 0x75, 0x06,
	0x89, 0x1f, 0xff, 0x06, 0xeb, 0xf0, 0x0f, 0x01, 0xd9,
};

/* A page that was zapped and given to another vCPU would carry the other's tag. */
static void test_zap(void)
{
	uint64_t before = flat_pages(dev);
	unsigned int seed = 1;
	int mem;

	flat_start(&f, dev, own_page, sizeof(own_page), RACERS);
	mem = flat_mem(dev, SVMRT_MEM_SMALL, 8 * MIB, NULL);
	flat_map(&f, mem, AT, 8 * MIB, 0, SVMRT_MAP_COW);
	go(AT + MIB, 2 * MIB + 4096);	/* each in 2 MiB of its own, not at the same place in it */
	for (uint32_t i = 0; i < ROUNDS && !atomic_load(&unexpected); i++) {
		uint64_t from = AT + (uint64_t)(rand_r(&seed) % 1024) * 4096;
		uint64_t bytes = i % 3 ? (1 + (uint64_t)(rand_r(&seed) % 1000)) * 4096 : 8 * MIB;

		if (from + bytes > AT + 8 * MIB || i % 3 == 0)
			from = AT, bytes = 8 * MIB;
		if (flat_range(&f, SVMRT_VM_ZAP, from, bytes)) {
			printf("# zap: %s\n", f.error);
			break;
		}
		if (i % 16 == 0)
			wait_rounds();
	}
	wait_rounds();
	halt_all();
	abi_ok(!atomic_load(&unexpected),
	       "private memory is zapped under three vCPUs, and none sees a page of another");
	close(mem);
	flat_stop(&f);
	abi_ok(flat_pages(dev) == before, "and all of it is free afterwards");
}

/* 1: mov (%edi), %eax; mov %eax, 4(%esi); incl (%esi); jmp 1b */
static const uint8_t copy_word[] = { 0x8b, 0x07, 0x89, 0x46, 0x04, 0xff, 0x06, 0xeb, 0xf7 };

static uint32_t seen(uint32_t vcpu)
{
	return atomic_load((_Atomic uint32_t *)&f.base[0x2000 / 4 + 16 * vcpu + 1]);
}

/* Object after object at the same GPA; the one that went is overwritten and freed at once. */
static void test_remap(void)
{
	uint64_t before = flat_pages(dev);
	uint32_t wrong = 0, done;

	flat_start(&f, dev, copy_word, sizeof(copy_word), RACERS);
	go(AT, 64);
	for (done = 1; done <= ROUNDS && !atomic_load(&unexpected); done++) {
		uint64_t bytes = done % 2 ? 2 * MIB : 64 << 10;
		uint32_t *memory;
		int mem = flat_mem(dev, 0, bytes, (void **)&memory);

		for (uint32_t i = 0; i < RACERS; i++)
			memory[16 * i] = done;
		if (flat_map(&f, mem, AT, bytes, 0, done % 3 ? SVMRT_MAP_SHARED : SVMRT_MAP_COW))
			break;
		wait_rounds();
		for (uint32_t i = 0; i < RACERS; i++)
			wrong += seen(i) != done;
		if (flat_range(&f, SVMRT_VM_UNMAP, AT, bytes))
			break;
		memset(memory, 0xee, 4096);
		munmap(memory, bytes);
		close(mem);
		for (uint32_t i = 0; i < RACERS; i++)
			wrong += seen(i) != done;
	}
	halt_all();
	abi_ok(done == ROUNDS + 1 && !atomic_load(&unexpected) && !wrong,
	       "objects come and go at one address: every vCPU sees the one that is there (%u wrong)",
	       wrong);
	flat_stop(&f);
	abi_ok(flat_pages(dev) == before, "and all of it is free afterwards");
}

/*
 * EDI walks over 256 pages from 8(%esi) on and counts in each:
 * 1: mov 8(%esi), %edi; mov $256, %ecx
 * 2: incl (%edi); add $0x1000, %edi; dec %ecx; jnz 2b; incl (%esi); jmp 1b
 */
static const uint8_t walk[] = {
	0x8b, 0x7e, 0x08, 0xb9, 0x00, 0x01, 0x00, 0x00,
	0xff, 0x07, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0x49, 0x75, 0xf5, 0xff, 0x06, 0xeb, 0xe9,
};

/* Copy what a harvest names, while guests go on writing; after the last one the copy is the memory. */
static void test_harvest(void)
{
	static uint64_t bits[RACERS * 256 / 64];
	struct svmrt_dirty dirty = {
		.size = sizeof(dirty), .op = SVMRT_DIRTY_START, .gpa = AT, .bytes = RACERS * MIB,
		.bitmap = (uintptr_t)bits,
	};
	uint32_t *copy = calloc(RACERS, MIB), *memory, harvests = 0;
	uint64_t told = 0;
	int mem, last = 0, failed = 0;

	flat_start(&f, dev, walk, sizeof(walk), RACERS);
	mem = flat_mem(dev, 0, 4 * MIB, (void **)&memory);
	flat_map(&f, mem, AT, RACERS * MIB, 0, SVMRT_MAP_SHARED);
	for (uint32_t i = 0; i < RACERS; i++)
		f.base[0x2000 / 4 + 16 * i + 2] = (uint32_t)(AT + i * MIB);
	failed |= ioctl(f.vm, SVMRT_VM_DIRTY, &dirty);
	go(AT, MIB);
	dirty.op = SVMRT_DIRTY_HARVEST;
	do {
		if (harvests >= 40) {
			halt_all();
			last = 1;
		}
		failed |= ioctl(f.vm, SVMRT_VM_DIRTY, &dirty);
		told += dirty.dirty_pages;
		for (uint32_t page = 0; page < RACERS * 256; page++)
			if (bits[page / 64] >> page % 64 & 1)
				memcpy(copy + page * 1024, memory + page * 1024, 4096);
		if (++harvests % 8 == 0)
			wait_rounds();
	} while (!last);
	abi_ok(!failed && !atomic_load(&unexpected) && told > RACERS * 256 &&
	       !memcmp(copy, memory, RACERS * MIB),
	       "a copy by %u harvests under writing vCPUs is the memory in the end (%llu pages)",
	       harvests, (unsigned long long)told);
	free(copy);
	munmap(memory, 4 * MIB);
	close(mem);
	flat_stop(&f);
}

int main(void)
{
	dev = abi_open();
	test_zap();
	test_remap();
	test_harvest();
	return abi_done();
}
