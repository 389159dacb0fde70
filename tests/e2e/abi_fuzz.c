// SPDX-License-Identifier: MIT
/*
 * A fuzzer of /dev/svmrt's calls and shared pages for the lab: structure-aware, seeded, replayable.
 * While the main thread calls, a second one runs vCPUs, a third writes into every mapping, and a
 * fourth kicks. It drops to an unprivileged member of the device's group first. Prints TAP; the
 * judge of the host is the kernel's log, the judge of the calls is here: known errors only, no call
 * that hangs, and at the end nothing left.
 *
 * Usage: abi_fuzz [--seed N] [--calls N]
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "abi_fuzz.h"
#include "abi_guest.h"

#define UNPRIVILEGED 65534
#define TICK_US 2000		/* how long a guest that never exits may keep a call */
#define SLOW_SECONDS 20

static struct fuzz f = { .maps_lock = PTHREAD_MUTEX_INITIALIZER };
static _Atomic int stop;
static unsigned long long seed;
static volatile unsigned long now_calling;

/* ---- Choices ---- */

uint64_t fuzz_next(uint64_t *state)	/* splitmix64 */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

uint64_t fuzz_random(struct fuzz *fuzz)
{
	return fuzz_next(&fuzz->random);
}

unsigned int fuzz_below(struct fuzz *fuzz, unsigned int n)
{
	return (unsigned int)(fuzz_random(fuzz) % n);
}

int fuzz_chance(struct fuzz *fuzz, unsigned int percent)
{
	return fuzz_below(fuzz, 100) < percent;
}

uint64_t fuzz_value(struct fuzz *fuzz)
{
	static const uint64_t edges[] = {
		0, 1, 0xff, 0xfff, 0x1000, 0x1001, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		1ULL << 32, (1ULL << 40) - 4096, 1ULL << 40, 1ULL << 47, 1ULL << 48, 1ULL << 52,
		1ULL << 63, 0xffff800000000000ULL, 0xffffffff80000000ULL, ~0xfffULL, ~0ULL,
	};
	uint64_t value = edges[fuzz_below(fuzz, sizeof(edges) / sizeof(edges[0]))];

	switch (fuzz_below(fuzz, 4)) {
	case 0:
		return fuzz_random(fuzz);
	case 1:
		return fuzz_random(fuzz) >> fuzz_below(fuzz, 64);
	case 2:
		return value + fuzz_below(fuzz, 16) - 8;
	default:
		return value;
	}
}

void *fuzz_pointer(struct fuzz *fuzz, void *good)
{
	const struct fuzz_map *map;

	if (fuzz_chance(fuzz, 94))
		return good;
	switch (fuzz_below(fuzz, 5)) {
	case 0:
		return (void *)(uintptr_t)(fuzz_random(fuzz) | 1ULL << 63);
	case 1:
		return (void *)(uintptr_t)fuzz_below(fuzz, 4096);
	case 2:		/* ends, or begins to, where nothing is mapped */
		return fuzz->hole + 4096 - fuzz_below(fuzz, 256);
	case 3:
		map = &fuzz->maps[fuzz_below(fuzz, FUZZ_MAPS)];
		return map->at && map->bytes >= 8192 ? map->at : NULL;
	default:
		return NULL;
	}
}

/* ---- Descriptors ---- */

int fuzz_pick(struct fuzz *fuzz, enum fuzz_kind kind)
{
	unsigned int at = fuzz_below(fuzz, FUZZ_FDS), i;

	if (fuzz_chance(fuzz, 3))
		kind = (enum fuzz_kind)(FUZZ_SYSTEM + fuzz_below(fuzz, 5));
	for (i = 0; i < FUZZ_FDS; i++, at = (at + 1) % FUZZ_FDS)
		if (fuzz->fds[at].kind == (int)kind)
			return fuzz->fds[at].fd;
	return kind == FUZZ_SYSTEM ? fuzz->dev : -1;
}

void fuzz_keep(struct fuzz *fuzz, int fd, enum fuzz_kind kind)
{
	unsigned int i;

	if (fd <= STDERR_FILENO)
		return;
	for (i = 0; i < FUZZ_FDS; i++)
		if (fuzz->fds[i].kind == FUZZ_FREE)
			break;
	if (i == FUZZ_FDS) {
		i = fuzz_below(fuzz, FUZZ_FDS);
		fuzz_close_slot(fuzz, i);
	}
	fuzz->fds[i].fd = fd;
	fuzz->fds[i].kind = kind;
}

static void add_stats(struct fuzz *fuzz, int fd)
{
	static struct svmrt_stats stats;
	unsigned int i;

	stats.size = sizeof(stats);
	if (ioctl(fd, SVMRT_VCPU_STATS, &stats))
		return;
	for (i = 0; i < SVMRT_SLOTS; i++)
		fuzz->seen.exits[i] += stats.exits[i];
	fuzz->seen.entries += stats.entries;
	fuzz->seen.host_npf += stats.host_npf;
	fuzz->seen.events += stats.events;
	fuzz->seen.xcr0_restored += stats.xcr0_restored;
}

void fuzz_close_slot(struct fuzz *fuzz, unsigned int slot)
{
	int fd = fuzz->fds[slot].fd;

	if (fuzz->fds[slot].kind == FUZZ_FREE)
		return;
	if (fuzz->fds[slot].kind == FUZZ_VCPU)
		add_stats(fuzz, fd);
	fuzz->fds[slot].kind = FUZZ_FREE;
	close(fd);
}

/* ---- Mappings ---- */

struct fuzz_map *fuzz_find_map(struct fuzz *fuzz, int fd, enum fuzz_kind kind)
{
	unsigned int i;

	for (i = 0; i < FUZZ_MAPS; i++)
		if (fuzz->maps[i].at && fuzz->maps[i].fd == fd && fuzz->maps[i].kind == kind)
			return &fuzz->maps[i];
	return NULL;
}

void fuzz_unmap_slot(struct fuzz *fuzz, unsigned int slot)
{
	struct fuzz_map *map = &fuzz->maps[slot];

	if (!map->at)
		return;
	pthread_mutex_lock(&fuzz->maps_lock);
	munmap(map->at, map->bytes);
	map->at = NULL;
	pthread_mutex_unlock(&fuzz->maps_lock);
}

/* bytes: all of it, shared and writable, as a sane caller does; 0: anything. */
int fuzz_map(struct fuzz *fuzz, int fd, enum fuzz_kind kind, size_t bytes)
{
	unsigned int slot = fuzz_below(fuzz, FUZZ_MAPS);
	int protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED;
	off_t offset = 0;
	void *at;

	if (!bytes) {
		bytes = (1 + fuzz_below(fuzz, 80)) * 4096u - fuzz_below(fuzz, 2) * 100u;
		offset = (off_t)fuzz_below(fuzz, 8) * 4096;
		if (fuzz_chance(fuzz, 10))
			offset = (off_t)(fuzz_value(fuzz) & ~0xfffULL);
		if (fuzz_chance(fuzz, 20))
			protection = (int)fuzz_below(fuzz, 8);
		if (fuzz_chance(fuzz, 10))
			flags = MAP_PRIVATE;
		if (fuzz_chance(fuzz, 10))
			flags |= MAP_POPULATE;
	}
	fuzz_unmap_slot(fuzz, slot);
	at = mmap(NULL, bytes, protection, flags, fd, offset);
	if (at == MAP_FAILED)
		return -errno;
	pthread_mutex_lock(&fuzz->maps_lock);
	fuzz->maps[slot] = (struct fuzz_map) {
		.at = at, .bytes = bytes, .fd = fd, .kind = kind, .writable = protection & PROT_WRITE,
	};
	pthread_mutex_unlock(&fuzz->maps_lock);
	return 0;
}

static _Thread_local sigjmp_buf bus;
static _Thread_local volatile sig_atomic_t touching;

void fuzz_touch(struct fuzz *fuzz, const struct fuzz_map *map, fuzz_write *write_it)
{
	if (!map || !map->at || !map->writable)
		return;
	if (!sigsetjmp(bus, 1)) {
		touching = 1;
		write_it(fuzz, map->at, map->bytes);
	}
	touching = 0;
}

void fuzz_scribble(struct fuzz *fuzz, uint8_t *at, size_t bytes)
{
	unsigned int words = 1 + fuzz_below(fuzz, 16);

	while (words--) {
		uint64_t value = fuzz_value(fuzz), where = fuzz_random(fuzz);

		/* Mostly near the start of a page: ring header, page tables, code. */
		where = fuzz_chance(fuzz, 70) ? (where % bytes & ~0xfffULL) + (where >> 32) % 256 :
			where % bytes;
		if (where + sizeof(value) <= bytes)
			memcpy(at + where, &value, sizeof(value));
	}
}

/* ---- The other threads ---- */

static void pause_us(long us)
{
	struct timespec t = { .tv_nsec = us * 1000 };

	nanosleep(&t, NULL);
}

/* Their choices come from generators of their own: only what the main thread does is replayed. */
static void *scribbler(void *unused)
{
	static struct fuzz own;

	own.random = seed ^ 1;
	while (!stop) {
		pthread_mutex_lock(&f.maps_lock);
		fuzz_touch(&own, &f.maps[fuzz_below(&own, FUZZ_MAPS)], fuzz_scribble);
		pthread_mutex_unlock(&f.maps_lock);
		pause_us(300);
	}
	return unused;
}

static int other_vcpu(uint64_t *state)
{
	unsigned int at = fuzz_next(state) % FUZZ_FDS, i;

	for (i = 0; i < FUZZ_FDS; i++, at = (at + 1) % FUZZ_FDS)
		if (f.fds[at].kind == FUZZ_VCPU)
			return f.fds[at].fd;
	return -1;
}

static void *runner(void *unused)
{
	uint64_t state = seed ^ 2;

	while (!stop)
		if (ioctl(other_vcpu(&state), SVMRT_VCPU_RUN))
			pause_us(1000);
	return unused;
}

static void *kicker(void *other)
{
	uint64_t state = seed ^ 3;

	while (!stop) {
		ioctl(other_vcpu(&state), SVMRT_VCPU_KICK);
		if (fuzz_next(&state) % 4 == 0)
			pthread_kill(*(pthread_t *)other, SIGUSR1);
		pause_us(1000);
	}
	return NULL;
}

/* ---- Signals ---- */

static void on_tick(int signal)
{
	(void)signal;
}

static void on_fault(int number)
{
	char text[128];
	int length;

	if (number == SIGBUS && touching)
		siglongjmp(bus, 1);
	length = snprintf(text, sizeof(text), "Bail out! signal %d in call %lu of seed %llu\n", number,
			  now_calling, seed);
	if (write(STDOUT_FILENO, text, (size_t)length) < 0)
		_exit(4);
	_exit(3);
}

static void set_signals(void)
{
	struct sigaction action = { .sa_handler = on_tick };

	sigaction(SIGALRM, &action, NULL);	/* no SA_RESTART: RUN is to come back */
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = on_fault;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

/* ---- The judge ---- */

static int known_error(int err)
{
	static const int known[] = {
		EINVAL, EFAULT, ENOTTY, EBADF, EEXIST, EALREADY, ENOENT, EACCES, ENOMEM, EDQUOT, ENOSPC, EBUSY,
		ENODEV, EPERM, ESPIPE, EINTR, EOVERFLOW, EAGAIN,
	};
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == err)
			return 1;
	return 0;
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fuzz_all(unsigned long calls)
{
	double begin = seconds_now(), before;
	const char *name = "";
	unsigned long n;
	int result = 0;

	for (n = 0; n < calls; n++) {
		uint64_t state = seed + n;

		now_calling = n;
		if (n && n % 1000 == 0) {	/* so that a dead machine leaves a trace of where */
			printf("# %lu calls in %.1f s\n", n, seconds_now() - begin);
			fflush(stdout);
		}
		f.random = fuzz_next(&state);
		before = seconds_now();
		result = fuzz_call(&f, &name);
		if (result < 0 && !known_error(-result))
			break;
		if (seconds_now() - before > SLOW_SECONDS) {
			result = -ETIME;
			break;
		}
	}
	abi_ok(n == calls, "%lu of %lu calls, the last %s (%s), in %.1f s", n, calls, name,
	       result < 0 ? strerror(-result) : "done", seconds_now() - begin);
}

/* A member of the device's group and nobody else. */
static void drop_privileges(void)
{
	struct stat device;
	gid_t gid;

	if (geteuid())
		return;
	if (stat("/dev/svmrt", &device) || !device.st_gid) {
		printf("Bail out! /dev/svmrt belongs to no group: chgrp it\n");
		exit(1);
	}
	gid = device.st_gid;
	if (setgroups(1, &gid) || setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) ||
	    setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)) {
		printf("Bail out! cannot drop privileges: %s\n", strerror(errno));
		exit(1);
	}
}

static void close_all(void)
{
	unsigned int i;

	for (i = 0; i < FUZZ_FDS; i++)
		fuzz_close_slot(&f, i);
	for (i = 0; i < FUZZ_MAPS; i++)
		fuzz_unmap_slot(&f, i);
}

static void report(void)
{
	struct svmrt_info info;
	unsigned long long exits = 0;
	unsigned int i;

	abi_info(f.dev, &info);
	abi_ok(!info.vms && !info.vcpus && !info.memory_objects && !info.pages && !info.cpus_claimed,
	       "all closed: %u VMs, %u vCPUs, %u memory objects, %llu pages, %u claimed CPUs are left",
	       info.vms, info.vcpus, info.memory_objects, (unsigned long long)info.pages,
	       info.cpus_claimed);
	for (i = 0; i < SVMRT_SLOTS; i++)
		exits += f.seen.exits[i];
	printf("# %lu ioctls, %lu refused; %lu vCPUs, %llu entries, %llu exits, %llu events\n",
	       f.ioctls, f.refused, f.vcpus, (unsigned long long)f.seen.entries, exits,
	       (unsigned long long)f.seen.events);
	printf("# %llu pages populated, %llu shutdowns, %llu invalid, XCR0 restored %llu times\n",
	       (unsigned long long)f.seen.host_npf, (unsigned long long)f.seen.exits[0x7f],
	       (unsigned long long)f.seen.exits[0x110], (unsigned long long)f.seen.xcr0_restored);
	abi_ok(f.seen.entries && exits && f.seen.host_npf && f.ioctls > f.refused,
	       "guests ran, exited and got memory");
}

static void parse(int argc, char **argv, unsigned long *calls)
{
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--calls"))
			*calls = strtoul(argv[i + 1], NULL, 0);
		else
			break;
	}
	if (i != argc) {
		fprintf(stderr, "usage: abi_fuzz [--seed N] [--calls N]\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	unsigned long calls = 20000;
	struct itimerval timer = { { 0, TICK_US }, { 0, TICK_US } };
	pthread_t threads[3];
	sigset_t tick;
	int i;

	seed = (unsigned long long)time(NULL);
	parse(argc, argv, &calls);
	drop_privileges();
	printf("# abi_fuzz --seed %llu --calls %lu, user %d\n", seed, calls, (int)geteuid());
	fflush(stdout);
	f.dev = abi_open();
	f.hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f.hole == MAP_FAILED || mprotect(f.hole + 4096, 4096, PROT_NONE)) {
		printf("Bail out! no memory\n");
		return 1;
	}
	fuzz_keep(&f, open("/dev/null", O_RDWR | O_CLOEXEC), FUZZ_OTHER);

	set_signals();
	/* The timer is the main thread's; the kicker interrupts the runner. */
	sigemptyset(&tick);
	sigaddset(&tick, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &tick, NULL);
	pthread_create(&threads[0], NULL, scribbler, NULL);
	pthread_create(&threads[1], NULL, runner, NULL);
	pthread_create(&threads[2], NULL, kicker, &threads[1]);
	pthread_sigmask(SIG_UNBLOCK, &tick, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);

	fuzz_all(calls);
	stop = 1;
	for (i = 0; i < 3; i++) {
		/* A runner that began its last RUN after the last signal needs one more. */
		while (pthread_kill(threads[i], SIGUSR1) == 0 && i == 1 &&
		       pthread_tryjoin_np(threads[i], NULL) == EBUSY)
			pause_us(1000);
		if (i != 1)
			pthread_join(threads[i], NULL);
	}
	close_all();
	report();
	return abi_done();
}
