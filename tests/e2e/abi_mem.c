// SPDX-License-Identifier: MIT
/*
 * Guest memory through /dev/svmrt, inside the lab: which accesses find what in shared, read-only and
 * copy-on-write regions, 2 MiB pages, zap, unmap and dirty tracking, one thread at a time. Races are
 * in abi_mem_race.c, limits in abi_mem_limit.c. Prints TAP.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi_flat.h"

#define AT (4 * MIB)		/* where the tests put their regions */
#define PAGES_2M 512u

static struct flat f;
static int dev;

static uint64_t populated(void)
{
	struct svmrt_stats stats;

	flat_stats(&f, 0, &stats);
	return stats.host_npf;
}

/* Writes `value` to so many pages from gpa on; how many of them faulted in the host. */
static uint64_t write_pages(uint64_t gpa, uint32_t pages, uint32_t value)
{
	uint64_t before = populated();
	int reason = flat_call(&f, 0, (uint32_t)gpa, pages, value, 0);

	if (reason != SVMRT_RUN_EXIT || f.run[0]->exitcode != 0x81)
		printf("# run: %d, exit %#llx at %#llx, %s\n", reason,
		       (unsigned long long)f.run[0]->exitcode,
		       (unsigned long long)f.run[0]->exitinfo2, f.run[0]->text);
	return populated() - before;
}

/* The guest touches gpa and finds nothing there: an NPF for user space. */
static int exits_at(uint64_t gpa, uint32_t value)
{
	return flat_call(&f, 0, (uint32_t)gpa, 1, value, 0) == SVMRT_RUN_EXIT &&
	       f.run[0]->exitcode == 0x400 && f.run[0]->exitinfo2 == gpa;
}

static uint32_t peek(uint64_t gpa)
{
	uint32_t value = 0;

	if (flat_access(&f, 0, gpa, &value, sizeof(value)))
		return ~0u;
	return value;
}

static void test_shared(void)
{
	uint64_t before = flat_pages(dev), faults;
	uint32_t *memory;
	int mem;

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	write_pages(0x9000, 1, 1);
	mem = flat_mem(dev, 0, 8 * MIB, (void **)&memory);
	flat_map(&f, mem, AT, 4 * MIB, 2 * MIB, SVMRT_MAP_SHARED);
	faults = write_pages(AT, PAGES_2M, 7);
	abi_ok(faults == 1, "shared memory comes in 2 MiB: 512 pages in %llu faults",
	       (unsigned long long)faults);
	abi_ok(memory[2 * MIB / 4] == 7 && memory[(4 * MIB - 4096) / 4] == 7 &&
	       memory[4 * MIB / 4] == 0, "what the guest writes is in the object, where its offset says");
	memory[2 * MIB / 4 + 1024] = 99;
	abi_ok(peek(AT + 4096) == 99, "and what is written to the object is in the guest");
	munmap(memory, 8 * MIB);
	close(mem);
	flat_stop(&f);

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	write_pages(0x9000, 1, 1);
	mem = flat_mem(dev, SVMRT_MEM_SMALL, 8 * MIB, NULL);
	flat_map(&f, mem, AT, 4 * MIB, 0, SVMRT_MAP_SHARED);
	faults = write_pages(AT, 64, 7);
	abi_ok(faults == 64, "an object of small pages gives them one by one");
	close(mem);
	mem = flat_mem(dev, 0, 8 * MIB, NULL);
	flat_map(&f, mem, 16 * MIB, 4 * MIB, 4096, SVMRT_MAP_SHARED);
	faults = write_pages(16 * MIB, 64, 7);
	abi_ok(faults == 64, "so does a region whose offset is not a multiple of 2 MiB");
	close(mem);
	flat_stop(&f);
	abi_ok(flat_pages(dev) == before, "all of it is free when the descriptors are closed");
}

static void test_ro(void)
{
	uint32_t *memory;
	int mem;

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	mem = flat_mem(dev, 0, 4 * MIB, (void **)&memory);
	memory[0] = 5;
	flat_map(&f, mem, AT, 4 * MIB, 0, SVMRT_MAP_RO);
	abi_ok(exits_at(AT, 8) && f.run[0]->exitinfo1 & 2 && memory[0] == 5,
	       "a write to read-only memory is an NPF exit and changes nothing");
	memcpy((uint8_t *)f.base + ABI_CODE_GPA, flat_sum_pages, sizeof(flat_sum_pages));
	memory[1024] = 6;
	abi_ok(flat_call(&f, 0, AT, 2, 0, 0) == SVMRT_RUN_EXIT && f.run[0]->gpr[0] == 11,
	       "reading it is not");
	abi_ok(flat_access(&f, SVMRT_ACCESS_WRITE, AT, &mem, 4) == -EACCES,
	       "SVMRT_VM_ACCESS may not write to it either");
	munmap(memory, 4 * MIB);
	close(mem);
	flat_stop(&f);
}

/* Contents on page 3 of the first 2 MiB, nothing in the second. */
static int cow_region(uint32_t **memory)
{
	int mem = flat_mem(dev, SVMRT_MEM_SMALL, 4 * MIB, (void **)memory);

	(*memory)[3 * 1024] = 0x1234;
	flat_map(&f, mem, AT, 4 * MIB, 0, SVMRT_MAP_COW);
	return mem;
}

static void test_cow(void)
{
	uint64_t faults, pages;
	uint32_t *memory;
	int mem;

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	write_pages(0x9000, 1, 1);
	mem = cow_region(&memory);
	faults = write_pages(AT, 8, 9);
	abi_ok(faults == 8 && memory[3 * 1024] == 0x1234 && peek(AT + 3 * 4096) == 9,
	       "where the object has contents, a written page is a private copy of 4 KiB");
	faults = write_pages(AT + 2 * MIB, PAGES_2M, 9);
	abi_ok(faults == 1,
	       "where it has none, memory is private and comes in 2 MiB");

	pages = flat_pages(dev);
	abi_ok(!flat_range(&f, SVMRT_VM_ZAP, AT, 2 * MIB) && peek(AT + 3 * 4096) == 0x1234 &&
	       peek(AT) == 0, "a zap drops the private copies: the object's contents are back");
	abi_ok(!flat_range(&f, SVMRT_VM_ZAP, AT + 2 * MIB + 5 * 4096, 2 * 4096) &&
	       peek(AT + 2 * MIB + 4 * 4096) == 9 && peek(AT + 2 * MIB + 7 * 4096) == 9 &&
	       peek(AT + 2 * MIB + 5 * 4096) == 0 && peek(AT + 2 * MIB + 6 * 4096) == 0,
	       "a zap inside of 2 MiB takes its pages and no others");
	abi_ok(!flat_range(&f, SVMRT_VM_ZAP, AT, 4 * MIB) && flat_pages(dev) <= pages - 500,
	       "the memory is free at once");
	faults = write_pages(AT + 2 * MIB, PAGES_2M, 4);
	abi_ok(faults == 1 && memory[2 * MIB / 4] == 0,
	       "and the next touch gets 2 MiB again, which are not the object's");
	munmap(memory, 4 * MIB);
	close(mem);
	flat_stop(&f);
}

static void test_unmap(void)
{
	uint32_t *memory;
	int mem;

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	mem = flat_mem(dev, 0, 8 * MIB, (void **)&memory);
	for (uint32_t i = 0; i < 8 * MIB / 4096; i++)
		memory[i * 1024 + 1] = i;
	flat_map(&f, mem, AT, 8 * MIB, 0, SVMRT_MAP_SHARED);
	close(mem);
	munmap(memory, 8 * MIB);
	write_pages(AT, 2048, 1);
	abi_ok(!flat_range(&f, SVMRT_VM_UNMAP, AT + MIB, MIB + 4096), "a part of a region can go");
	abi_ok(exits_at(AT + MIB, 1) && exits_at(AT + 2 * MIB, 1), "nothing is there any more");
	abi_ok(peek(AT + 4) == 0 && peek(AT + MIB - 4092) == 255 && peek(AT + 2 * MIB + 4100) == 513 &&
	       peek(AT + 8 * MIB - 4092) == 2047, "what is left on both sides shows what it showed");
	abi_ok(flat_range(&f, SVMRT_VM_UNMAP, AT + MIB, 4096) == -ENOENT && f.error[0],
	       "unmapping nothing is ENOENT");
	mem = flat_mem(dev, 0, 2 * MIB, NULL);
	abi_ok(!flat_map(&f, mem, AT + MIB, MIB + 4096, 0, SVMRT_MAP_SHARED) &&
	       peek(AT + MIB) == 0, "another object fits into the hole");
	abi_ok(flat_map(&f, mem, AT, 4096, 0, SVMRT_MAP_SHARED) == -EEXIST, "but not over the rest");
	close(mem);
	abi_ok(!flat_range(&f, SVMRT_VM_UNMAP, 0x10000, 1ULL << 39) && exits_at(AT, 1) &&
	       exits_at(AT + 4 * MIB, 1), "one call unmaps several regions");
	abi_ok(flat_range(&f, SVMRT_VM_UNMAP, 1, 4096) == -EINVAL &&
	       flat_range(&f, SVMRT_VM_UNMAP, 0, 0) == -EINVAL &&
	       flat_range(&f, SVMRT_VM_ZAP, 4096, ~0xfffULL) == -EINVAL &&
	       flat_range(&f, SVMRT_VM_ZAP, 1ULL << 40, 4096) == -EINVAL,
	       "odd, empty and endless ranges are EINVAL");
	flat_stop(&f);
}

static struct svmrt_dirty dirty;
static uint64_t bits[64];

static int track(enum svmrt_dirty_op op, uint64_t gpa, uint64_t bytes)
{
	dirty = (struct svmrt_dirty) {
		.size = sizeof(dirty), .op = op, .gpa = gpa, .bytes = bytes,
		.bitmap = (uintptr_t)bits,
	};
	memset(bits, 0, sizeof(bits));
	return ioctl(f.vm, SVMRT_VM_DIRTY, &dirty) ? -errno : 0;
}

static int is_set(uint32_t page)
{
	return bits[page / 64] >> page % 64 & 1;
}

static void test_dirty_in(enum svmrt_map_mode mode, const char *what)
{
	uint32_t value = 3;
	int mem;

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	mem = flat_mem(dev, 0, 4 * MIB, NULL);
	flat_map(&f, mem, AT, 4 * MIB, 0, mode);
	write_pages(AT, 600, 1);
	abi_ok(!track(SVMRT_DIRTY_START, AT, 0), "%s: tracking starts over 2 MiB that are in use", what);
	abi_ok(!track(SVMRT_DIRTY_HARVEST, AT, 4 * MIB) && !dirty.dirty_pages, "%s: clean", what);
	write_pages(AT + 3 * 4096, 2, 5);
	write_pages(AT + 700 * 4096, 1, 5);
	flat_access(&f, SVMRT_ACCESS_WRITE, AT + 64 * 4096, &value, sizeof(value));
	peek(AT + 9 * 4096);
	abi_ok(!track(SVMRT_DIRTY_HARVEST, AT, 4 * MIB) && dirty.dirty_pages == 4 && is_set(3) &&
	       is_set(4) && is_set(64) && is_set(700),
	       "%s: the pages that were written to, by the guest or by a call, and no others", what);
	abi_ok(peek(AT + 2 * 4096) == 1 && peek(AT + 3 * 4096) == 5 && peek(AT + 64 * 4096) == 3,
	       "%s: their contents are right", what);
	abi_ok(!track(SVMRT_DIRTY_HARVEST, AT, 4 * MIB) && !dirty.dirty_pages,
	       "%s: a harvest makes them clean", what);
	write_pages(AT + 4 * 4096, 1, 6);
	write_pages(AT + 128 * 4096, 1, 6);
	abi_ok(!track(SVMRT_DIRTY_HARVEST, AT + 64 * 4096, 128 * 4096) && dirty.dirty_pages == 1 &&
	       is_set(64), "%s: a range has bits of its own", what);
	write_pages(AT + 5 * 4096, 1, 6);
	abi_ok(!track(SVMRT_DIRTY_RESET, AT, 4 * MIB) && dirty.dirty_pages == 2 &&
	       !track(SVMRT_DIRTY_HARVEST, AT, 4 * MIB) && !dirty.dirty_pages,
	       "%s: a reset makes pages clean without telling which", what);
	write_pages(AT + 6 * 4096, 1, 6);
	dirty.bitmap = 8;
	dirty.op = SVMRT_DIRTY_HARVEST;
	dirty.bytes = 4 * MIB;
	abi_ok(ioctl(f.vm, SVMRT_VM_DIRTY, &dirty) && errno == EFAULT &&
	       !track(SVMRT_DIRTY_HARVEST, AT, 4 * MIB) && dirty.dirty_pages == 1 && is_set(6),
	       "%s: what could not be told is told by the next harvest", what);
	abi_ok(flat_range(&f, SVMRT_VM_UNMAP, AT, 4096) == -EBUSY,
	       "%s: a part of a tracked region does not go", what);
	abi_ok(!track(SVMRT_DIRTY_STOP, AT, 0) && track(SVMRT_DIRTY_HARVEST, AT, 4096) == -ENOENT &&
	       track(SVMRT_DIRTY_STOP, AT, 0) == -ENOENT, "%s: tracking stops", what);
	abi_ok(write_pages(AT + 512 * 4096, 8, 7) <= 8 && peek(AT + 519 * 4096) == 7,
	       "%s: and writing goes on", what);
	close(mem);
	flat_stop(&f);
}

static void test_dirty_input(void)
{
	int mem;

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	mem = flat_mem(dev, 0, 4 * MIB, NULL);
	flat_map(&f, mem, AT, 4 * MIB, 0, SVMRT_MAP_RO);
	abi_ok(track(SVMRT_DIRTY_START, AT, 0) == -EINVAL && dirty.error[0],
	       "a read-only region is not tracked");
	track(SVMRT_DIRTY_START, 0, 0);
	abi_ok(track(SVMRT_DIRTY_START, 0, 0) == -EEXIST && track(9, 0, 0) == -EINVAL &&
	       track(SVMRT_DIRTY_HARVEST, 4096, 4096) == -EINVAL &&
	       track(SVMRT_DIRTY_HARVEST, 0, FLAT_BASE_BYTES + 4096) == -EINVAL &&
	       track(SVMRT_DIRTY_HARVEST, 0, 100) == -EINVAL &&
	       track(SVMRT_DIRTY_START, 1ULL << 40, 0) == -EINVAL &&
	       track(SVMRT_DIRTY_START, 64 * MIB, 0) == -ENOENT,
	       "odd operations and ranges are refused");
	abi_ok(!flat_range(&f, SVMRT_VM_UNMAP, 0, FLAT_BASE_BYTES),
	       "a tracked region can go as a whole");
	close(mem);
	flat_stop(&f);
}

/* smaps has `dd` (do not dump) for every mapping of ours. */
static void test_no_dump(void)
{
	char line[512];
	int ours = 0, kept = 0, inside = 0;
	void *memory;
	int mem;
	FILE *maps;

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	mem = flat_mem(dev, 0, 4 * MIB, &memory);
	maps = fopen("/proc/self/smaps", "r");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "svmrt-"))
			inside = 1, ours++;
		if (inside && !strncmp(line, "VmFlags:", 8)) {
			kept += strstr(line, " dd") != NULL;
			inside = 0;
		}
	}
	if (maps)
		fclose(maps);
	abi_ok(ours == 3 && kept == 3, "guest memory and vCPU pages stay out of core dumps");
	munmap(memory, 4 * MIB);
	close(mem);
	flat_stop(&f);
}

/* ---- D3: no emulator keeps a stale translation, so what VMRUN was asked for is looked at ---- */

static uint64_t flushes(void)
{
	struct svmrt_stats stats;

	flat_stats(&f, 0, &stats);
	return stats.flushes;
}

/* Runs the guest over two pages and says how many of its entries had translations flushed. */
static uint64_t flushed_by_run(uint32_t value)
{
	const uint64_t before = flushes();

	flat_call(&f, 0, AT, 2, value, 0);
	return flushes() - before;
}

static int tlb_is_asid(void)
{
	char mode[8] = "";
	FILE *file = fopen("/sys/module/svmrt/parameters/tlb", "r");
	int asid = file && fgets(mode, sizeof(mode), file) && !strcmp(mode, "asid\n");

	if (file)
		fclose(file);
	return asid;
}

/* What changes a mapping under a vCPU that stays on its CPU makes the next entry flush, nothing else does. */
static void test_flushes(void)
{
	uint64_t first, idle, zap, unmap, remap, start, harvest, quiet;
	cpu_set_t all, one;
	uint32_t *memory;
	int mem;

	if (!tlb_is_asid())
		return;
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	mem = flat_mem(dev, SVMRT_MEM_SMALL, 8 * 4096, NULL);
	flat_map(&f, mem, AT, 8 * 4096, 0, SVMRT_MAP_COW);
	first = flushed_by_run(1);
	idle = flushed_by_run(2);
	abi_ok(first && !idle, "a first entry flushes, later ones do not (%llu, %llu)",
	       (unsigned long long)first, (unsigned long long)idle);
	flat_range(&f, SVMRT_VM_ZAP, AT, 4096);
	zap = flushed_by_run(3);
	abi_ok(zap > 0, "an entry after VM_ZAP flushes");
	flat_range(&f, SVMRT_VM_UNMAP, AT, 4096);
	unmap = flushed_by_run(4);
	flat_map(&f, mem, AT, 4096, 4 * 4096, SVMRT_MAP_COW);
	remap = flushed_by_run(5);
	abi_ok(unmap && peek(AT) == 5, "so does one after VM_UNMAP, and new memory there needs none (%llu)",
	       (unsigned long long)remap);
	track(SVMRT_DIRTY_START, AT + 4096, 0);
	start = flushed_by_run(6);
	quiet = flushed_by_run(7);
	track(SVMRT_DIRTY_HARVEST, AT + 4096, 7 * 4096);
	harvest = flushed_by_run(8);
	abi_ok(start && harvest && !quiet, "so do those after dirty tracking takes writes away (%llu %llu %llu)",
	       (unsigned long long)start, (unsigned long long)quiet, (unsigned long long)harvest);
	close(mem);
	flat_stop(&f);

	/* A page that is shown for reading until its copy takes its place. */
	flat_start(&f, dev, flat_sum_pages, sizeof(flat_sum_pages), 1);
	mem = flat_mem(dev, SVMRT_MEM_SMALL, 8 * 4096, (void **)&memory);
	memory[0] = 5;
	flat_map(&f, mem, AT, 8 * 4096, 0, SVMRT_MAP_COW);
	flushed_by_run(0);
	idle = flushed_by_run(0);
	flat_access(&f, SVMRT_ACCESS_WRITE, AT, &mem, 4);
	zap = flushed_by_run(0);
	abi_ok(!idle && zap, "and one after a copy took the place of a page that was read (%llu, %llu)",
	       (unsigned long long)idle, (unsigned long long)zap);
	munmap(memory, 8 * 4096);
	close(mem);
	flat_stop(&f);
	sched_setaffinity(0, sizeof(all), &all);
}

/* Memory that the host found broken (here: was told so) is nobody's any more; the rest goes on. */
static void test_poisoned(void)
{
	uint32_t *memory, word;
	int mem, reason;

	flat_start(&f, dev, flat_sum_pages, sizeof(flat_sum_pages), 1);
	mem = flat_mem(dev, SVMRT_MEM_SMALL, 4 * 4096, (void **)&memory);
	flat_map(&f, mem, AT, 4 * 4096, 0, SVMRT_MAP_SHARED);
	memory[0] = 5;
	memory[1024] = 6;
	/* EBUSY: nobody else uses it. EINVAL: built without CONFIG_MEMORY_FAILURE, as the debug kernel. */
	if (madvise(memory + 1024, 4096, MADV_HWPOISON) && errno == EINVAL) {
		puts("# this kernel finds no memory broken");
	} else {
		abi_ok(flat_call(&f, 0, AT, 1, 0, 0) == SVMRT_RUN_EXIT && f.run[0]->gpr[0] == 5,
		       "a page beside a broken one is there");
		reason = flat_call(&f, 0, AT + 4096, 1, 0, 0);
		abi_ok(reason == -EHWPOISON && strstr(f.run[0]->text, "broken"), "RUN: %s",
		       f.run[0]->text);
		abi_ok(flat_access(&f, 0, AT + 4096, &word, 4) == -EHWPOISON, "VM_ACCESS: %s",
		       f.error);
	}
	munmap(memory, 4 * 4096);
	close(mem);
	flat_stop(&f);
}

int main(void)
{
	uint64_t before;

	dev = abi_open();
	before = flat_pages(dev);
	test_shared();
	test_ro();
	test_cow();
	test_unmap();
	test_dirty_in(SVMRT_MAP_SHARED, "shared");
	test_dirty_in(SVMRT_MAP_COW, "cow");
	test_dirty_input();
	test_no_dump();
	test_flushes();
	test_poisoned();
	abi_ok(flat_pages(dev) == before, "nothing is left");
	return abi_done();
}
