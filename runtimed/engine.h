/* SPDX-License-Identifier: MIT */
/*
 * An engine runs vCPUs: a small table of functions with the meaning of svmrt.h's calls. File
 * descriptors are the objects here too: whoever got one closes it with close(). All functions
 * return 0 or a descriptor, or -1 with `error` filled (a text for people and the errno).
 */
#ifndef SVMRUND_ENGINE_H
#define SVMRUND_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <svmkit/svmrt.h>

struct engine_error {
	int number;			/* errno */
	char text[SVMRT_ERROR_BYTES + 256];
};

/* The shared pages of a vCPU; made by map_vcpu(), undone by unmap_vcpu(). */
struct engine_pages {
	struct svmrt_run_page *run;
	struct svmrt_ring *ring;
	const struct svmrt_event *records;
	uint32_t entries;
	uint64_t bytes;
};

/* A VM that an engine has by itself: of a recording. */
struct engine_vm {
	const char *name, *identity;	/* of its template */
	unsigned int vcpus;
};

struct engine {
	const char *name;
	const char *device;	/* what info() and create_*() open, for texts */
	int (*info)(const struct engine *engine, struct svmrt_info *info,
		    struct engine_error *error);
	int (*create_mem)(const struct engine *engine, uint64_t bytes, struct engine_error *error);
	int (*create_vm)(const struct engine *engine, struct engine_error *error);
	int (*map)(int vm_fd, struct svmrt_map *map, struct engine_error *error);
	int (*access)(int vm_fd, struct svmrt_access *access, struct engine_error *error);
	int (*policy)(int vm_fd, struct svmrt_policy *policy, struct engine_error *error);
	int (*create_vcpu)(int vm_fd, struct svmrt_create_vcpu *create, struct engine_error *error);
	int (*map_vcpu)(int vcpu_fd, uint32_t entries, struct engine_pages *pages,
			struct engine_error *error);
	void (*unmap_vcpu)(struct engine_pages *pages);
	/* NULL, or for engines that have VMs by themselves: the VM `number` from 0 on, or NULL; and
	 * instead of create_vcpu() for those. */
	const struct engine_vm *(*recorded)(const struct engine *engine, unsigned int number);
	int (*open_recorded_vcpu)(const struct engine *engine, unsigned int number,
				  unsigned int index, struct engine_error *error);
	/* NULL, or: every record was consumed; the descriptor need not be readable any more. */
	void (*drained)(int vcpu_fd);
	int (*set_image)(int vcpu_fd, struct svmrt_vcpu_set_image *image,
			 struct engine_error *error);
	int (*debug)(int vcpu_fd, struct svmrt_vcpu_debug *debug, struct engine_error *error);
	/* These leave errno: the vCPU thread and the statistics have no use for a text. */
	int (*run)(int vcpu_fd);
	int (*kick)(int vcpu_fd);
	int (*nmi)(int vcpu_fd);	/* NULL: the engine runs no guests */
	/*
	 * NULL, all of these: the engine runs no guests. Interrupts; as svmrt.h has them, and from
	 * any thread. Those without `error` leave errno: nobody is there to be told.
	 */
	int (*irqchip)(int vm_fd, struct engine_error *error);
	int (*msi)(int vm_fd, uint64_t address, uint32_t data);
	int (*irqfd)(int vm_fd, struct svmrt_irqfd *irqfd, struct engine_error *error);
	int (*eoifd)(int vm_fd, struct svmrt_eoifd *eoifd, struct engine_error *error);
	int (*ioeventfd)(int vm_fd, struct svmrt_ioeventfd *ioeventfd, struct engine_error *error);
	/* Guest time; `ns`: CLOCK_MONOTONIC at that moment. */
	int (*time)(int vm_fd, enum svmrt_time_op op, uint64_t *ns, struct engine_error *error);
	/* The page, or NULL; and its rows. Undone by unmap_ports(). */
	struct svmrt_port_page *(*ports)(int vm_fd, struct svmrt_ports *ports,
					 struct engine_error *error);
	int (*port)(int vm_fd, struct svmrt_port *port, struct engine_error *error);
	void (*unmap_ports)(struct svmrt_port_page *page);
	int (*extint)(int vcpu_fd, bool level);
	int (*init)(int vcpu_fd, struct svmrt_vcpu_init *init);
	int (*lapic)(int vcpu_fd, struct svmrt_lapic_state *state);
	int (*wake)(int vcpu_fd);	/* NULL, or: there is room in a ring whose vCPU waits */
	int (*stats)(int vcpu_fd, struct svmrt_stats *stats);
	/* NULL, or: exits by finer rule of the template, `count` of them. */
	int (*rule_counts)(int vcpu_fd, uint64_t *counts, uint32_t count);
	/* NULL, or: exits by port, MSR and page; `rows` has SVMRT_DETAIL_ROWS. */
	int (*details)(int vcpu_fd, struct svmrt_details *details, struct svmrt_detail_row *rows);
	int (*image)(int vcpu_fd, struct svmrt_vcpu_image *image);
	void *data;		/* the engine's own */
};

/* The engine of svmrt.ko on `device` (kept by pointer). Opens the device anew for every call of
 * info() and create_*(), so that the module may be loaded, or unloaded while idle, at any time. */
void engine_svmrt_init(struct engine *engine, const char *device);

/* Fills `error` from errno and the kernel's text (may be ""); returns -1. `what` names the call. */
int engine_fail(struct engine_error *error, int number, const char *what, const char *kernel_text);

#endif
