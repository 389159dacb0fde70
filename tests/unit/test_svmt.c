/* SPDX-License-Identifier: MIT */
/*
 * Properties of the template's reader and writer: what is written is read back; no truncation, no
 * flipped bit and no broken rule gets through, and each refusal names an offset inside the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sha2.h>
#include "crc32c.h"
#include "svmt_digest.h"
#include "svmt_read.h"
#include "svmt_write.h"

static const char meta[] = "{\"name\":\"t\"}", expect[] = "{}";

struct contents {
	struct svmt_features features;
	struct {
		struct svmt_memory head;
		struct svmt_region regions[2];
		struct svmt_run runs[2];
	} memory;
	uint8_t blob[3 * 4096];
	struct svmt_vcpu vcpus[2];
	uint8_t msrpm[8192];
	struct svmrt_cpuid_row cpuid[3];
	struct svmrt_msr_row msrs[2];
	struct svmrt_exit_rule exits[6];
	struct svmt_device devices[5];
};

/* A template that uses every section and every kind of row. */
static struct contents good(void)
{
	struct contents c = {
		.features = { .svm_edx = 1 },
		.memory = {
			{ .region_count = 2, .run_count = 2 },
			{ { .gpa = 0, .bytes = 0x4000, .kind = SVMT_RAM },
			  { .gpa = 0x8000, .bytes = 0x1000, .kind = SVMT_ROM } },
			{ { .gpa = 0x1000, .blob_page = 1, .pages = 2 },
			  { .gpa = 0x8000, .blob_page = 2, .pages = 1 } },
		},
		.vcpus = {
			{ SVMT_VCPU_PLAIN, SVMT_START_RUN, 0, SVMT_ZERO_PAGE },
			{ SVMT_VCPU_PLAIN, SVMT_START_WAIT_SIPI, 0, 1 },
		},
		.cpuid = {
			{ .leaf = 4, .subleaf = 1, .flags = SVMRT_CPUID_SUBLEAF },
			{ .leaf = 4 }, { .leaf = 7, .keep = { 1, 2, 3, 4 } },
		},
		.msrs = {
			{ .first = 1, .last = 3, .write = SVMRT_MSR_IGNORE },
			{ .first = 4, .last = 4, .read = SVMRT_MSR_VALUE,
			  .write = SVMRT_MSR_STORE },
		},
		.exits = {
			{ .code = 0x72, .action = SVMRT_DO_TABLE, .event = SVMRT_EVENT_SAMPLE,
			  .sample = 2 },
			{ .code = 0x7b },
			{ .code = 0x7b, .action = SVMRT_DO_TABLE, .first = 0x60, .last = 0x64,
			  .value = 9, .access = SVMRT_ON_READ | SVMRT_ON_WRITE },
			{ .code = 0x7b, .first = 0x65, .last = 0x65, .access = SVMRT_ON_READ },
			{ .code = 0x400, .action = SVMRT_DO_STOP, .event = SVMRT_EVENT_STREAM },
			{ .code = ~0ULL, .action = SVMRT_DO_STOP },
		},
		.devices = {
			{ .type = SVMT_DEV_UART, .at = 0x3f8, .irq = 4 },
			{ .type = SVMT_DEV_DEBUG_EXIT, .at = 0xf4, .irq = SVMT_NO_IRQ },
			{ .type = SVMT_DEV_CHIPSET_PC, .irq = SVMT_NO_IRQ },
			{ .type = SVMT_DEV_VIRTIO_BLK, .at = 0xd0000000, .irq = 5, .name_page = 2,
			  .flags = SVMT_DEV_F_READ_ONLY },
			{ .type = SVMT_DEV_VIRTIO_NET, .at = 0xd0001000, .irq = 6, .name_page = 2,
			  .mac = { 2, 0, 0, 0, 0, 1 } },
		},
	};

	memset(c.blob, 0x5a, 2 * 4096);
	memcpy(c.blob + 2 * 4096, "root", 4);
	return c;
}

static uint8_t *write_contents(const struct contents *c, uint64_t *bytes)
{
	const struct svmt_part parts[] = {
		{ SVMT_META, 0, meta, sizeof(meta) - 1 },
		{ SVMT_FEATURES, 0, &c->features, sizeof(c->features) },
		{ SVMT_MEMORY, 0, &c->memory, sizeof(c->memory) },
		{ SVMT_BLOB, 0, c->blob, sizeof(c->blob) },
		{ SVMT_VCPU, 0, c->vcpus, sizeof(c->vcpus) },
		{ SVMT_MSRPM, 0, c->msrpm, sizeof(c->msrpm) },
		{ SVMT_CPUID, 0, c->cpuid, sizeof(c->cpuid) },
		{ SVMT_MSRS, 0, c->msrs, sizeof(c->msrs) },
		{ SVMT_EXITS, 0, c->exits, sizeof(c->exits) },
		{ SVMT_DEVICES, 0, c->devices, sizeof(c->devices) },
		{ SVMT_EXPECT, 0, expect, sizeof(expect) - 1 },
	};
	uint8_t *image = NULL;

	assert_int_equal(
		svmt_write_image(parts, sizeof(parts) / sizeof(parts[0]), 0, &image, bytes), 0);
	return image;
}

static void assert_refused(const uint8_t *image, uint64_t bytes, uint64_t limit, const char *about)
{
	struct svmt_view view;
	struct svmt_error error = { .offset = ~0ULL };

	if (!svmt_view_open(&view, image, bytes, &error))
		fail_msg("accepted: %s", about);
	if (error.offset > limit || !strstr(error.text, "offset 0x") || view.header)
		fail_msg("%s: offset %llu, text %s", about, (unsigned long long)error.offset,
			 error.text);
}

static void what_is_written_is_read_back(void **state)
{
	struct contents c = good();
	struct svmt_view view;
	struct svmt_error error;
	uint64_t bytes;
	uint8_t *image = write_contents(&c, &bytes);

	(void)state;
	if (svmt_view_open(&view, image, bytes, &error))
		fail_msg("%s", error.text);
	assert_int_equal(view.meta_bytes, sizeof(meta) - 1);
	assert_memory_equal(view.meta, meta, sizeof(meta) - 1);
	assert_memory_equal(view.features, &c.features, sizeof(c.features));
	assert_int_equal(view.region_count, 2);
	assert_memory_equal(view.regions, c.memory.regions, sizeof(c.memory.regions));
	assert_int_equal(view.run_count, 2);
	assert_memory_equal(view.runs, c.memory.runs, sizeof(c.memory.runs));
	assert_int_equal(view.blob_pages, 3);
	assert_memory_equal(view.blob, c.blob, sizeof(c.blob));
	assert_int_equal(view.vcpu_count, 2);
	assert_memory_equal(view.vcpus, c.vcpus, sizeof(c.vcpus));
	assert_memory_equal(view.msrpm, c.msrpm, sizeof(c.msrpm));
	assert_int_equal(view.cpuid_count, 3);
	assert_memory_equal(view.cpuid, c.cpuid, sizeof(c.cpuid));
	assert_int_equal(view.msr_count, 2);
	assert_memory_equal(view.msrs, c.msrs, sizeof(c.msrs));
	assert_int_equal(view.exit_count, 6);
	assert_memory_equal(view.exits, c.exits, sizeof(c.exits));
	assert_int_equal(view.device_count, 5);
	assert_memory_equal(view.devices, c.devices, sizeof(c.devices));
	assert_int_equal(view.expect_bytes, 2);
	assert_ptr_equal(svmt_blob_page(&view, 1), view.blob + 4096);
	assert_int_equal(svmt_blob_page(&view, SVMT_ZERO_PAGE)[4095], 0);
	free(image);
}

static void a_flipped_bit_anywhere_is_refused(void **state)
{
	struct contents c = good();
	uint64_t bytes;
	uint8_t *image = write_contents(&c, &bytes);

	(void)state;
	/* Every bit of header and section table; behind them one of every byte, all positions. */
	for (uint64_t bit = 0; bit < bytes * 8; bit += bit < 4096 * 8 ? 1 : 9) {
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_refused(image, bytes, bytes, "a flipped bit");
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(image);
}

static void every_truncation_is_refused(void **state)
{
	struct contents c = good();
	uint64_t bytes;
	uint8_t *image = write_contents(&c, &bytes);

	(void)state;
	for (uint64_t length = 0; length < bytes; length++) {
		uint8_t *copy;

		if (length >= 8192) {
			assert_refused(image, length, length, "a truncation");
			continue;
		}
		/* A copy of exactly that length, so that a sanitizer sees a read behind it. */
		copy = malloc(length ? (size_t)length : 1);
		memcpy(copy, image, (size_t)length);
		assert_refused(copy, length, length, "a truncation");
		free(copy);
	}
	free(image);
}

static void bytes_behind_the_end_are_refused(void **state)
{
	struct contents c = good();
	uint64_t bytes;
	uint8_t *image = write_contents(&c, &bytes), *longer = calloc(1, (size_t)bytes + 4096);

	(void)state;
	memcpy(longer, image, (size_t)bytes);
	assert_refused(longer, bytes + 1, bytes + 1, "one byte more");
	assert_refused(longer, bytes + 4096, bytes + 4096, "one page more");
	free(longer);
	free(image);
}

/* Header and section table: change, seal again, so that only the rule under test is broken. */
static void a_sealed_header_that_breaks_a_rule_is_refused(void **state)
{
	static const struct {
		const char *about;
		size_t offset;
		uint32_t value;
	} breaks[] = {
		{ "version 0", 4, 0 },
		{ "version 2", 4, 2 },
		{ "65 sections", 52, 65 },
		{ "a million sections", 52, 1000000 },
		{ "unknown flags", 56, 2 },
		{ "reserved header bytes", 60, 1 },
		{ "last reserved header bytes", 124, 1 },
		{ "no sections", 52, 0 },
		{ "one section less", 52, 10 },
		{ "one section more", 52, 12 },
		{ "an unknown type", 128, 99 },
		{ "VMSA pages of plain vCPUs", 128, SVMT_VMSA },
		{ "type 0", 128, 0 },
		{ "a type twice", 128, SVMT_BLOB },
		{ "unknown section flags", 132, 1 },
		{ "offset not a page", 136, 4097 },
		{ "offset 0", 136, 0 },
		{ "offset of the next section", 136, 8192 },
		{ "length to the next section", 144, 8192 },
		{ "length 0", 144, 0 },
		{ "length behind the end", 144, 0x7fffffff },
		{ "length wraps", 148, 0xffffffff },
		{ "reserved section bytes", 152, 1 },
		{ "padding", 4095, 1 },
		{ "padding behind a section", 4096 + 100, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		struct contents c = good();
		uint64_t bytes;
		uint8_t *image = write_contents(&c, &bytes);

		memcpy(image + breaks[i].offset, &breaks[i].value,
		       breaks[i].offset == 4095 ? 1 : sizeof(breaks[i].value));
		svmt_write_seal(image, bytes);
		assert_refused(image, bytes, bytes, breaks[i].about);
		free(image);
	}
}

/* An optional section of a type from the future is skipped; the digest still covers it. */
static void an_unknown_optional_section_is_ignored(void **state)
{
	struct contents c = good();
	const struct svmt_part parts[] = {
		{ SVMT_META, 0, meta, sizeof(meta) - 1 },
		{ SVMT_FEATURES, 0, &c.features, sizeof(c.features) },
		{ SVMT_MEMORY, 0, &c.memory, sizeof(c.memory) },
		{ SVMT_BLOB, 0, c.blob, sizeof(c.blob) },
		{ SVMT_VCPU, 0, c.vcpus, sizeof(c.vcpus) },
		{ SVMT_MSRPM, 0, c.msrpm, sizeof(c.msrpm) },
		{ SVMT_EXITS, 0, c.exits, sizeof(c.exits) },
		{ 4711, SVMT_S_OPTIONAL, "future", 6 },
	};
	struct svmt_view view;
	struct svmt_error error;
	uint64_t bytes;
	uint8_t *image;

	(void)state;
	for (unsigned int without = 0; without < 7; without++) {
		struct svmt_part fewer[8];
		unsigned int count = 0;

		for (unsigned int i = 0; i < 8; i++)
			if (i != without)
				fewer[count++] = parts[i];
		assert_int_equal(svmt_write_image(fewer, count, 0, &image, &bytes), 0);
		assert_refused(image, bytes, bytes, "a needed section is missing");
		free(image);
	}
	assert_int_equal(svmt_write_image(parts, 8, 0, &image, &bytes), 0);
	if (svmt_view_open(&view, image, bytes, &error))
		fail_msg("%s", error.text);
	assert_int_equal(view.cpuid_count, 0);
	assert_null(view.expect);
	free(image);
}

static void a_row_that_breaks_a_rule_is_refused(void **state)
{
	(void)state;
#define BROKEN(statement) do { \
		struct contents c = good(); \
		uint64_t bytes; \
		uint8_t *image; \
		statement; \
		image = write_contents(&c, &bytes); \
		assert_refused(image, bytes, bytes, #statement); \
		free(image); \
	} while (0)
	BROKEN(c.features.reserved[14] = 1);
	BROKEN(c.memory.head.region_count = 3);
	BROKEN(c.memory.head.region_count = 0xffffffff);
	BROKEN(c.memory.head.run_count = 1);
	BROKEN(c.memory.head.run_count = 0xffffffff);
	BROKEN(c.memory.head.reserved = 1);
	BROKEN(c.memory.regions[0].gpa = 1);
	BROKEN(c.memory.regions[0].bytes = 0);
	BROKEN(c.memory.regions[0].bytes = 0x9000);
	BROKEN(c.memory.regions[1].bytes = ~0xfffULL);
	BROKEN(c.memory.regions[1].gpa = 1ULL << 52);
	BROKEN(c.memory.regions[1].kind = 3);
	BROKEN(c.memory.regions[1].reserved = 1);
	BROKEN(c.memory.runs[0].gpa = 0x1001);
	BROKEN(c.memory.runs[0].gpa = 0x3000);
	BROKEN(c.memory.runs[0].gpa = 0x5000);
	BROKEN(c.memory.runs[0].pages = 0);
	BROKEN(c.memory.runs[0].pages = 3);
	BROKEN(c.memory.runs[0].pages = 0xffffffff);
	BROKEN(c.memory.runs[1].gpa = 0x2000);
	BROKEN(c.memory.runs[1].gpa = 0x9000);
	BROKEN(c.memory.runs[1].blob_page = 3);
	BROKEN(c.vcpus[0].kind = 0);
	BROKEN(c.vcpus[0].start = 2);
	BROKEN(c.vcpus[0].vmcb_page = 3);
	BROKEN(c.vcpus[0].vmcb_page = SVMT_ZERO_PAGE);
	BROKEN(c.vcpus[1].state_page = 3);
	BROKEN(c.cpuid[0].flags = 2);
	BROKEN(c.cpuid[0].live = 16);
	BROKEN(c.cpuid[0].leaf = 8);
	BROKEN(c.cpuid[0].flags = 0; c.cpuid[0].subleaf = 0);
	BROKEN(c.cpuid[1].subleaf = 1);
	BROKEN(c.msrs[0].last = 0);
	BROKEN(c.msrs[0].last = 4);
	BROKEN(c.msrs[0].read = SVMRT_MSR_IGNORE);
	BROKEN(c.msrs[0].write = SVMRT_MSR_STORE);
	BROKEN(c.msrs[0].read = SVMRT_MSR_STATE);
	BROKEN(c.msrs[1].write = SVMRT_MSR_STATE);
	BROKEN(c.msrs[1].write = SVMRT_MSR_STATE + 1);
	BROKEN(c.msrs[0].write = 4);
	BROKEN(c.msrs[0].reserved0 = 1);
	BROKEN(c.msrs[1].reserved1 = 1);
	BROKEN(c.exits[0].code = 0x400);
	BROKEN(c.exits[0].code = 0x200);
	BROKEN(c.exits[0].action = SVMRT_ACTIONS);
	BROKEN(c.exits[0].event = SVMRT_EVENTS);
	BROKEN(c.exits[0].vector = 6);
	BROKEN(c.exits[0].sample = 0);
	BROKEN(c.exits[1].sample = 1);
	BROKEN(c.exits[1].action = SVMRT_DO_INJECT; c.exits[1].vector = 32);
	BROKEN(c.exits[1].first = c.exits[1].last = 1);
	BROKEN(c.exits[1].value = 1);
	BROKEN(c.exits[1].reserved = 1);
	BROKEN(c.exits[2].access = 4);
	BROKEN(c.exits[2].last = 0x5f);
	BROKEN(c.exits[2].last = 0x65);
	BROKEN(c.exits[3].last = 0x10000);
	BROKEN(c.exits[3].value = 1);
	BROKEN(c.exits[3].first = 0x5f);
	BROKEN(c.exits[2].access = 0; c.exits[2].first = c.exits[2].last = c.exits[2].value = 0);
	BROKEN(c.exits[5].access = SVMRT_ON_READ);
	BROKEN(c.devices[0].type = 0);
	BROKEN(c.devices[0].at = 0x10000);
	BROKEN(c.devices[0].at = 0xfff9);
	BROKEN(c.devices[0].index = 4);
	BROKEN(c.devices[0].flags = SVMT_DEV_F_READ_ONLY);
	BROKEN(c.devices[0].irq = SVMT_IRQS);
	BROKEN(c.devices[1].at = 0x3fc);
	BROKEN(c.devices[1].irq = 4);
	BROKEN(c.devices[1].index = 1);
	BROKEN(c.devices[1].name_page = 1);
	BROKEN(c.devices[2].at = 1);
	BROKEN(c.devices[2].irq = 0);
	BROKEN(c.devices[2].type = SVMT_DEV_DEBUG_CONSOLE; c.devices[2].at = 0xe9);
	BROKEN(c.devices[3].at = 0xd0000800);
	BROKEN(c.devices[3].at = 1ULL << 52);
	BROKEN(c.devices[3].at = 0);
	BROKEN(c.devices[3].at = 0xfee00000);
	BROKEN(c.devices[3].at = c.devices[4].at);
	BROKEN(c.devices[3].irq = SVMT_NO_IRQ);
	BROKEN(c.devices[3].irq = SVMT_IRQS);
	BROKEN(c.devices[3].index = 1);
	BROKEN(c.devices[3].flags = 2);
	BROKEN(c.devices[3].mac[5] = 1);
	BROKEN(c.devices[3].name_page = 3);
	BROKEN(c.devices[3].name_page = 0);
	BROKEN(c.blob[2 * 4096] = 0);
	BROKEN(c.blob[2 * 4096] = '-');
	BROKEN(c.blob[2 * 4096 + 3] = '/');
	BROKEN(c.blob[2 * 4096 + 4095] = 1);
	BROKEN(memset(c.blob + 2 * 4096, 'a', 32));
	BROKEN(c.devices[4].mac[0] = 1);
	BROKEN(c.devices[4].type = 10);
#undef BROKEN
}

/* RFC 3720, B.4: test vectors for CRC-32C. */
static void crc32c_has_the_published_values(void **state)
{
	uint8_t bytes[32];

	(void)state;
	assert_int_equal(svmt_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(svmt_crc32c_portable(0, "123456789", 9), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(svmt_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(svmt_crc32c(0, bytes, 32), 0x62a8ab43);
}

static void crc32c_continues_and_both_forms_agree(void **state)
{
	uint8_t bytes[100];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		uint32_t whole = svmt_crc32c(0, bytes, length);

		assert_int_equal(whole, svmt_crc32c_portable(0, bytes, length));
		for (size_t cut = 0; cut <= length; cut += 7)
			assert_int_equal(
				svmt_crc32c(svmt_crc32c(0, bytes, cut), bytes + cut, length - cut),
				whole);
	}
}

/* libmd's is the other half of the comparison, whatever the processor has. */
static void sha256_of_an_image_is_libmds_at_every_length(void **state)
{
	static uint8_t image[sizeof(struct svmt_header) + 300];
	uint8_t ours[32], theirs[32];

	(void)state;
	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 131 + (i >> 3));
	for (size_t bytes = sizeof(struct svmt_header); bytes <= sizeof(image); bytes++) {
		SHA2_CTX context;

		SHA256Init(&context);
		SHA256Update(&context, image + sizeof(struct svmt_header),
			     bytes - sizeof(struct svmt_header));
		SHA256Final(theirs, &context);
		svmt_image_sha256(image, bytes, ours);
		assert_memory_equal(ours, theirs, sizeof(ours));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_flipped_bit_anywhere_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(a_sealed_header_that_breaks_a_rule_is_refused),
		cmocka_unit_test(an_unknown_optional_section_is_ignored),
		cmocka_unit_test(a_row_that_breaks_a_rule_is_refused),
		cmocka_unit_test(crc32c_has_the_published_values),
		cmocka_unit_test(crc32c_continues_and_both_forms_agree),
		cmocka_unit_test(sha256_of_an_image_is_libmds_at_every_length),
	};

	return cmocka_run_group_tests_name("svmt", tests, NULL, NULL);
}
