/* SPDX-License-Identifier: MIT */
/*
 * An IGVM file of a template. Page order is the launch's for confidential guests, since loaders
 * measure in the order of the file, and ascending for others; equal pages are stored once and pages
 * of zeroes not at all. vCPUs come last: KVM measures VMSAs when the launch is finished.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "igvm_convert.h"
#include "pool.h"
#include "tables.h"

#define MASK 1u			/* one platform in a file */
#define CHUNK 0xfffff000u	/* REQUIRED_MEMORY has 32 bits for its length */

struct writer {
	struct arena arena;
	const struct svmt_view *view;
	uint8_t *headers;
	size_t headers_bytes, capacity;
	struct pool pool;
	bool zero_page;			/* a vCPU needs one */
	/* Places of file offsets in the headers, to be filled when the headers' length is known. */
	struct fixup {
		size_t at;
		uint32_t page;
	} *fixups;
	size_t fixup_count, fixup_capacity;
};

static void put(struct writer *w, const void *data, size_t bytes)
{
	while (w->headers_bytes + bytes > w->capacity) {
		const size_t capacity = w->capacity ? 2 * w->capacity : 4096;
		uint8_t *bigger = arena_alloc(&w->arena, capacity);

		if (w->headers_bytes)
			memcpy(bigger, w->headers, w->headers_bytes);
		w->headers = bigger;
		w->capacity = capacity;
	}
	memcpy(w->headers + w->headers_bytes, data, bytes);
	w->headers_bytes += bytes;
}

/* A header; returns the place of its contents. */
static size_t add_header(struct writer *w, uint32_t type, const void *contents, uint32_t bytes)
{
	static const uint8_t zero[8];
	const uint32_t head[2] = { type, bytes };
	size_t at;

	put(w, head, sizeof(head));
	at = w->headers_bytes;
	put(w, contents, bytes);
	put(w, zero, (8 - bytes % 8) % 8);
	return at;
}

/* The header's file offset, 12 bytes into its contents, becomes that of the page. */
static void point_at(struct writer *w, size_t contents, uint32_t page)
{
	w->fixups = arena_grow(&w->arena, w->fixups, w->fixup_count, &w->fixup_capacity,
			       sizeof(*w->fixups));
	w->fixups[w->fixup_count++] = (struct fixup){ contents + 12, page };
}

static void add_page(struct writer *w, uint64_t gpa, uint32_t type)
{
	const uint32_t page = pool_add(&w->pool, svmt_memory_page(w->view, gpa));
	struct igvm_page_data data = { .gpa = gpa, .mask = MASK };
	size_t at;

	if (type == SVMT_PAGE_UNMEASURED)
		data.flags = IGVM_PAGE_UNMEASURED;
	else if (type == SVMT_PAGE_SECRETS)
		data.data_type = IGVM_SECRETS;
	else if (type == SVMT_PAGE_CPUID)
		data.data_type = IGVM_CPUID;
	at = add_header(w, IGVM_T_PAGE_DATA, &data, sizeof(data));
	if (page != SVMT_ZERO_PAGE)
		point_at(w, at, page);
}

static void add_platform(struct writer *w)
{
	const struct svmt_launch *launch = w->view->launch;
	struct igvm_supported_platform platform = { .mask = MASK, .version = 1 };

	platform.type = !launch ? IGVM_NATIVE :
			launch->kind == SVMT_LAUNCH_SEV_SNP ? IGVM_SEV_SNP : IGVM_SEV_ES;
	add_header(w, IGVM_T_SUPPORTED_PLATFORM, &platform, sizeof(platform));
	if (launch)
		add_header(w, IGVM_T_GUEST_POLICY, &(struct igvm_guest_policy){
			.policy = launch->policy, .mask = MASK,
		}, sizeof(struct igvm_guest_policy));
}

static void add_memory(struct writer *w)
{
	for (uint32_t i = 0; i < w->view->region_count; i++) {
		const struct svmt_region *r = &w->view->regions[i];

		for (uint64_t done = 0, bytes; done < r->bytes; done += bytes) {
			bytes = r->bytes - done < CHUNK ? r->bytes - done : CHUNK;
			add_header(w, IGVM_T_REQUIRED_MEMORY, &(struct igvm_required_memory){
				.gpa = r->gpa + done, .mask = MASK, .bytes = (uint32_t)bytes,
			}, sizeof(struct igvm_required_memory));
		}
	}
}

/* Whether a row before this one has the page: SEV-ES only, whose rows need not be whole pages. */
static bool is_told(const struct svmt_view *view, uint32_t row, uint64_t gpa)
{
	for (uint32_t i = 0; view->launch->kind == SVMT_LAUNCH_SEV_ES && i < row; i++)
		if (view->launch_rows[i].gpa < gpa + IGVM_PAGE &&
		    view->launch_rows[i].gpa + view->launch_rows[i].bytes > gpa)
			return true;
	return false;
}

/* SEV-ES launches bytes, but IGVM has pages: a row is told with the pages that it touches. */
static void add_pages(struct writer *w)
{
	const struct svmt_view *view = w->view;

	for (uint32_t i = 0; view->launch && i < view->launch->row_count; i++) {
		const struct svmt_launch_row *r = &view->launch_rows[i];

		for (uint64_t at = r->gpa / IGVM_PAGE * IGVM_PAGE; at < r->gpa + r->bytes;
		     at += IGVM_PAGE)
			if (!is_told(view, i, at))
				add_page(w, at, r->type);
	}
	for (uint32_t i = 0; !view->launch && i < view->run_count; i++)
		for (uint32_t page = 0; page < view->runs[i].pages; page++)
			add_page(w, view->runs[i].gpa + (uint64_t)page * IGVM_PAGE,
				 SVMT_PAGE_NORMAL);
}

/* What the format has of a vCPU without isolation; DS stands for all data segments. */
static void native_context(const struct svmt_view *view, uint32_t vcpu,
			   struct igvm_native_context *out)
{
	const struct svmrt_vcpu_state *state =
		(const void *)svmt_blob_page(view, view->vcpus[vcpu].state_page);
	uint64_t *const registers[16] = {
		&out->rax, &out->rcx, &out->rdx, &out->rbx, &out->rsp, &out->rbp, &out->rsi,
		&out->rdi, &out->r8, &out->r9, &out->r10, &out->r11, &out->r12, &out->r13,
		&out->r14, &out->r15,
	};
	struct svmk_vmcb vmcb;

	memcpy(&vmcb, svmt_blob_page(view, view->vcpus[vcpu].vmcb_page), sizeof(vmcb));
	for (size_t i = 0; i < 16; i++)
		*registers[i] = state->gpr[i];
	out->rax = vmcb_get_RAX(&vmcb);
	out->rsp = vmcb_get_RSP(&vmcb);
	out->rip = vmcb_get_RIP(&vmcb);
	out->rflags = vmcb_get_RFLAGS(&vmcb);
	out->idtr_base = vmcb_get_IDTR_BASE(&vmcb);
	out->idtr_limit = (uint16_t)vmcb_get_IDTR_LIMIT(&vmcb);
	out->gdtr_base = vmcb_get_GDTR_BASE(&vmcb);
	out->gdtr_limit = (uint16_t)vmcb_get_GDTR_LIMIT(&vmcb);
	out->code_selector = (uint16_t)vmcb_get_CS_SELECTOR(&vmcb);
	out->code_attributes = igvm_attrib(vmcb_get_CS_ATTRIB(&vmcb));
	out->code_base = (uint32_t)vmcb_get_CS_BASE(&vmcb);
	out->code_limit = (uint32_t)vmcb_get_CS_LIMIT(&vmcb);
	out->data_selector = (uint16_t)vmcb_get_DS_SELECTOR(&vmcb);
	out->data_attributes = igvm_attrib(vmcb_get_DS_ATTRIB(&vmcb));
	out->data_base = (uint32_t)vmcb_get_DS_BASE(&vmcb);
	out->data_limit = (uint32_t)vmcb_get_DS_LIMIT(&vmcb);
	out->gs_base = vmcb_get_GS_BASE(&vmcb);
	out->cr0 = vmcb_get_CR0(&vmcb);
	out->cr3 = vmcb_get_CR3(&vmcb);
	out->cr4 = vmcb_get_CR4(&vmcb);
	out->efer = vmcb_get_EFER(&vmcb);
}

static void add_vcpus(struct writer *w)
{
	for (uint32_t i = 0; i < w->view->vcpu_count; i++) {
		struct igvm_vp_context context = { .mask = MASK, .vp_index = (uint16_t)i };
		const uint8_t *page = NULL;
		uint32_t number;
		uint8_t *own;
		size_t at;

		if (w->view->vmsas) {
			page = svmt_blob_page(w->view, w->view->vmsas[i].page);
			context.gpa = w->view->vmsas[i].gpa;
		} else {
			own = arena_alloc(&w->arena, IGVM_PAGE);
			native_context(w->view, i, (struct igvm_native_context *)own);
			page = own;
		}
		at = add_header(w, IGVM_T_VP_CONTEXT, &context, 20);
		number = pool_add(&w->pool, page);
		w->zero_page |= number == SVMT_ZERO_PAGE;
		point_at(w, at, number);
	}
}

/* Behind all pages, one of zeroes if a vCPU's is; so no file is without data, which is an error. */
static int finish(struct writer *w, uint8_t **out, uint64_t *bytes)
{
	const uint32_t version = w->view->launch && w->view->launch->kind == SVMT_LAUNCH_SEV_SNP ?
				 1 : 2;
	const uint32_t fixed_bytes = sizeof(struct igvm_fixed) +
				     (version == 2 ? sizeof(struct igvm_fixed2) : 0);
	const uint64_t data_at = (fixed_bytes + w->headers_bytes + IGVM_PAGE - 1) / IGVM_PAGE *
				 IGVM_PAGE;
	const uint64_t total = data_at + (w->pool.count + w->zero_page) * IGVM_PAGE;
	struct igvm_fixed fixed = {
		IGVM_MAGIC, version, fixed_bytes, (uint32_t)w->headers_bytes, (uint32_t)total, 0,
	};
	const struct igvm_fixed2 more = { 0, IGVM_PAGE };

	if (total > IGVM_MAX_BYTES) {
		errno = EFBIG;
		return -1;
	}
	*out = calloc(1, (size_t)total);
	if (!*out)
		return -1;
	for (size_t i = 0; i < w->fixup_count; i++) {
		const uint64_t page = w->fixups[i].page == SVMT_ZERO_PAGE ? w->pool.count :
				      w->fixups[i].page;
		const uint32_t offset = (uint32_t)(data_at + page * IGVM_PAGE);

		memcpy(w->headers + w->fixups[i].at, &offset, sizeof(offset));
	}
	memcpy(*out, &fixed, sizeof(fixed));
	if (version == 2)
		memcpy(*out + sizeof(fixed), &more, sizeof(more));
	memcpy(*out + fixed_bytes, w->headers, w->headers_bytes);
	if (w->pool.count)
		memcpy(*out + data_at, pool_bytes(&w->pool), w->pool.count * IGVM_PAGE);
	fixed.checksum = igvm_crc32(0, *out, fixed_bytes + w->headers_bytes);
	memcpy(*out, &fixed, sizeof(fixed));
	*bytes = total;
	return 0;
}

int igvm_export(const struct svmt_view *view, uint8_t **out, uint64_t *bytes)
{
	struct writer *w = calloc(1, sizeof(*w));
	volatile int result = -1;

	errno = ENOMEM;
	if (!w)
		return -1;
	w->view = view;
	w->pool.arena = &w->arena;
	if (!setjmp(w->arena.out_of_memory)) {
		add_platform(w);
		add_memory(w);
		add_pages(w);
		add_vcpus(w);
		result = finish(w, out, bytes);
	}
	arena_free(&w->arena);
	free(w);
	return result;
}
