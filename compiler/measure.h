/* SPDX-License-Identifier: MIT */
/*
 * Launch digests of SEV-ES and SEV-SNP guests, from a template, a spec or an IGVM file. Needs
 * nothing but the pages in their order; facts/snp_launch.csv has the page types.
 */
#ifndef SVMC_MEASURE_H
#define SVMC_MEASURE_H

#include <stdio.h>
#include "comp.h"
#include "pool.h"
#include "svmt_read.h"

#define MEASURE_MAX_DIGEST 48u

struct measure_vcpu {
	const uint8_t *page;		/* the VMSA; equal pages are one pointer */
	uint64_t gpa;
};

struct measure_source {
	uint32_t kind;			/* enum svmt_launch_kind */
	const struct svmt_launch_row *rows;
	uint32_t row_count;
	/* The page of memory at `gpa` (multiple of 4096), in `room` if it lies nowhere whole. */
	const uint8_t *(*page)(const void *of, uint64_t gpa, uint8_t room[4096]);
	const void *of;
	/* vCPU number `vcpu` < vcpu_count. */
	struct measure_vcpu (*vcpu)(const void *of, uint32_t vcpu);
	uint32_t vcpu_count;
};

/* One step: what was measured, and the digest after it. */
struct measure_step {
	uint64_t gpa, bytes;
	uint32_t type;			/* enum svmt_page_type */
	const uint8_t *contents;	/* 48 bytes of PAGE_INFO; NULL for SEV-ES */
	const uint8_t *digest;		/* measure_bytes() of it */
};

typedef void measure_trace(void *argument, const struct measure_step *step);

/* Digest of the launch into `digest`; `trace` may be NULL. */
void measure(const struct measure_source *source, uint8_t digest[MEASURE_MAX_DIGEST],
	     measure_trace *trace, void *argument);

/* 48 for SEV-SNP (SHA-384), 32 for SEV-ES (SHA-256). */
unsigned int measure_bytes(uint32_t kind);

/* Sources. The view must be of a confidential template. */
void measure_template(struct measure_source *source, const struct svmt_view *view);

/* From a spec that compiled, without making the template; `keep` must live as long as `source`. */
struct measure_spec {
	struct comp *c;
	struct svmt_launch_row *rows;
	const struct spec_contents **contents;	/* ascending */
	size_t content_count;
	struct measure_vcpu *vcpus;		/* of each set */
};
void measure_from_spec(struct measure_source *source, struct measure_spec *keep, struct comp *c);

#endif
