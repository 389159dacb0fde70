/* SPDX-License-Identifier: MIT */
/*
 * The digest of a launch. SEV-SNP chains PAGE_INFO structures, one for each page, each hashed over
 * the digest before it (SEV-SNP firmware ABI, SNP_LAUNCH_UPDATE); SEV-ES hashes the bytes in a row.
 */
#include <sha2.h>
#include <string.h>
#include "fast_sha256.h"
#include "measure.h"

#define PAGE SVMT_PAGE_BYTES
#define LD_BYTES 48u

struct page_info {
	uint8_t digest[LD_BYTES], contents[LD_BYTES];
	uint16_t length;
	uint8_t page_type, is_imi, vmpl3, vmpl2, vmpl1, reserved;
	uint64_t gpa;
};
_Static_assert(sizeof(struct page_info) == 0x70, "PAGE_INFO");

/* Digests of pages that come again: the vCPUs' and the page of zeroes. */
struct seen {
	const uint8_t *page;
	uint8_t digest[LD_BYTES];
};

struct chain {
	struct page_info info;
	measure_trace *trace;
	void *argument;
	struct seen seen[SVMT_MAX_VCPUS];
	unsigned int seen_count;
	bool has_zero;
	uint8_t zero[LD_BYTES];
};

unsigned int measure_bytes(uint32_t kind)
{
	return kind == SVMT_LAUNCH_SEV_SNP ? LD_BYTES : 32;
}

static void sha384(const void *data, size_t bytes, uint8_t digest[LD_BYTES])
{
	SHA2_CTX context;

	SHA384Init(&context);
	SHA384Update(&context, data, bytes);
	SHA384Final(digest, &context);
}

static void extend(struct chain *chain, uint32_t type, uint64_t gpa)
{
	struct page_info *info = &chain->info;
	uint8_t next[LD_BYTES];

	info->length = sizeof(*info);
	info->page_type = (uint8_t)type;
	info->gpa = gpa;
	sha384(info, sizeof(*info), next);
	memcpy(info->digest, next, LD_BYTES);
	if (chain->trace)
		chain->trace(chain->argument, &(struct measure_step){
			gpa, PAGE, type, info->contents, info->digest,
		});
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

static void add_normal(struct chain *chain, const uint8_t *page, uint64_t gpa)
{
	if (!is_zero(page)) {
		sha384(page, PAGE, chain->info.contents);
	} else {
		if (!chain->has_zero)
			sha384(page, PAGE, chain->zero);
		chain->has_zero = true;
		memcpy(chain->info.contents, chain->zero, LD_BYTES);
	}
	extend(chain, SVMT_PAGE_NORMAL, gpa);
}

/* Types other than NORMAL are measured without their contents. */
static void add_row(struct chain *chain, const struct measure_source *source,
		    const struct svmt_launch_row *row)
{
	uint8_t room[PAGE];

	for (uint64_t done = 0; done < row->bytes; done += PAGE) {
		const uint64_t gpa = row->gpa + done;

		if (row->type == SVMT_PAGE_NORMAL) {
			add_normal(chain, source->page(source->of, gpa, room), gpa);
			continue;
		}
		memset(chain->info.contents, 0, LD_BYTES);
		extend(chain, row->type, gpa);
	}
}

static void add_vcpu(struct chain *chain, const struct measure_vcpu *vcpu)
{
	struct seen *seen = chain->seen, *end = seen + chain->seen_count;

	while (seen < end && seen->page != vcpu->page)
		seen++;
	if (seen == end && chain->seen_count < SVMT_MAX_VCPUS) {
		seen->page = vcpu->page;
		sha384(vcpu->page, PAGE, seen->digest);
		chain->seen_count++;
	}
	memcpy(chain->info.contents, seen->digest, LD_BYTES);
	extend(chain, SVMT_PAGE_VMSA, vcpu->gpa);
}

static void measure_snp(const struct measure_source *source, uint8_t *digest, measure_trace *trace,
			void *argument)
{
	struct chain chain = { .trace = trace, .argument = argument };

	for (uint32_t i = 0; i < source->row_count; i++)
		add_row(&chain, source, &source->rows[i]);
	for (uint32_t i = 0; i < source->vcpu_count; i++) {
		const struct measure_vcpu vcpu = source->vcpu(source->of, i);

		add_vcpu(&chain, &vcpu);
	}
	memcpy(digest, chain.info.digest, LD_BYTES);
}

static void tell_bytes(const struct fast_sha256 *hash, uint64_t gpa, uint64_t bytes, uint32_t type,
		       measure_trace *trace, void *argument)
{
	uint8_t digest[32];

	if (!trace)
		return;
	fast_sha256_peek(hash, digest);
	trace(argument, &(struct measure_step){ gpa, bytes, type, NULL, digest });
}

static void measure_es(const struct measure_source *source, uint8_t *digest, measure_trace *trace,
		       void *argument)
{
	uint64_t total = (uint64_t)source->vcpu_count * PAGE;
	struct fast_sha256 hash;
	uint8_t room[PAGE];

	for (uint32_t i = 0; i < source->row_count; i++)
		total += source->rows[i].bytes;
	fast_sha256_expect(total);
	fast_sha256_begin(&hash);
	for (uint32_t i = 0; i < source->row_count; i++) {
		const struct svmt_launch_row *row = &source->rows[i];

		for (uint64_t at = row->gpa, bytes; at < row->gpa + row->bytes; at += bytes) {
			const uint8_t *page = source->page(source->of, at - at % PAGE, room);

			bytes = PAGE - at % PAGE;
			if (bytes > row->gpa + row->bytes - at)
				bytes = row->gpa + row->bytes - at;
			fast_sha256_add(&hash, page + at % PAGE, bytes);
			tell_bytes(&hash, at, bytes, row->type, trace, argument);
		}
	}
	for (uint32_t i = 0; i < source->vcpu_count; i++) {
		const struct measure_vcpu vcpu = source->vcpu(source->of, i);

		fast_sha256_add(&hash, vcpu.page, PAGE);
		tell_bytes(&hash, vcpu.gpa, PAGE, SVMT_PAGE_VMSA, trace, argument);
	}
	fast_sha256_end(&hash, digest);
}

void measure(const struct measure_source *source, uint8_t digest[MEASURE_MAX_DIGEST],
	     measure_trace *trace, void *argument)
{
	memset(digest, 0, MEASURE_MAX_DIGEST);
	(source->kind == SVMT_LAUNCH_SEV_SNP ? measure_snp : measure_es)(source, digest, trace,
									 argument);
}
