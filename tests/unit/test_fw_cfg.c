/* SPDX-License-Identifier: MIT */
/* fw_cfg by its ports and by DMA: every item of a template with a Linux kernel, and of one with PVH. */
#include <endian.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <svmkit/vmcb.h>
#include "devices/fw_cfg.h"
#include "virtio_bench.h"

#define PORT 0x510
#define ACCESS_AT 0x40000u
#define BUFFER_AT 0x50000u
#define INFO_GPA 0x7000u
#define KERNEL_GPA 0x8000u

enum { PAGE_VMCB, PAGE_STATE, PAGE_INFO, PAGE_KERNEL, PAGES };

static struct bench bench;
static uint8_t pages[PAGES][SVMT_PAGE_BYTES] __attribute__((aligned(SVMT_PAGE_BYTES)));

static const struct svmt_run runs[] = {
	{ INFO_GPA, PAGE_INFO, 1 }, { KERNEL_GPA, PAGE_KERNEL, 1 },
};
static const struct svmt_vcpu vcpu = {
	.kind = SVMT_VCPU_PLAIN, .vmcb_page = PAGE_VMCB, .state_page = PAGE_STATE,
};

static void put_u32(unsigned int page, unsigned int at, uint32_t value)
{
	memcpy(pages[page] + at, &value, sizeof(value));
}

static int add(void)
{
	struct svmt_view *view = &bench.template.view;
	struct engine_error error;

	view->blob = pages[0];
	view->blob_pages = PAGES;
	view->runs = runs;
	view->run_count = 2;
	view->vcpus = &vcpu;
	view->vcpu_count = 1;
	bench.row = (struct svmt_device){ .type = SVMT_DEV_FW_CFG, .at = PORT };
	return fw_cfg_add(&bench.vm, &bench.row, &error);
}

static void clear(void)
{
	bench_init(&bench, SVMT_DEV_FW_CFG, "");
	memset(pages, 0, sizeof(pages));
	memcpy(pages[PAGE_KERNEL], "the kernel", 10);
	memcpy(pages[PAGE_KERNEL] + 0x800, "initrd!", 7);
	memcpy(pages[PAGE_INFO] + 0x900, "console=ttyS0", 13);
	vmcb_set_RIP((void *)pages[PAGE_VMCB], KERNEL_GPA + 0x200);
}

static int set_up_linux(void **state)
{
	struct svmrt_vcpu_state *registers = (void *)pages[PAGE_STATE];

	(void)state;
	clear();
	registers->gpr[6] = INFO_GPA;
	memcpy(pages[PAGE_INFO] + 0x202, "HdrS", 4);
	put_u32(PAGE_INFO, 0x1f4, 4096 / 16);
	put_u32(PAGE_INFO, 0x218, KERNEL_GPA + 0x800);
	put_u32(PAGE_INFO, 0x21c, 7);
	put_u32(PAGE_INFO, 0x228, INFO_GPA + 0x900);
	return add();
}

static int set_up_pvh(void **state)
{
	struct svmrt_vcpu_state *registers = (void *)pages[PAGE_STATE];

	(void)state;
	clear();
	registers->gpr[3] = INFO_GPA;
	put_u32(PAGE_INFO, 0, 0x336ec578);
	put_u32(PAGE_INFO, 12, 1);
	put_u32(PAGE_INFO, 16, INFO_GPA + 0x100);
	put_u32(PAGE_INFO, 24, INFO_GPA + 0x900);
	put_u32(PAGE_INFO, 0x100, KERNEL_GPA + 0x800);
	put_u32(PAGE_INFO, 0x108, 7);
	return add();
}

static int set_up_nothing(void **state)
{
	(void)state;
	clear();
	return add();
}

static int tear_down(void **state)
{
	(void)state;
	bench_free(&bench);
	return 0;
}

static void select_item(uint16_t key)
{
	bus_write(&bench.vm, BUS_PORT, PORT, 2, key);
}

static void read_item(uint16_t key, void *buffer, size_t bytes)
{
	select_item(key);
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)buffer)[i] = (uint8_t)bus_read(&bench.vm, BUS_PORT, PORT + 1, 1);
}

static uint32_t item_u32(uint16_t key)
{
	uint32_t value;

	read_item(key, &value, sizeof(value));
	return le32toh(value);
}

/* Runs a DMA; the control word that comes back. */
static uint32_t dma(uint32_t control, uint32_t bytes, uint64_t gpa)
{
	const uint32_t words[] = { htobe32(control), htobe32(bytes) };
	const uint64_t address = htobe64(gpa);
	uint32_t answer;

	memcpy(bench.ram + ACCESS_AT, words, 8);
	memcpy(bench.ram + ACCESS_AT + 8, &address, 8);
	bus_write(&bench.vm, BUS_PORT, PORT + 4, 4, 0);
	bus_write(&bench.vm, BUS_PORT, PORT + 8, 4, htobe32(ACCESS_AT));
	memcpy(&answer, bench.ram + ACCESS_AT, 4);
	return be32toh(answer);
}

#define DMA_ERROR 1u
#define DMA_READ 2u
#define DMA_SKIP 4u
#define DMA_SELECT 8u
#define DMA_WRITE 16u

static void it_is_there(void **state)
{
	uint64_t ram;
	char text[5] = "";

	(void)state;
	read_item(0, text, 4);
	assert_string_equal(text, "QEMU");
	assert_int_equal(item_u32(1), 3);
	read_item(3, &ram, 8);
	assert_int_equal(ram, RAM_BYTES);
	assert_int_equal(item_u32(5), 1);		/* CPUs; zeroes behind the 16 bits */
	assert_int_equal(item_u32(0xf), 1);
	assert_int_equal(item_u32(0x1234), 0);		/* no such item */
	assert_int_equal(bus_read(&bench.vm, BUS_PORT, PORT + 4, 4), htobe32(0x51454d55));
	assert_int_equal(bus_read(&bench.vm, BUS_PORT, PORT + 8, 4), htobe32(0x20434647));
	assert_int_equal(bus_read(&bench.vm, BUS_PORT, PORT, 2), 0);
}

static void the_directory_names_files(void **state)
{
	struct { uint32_t bytes; uint16_t key, reserved; char name[56]; } rows[2];
	struct { uint64_t gpa, bytes; uint32_t type; } __attribute__((packed)) map[2];
	uint32_t count;

	(void)state;
	read_item(0x19, &count, 4);
	assert_int_equal(be32toh(count), 2);
	for (unsigned int i = 0; i < sizeof(rows); i++)
		((uint8_t *)rows)[i] = (uint8_t)bus_read(&bench.vm, BUS_PORT, PORT + 1, 1);
	assert_string_equal(rows[0].name, "etc/e820");
	assert_int_equal(be32toh(rows[0].bytes), sizeof(map));
	assert_string_equal(rows[1].name, "opt/org.svmkit/identity");
	assert_int_equal(be32toh(rows[1].bytes), 64);
	read_item(be16toh(rows[0].key), map, sizeof(map));
	assert_int_equal(map[0].bytes, RAM_BYTES);
	assert_int_equal(map[0].type, 1);
	assert_int_equal(map[1].gpa, ROM_GPA);
	assert_int_equal(map[1].type, 2);
}

static void check_boot_items(void)
{
	char text[32] = "";

	assert_int_equal(item_u32(0x10), KERNEL_GPA + 0x200);	/* entry */
	assert_int_equal(item_u32(0x0a), KERNEL_GPA + 0x800);
	assert_int_equal(item_u32(0x0b), 7);
	read_item(0x12, text, 8);
	assert_string_equal(text, "initrd!");
	assert_int_equal(item_u32(0x13), INFO_GPA + 0x900);
	assert_int_equal(item_u32(0x14), 14);
	read_item(0x15, text, 14);
	assert_string_equal(text, "console=ttyS0");
}

static void a_linux_kernel_is_told(void **state)
{
	char text[11] = "";

	(void)state;
	check_boot_items();
	assert_int_equal(item_u32(0x07), KERNEL_GPA);
	assert_int_equal(item_u32(0x08), 4096);
	read_item(0x11, text, 10);
	assert_string_equal(text, "the kernel");
}

static void a_pvh_kernel_is_told(void **state)
{
	(void)state;
	check_boot_items();
	assert_int_equal(item_u32(0x08), 0);		/* nobody says how long it is */
}

static void without_a_kernel_there_are_no_kernel_items(void **state)
{
	(void)state;
	for (uint16_t key = 7; key <= 0x15; key++)
		if (key != 0xf)
			assert_int_equal(item_u32(key), 0);
}

static void dma_reads_and_skips(void **state)
{
	(void)state;
	memset(bench.ram + BUFFER_AT, 0xff, 64);
	assert_int_equal(dma(0x15u << 16 | DMA_SELECT | DMA_READ, 7, BUFFER_AT), 0);
	assert_memory_equal(bench.ram + BUFFER_AT, "console\xff", 8);
	assert_int_equal(dma(DMA_SKIP, 1, 0), 0);
	assert_int_equal(dma(DMA_READ, 20, BUFFER_AT), 0);
	assert_memory_equal(bench.ram + BUFFER_AT, "ttyS0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21);
	assert_int_equal(dma(DMA_SELECT, 0, 0), 0);
	assert_int_equal(bus_read(&bench.vm, BUS_PORT, PORT + 1, 1), 'Q');
	assert_int_equal(dma(DMA_SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(DMA_SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(bus_read(&bench.vm, BUS_PORT, PORT + 1, 1), 0);
}

static void dma_that_cannot_be_says_so(void **state)
{
	(void)state;
	assert_int_equal(dma(0x15u << 16 | DMA_SELECT | DMA_WRITE, 4, BUFFER_AT), DMA_ERROR);
	assert_int_equal(dma(DMA_READ, 4, 0xd0000000), DMA_ERROR);
	assert_int_equal(dma(DMA_READ, 4, ROM_GPA), DMA_ERROR);
	assert_int_equal(dma(DMA_READ, 8, RAM_BYTES - 4), DMA_ERROR);
	assert_int_equal(dma(DMA_READ, UINT32_MAX, BUFFER_AT), DMA_ERROR);
	assert_int_equal(dma(DMA_READ, 8, UINT64_MAX - 3), DMA_ERROR);
	bus_write(&bench.vm, BUS_PORT, PORT + 4, 4, 0xffffffff);	/* a descriptor nowhere */
	bus_write(&bench.vm, BUS_PORT, PORT + 8, 4, 0xffffffff);
	bus_write(&bench.vm, BUS_PORT, PORT + 8, 1, 0);			/* no 32 bits: nothing */
	assert_int_equal(dma(DMA_SELECT | DMA_READ, 4, BUFFER_AT), 0);
	assert_memory_equal(bench.ram + BUFFER_AT, "QEMU", 4);
}

int main(void)
{
#define TEST(function, set_up) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_is_there, set_up_linux),
		TEST(the_directory_names_files, set_up_linux),
		TEST(a_linux_kernel_is_told, set_up_linux),
		TEST(a_pvh_kernel_is_told, set_up_pvh),
		TEST(without_a_kernel_there_are_no_kernel_items, set_up_nothing),
		TEST(dma_reads_and_skips, set_up_linux),
		TEST(dma_that_cannot_be_says_so, set_up_linux),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
