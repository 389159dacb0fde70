// SPDX-License-Identifier: MIT
/*
 * Ports that the module answers from cells, in the lab: what is refused, what is answered and what goes
 * on to user space, posted writes in their order, counters and events, and a page that another thread
 * scribbles on. Prints TAP.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi_guest.h"

#define READ SVMRT_PORT_READ
#define STORE SVMRT_PORT_STORE
#define POST SVMRT_PORT_POST
#define IOIO 0x7b
#define PATIENCE_MS 20000	/* for an eventfd: only a hang meets it */

static struct abi_guest g;
static struct svmrt_port_page *page;
static int dev, event;

static const struct svmrt_exit_rule rules[] = {
	{ .code = IOIO, .action = SVMRT_DO_USER, .event = SVMRT_EVENT_STREAM },
	{ .code = 0x81, .action = SVMRT_DO_STOP },
	{ .code = IOIO, .action = SVMRT_DO_STOP, .access = SVMRT_ON_READ, .first = 0x77, .last = 0x77 },
};

static int add_ports(int fd, uint32_t delay_ns)
{
	struct svmrt_ports ports = { .size = sizeof(ports), .fd = fd, .delay_ns = delay_ns };

	return abi_call(&g, g.vm, SVMRT_VM_PORTS, &ports, ports.error);
}

static int add_port(struct svmrt_port port)
{
	port.size = sizeof(port);
	return abi_call(&g, g.vm, SVMRT_VM_PORT, &port, port.error);
}

static void *map_page(size_t bytes, int flags)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, g.vm, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* ---- What is refused ---- */

static void test_refused(void)
{
	static const struct { struct svmrt_port port; const char *what; } bad[] = {
		{ { .flags = 2, .port = 1, .bytes = 1 }, "an unknown flag" },
		{ { .port = 0x10000, .bytes = 1 }, "a port of 17 bits" },
		{ { .port = 1, .bytes = 0 }, "no size" },
		{ { .port = 1, .bytes = 3 }, "a size of 3" },
		{ { .port = 1, .bytes = 8 }, "a size of 8" },
		{ { .port = 1, .bytes = 1, .cell = SVMRT_PORT_CELLS }, "a cell behind the last" },
		{ { .port = 1, .bytes = 1, .store_mask = 0x100 }, "a mask that is wider than the port" },
		{ { .port = 1, .bytes = 1, .unless_mask = 1 }, "a condition without its flag" },
		{ { .flags = SVMRT_PORT_UNLESS, .port = 1, .bytes = 1, .unless_cell = SVMRT_PORT_CELLS },
		  "a condition on a cell behind the last" },
		{ { .flags = SVMRT_PORT_UNLESS, .port = 1, .bytes = 1, .unless_mask = 1, .unless_value = 2 },
		  "a value outside of its mask" },
		{ { .port = 1, .bytes = 1, .reserved = 1 }, "a reserved word" },
	};
	int pipe_ends[2];

	if (abi_create_vm(&g, dev) < 0 || pipe(pipe_ends))
		return;
	abi_ok(add_port((struct svmrt_port){ .port = 1, .bytes = 1 }) == -ENODEV, "%s", g.error);
	abi_ok(!map_page(4096, MAP_SHARED) && errno == ENODEV, "there is no page yet");
	abi_ok(add_ports(event, 999) == -EINVAL, "%s", g.error);
	abi_ok(add_ports(event, 1000000001) == -EINVAL, "%s", g.error);
	abi_ok(add_ports(-1, 1000) == -EBADF, "%s", g.error);
	abi_ok(add_ports(pipe_ends[0], 1000) == -EINVAL, "%s", g.error);
	abi_ok(!add_ports(event, 1000), "an eventfd and a delay make the page");
	abi_ok(add_ports(event, 1000) == -EEXIST, "%s", g.error);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		abi_ok(add_port(bad[i].port) == -EINVAL && g.error[0], "%s is refused: %s", bad[i].what,
		       g.error);
	abi_ok(!map_page(8192, MAP_SHARED) && errno == EINVAL, "two pages cannot be mapped");
	abi_ok(!map_page(4096, MAP_PRIVATE) && errno == EINVAL, "nor a private one");
	abi_ok(!add_port((struct svmrt_port){ .port = 1, .bytes = 1 }) &&
	       add_port((struct svmrt_port){ .port = 1, .bytes = 1, .cell = 1 }) == -EEXIST &&
	       !add_port((struct svmrt_port){ .port = 1, .bytes = 2, .cell = 1 }) &&
	       add_port((struct svmrt_port){ .port = 2, .bytes = 1, .cell = 1 }) == -EEXIST,
	       "a port and size, and a cell, are there once: %s", g.error);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	close(g.vm);
}

/* ---- A guest with ports ---- */

enum { BYTE, WORD, LONG, KEPT, DATA, POSTED, RULED, NAMED };

static const struct svmrt_port ports[] = {
	[BYTE] = { .port = 0x71, .bytes = 1 },
	[WORD] = { .port = 0x72, .bytes = 2 },
	[LONG] = { .port = 0x74, .bytes = 4 },
	[KEPT] = { .port = 0xcf8, .bytes = 4, .store_mask = 0x80fffffc },
	[DATA] = { .port = 0xcfc, .bytes = 4, .flags = SVMRT_PORT_UNLESS, .unless_cell = KEPT,
		   .unless_mask = 0x80ffff00, .unless_value = 0x80000000 },
	[POSTED] = { .port = 0x3f8, .bytes = 1 },
	[RULED] = { .port = 0x77, .bytes = 1 },
};

static void start(const uint8_t *code, const uint8_t *end)
{
	int err;

	abi_prepare(&g, dev, code, (size_t)(end - code), rules, sizeof(rules) / sizeof(rules[0]), NULL, 0);
	err = add_ports(event, 1000000);
	for (uint32_t i = 0; !err && i < NAMED; i++) {
		struct svmrt_port port = ports[i];

		port.cell = i;
		err = add_port(port);
	}
	page = map_page(4096, MAP_SHARED);
	if (err || !page) {
		printf("Bail out! ports: %s\n", g.error);
		exit(1);
	}
	abi_open_vcpu(&g);
}

static void stop(void)
{
	munmap(page, 4096);
	abi_stop(&g);
}

static void set(uint32_t cell, uint32_t value, uint32_t mode)
{
	page->cells[cell].value = value;
	__atomic_store_n(&page->cells[cell].mode, mode, __ATOMIC_RELEASE);
}

static int at_user(uint16_t port, uint64_t rax)
{
	return g.run->reason == SVMRT_RUN_EXIT && g.run->exitcode == IOIO &&
	       (g.run->exitinfo1 >> 16 & 0xffff) == port && g.run->gpr[0] == rax;
}

/* Past the access that RUN returned for. */
static int go_on(void)
{
	g.run->rip = g.run->next_rip;
	g.run->dirty |= SVMRT_DIRTY_RIP;
	return abi_run(&g);
}

ABI_CODE16(reads,
	"	mov $0x11223344, %eax\n	in $0x71, %al\n	mov %eax, %ebx\n"
	"	mov $0x11223344, %eax\n	in $0x72, %ax\n	mov %eax, %ecx\n"
	"	in $0x74, %eax\n	mov %eax, %esi\n	vmmcall\n"
	"	in $0x71, %ax\n"				/* another size */
	"	mov $0x71, %dx\n	mov $0x4000, %di\n	insb\n"
	"	in $0x71, %al\n"				/* mode 0 */
	"	in $0x77, %al\n");				/* a rule says stop */

static void test_reads(void)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };

	start(reads, reads_end);
	set(BYTE, 0x1fe, READ);
	set(WORD, 0xabcd1234, READ);
	set(LONG, 0xcafe0001, READ);
	set(RULED, 1, READ);
	abi_ok(abi_run(&g) == SVMRT_RUN_STOP && g.run->gpr[3] == 0x112233fe &&
	       g.run->gpr[1] == 0x11221234 && g.run->gpr[6] == 0xcafe0001,
	       "IN of 1, 2 and 4 bytes reads as much of the cell, and leaves the rest of RAX alone");
	ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats);
	abi_ok(stats.exits[IOIO] == 3 && g.ring->head == 3 &&
	       SVMRT_EVENT_ACTION(g.records[0].flags) == SVMRT_DO_TABLE && g.records[0].code == IOIO &&
	       g.records[0].rax == 0x11223344 && g.records[0].exitinfo1 >> 16 == 0x71 &&
	       g.records[2].exitinfo1 >> 16 == 0x74,
	       "they are counted and told as they exited, with what was done");
	g.run->next_rip = g.run->rip + 3;
	go_on();
	abi_ok(at_user(0x71, 0xcafe0001), "another size of the same port goes to user space");
	go_on();
	abi_ok(g.run->reason == SVMRT_RUN_EXIT && g.run->exitinfo1 & 4, "so does INS");
	set(BYTE, 0x55, STORE | POST);
	go_on();
	abi_ok(at_user(0x71, 0xcafe0001) && SVMRT_EVENT_ACTION(g.records[5].flags) == SVMRT_DO_USER,
	       "and an IN whose cell has no mode for it, told as that");
	abi_ok(go_on() == SVMRT_RUN_STOP && g.run->exitinfo1 >> 16 == 0x77,
	       "a rule of the policy comes before the cell");
	stop();
}

ABI_CODE16(kept,
	"	mov $0xcf8, %dx\n	mov $0xffffffff, %eax\n	out %eax, %dx\n	in %dx, %eax\n	mov %eax, %ebx\n"
	"	mov $0xcfc, %dx\n	in %dx, %eax\n	mov %eax, %ecx\n"
	"	mov $0xcf8, %dx\n	mov $0x80000008, %eax\n	out %eax, %dx\n"
	"	mov $0xcfc, %dx\n	in %dx, %eax\n"
	"	out %eax, %dx\n	vmmcall\n");

static void test_kept(void)
{
	start(kept, kept_end);
	set(KEPT, 0, READ | STORE);
	set(DATA, 0xffffffff, READ);
	abi_run(&g);
	abi_ok(g.run->gpr[3] == 0x80fffffc && g.run->gpr[1] == 0xffffffff,
	       "OUT keeps what the mask lets through, IN reads it back, and the other port depends on it");
	abi_ok(at_user(0xcfc, 0x80000008) && page->cells[KEPT].value == 0x80000008,
	       "with the value of its condition the access goes to user space");
	set(KEPT, 0, READ);
	go_on();
	abi_ok(at_user(0xcfc, 0x80000008) && !(g.run->exitinfo1 & 1), "so does an OUT without a mode");
	abi_ok(go_on() == SVMRT_RUN_STOP, "and the guest goes on");
	stop();
}

/* ---- Posted writes ---- */

ABI_CODE16(posts,
	"	mov $0x3f8, %dx\n	mov $300, %cx\n	xor %eax, %eax\n"
	"1:	inc %eax\n	out %al, %dx\n	loop 1b\n	vmmcall\n");

static int is_signalled(void)
{
	struct pollfd wait = { .fd = event, .events = POLLIN };
	uint64_t count;

	return poll(&wait, 1, PATIENCE_MS) == 1 && read(event, &count, sizeof(count)) == sizeof(count);
}

static int is_in_order(uint32_t from, uint32_t to)
{
	uint32_t i;

	for (i = from; i < to; i++) {
		const struct svmrt_posted *posted = &page->posted[i % SVMRT_POSTED];

		if (posted->port != 0x3f8 || posted->bytes != 1 || posted->value != ((i + 1) & 0xff))
			return 0;
	}
	return 1;
}

static void test_posted(void)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };

	start(posts, posts_end);
	set(POSTED, 0x5a, POST | STORE);
	abi_run(&g);
	abi_ok(at_user(0x3f8, 257) && page->head == SVMRT_POSTED && is_in_order(0, SVMRT_POSTED),
	       "writes are posted in their order; the one that finds the queue full goes to user space");
	abi_ok(is_signalled(), "the eventfd is signalled");
	page->tail = page->head;
	abi_ok(go_on() == SVMRT_RUN_STOP && page->head == 299 && page->posted[0].value == 2 &&
	       page->cells[POSTED].value == 0x5a, "with room they go on");
	abi_ok(is_signalled(), "and are told, too");
	ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats);
	abi_ok(stats.exits[IOIO] == 300 && stats.events == 300, "each is counted and told");
	stop();
}

static void test_bad_tail(void)
{
	start(posts, posts_end);
	set(POSTED, 0, POST);
	page->tail = 5;			/* ahead of the head */
	page->head = 77;		/* ours to write, but not to be believed */
	abi_run(&g);
	abi_ok(at_user(0x3f8, 1), "a tail that makes no sense is a full queue");
	page->tail = 0;
	go_on();
	abi_ok(at_user(0x3f8, 258) && page->head == SVMRT_POSTED, "a head that user space wrote is not used");
	stop();
}

/* The timer is armed while everything goes. */
static void test_end(void)
{
	for (int i = 0; i < 20; i++) {
		start(posts, posts_end);
		set(POSTED, 0, POST);
		abi_run(&g);
		stop();
	}
	abi_ok(1, "a VM ends with writes that nobody took");
}

/* ---- A hostile page ---- */

static atomic_int stopping;

static void *scribble(void *argument)
{
	uint32_t *words = (uint32_t *)page, seed = 1;

	(void)argument;
	while (!atomic_load(&stopping)) {
		seed = seed * 1664525 + 1013904223;
		words[(seed >> 8) % 1024] = seed >> 16 & 1 ? seed : seed & 7;
	}
	return NULL;
}

ABI_CODE16(mixed,
	"	mov $20000, %cx\n"
	"1:	mov $0x3f8, %dx\n	out %al, %dx\n	in %dx, %al\n"
	"	mov $0xcf8, %dx\n	out %eax, %dx\n	mov $0xcfc, %dx\n	in %dx, %eax\n"
	"	in $0x71, %al\n	in $0x72, %ax\n	loop 1b\n	vmmcall\n");

static void test_hostile(void)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };
	pthread_t thread;
	int reason;

	start(mixed, mixed_end);
	stopping = 0;
	pthread_create(&thread, NULL, scribble, NULL);
	reason = abi_run(&g);
	while (reason == SVMRT_RUN_EXIT)
		reason = go_on();
	stopping = 1;
	pthread_join(thread, NULL);
	ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats);
	abi_ok(reason == SVMRT_RUN_STOP && stats.exits[IOIO] == 120000,
	       "whatever another thread writes into the page, every access is done once");
	stop();
}

static void test_late(void)
{
	static const uint8_t code[] = { 0x0f, 0x01, 0xd9 };

	start(code, code + sizeof(code));
	abi_ok(add_port((struct svmrt_port){ .port = 0x99, .bytes = 1, .cell = NAMED }) == -EBUSY, "%s",
	       g.error);
	stop();
	abi_start(&g, dev, code, sizeof(code), rules, 2);
	abi_ok(add_ports(event, 1000) == -EBUSY, "%s", g.error);
	abi_stop(&g);
}

int main(void)
{
	struct svmrt_info info;

	dev = abi_open();
	event = eventfd(0, EFD_CLOEXEC);
	test_refused();
	test_reads();
	test_kept();
	test_posted();
	test_bad_tail();
	test_end();
	test_hostile();
	test_late();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.pages, "nothing is left behind");
	return abi_done();
}
