/* SPDX-License-Identifier: MIT */
/*
 * From a template to a VM: the engine gets the memory map, the tables and the vCPU pages as the
 * template has them; the daemon adds its devices. Nothing is decided here that svmc could decide.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "device.h"
#include "devices/chipset_pc.h"
#include "devices/debug_console.h"
#include "devices/debug_exit.h"
#include "devices/fw_cfg.h"
#include "devices/uart.h"
#include "devices/virtio_blk.h"
#include "devices/virtio_console.h"
#include "devices/virtio_net.h"
#include "devices/virtio_rng.h"
#include "log.h"
#include "recorder.h"
#include "subscription.h"
#include "svmt_device.h"
#include "vcpu.h"
#include "vm.h"

static int check_host(const struct engine *engine, const struct svmt_view *view,
		      struct engine_error *error)
{
	struct svmrt_info info;
	uint32_t missing;

	if (engine->info(engine, &info, error))
		return -1;
	if (info.unusable[0])
		return engine_fail(error, EBUSY, engine->device, info.unusable);
	missing = view->features->svm_edx & ~info.svm_features;
	if (!missing)
		return 0;
	error->number = EOPNOTSUPP;
	snprintf(error->text, sizeof(error->text),
		 "the template needs SVM features that this host lacks: bits 0x%x of CPUID "
		 "8000_000A EDX (the host has 0x%x)", missing, info.svm_features);
	return -1;
}

/* Before anything is made for it: such a guest would need the secure processor's commands. */
static int refuse_confidential(const struct svmt_view *view, struct engine_error *error)
{
	if (!view->launch)
		return 0;
	error->number = EOPNOTSUPP;
	snprintf(error->text, sizeof(error->text), "the template is of a confidential guest (%s), "
		 "which svmrt does not run; svmc measure foretells its launch digest",
		 view->launch->kind == SVMT_LAUNCH_SEV_SNP ? "sev-snp" : "sev-es");
	return -1;
}

static int map_regions(struct vm *vm, struct engine_error *error)
{
	const struct svmt_view *view = &vm->template->view;
	uint64_t offset = 0;

	for (uint32_t i = 0; i < view->region_count; i++) {
		const struct svmt_region *region = &view->regions[i];
		struct svmrt_map map = {
			.gpa = region->gpa, .bytes = region->bytes, .offset = offset,
			.mem_fd = vm->template->mem_fd,
			.mode = region->kind == SVMT_ROM ? SVMRT_MAP_RO : SVMRT_MAP_COW,
		};

		if (vm->daemon->engine->map(vm->fd, &map, error))
			return -1;
		offset += region->bytes;
	}
	return 0;
}

static int set_policy(struct vm *vm, struct engine_error *error)
{
	const struct svmt_view *view = &vm->template->view;
	struct svmrt_policy policy = {
		.rules = (uintptr_t)view->exits, .rule_count = view->exit_count,
		.cpuid = (uintptr_t)view->cpuid, .cpuid_count = view->cpuid_count,
		.msrs = (uintptr_t)view->msrs, .msr_count = view->msr_count,
		.msrpm = (uintptr_t)view->msrpm,
	};

	return vm->daemon->engine->policy(vm->fd, &policy, error);
}

static int create_vcpus(struct vm *vm, uint32_t count, struct engine_error *error)
{
	vm->vcpus = need_memory((count + 1) * sizeof(vm->vcpus[0]));
	for (uint32_t i = 0; i < count; i++) {
		vm->vcpus[i] = vcpu_create(vm, i, error);
		if (!vm->vcpus[i])
			return -1;
		vm->vcpu_count++;
	}
	return 0;
}

typedef int device_maker(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

static device_maker *const makers[] = {
	[SVMT_DEV_UART] = uart_add,
	[SVMT_DEV_DEBUG_EXIT] = debug_exit_add,
	[SVMT_DEV_CHIPSET_PC] = chipset_pc_add,
	[SVMT_DEV_DEBUG_CONSOLE] = debug_console_add,
	[SVMT_DEV_FW_CFG] = fw_cfg_add,
	[SVMT_DEV_VIRTIO_CONSOLE] = virtio_console_add,
	[SVMT_DEV_VIRTIO_BLK] = virtio_blk_add,
	[SVMT_DEV_VIRTIO_RNG] = virtio_rng_add,
	[SVMT_DEV_VIRTIO_NET] = virtio_net_add,
};

static int add_devices(struct vm *vm, struct engine_error *error)
{
	const struct svmt_view *view = &vm->template->view;
	const struct svmt_device *chipset = svmt_chipset(view);

	/* First: it is where the lines of the others go. */
	if (chipset && makers[chipset->type](vm, chipset, error))
		return -1;
	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *row = &view->devices[i];

		if (row->type >= sizeof(makers) / sizeof(makers[0]) || !makers[row->type]) {
			error->number = EOPNOTSUPP;
			snprintf(error->text, sizeof(error->text),
				 "device %u of the template has type %u, which this svmrund does "
				 "not have", i, row->type);
			return -1;
		}
		if (row != chipset && makers[row->type](vm, row, error))
			return -1;
	}
	return 0;
}

/* Local APICs are in the kernel, and decided before the first vCPU. */
static int add_local_apics(struct vm *vm, struct engine_error *error)
{
	if (!svmt_chipset(&vm->template->view))
		return 0;
	return vm->daemon->engine->irqchip(vm->fd, error);
}

static int build(struct vm *vm, struct engine_error *error)
{
	const struct engine *engine = vm->daemon->engine;

	if (refuse_confidential(&vm->template->view, error) ||
	    check_host(engine, &vm->template->view, error) || template_place(vm->template, error))
		return -1;
	vm->fd = engine->create_vm(engine, error);
	if (vm->fd < 0)
		return -1;
	if (map_regions(vm, error) || set_policy(vm, error) || add_local_apics(vm, error) ||
	    add_devices(vm, error) ||
	    create_vcpus(vm, vm->template->view.vcpu_count, error))
		return -1;
	return 0;
}

static struct vm *new_vm(struct daemon *daemon, const char *name, const char *identity)
{
	struct vm *vm = need_memory(sizeof(*vm));

	vm->daemon = daemon;
	vm->fd = -1;
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	snprintf(vm->identity, sizeof(vm->identity), "%s", identity);
	list_init(&vm->subscriptions);
	list_init(&vm->attachments);
	list_init(&vm->waiters);
	bus_init(&vm->bus);
	list_init(&vm->devices);
	device_thread_init(&vm->device_thread);
	console_init(&vm->console);
	list_append(&daemon->vms, &vm->link);
	daemon->vm_count++;
	return vm;
}

/* A VM gets its number when it is whole. */
static struct vm *finish_vm(struct vm *vm, int failed)
{
	if (failed) {
		vm_destroy(vm);
		return NULL;
	}
	vm->number = ++vm->daemon->last_vm;
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		event_json_head(&vm->vcpus[i]->json_head, vm->number, i);
	recorder_vm(vm->daemon->recorder, vm);
	subscription_update_hold(vm);
	return vm;
}

struct vm *vm_create(struct daemon *daemon, struct template *template,
		     const struct vm_options *options, struct engine_error *error)
{
	struct vm *vm = new_vm(daemon, options->name ? options->name : template->name,
			       template->identity);

	vm->limits = options->limits;
	vm->place = options->place;
	vm->backings = *options->backings;
	options->backings->count = 0;
	vm->template = template;
	template->vms++;
	return finish_vm(vm, build(vm, error));
}

struct vm *vm_create_recorded(struct daemon *daemon, unsigned int number,
			      const struct engine_vm *recorded, struct engine_error *error)
{
	struct vm *vm = new_vm(daemon, recorded->name, recorded->identity);

	vm->recorded_number = number;
	vm->place.nice = getpriority(PRIO_PROCESS, 0);
	return finish_vm(vm, create_vcpus(vm, recorded->vcpus, error));
}
