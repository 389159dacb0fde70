/* SPDX-License-Identifier: MIT */
/*
 * One compilation: its memory, its messages and the description of the machine as the stages fill
 * it. Order: include_all, vars_substitute, spec_read (profile first, then the spec over
 * it), payload_build, the checks, emit.
 */
#ifndef SVMC_COMP_H
#define SVMC_COMP_H

#include "arena.h"
#include "diag.h"
#include "json_out.h"
#include "launch.h"
#include "node.h"
#include "svmc.h"
#include "svmt_read.h"
#include "tables.h"

/* Top-level parts of a spec. A check runs only when the parts that it needs were read in full. */
#define PART_PROFILE	(1u << 0)
#define PART_MEMORY	(1u << 1)
#define PART_PAYLOAD	(1u << 2)
#define PART_VCPUS	(1u << 3)
#define PART_CONTROL	(1u << 4)
#define PART_CPUID	(1u << 5)
#define PART_MSRS	(1u << 6)
#define PART_DEVICES	(1u << 7)
#define PART_EXITS	(1u << 8)
#define PART_EXPECT	(1u << 9)
#define PART_INJECT	(1u << 10)
#define PART_TABLES	(1u << 11)
#define PART_LAUNCH	(1u << 16)
#define EACH_VCPU_SET	(1u << 31)	/* of a check: it runs for every set of vCPUs */

#define SPEC_MAX_NAME 63

struct profile;

struct spec_region {
	uint64_t gpa, bytes;
	uint32_t kind;			/* enum svmt_region_kind */
	struct range range;
};

enum payload_kind {
	PAYLOAD_NONE, PAYLOAD_ASM, PAYLOAD_BIN, PAYLOAD_ELF, PAYLOAD_MULTIBOOT, PAYLOAD_LINUX,
	PAYLOAD_PVH,
};

/* A file beside a kernel image: an initrd, or a module of a Multiboot or PVH image. */
struct spec_module {
	const struct node *node;	/* the file name */
	const char *cmdline;		/* or NULL */
	bool has_at;
	uint64_t gpa, bytes;		/* where it goes: `at`, or where there is room */
};

struct spec_payload {
	enum payload_kind kind;
	const struct node *node;	/* the asm text or the file name */
	const char *cmdline;		/* of an image, or NULL */
	struct range cmdline_range;
	struct spec_module *modules;	/* of linux: the initrd alone */
	size_t module_count, module_capacity;
	bool has_at;
	uint64_t gpa;			/* where it goes: `at`, or the linear address of CS:RIP */
	struct range range;
};

/* Bytes that are in guest memory at the start. */
struct spec_contents {
	const char *what;		/* "the payload", "the page tables" */
	uint64_t gpa, bytes;
	const uint8_t *data;
	uint64_t data_bytes;		/* the rest is zero */
	struct range range;		/* where the spec asks for them */
};

/*
 * vCPUs that begin alike. While a set is selected its pointers are those of struct spec too, so
 * that registers, checks and tables have one way to ask.
 */
struct vcpu_set {
	uint32_t first, last;		/* numbers of its vCPUs */
	struct svmk_vmcb *vmcb;
	struct svmrt_vcpu_state *state;
	struct range *field_range;
	uint32_t words_set;
	uint8_t *vmsa;			/* confidential: fields that the VMCB does not have */
	struct range *vmsa_range;	/* by row of vmsa_fields: where the spec sets it */
	uint64_t vmsa_gpa;		/* where its VMSA is measured */
	bool has_start;			/* else vCPU 0 runs, and others too without a chipset */
	uint32_t start;			/* enum svmt_vcpu_start */
	struct range start_range;
	struct range range;		/* in a list of `vcpus` */
	struct range event_range;	/* of the event that it begins with */
	struct range xcr0_range, mxcsr_range;
};

/* A table of the guest that svmc builds: where it goes. */
struct spec_table {
	bool given, has_at;
	uint64_t gpa;
	struct range range;
};

struct spec_map {
	uint64_t linear, gpa, bytes, page;	/* page 0: the largest that fits */
	bool has_gpa;
	unsigned int access;			/* MAP_* */
	struct range range, access_range;
};

struct spec_descriptor {
	uint64_t selector, attrib, base, limit;	/* as in the VMCB */
	struct range range;
};

struct spec_gate {
	unsigned int first, last, type;
	uint64_t to, step, selector, dpl, ist;
	bool has_selector;			/* else CS of vCPU 0 */
	struct range range;
};

struct spec_cpuid { struct svmrt_cpuid_row row; bool in_set; struct range range; };
#define MSR_PASS_READ 1u	/* the bits of the permission map, in their order */
#define MSR_PASS_WRITE 2u

struct spec_msr {
	struct svmrt_msr_row row;
	uint8_t pass;			/* MSR_PASS_*: without an exit */
	bool of_platform;		/* platform.c's, not the spec's */
	struct range range, pass_range;
};

struct spec_device {
	struct svmt_device device;
	const char *name;		/* of its drive or link, or NULL */
	bool has_at, has_irq;		/* they are set, or the type sets them */
	struct range range;
};

/* One per row of the exit code table, or one of its `rules`; `range` is where the spec has it. */
struct spec_exit {
	bool there;			/* the code can come out of a VMCB */
	bool in_spec;
	struct svmrt_exit_rule rule;
	struct range range, do_range, event_range, vector_range;
	struct range value_range;	/* of one of `rules` */
	struct spec_exit *fine;		/* `rules`, by `at` */
	size_t fine_count, fine_capacity;
};

struct spec_expect_event {
	uint64_t code;
	const char *name;
	struct range range;
};

struct spec {
	uint32_t bad;			/* PART_*: errors were found there */
	const char *name;
	const struct profile *profile;
	struct range profile_range;	/* the value of `extends` */
	struct spec_region *regions;	/* in the order of the spec */
	size_t region_count, region_capacity;
	struct spec_payload payload;
	struct spec_contents *contents;
	size_t content_count, content_capacity;
	struct spec_table page_tables, gdt, idt;
	struct spec_map *maps;
	size_t map_count, map_capacity;
	struct spec_descriptor *descriptors;
	size_t descriptor_count, descriptor_capacity;
	struct spec_gate *gates;
	size_t gate_count, gate_capacity;
	uint32_t vcpu_count;
	struct vcpu_set *sets;		/* ascending, every vCPU in one; at least one set */
	size_t set_count, set_capacity;
	size_t selected;		/* number of the selected set */
	struct svmk_vmcb *vmcb;		/* of the selected set */
	struct svmrt_vcpu_state *state;
	struct range *field_range;	/* by row of vmcb_fields: where the spec sets it */
	uint32_t words_set;		/* bits: registers of `state` that the spec sets */
	uint32_t vmcb_clean;		/* put into every VMCB at the end */
	uint8_t *vmsa;
	struct range *vmsa_range;
	uint64_t *vmsa_gpa;
	struct spec_launch launch;
	bool *field_seen;		/* by row: set twice would be an error */
	bool *intercept_seen;		/* by row of svm_intercepts, likewise */
	struct range *intercept_range;	/* by row of svm_intercepts: where the spec names it */
	struct spec_cpuid *cpuid;
	size_t cpuid_count, cpuid_capacity;
	struct spec_msr *msrs;
	size_t msr_count, msr_capacity;
	struct spec_device *devices;
	size_t device_count, device_capacity;
	bool acpi;			/* the chipset comes with ACPI tables */
	struct range acpi_range;	/* the chipset */
	uint64_t acpi_gpa, acpi_bytes;	/* where the tables are, once they are built */
	struct spec_exit exits[SVM_EXIT_ROWS];
	const char **allow;		/* names of save-state checks that may find something */
	size_t allow_count, allow_capacity;
	bool illegal_state;		/* one of them did */
	struct json_out expect;		/* text; freed with the compilation */
	struct spec_expect_event *expect_events;
	size_t expect_event_count, expect_event_capacity;
};

/* What a file profile says of the vCPUs, to be applied before the spec's own words; or NULL. */
struct layer {
	struct node *control, *vcpus;
};

struct comp {
	struct arena arena;
	struct diag diag;
	const struct svmc_options *options;
	const char *given_text;		/* the spec itself when it is in memory, or NULL */
	size_t given_bytes;
	struct node *root;		/* all files merged */
	struct layer *layers;		/* of file profiles, the farthest ancestor first */
	size_t layer_count, layer_capacity;
	unsigned int file_count;
	size_t source_bytes;		/* of all files */
	uint64_t value_count;		/* likewise, aliases expanded */
	bool io_failed;			/* a message told of an I/O error: exit status 3 */
	struct check_told *told;	/* what checks of vCPUs found so far */
	struct spec spec;
};

/* Whether the guest has a PC's chipset. */
bool spec_has_chipset(const struct spec *spec);

/* How the vCPU of this number begins, unless the spec says it: with a chipset, vCPU 0 starts the others. */
uint32_t spec_default_start(const struct spec *spec, uint32_t vcpu);

/* Where the spec sets a save field, or where it names the profile that does. */
const struct range *spec_field_range(const struct comp *c, const char *name);

/* Make the vCPUs from `first` to `last` whole sets, and the sets ascending. */
void spec_split_sets(struct comp *c, uint32_t first, uint32_t last);

/* Make a set's VMCB and registers those of c->spec. */
void spec_select_set(struct comp *c, size_t set);

/* Note that `by` sets what `range` is of: what it replaces, if a profile set it, stays known. */
void spec_set_range(struct comp *c, struct range *range, const struct range *by);

/* Whether the spec itself sets the register, in the selected set. */
bool spec_sets_field(const struct comp *c, const char *name);

/*
 * Compile the spec at `path` as far as it can be without writing a template, and hand the result to
 * `use`, which does not keep it. Returns as svmc_compile_file() does.
 */
int comp_with_spec(const char *path, const struct svmc_options *options,
		   void (*use)(struct comp *c, void *argument), void *argument, FILE *diag);

/* Directory of the file that `place` is in, to which its paths are relative; "." for stdin. */
const char *comp_directory(struct comp *c, const struct range *place);

/* Tell whoever wants to know that the file was read. */
void comp_file_read(struct comp *c, const char *path);

#endif
