// SPDX-License-Identifier: MIT
/*
 * Eventfds and local APICs in the lab: irqfd from another thread, level-triggered messages with EOI
 * notification, doorbells on ports and addresses, hostile arguments, and tear-down in any order and
 * under load. Prints TAP.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi_irq_guest.h"

#define MSI 0xfee00000u		/* physical, APIC 0 */

static int dev;

ABI_CODE16(hundred,
	APIC_ON "1:	sti\n	hlt\n	cli\n	cmpw $100, 0x3000\n	jb 1b\n	vmmcall\n"
	HANDLER("hundred_handler", "0x40"));
ABI_LABEL(hundred_handler);

static int irqfd(int fd, uint32_t flags, uint64_t address, uint32_t data)
{
	struct svmrt_irqfd arg = {
		.size = sizeof(arg), .flags = flags, .fd = fd, .address = address, .data = data,
	};

	return abi_call(&ig, ig.vm, SVMRT_VM_IRQFD, &arg, arg.error);
}

static int eoifd(int fd, uint32_t flags, uint32_t vector)
{
	struct svmrt_eoifd arg = { .size = sizeof(arg), .flags = flags, .fd = fd, .vector = vector };

	return abi_call(&ig, ig.vm, SVMRT_VM_EOIFD, &arg, arg.error);
}

static int doorbell(int fd, uint32_t flags, uint64_t address, uint32_t bytes, uint64_t data)
{
	struct svmrt_ioeventfd arg = {
		.size = sizeof(arg), .flags = flags, .fd = fd, .address = address, .bytes = bytes,
		.data = data,
	};

	return abi_call(&ig, ig.vm, SVMRT_VM_IOEVENTFD, &arg, arg.error);
}

static uint64_t signals(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void ring(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		perror("# eventfd");
}

static atomic_int stop;

/* A message before the guest has set SVR is lost, as on a processor. */
static void wait_for_apic(void)
{
	struct svmrt_lapic_state state;

	do {
		state = (struct svmrt_lapic_state) { .size = sizeof(state) };
		ioctl(ig.vcpu, SVMRT_VCPU_LAPIC, &state);
	} while (!(state.regs[0xf] & 0x100));
}

/* One signal for each interrupt that the guest has counted. */
static void *signaller(void *fd)
{
	uint16_t next = 0;

	wait_for_apic();
	while (!atomic_load(&stop)) {
		if (GUEST_COUNT(&ig) < next)
			continue;
		ring(*(int *)fd);
		next = (uint16_t)(next + 1);
	}
	return NULL;
}

static void test_irqfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), reason;
	struct svmrt_stats stats;
	pthread_t thread;

	irq_start(dev, 1, 1, hundred, hundred_end);
	irq_vector(0x40, hundred, hundred_handler);
	abi_ok(!irqfd(fd, 0, MSI, 0x40), "an eventfd becomes an irqfd");
	abi_ok(irqfd(fd, 0, MSI, 0x41) == -EEXIST, "%s", ig.error);
	stop = 0;
	pthread_create(&thread, NULL, signaller, &fd);
	reason = abi_run(&ig);
	stop = 1;
	pthread_join(thread, NULL);
	irq_stats(&stats);
	abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 100 && stats.interrupts >= 100 &&
	       stats.wakes && stats.halts <= stats.wakes + 1,
	       "100 signals from another thread are 100 interrupts, and HLT sleeps without user space (%u)",
	       GUEST_COUNT(&ig));
	abi_ok(!irqfd(fd, SVMRT_FD_REMOVE, 0, 0) && irqfd(fd, SVMRT_FD_REMOVE, 0, 0) == -ENOENT, "%s",
	       ig.error);
	irq_stop();
	close(fd);
}

/* One level-triggered and one edge-triggered interrupt. */
ABI_CODE16(level,
	APIC_ON "1:	sti\n	hlt\n	cli\n	cmpw $2, 0x3000\n	jb 1b\n	vmmcall\n"
	HANDLER("level_handler", "0x60") HANDLER("edge_handler", "0x61"));
ABI_LABEL(level_handler);
ABI_LABEL(edge_handler);

static void *messenger(void *unused)
{
	wait_for_apic();
	irq_msi(MSI, 0xc060);
	irq_msi(MSI, 0x61);
	return unused;
}

static void test_eoi(void)
{
	int level_fd = eventfd(0, EFD_NONBLOCK), edge_fd = eventfd(0, EFD_NONBLOCK), reason;
	uint64_t level_ends, edge_ends;
	pthread_t thread;

	irq_start(dev, 1, 1, level, level_end);
	irq_vector(0x60, level, level_handler);
	irq_vector(0x61, level, edge_handler);
	abi_ok(!eoifd(level_fd, 0, 0x60) && !eoifd(edge_fd, 0, 0x61), "eventfds wait for two vectors' ends");
	pthread_create(&thread, NULL, messenger, NULL);
	reason = abi_run(&ig);
	pthread_join(thread, NULL);
	level_ends = signals(level_fd);
	edge_ends = signals(edge_fd);
	abi_ok(reason == SVMRT_RUN_STOP && level_ends == 1 && !edge_ends,
	       "the end of the level-triggered one is told, the edge's is not (%llu, %llu)",
	       (unsigned long long)level_ends, (unsigned long long)edge_ends);
	abi_ok(!eoifd(level_fd, SVMRT_FD_REMOVE, 0x60) &&
	       eoifd(level_fd, SVMRT_FD_REMOVE, 0x60) == -ENOENT, "%s", ig.error);
	close(edge_fd);		/* before the VM that waits for it */
	irq_stop();
	close(level_fd);
}

/* Doorbells: three OUTs, a word and a byte elsewhere; MOVs to 1 MiB with two values; then an OUT for user space. */
ABI_CODE16(bells,
	"	mov $0x100000, %esi\n	mov $7, %eax\n"
	"	out %al, $0x90\n	out %al, $0x90\n	out %al, $0x90\n"
	"	mov %eax, %fs:(%esi)\n	movl $8, %fs:(%esi)\n	movb $7, %fs:4(%esi)\n"
	"	out %ax, $0x90\n");

static void test_doorbells(void)
{
	int port = eventfd(0, EFD_NONBLOCK), seven = eventfd(0, EFD_NONBLOCK);
	int any = eventfd(0, EFD_NONBLOCK), reason;
	uint64_t counts[3];
	struct svmrt_stats stats;

	irq_start(dev, 0, 1, bells, bells_end);
	abi_ok(!doorbell(port, SVMRT_IOEVENT_PORT, 0x90, 1, 0) &&
	       !doorbell(seven, SVMRT_IOEVENT_DATA, 0x100000, 4, 7) &&
	       !doorbell(any, 0, 0x100000, 0, 0) && !doorbell(any, 0, 0x100004, 1, 0),
	       "doorbells without a local APIC, on a port and on addresses %s", ig.error);
	reason = abi_run(&ig);
	counts[0] = signals(port);
	counts[1] = signals(seven);
	counts[2] = signals(any);
	irq_stats(&stats);
	abi_ok(reason == SVMRT_RUN_EXIT && ig.run->exitcode == 0x7b &&
	       (ig.run->exitinfo1 >> 4 & 7) == 2, "an OUT of another size is user space's");
	abi_ok(counts[0] == 3 && counts[1] == 1 && counts[2] == 3 && stats.doorbells == 6,
	       "every write signals what names it: size, data (%llu %llu %llu, %llu in all)",
	       (unsigned long long)counts[0], (unsigned long long)counts[1],
	       (unsigned long long)counts[2], (unsigned long long)stats.doorbells);
	abi_ok(!doorbell(port, SVMRT_IOEVENT_PORT | SVMRT_FD_REMOVE, 0x90, 1, 0) &&
	       doorbell(port, SVMRT_IOEVENT_PORT | SVMRT_FD_REMOVE, 0x90, 1, 0) == -ENOENT, "%s",
	       ig.error);
	irq_stop();
	close(port);
	close(seven);
	close(any);
}

static void test_bad_calls(void)
{
	int fd = eventfd(0, 0);

	irq_start(dev, 1, 1, bells, bells_end);
	abi_ok(irqfd(dev, 0, MSI, 0x40) < 0 && ig.error[0], "%s", ig.error);
	abi_ok(irqfd(-1, 0, MSI, 0x40) == -EBADF, "%s", ig.error);
	abi_ok(irqfd(fd, 2, MSI, 0x40) == -EINVAL, "%s", ig.error);
	abi_ok(irqfd(fd, 0, 0x1000, 0x40) == -EINVAL, "%s", ig.error);
	abi_ok(eoifd(fd, 0, 3) == -EINVAL, "%s", ig.error);
	abi_ok(eoifd(dev, 0, 0x40) < 0, "%s", ig.error);
	abi_ok(doorbell(fd, 8, 0x90, 1, 0) == -EINVAL, "%s", ig.error);
	abi_ok(doorbell(fd, SVMRT_IOEVENT_PORT, 0x10000, 1, 0) == -EINVAL, "%s", ig.error);
	abi_ok(doorbell(fd, 0, 0x1000, 3, 0) == -EINVAL, "a doorbell of 3 bytes is refused");
	abi_ok(doorbell(fd, SVMRT_IOEVENT_DATA, 0x1000, 1, 0x100) == -EINVAL, "%s", ig.error);
	irq_stop();
	irq_start(dev, 0, 1, bells, bells_end);
	abi_ok(irqfd(fd, 0, MSI, 0x40) == -ENODEV && eoifd(fd, 0, 0x40) == -ENODEV, "%s", ig.error);
	irq_stop();
	close(fd);
}

/* All at once: a periodic timer, an irqfd that is hammered, a second vCPU; and the process dies. */
ABI_CODE16(busy,
	APIC_ON "	movl $0xb, " APIC(3e0) "\n	movl $0x20041, " APIC(320) "\n"
	"	movl $50000, " APIC(380) "\n1:	sti\n	hlt\n	jmp 1b\n"
	HANDLER("busy_irq", "0x40") HANDLER("busy_timer", "0x41"));
ABI_LABEL(busy_irq);
ABI_LABEL(busy_timer);

static void *hammer(void *fd)
{
	for (;;)
		ring(*(int *)fd);
	return NULL;
}

static void *run_second(void *unused)
{
	abi_run(&ap);
	return unused;
}

static void busy_child(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	pthread_t thread;

	irq_start(dev, 1, 2, busy, busy_end);
	irq_vector(0x40, busy, busy_irq);
	irq_vector(0x41, busy, busy_timer);
	irqfd(fd, 0, MSI, 0x40);
	eoifd(fd, 0, 0x40);
	pthread_create(&thread, NULL, hammer, &fd);
	pthread_create(&thread, NULL, run_second, NULL);
	abi_run(&ig);
	_exit(1);
}

static void test_teardown(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), i, wrong = 0, status;
	struct svmrt_info info;

	/* Each order of closing: VM first, vCPU first, eventfd first; and a signal after the VM has gone. */
	for (i = 0; i < 3; i++) {
		int own = eventfd(0, EFD_NONBLOCK);

		irq_start(dev, 1, 1, busy, busy_end);
		wrong += irqfd(own, 0, MSI, 0x40) || irqfd(fd, 0, MSI, 0x40) || eoifd(own, 0, 0x40) ||
			 doorbell(own, SVMRT_IOEVENT_PORT, 0x99, 1, 0);
		if (i == 0)
			close(ig.vm);
		else if (i == 1)
			close(ig.vcpu);
		else
			close(own);
		ring(fd);
		irq_stop();
		ring(fd);
		if (i < 2)
			close(own);
		abi_info(dev, &info);
		wrong += info.vms || info.vcpus || info.pages;
	}
	abi_ok(!wrong, "descriptors are closed in any order, and nothing is left");
	for (i = 0; i < 10; i++) {
		pid_t child = fork();

		if (!child)
			busy_child();
		do
			abi_info(dev, &info);
		while (info.vcpus < 2);
		usleep(1000 * (unsigned int)i);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		abi_info(dev, &info);
		wrong += !WIFSIGNALED(status) || info.vms || info.vcpus || info.pages;
	}
	abi_ok(!wrong, "ten kills under a load of timers and signals leave nothing");
	close(fd);
}

static long eventfd_id(int fd)
{
	char path[64], line[128];
	long id = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "eventfd-id: %ld", &id);
	if (file)
		fclose(file);
	return id;
}

/* Each new eventfd has the lowest number that none of the host has: the 64th tells how many are kept. */
static long eventfds_of_the_host(void)
{
	int fds[64], i;
	long id;

	for (i = 0; i < 64; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	id = eventfd_id(fds[63]);
	for (i = 0; i < 64; i++)
		close(fds[i]);
	return id;
}

int main(int argc, char **argv)
{
	long before, after;

	irq_options(argc, argv);
	dev = abi_open();
	before = eventfds_of_the_host();
	test_irqfd();
	test_eoi();
	test_doorbells();
	test_bad_calls();
	test_teardown();
	after = eventfds_of_the_host();
	abi_ok(before >= 0 && after <= before, "every eventfd was given back (%ld, %ld)", before, after);
	return abi_done();
}
