// SPDX-License-Identifier: MIT
/*
 * What the host does to us while guests run: CPUs that go and come back, suspend and resume. Inside
 * the lab, as root. Prints TAP. Two guests spin in two threads all the time; with --spin only that.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <unistd.h>
#include "abi_guest.h"

#define GUESTS 2

/* 1: out %al, $0x80; jmp 1b */
static const uint8_t out_loop[] = { 0xe6, 0x80, 0xeb, 0xfc };
static const struct svmrt_exit_rule rule = {
	.code = 0x7b, .action = SVMRT_DO_SKIP, .event = SVMRT_EVENT_COUNT,
};

static struct abi_guest guests[GUESTS];
static volatile int stop;
static int results[GUESTS];
static int dev;

static void *runner(void *arg)
{
	int i = (int)((struct abi_guest *)arg - guests);

	do
		results[i] = abi_run(arg);
	while (!stop && results[i] == SVMRT_RUN_KICKED);
	return NULL;
}

static uint64_t entries(const struct abi_guest *guest)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };

	return ioctl(guest->vcpu, SVMRT_VCPU_STATS, &stats) ? 0 : stats.entries;
}

/* Both guests get through `n` more exits; the lab's time limit ends a wait that never ends. */
static void progress(uint64_t n)
{
	int i;

	for (i = 0; i < GUESTS; i++) {
		uint64_t begin = entries(&guests[i]);

		while (entries(&guests[i]) < begin + n)
			usleep(1000);
	}
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ok;

	if (fd < 0)
		return -errno;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	ok = ok ? 0 : -errno;
	close(fd);
	return ok;
}

static int all_claimed(void)
{
	struct svmrt_info info;

	abi_info(dev, &info);
	return info.cpus_claimed == info.cpus_online;
}

static void claims(const char *when)
{
	struct svmrt_info info;

	abi_info(dev, &info);
	abi_ok(info.cpus_claimed == info.cpus_online, "%s: %u of %u online CPUs are claimed", when,
	       info.cpus_claimed, info.cpus_online);
}

static void test_hotplug(void)
{
	static const char online[] = "/sys/devices/system/cpu/cpu1/online";
	int round;

	if (access(online, W_OK)) {
		abi_ok(1, "CPU 1 goes and comes # SKIP this machine has one CPU");
		return;
	}
	for (round = 1; round <= 5; round++) {
		if (write_file(online, "0"))
			break;
		progress(1000);
		if (round == 1)
			claims("with CPU 1 offline");
		/* Without its claim, a guest that is put there would wait for ever. */
		if (write_file(online, "1") || !all_claimed())
			break;
		progress(1000);
	}
	abi_ok(round == 6, "CPU 1 went and came back five times, and both guests ran on");
	claims("after that");
}

/* Has the kernel said this since it booted? */
static int kernel_said(const char *text)
{
	static char log[1 << 20];
	int n = klogctl(3, log, sizeof(log) - 1);	/* SYSLOG_ACTION_READ_ALL */

	return n > 0 && strstr(log, text);
}

static void test_suspend(void)
{
	int err = write_file("/sys/power/pm_test", "core");

	abi_ok(!err, "this kernel can rehearse suspend (pm_test)");
	err = write_file("/sys/power/state", "mem");
	abi_ok(!err, "suspend to mem, up to the last step, and back (%s)", strerror(-err));
	claims("after resume");
	abi_ok(!kernel_said("SVM was taken during suspend"), "for SVM was given back before");
	if (all_claimed())
		progress(1000);
	write_file("/sys/power/pm_test", "none");
}

/* Until the machine ends: for the test that crashes it. */
static void spin(void)
{
	puts("spinning");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	pthread_t threads[GUESTS];
	struct svmrt_info info;
	int i;

	dev = abi_open();
	for (i = 0; i < GUESTS; i++) {
		abi_start(&guests[i], dev, out_loop, sizeof(out_loop), &rule, 1);
		pthread_create(&threads[i], NULL, runner, &guests[i]);
	}
	progress(100);
	if (argc == 2 && !strcmp(argv[1], "--spin"))
		spin();
	test_hotplug();
	test_suspend();
	stop = 1;
	for (i = 0; i < GUESTS; i++) {
		ioctl(guests[i].vcpu, SVMRT_VCPU_KICK);
		pthread_join(threads[i], NULL);
		abi_ok(results[i] == SVMRT_RUN_KICKED, "guest %d ran until it was kicked (%d)", i,
		       results[i]);
		abi_stop(&guests[i]);
	}
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.pages && !info.cpus_claimed, "everything was given back");
	return abi_done();
}
