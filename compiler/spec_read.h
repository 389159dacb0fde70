/* SPDX-License-Identifier: MIT */
/* Readers of the top-level parts of a spec, one file each, of the form that struct key wants. */
#ifndef SVMC_SPEC_READ_H
#define SVMC_SPEC_READ_H

#include "comp.h"

/* Read c->root into c->spec. Messages tell of errors; c->spec.bad of the parts that have some. */
void spec_read(struct comp *c);

bool spec_read_memory(struct comp *c, const struct node *node, void *into);
bool spec_read_payload(struct comp *c, const struct node *node, void *into);
bool spec_read_vcpus(struct comp *c, const struct node *node, void *into);
bool spec_read_control(struct comp *c, const struct node *node, void *into);
bool spec_read_cpuid(struct comp *c, const struct node *node, void *into);
bool spec_read_msrs(struct comp *c, const struct node *node, void *into);
bool spec_read_devices(struct comp *c, const struct node *node, void *into);
bool spec_read_exits(struct comp *c, const struct node *node, void *into);
bool spec_read_inject(struct comp *c, const struct node *node, void *into);
bool spec_read_allow(struct comp *c, const struct node *node, void *into);
bool spec_read_expect(struct comp *c, const struct node *node, void *into);

/* CPUID as `base: host` has it; `range` is where that is said. */
void spec_add_cpuid_base(struct comp *c, const struct range *range);

/* One more set of vCPUs, selected; what the spec does not set is as in `from` (NULL: zero). */
void spec_add_set(struct comp *c, uint32_t first, uint32_t last, const struct vcpu_set *from);

/* The exit policy before the spec changes it. */
void exit_defaults(struct spec *spec);

/* Exit code rows that a VMCB can report, by name; NULL behind the last. For suggestions. */
const char *exit_name_next(size_t index);
/* Row of an exit name that a spec may use, or -1 after a message. */
int read_exit_name(struct comp *c, const struct node *node);

#endif
