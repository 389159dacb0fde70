// SPDX-License-Identifier: MIT
/*
 * Guest memory at its limits, inside the lab, as root: the pages of a user and a memory cgroup that
 * is full. RUN fails with a text and can be repeated; other VMs go on, and nobody is killed. Prints
 * TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi_flat.h"

#define AT (4 * MIB)
#define LIMIT "/sys/module/svmrt/parameters/max_pages_per_user"
#define GROUP "/sys/fs/cgroup/svmkit-limit/"

static struct flat f, other;
static int dev;

static int put(const char *file, long long value)
{
	char text[32];
	int fd = open(file, O_WRONLY), length = snprintf(text, sizeof(text), "%lld", value);
	ssize_t done = write(fd, text, (size_t)length);

	close(fd);
	return done == length;
}

/* The number behind `key` in a file of the cgroup, or the first one. */
static long long get(const char *file, const char *key)
{
	char text[512] = "", *at = text;
	int fd = open(file, O_RDONLY);

	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	if (key)
		at = strstr(text, key);
	return at ? strtoll(at + (key ? strlen(key) : 0), NULL, 10) : -1;
}

static int start_with(struct flat *flat, uint64_t bytes)
{
	int mem;

	flat_start(flat, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	mem = flat_mem(dev, SVMRT_MEM_SMALL, bytes, NULL);
	flat_map(flat, mem, AT, bytes, 0, SVMRT_MAP_COW);
	return mem;
}

static int done(struct flat *flat, int reason)
{
	return reason == SVMRT_RUN_EXIT && flat->run[0]->exitcode == 0x81;
}

static void test_user(void)
{
	long long old = get(LIMIT, NULL);
	int mem = start_with(&f, 32 * MIB), other_mem = start_with(&other, 4 * MIB), reason;

	flat_call(&other, 0, AT, 1, 1, 0);
	abi_ok(put(LIMIT, (long long)flat_pages(dev) + 1500), "the user's limit can be set");
	reason = flat_call(&f, 0, AT, 8192, 1, 0);
	abi_ok(reason == -EDQUOT && strstr(f.run[0]->text, "max_pages_per_user"),
	       "a guest that wants more gets RUN to fail with EDQUOT (%d: %s)", reason,
	       f.run[0]->text);
	abi_ok(flat_run(&f, 0) == -EDQUOT, "each time");
	abi_ok(done(&other, flat_call(&other, 0, AT, 1, 2, 0)), "another VM with its memory goes on");
	put(LIMIT, old);
	abi_ok(done(&f, flat_run(&f, 0)) && f.run[0]->gpr[7] == AT + 32 * MIB,
	       "with a higher limit, RUN goes on where it was");
	close(mem);
	close(other_mem);
	flat_stop(&f);
	flat_stop(&other);
}

/* Shared by fork: in a full cgroup, even a byte into a pipe could make the kernel choose a victim. */
struct talk {
	_Atomic int full, raised;
};

/* In the cgroup: everything that is allocated here counts there. Speaks through its exit status. */
static int in_group(struct talk *talk)
{
	long long before;
	int mem, reason;

	if (!put(GROUP "cgroup.procs", getpid()))
		return 10;
	before = get(GROUP "memory.current", NULL);
	mem = start_with(&f, 64 * MIB);
	if (done(&f, flat_call(&f, 0, AT, 1, 1, 0)) == 0)
		return 11;
	if (get(GROUP "memory.current", NULL) < before + (long long)(2 * MIB))
		return 12;	/* 2 MiB that were given, or their single pages, are not charged */
	reason = flat_call(&f, 0, AT, 16384, 1, 0);
	if (reason != -ENOMEM || !strstr(f.run[0]->text, "cgroup"))
		return 13;
	talk->full = 1;
	while (!talk->raised)
		usleep(1000);
	if (!done(&f, flat_run(&f, 0)))		/* the parent raised the limit */
		return 15;
	close(mem);
	flat_stop(&f);
	return 0;
}

static void test_cgroup(void)
{
	struct talk *talk = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int mem = start_with(&other, 4 * MIB), status;
	long long kills, last = -1;
	pid_t child, ended = 0;

	status = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY);
	abi_ok(write(status, "+memory", 7) == 7, "the lab has memory cgroups");
	close(status);
	mkdir(GROUP, 0755);
	abi_ok(put(GROUP "memory.max", 24 << 20) && talk != MAP_FAILED, "one with 24 MiB");
	flat_call(&other, 0, AT, 1, 1, 0);
	talk->full = talk->raised = 0;
	fflush(stdout);
	child = fork();
	if (!child)
		_exit(in_group(talk));
	while (!talk->full && !(ended = waitpid(child, &status, WNOHANG)))
		usleep(1000);
	abi_ok(done(&other, flat_call(&other, 0, AT + 4096, 8, 2, 0)),
	       "a VM outside of a full cgroup goes on and gets new memory");
	put(GROUP "memory.max", 256 << 20);
	talk->raised = 1;
	if (!ended)
		waitpid(child, &status, 0);
	kills = get(GROUP "memory.events", "oom_kill ");
	abi_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0 && kills == 0,
	       "in it, RUN fails with ENOMEM, nobody is killed, and it goes on with more (%#x, %lld kills)",
	       (unsigned int)status, kills);
	/* What is freed in the kernel is uncharged in batches, a moment later. */
	for (int i = 0; i < 1000 && (last = get(GROUP "memory.current", NULL)) > (2 << 20); i++)
		usleep(10000);
	abi_ok(last >= 0 && last <= 2 << 20, "all of its charge is returned (%lld bytes left)", last);
	rmdir(GROUP);
	munmap(talk, 4096);
	close(mem);
	flat_stop(&other);
}

/* The pages of vCPU and ring are charged, too: the ring of 65536 records is 4 MiB. */
static void test_ring_charge(void)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;
	struct svmrt_create_vcpu vcpu = {
		.size = sizeof(vcpu), .index = 1, .ring_entries = 65536,
		.vmcb = (uintptr_t)&vmcb, .state = (uintptr_t)&state,
	};
	long long old = get(LIMIT, NULL);
	uint64_t before;
	int status = 0;
	pid_t child;

	mkdir(GROUP, 0755);
	put(GROUP "memory.max", 3 << 20);
	fflush(stdout);
	child = fork();
	if (!child) {
		put(GROUP "cgroup.procs", getpid());
		flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
		abi_real_mode(&vmcb, &state);
		_exit(ioctl(f.vm, SVMRT_VM_CREATE_VCPU, &vcpu) < 0 && errno == ENOMEM ? 0 : 1);
	}
	waitpid(child, &status, 0);
	abi_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	       get(GROUP "memory.events", "oom_kill ") == 0,
	       "a ring that the cgroup has no room for is ENOMEM (%#x)", (unsigned int)status);
	rmdir(GROUP);

	flat_start(&f, dev, flat_write_pages, sizeof(flat_write_pages), 1);
	abi_real_mode(&vmcb, &state);
	before = flat_pages(dev);
	put(LIMIT, (long long)before + 1000);
	abi_ok(ioctl(f.vm, SVMRT_VM_CREATE_VCPU, &vcpu) < 0 && errno == EDQUOT &&
	       flat_pages(dev) == before, "and beyond the user's limit EDQUOT, with nothing left behind");
	put(LIMIT, old);
	flat_stop(&f);
}

/* User space that touches a page which cannot be had gets SIGBUS, not an endless fault. */
static void test_touch(void)
{
	long long old = get(LIMIT, NULL);
	volatile uint8_t *memory;
	int status = 0, mem;
	pid_t child;

	mem = flat_mem(dev, SVMRT_MEM_SMALL, 4 * MIB, (void **)&memory);
	put(LIMIT, (long long)flat_pages(dev));
	abi_ok(madvise((void *)memory, 4096, MADV_POPULATE_WRITE) && errno == EFAULT,
	       "MADV_POPULATE_WRITE tells without a signal that there is no page");
	fflush(stdout);
	child = fork();
	if (!child) {
		signal(SIGBUS, SIG_DFL);
		memory[0] = 1;
		_exit(0);
	}
	waitpid(child, &status, 0);
	abi_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "touching it is SIGBUS");
	put(LIMIT, old);
	memory[0] = 1;
	abi_ok(memory[0] == 1, "until there is room");
	munmap((void *)memory, 4 * MIB);
	close(mem);
}

int main(void)
{
	uint64_t before;

	dev = abi_open();
	before = flat_pages(dev);
	test_user();
	test_cgroup();
	test_ring_charge();
	test_touch();
	abi_ok(flat_pages(dev) == before, "nothing is left");
	return abi_done();
}
