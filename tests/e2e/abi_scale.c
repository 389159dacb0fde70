// SPDX-License-Identifier: MIT
/*
 * Many at once, many after each other, and none that ends as it should: 64 VMs and 16 vCPUs on the
 * lab's two processors, VMs created and destroyed with the kernel's memory looked at, and clients
 * killed at random points. Inside the lab, as root. Prints TAP.
 *
 * Usage: abi_scale [--cycles N] [--kills N] [--seed N] | --left
 * --left only says what the module holds: status 0 if nothing.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "abi_guest.h"
#include "kernel_memory.h"

#define VMS 64
#define VCPUS 16
#define EXITS 200		/* that each of many vCPUs must get through */

/* 1: out %al, $0x80; jmp 1b */
static const uint8_t out_loop[] = { 0xe6, 0x80, 0xeb, 0xfc };
static const struct svmrt_exit_rule rule = {
	.code = 0x7b, .action = SVMRT_DO_SKIP, .event = SVMRT_EVENT_COUNT,
};
static int dev;

/* ---- What is left ---- */

static int nothing_left(void)
{
	struct svmrt_info info;

	abi_info(dev, &info);
	if (info.unusable[0]) {
		printf("# left: %s\n", info.unusable);
		return 0;
	}
	if (!info.vms && !info.vcpus && !info.memory_objects && !info.pages && !info.cpus_claimed)
		return 1;
	printf("# left: %u VMs, %u vCPUs, %u memory objects, %llu pages, %u claimed CPUs\n", info.vms,
	       info.vcpus, info.memory_objects, (unsigned long long)info.pages, info.cpus_claimed);
	return 0;
}

/* ---- Many at once ---- */

static void *runner(void *vcpu)
{
	ioctl(*(int *)vcpu, SVMRT_VCPU_RUN);
	return NULL;
}

static uint64_t exits(int vcpu)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };

	return ioctl(vcpu, SVMRT_VCPU_STATS, &stats) ? 0 : stats.exits[0x7b];
}

/* Every vCPU gets through its exits while all run; the lab's time limit ends a wait that never ends. */
static void run_all(int *const vcpus[], int count)
{
	pthread_t threads[VMS];
	int i;

	for (i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, runner, vcpus[i]);
	for (i = 0; i < count; i++)
		while (exits(*vcpus[i]) < EXITS)
			usleep(1000);
	for (i = 0; i < count; i++) {
		ioctl(*vcpus[i], SVMRT_VCPU_KICK);
		pthread_join(threads[i], NULL);
	}
}

static void many_vms(void)
{
	static struct abi_guest guests[VMS];
	int *vcpus[VMS], i;

	for (i = 0; i < VMS; i++) {
		abi_start(&guests[i], dev, out_loop, sizeof(out_loop), &rule, 1);
		vcpus[i] = &guests[i].vcpu;
	}
	run_all(vcpus, VMS);
	for (i = 0; i < VMS; i++)
		abi_stop(&guests[i]);
	abi_ok(nothing_left(), "%d VMs with one vCPU each run at once", VMS);
}

static void many_vcpus(void)
{
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
	struct abi_guest guest;
	int fds[VCPUS], *vcpus[VCPUS], i, made = 1;

	abi_start(&guest, dev, out_loop, sizeof(out_loop), &rule, 1);
	abi_real_mode(&vmcb, &state);
	vcpus[0] = &guest.vcpu;
	for (i = 1; i < VCPUS; i++) {
		fds[i] = abi_vcpu(&guest, (uint32_t)i, &vmcb, &state);
		made += fds[i] >= 0;
		vcpus[i] = &fds[i];
	}
	if (made == VCPUS)
		run_all(vcpus, VCPUS);
	for (i = 1; i < VCPUS; i++)
		close(fds[i]);
	abi_stop(&guest);
	abi_ok(made == VCPUS && nothing_left(), "one VM with %d vCPUs runs on all of them", VCPUS);
}

/* ---- Many after each other ---- */

static void one_vm(void)
{
	struct abi_guest guest;

	abi_start(&guest, dev, out_loop, sizeof(out_loop), &rule, 1);
	guest.ring->lossless = 1;
	ioctl(guest.vcpu, SVMRT_VCPU_KICK);	/* RUN enters nothing, but all of it is set up */
	abi_run(&guest);
	abi_stop(&guest);
}

#define LOST_KIB 512		/* a page for each of 1,000 VMs would be 4,000 */
#define SLAB_KIB 256

/* What is freed late (by RCU) is back within moments: the best of many looks counts. */
static void vms_come_and_go(int cycles)
{
	const int first = cycles / 10;
	long lost = 0, slab = 0;
	struct kernel_memory before, after = { 0 };
	int i, n;

	for (i = 0; i < first; i++)
		one_vm();
	for (before = kernel_memory(), n = 0; n < 10; n++) {
		usleep(50000);
		after = kernel_memory();
		if (after.available > before.available)
			before = after;
	}
	for (; i < cycles; i++)
		one_vm();
	for (i = 0; i < 100; i++) {
		after = kernel_memory();
		lost = before.available - after.available;
		slab = after.slab - before.slab;
		if (lost < LOST_KIB && slab < SLAB_KIB)
			break;
		usleep(100000);
	}
	abi_ok(nothing_left(), "%d VMs came and went", cycles);
	abi_ok(lost < LOST_KIB && slab < SLAB_KIB,
	       "and took no memory along: %ld KiB free memory, %ld KiB of slabs in %d cycles", lost, slab,
	       cycles - first);
}

/* ---- Killed at any point ---- */

/* All that a client does, in two threads, again and again. */
static void *busy(void *unused)
{
	(void)unused;
	for (;;) {
		struct abi_guest guest;
		struct svmrt_vcpu_image image = { .size = sizeof(image) };

		abi_start(&guest, dev, out_loop, sizeof(out_loop), &rule, 1);
		guest.ring->lossless = 0;
		ioctl(guest.vcpu, SVMRT_VCPU_IMAGE, &image);
		ioctl(guest.vcpu, SVMRT_VCPU_RUN);
		abi_stop(&guest);
	}
	return NULL;
}

static void clients_are_killed(int kills, uint64_t seed)
{
	int i, bad = 0;

	for (i = 0; i < kills && !bad; i++) {
		struct timespec wait = { 0 };
		int status;
		pid_t child;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		wait.tv_nsec = (long)(seed >> 33) % 30000000;
		fflush(stdout);
		child = fork();
		if (!child) {
			pthread_t thread;

			dev = abi_open();
			pthread_create(&thread, NULL, busy, NULL);
			busy(NULL);
			_exit(1);
		}
		nanosleep(&wait, NULL);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		bad += !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || !nothing_left();
	}
	abi_ok(!bad, "%d clients were killed at random points, and all that they held came back", i);
}

int main(int argc, char **argv)
{
	int cycles = 1000, kills = 500, i;
	uint64_t seed = 1;

	dev = abi_open();
	if (argc == 2 && !strcmp(argv[1], "--left"))
		return !nothing_left();
	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--cycles"))
			cycles = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--kills"))
			kills = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else
			i = argc;
	}
	if (i != argc || cycles < 10 || kills < 0) {
		fprintf(stderr, "usage: abi_scale [--cycles N] [--kills N] [--seed N] | --left\n");
		return 2;
	}
	printf("# abi_scale --cycles %d --kills %d --seed %llu\n", cycles, kills,
	       (unsigned long long)seed);
	many_vms();
	many_vcpus();
	vms_come_and_go(cycles);
	clients_are_killed(kills, seed);
	return abi_done();
}
