/* SPDX-License-Identifier: MIT */
/* Sections of a template, each built in arena memory. Internal to emit*.c. */
#ifndef SVMC_EMIT_PARTS_H
#define SVMC_EMIT_PARTS_H

#include "comp.h"
#include "memory.h"
#include "pool.h"

const void *emit_memory(struct comp *c, struct pool *pool, uint64_t *bytes);
const void *emit_vcpus(struct comp *c, struct pool *pool, uint64_t *bytes);
const void *emit_vmsas(struct comp *c, struct pool *pool, uint64_t *bytes);
const void *emit_launch(struct comp *c, uint64_t *bytes);
const void *emit_msrpm(struct comp *c, uint64_t *bytes);
const void *emit_cpuid(struct comp *c, uint64_t *bytes);
const void *emit_msrs(struct comp *c, uint64_t *bytes);
const void *emit_exits(struct comp *c, uint64_t *bytes);
const void *emit_devices(struct comp *c, struct pool *pool, uint64_t *bytes);

#endif
