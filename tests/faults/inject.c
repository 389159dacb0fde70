/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program under test: makes allocations and writes fail, and the clock jump, when the
 * test says so through a page that both map (SVMKIT_FAULTS names its file). What the kernel has to
 * say otherwise (EINTR, a fork that fails) strace injects.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The same in faults.py. */
struct faults {
	_Atomic int64_t allocation;	/* > 0: that one fails, counted down; then 0 */
	_Atomic int64_t allocations;	/* made while one was due */
	_Atomic int64_t disk_full;	/* 1: writes to regular files fail; 2: but not to stderr */
	_Atomic int64_t writes_refused;
	_Atomic int64_t clock_offset;	/* seconds, of the wall clock */
};

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static struct faults *faults;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SVMKIT_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page != MAP_FAILED)
		faults = page;
}

static int refused(void)
{
	if (!faults || atomic_load(&faults->allocation) <= 0)
		return 0;
	atomic_fetch_add(&faults->allocations, 1);
	if (atomic_fetch_sub(&faults->allocation, 1) != 1)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t bytes)
{
	return refused() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return refused() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	return refused() ? NULL : __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return refused() ? NULL : __libc_memalign(alignment, bytes);
}

static int disk_is_full(int fd)
{
	struct stat info;

	int64_t full = faults ? atomic_load(&faults->disk_full) : 0;

	if (!full || (full == 2 && fd == STDERR_FILENO) || fstat(fd, &info) ||
	    !S_ISREG(info.st_mode))
		return 0;
	atomic_fetch_add(&faults->writes_refused, 1);
	errno = ENOSPC;
	return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count)
{
	return disk_is_full(fd) ? -1 : NEXT(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
	return disk_is_full(fd) ? -1 : NEXT(pwrite64)(fd, bytes, count, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	return disk_is_full(fd) ? -1 : NEXT(writev)(fd, parts, count);
}

static int64_t offset(void)
{
	return faults ? atomic_load(&faults->clock_offset) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int status = NEXT(clock_gettime)(clock, now);

	if (!status && clock == CLOCK_REALTIME)
		now->tv_sec += offset();
	return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	int status = NEXT(gettimeofday)(now, zone);

	if (!status)
		now->tv_sec += offset();
	return status;
}

time_t time(time_t *now)
{
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	if (now)
		*now = real.tv_sec;
	return real.tv_sec;
}
