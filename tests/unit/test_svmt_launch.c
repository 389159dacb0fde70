/* SPDX-License-Identifier: MIT */
/*
 * The reader's rules for confidential templates: what is written is read back, and each broken row
 * or missing section is refused at an offset inside the file. And the table of the VMSA page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "svmt_read.h"
#include "svmt_write.h"
#include "vmsa.h"

struct contents {
	struct svmt_vcpu vcpus[2];
	struct svmt_vmsa vmsas[3];
	uint32_t vmsa_count;
	struct {
		struct svmt_launch head;
		struct svmt_launch_row rows[2];
	} launch;
	uint64_t launch_bytes;
	bool without_vmsa, without_launch;
};

static struct contents good(void)
{
	return (struct contents){
		.vcpus = {
			{ SVMT_VCPU_CONFIDENTIAL, SVMT_START_RUN, 0, SVMT_ZERO_PAGE },
			{ SVMT_VCPU_CONFIDENTIAL, SVMT_START_RUN, 0, SVMT_ZERO_PAGE },
		},
		.vmsas = { { .page = 1, .gpa = SVMT_VMSA_GPA_KVM }, { .page = 2, .gpa = 0x1000 } },
		.vmsa_count = 2,
		.launch = {
			{ .kind = SVMT_LAUNCH_SEV_SNP, .vmm = SVMT_VMM_QEMU, .as_of = 20260501,
			  .row_count = 2 },
			{ { .gpa = 0, .bytes = 0x2000, .type = SVMT_PAGE_NORMAL },
			  { .gpa = 0x2000, .bytes = 0x1000, .type = SVMT_PAGE_CPUID } },
		},
		.launch_bytes = sizeof(struct svmt_launch) + 2 * sizeof(struct svmt_launch_row),
	};
}

static uint8_t *write_contents(const struct contents *c, uint64_t *bytes)
{
	static const struct svmt_features features = { .svm_edx = 1 };
	static const struct {
		struct svmt_memory head;
		struct svmt_region region;
	} memory = { { .region_count = 1 }, { .bytes = 0x4000, .kind = SVMT_RAM } };
	static uint8_t blob[3 * 4096] = { [0] = 1, [4096] = 2, [8192] = 3 };
	static const uint8_t msrpm[8192];
	struct svmt_part parts[16] = {
		{ SVMT_META, 0, "{}", 2 },
		{ SVMT_FEATURES, 0, &features, sizeof(features) },
		{ SVMT_MEMORY, 0, &memory, sizeof(memory) },
		{ SVMT_BLOB, 0, blob, sizeof(blob) },
		{ SVMT_VCPU, 0, c->vcpus, sizeof(c->vcpus) },
		{ SVMT_MSRPM, 0, msrpm, sizeof(msrpm) },
		{ SVMT_EXITS, 0, NULL, 0 },
	};
	unsigned int count = 7;
	uint8_t *image = NULL;

	if (!c->without_vmsa)
		parts[count++] = (struct svmt_part){
			SVMT_VMSA, 0, c->vmsas, c->vmsa_count * sizeof(c->vmsas[0]),
		};
	if (!c->without_launch)
		parts[count++] = (struct svmt_part){
			SVMT_LAUNCH, 0, &c->launch, c->launch_bytes,
		};
	assert_int_equal(svmt_write_image(parts, count, 0, &image, bytes), 0);
	return image;
}

static void a_confidential_template_is_read_back(void **state)
{
	const struct contents c = good();
	struct svmt_view view;
	struct svmt_error error;
	uint64_t bytes;
	uint8_t *image = write_contents(&c, &bytes);

	(void)state;
	if (svmt_view_open(&view, image, bytes, &error))
		fail_msg("%s", error.text);
	assert_memory_equal(view.vmsas, c.vmsas, 2 * sizeof(c.vmsas[0]));
	assert_memory_equal(view.launch, &c.launch.head, sizeof(c.launch.head));
	assert_memory_equal(view.launch_rows, c.launch.rows, sizeof(c.launch.rows));
	assert_false(svmt_same_vcpu(&view, 0, 1));
	assert_true(svmt_same_vcpu(&view, 1, 1));
	free(image);
}

static void what_breaks_a_rule_of_confidential_templates_is_refused(void **state)
{
	(void)state;
#define BROKEN(statement) do { \
		struct contents c = good(); \
		struct svmt_view view; \
		struct svmt_error error = { .offset = ~0ULL }; \
		uint64_t bytes; \
		uint8_t *image; \
		statement; \
		image = write_contents(&c, &bytes); \
		if (!svmt_view_open(&view, image, bytes, &error)) \
			fail_msg("accepted: %s", #statement); \
		if (error.offset > bytes || !strstr(error.text, "offset 0x")) \
			fail_msg("%s: %s", #statement, error.text); \
		free(image); \
	} while (0)
	BROKEN(c.vcpus[1].kind = SVMT_VCPU_PLAIN);
	BROKEN(c.vcpus[0].kind = c.vcpus[1].kind = SVMT_VCPU_PLAIN);
	BROKEN(c.without_vmsa = true);
	BROKEN(c.without_launch = true);
	BROKEN(c.without_vmsa = c.without_launch = true);
	BROKEN(c.vmsa_count = 0);
	BROKEN(c.vmsa_count = 1);
	BROKEN(c.vmsa_count = 3);
	BROKEN(c.vmsas[1].page = 3);
	BROKEN(c.vmsas[1].reserved = 1);
	BROKEN(c.vmsas[0].gpa = 1);
	BROKEN(c.vmsas[0].gpa = 1ULL << 52);
	BROKEN(c.launch_bytes = 0);
	BROKEN(c.launch_bytes = 79);
	BROKEN(c.launch_bytes -= 1);
	BROKEN(c.launch.head.row_count = 1);
	BROKEN(c.launch.head.row_count = 3);
	BROKEN(c.launch.head.row_count = 0xffffffff);
	BROKEN(c.launch.head.kind = 0);
	BROKEN(c.launch.head.kind = 3);
	BROKEN(c.launch.head.kind = SVMT_LAUNCH_SEV_ES);	/* no CPUID pages there */
	BROKEN(c.launch.head.vmm = 0);
	BROKEN(c.launch.head.vmm = 5);
	BROKEN(c.launch.head.flags = 2);
	BROKEN(c.launch.head.reserved = 1);
	BROKEN(c.launch.rows[0].gpa = 16);
	BROKEN(c.launch.rows[0].bytes = 0);
	BROKEN(c.launch.rows[0].bytes = 0x1010);
	BROKEN(c.launch.rows[0].bytes = ~0xfffULL);
	BROKEN(c.launch.rows[0].gpa = 1ULL << 52);
	BROKEN(c.launch.rows[0].bytes = SVMT_MAX_BYTES);
	BROKEN(c.launch.rows[1].type = SVMT_PAGE_VMSA);
	BROKEN(c.launch.rows[1].type = 0);
	BROKEN(c.launch.rows[1].type = 7);
	BROKEN(c.launch.rows[1].reserved = 1);
#undef BROKEN
}

/* Both ways through the table: what the VMCB has comes back, and nothing else is touched. */
static void shared_fields_travel_between_vmcb_and_vmsa(void **state)
{
	struct svmk_vmcb *vmcb = aligned_alloc(4096, 4096), *again = aligned_alloc(4096, 4096);
	uint8_t page[VMSA_PAGE_BYTES] = { 0 };
	unsigned int shared = 0;

	(void)state;
	memset(vmcb, 0x5a, 4096);
	memset(again, 0, 4096);
	vmsa_from_vmcb(page, vmcb);
	vmsa_to_vmcb(page, again);
	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmcb_field_info *f = vmsa_shared(&vmsa_fields[i]);

		if (!f) {
			assert_int_equal(vmsa_get(page, &vmsa_fields[i]), 0);
			continue;
		}
		shared++;
		assert_int_equal(f->offset, VMCB_SAVE_OFFSET + vmsa_fields[i].offset);
		assert_memory_equal(vmcb_bytes(again, f->offset), vmcb_bytes(vmcb, f->offset),
				    f->bytes);
	}
	assert_true(shared > 90);
	assert_int_equal(vmsa_find_reserved(page), VMSA_PAGE_BYTES);
	page[0xcc] = 1;
	page[0xfff] = 2;
	assert_int_equal(vmsa_find_reserved(page), 0xcc);
	assert_int_equal(vmsa_clear_reserved(page), 2);
	assert_int_equal(vmsa_find_reserved(page), VMSA_PAGE_BYTES);
	free(vmcb);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confidential_template_is_read_back),
		cmocka_unit_test(what_breaks_a_rule_of_confidential_templates_is_refused),
		cmocka_unit_test(shared_fields_travel_between_vmcb_and_vmsa),
	};

	return cmocka_run_group_tests_name("svmt_launch", tests, NULL, NULL);
}
