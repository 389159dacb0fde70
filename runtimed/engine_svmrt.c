/* SPDX-License-Identifier: MIT */
/*
 * The engine that drives svmrt.ko: thin wrappers around its ioctls that turn a refusal into a text
 * with the errno's name and what the module said. Keeps nothing open between calls.
 */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine.h"

#define PORT_PAGE_BYTES 4096

int engine_fail(struct engine_error *error, int number, const char *what, const char *kernel_text)
{
	const char *name = strerrorname_np(number);

	error->number = number;
	if (kernel_text[0])
		snprintf(error->text, sizeof(error->text), "%s: %s (%s)", what, kernel_text,
			 name ? name : "unknown error");
	else
		snprintf(error->text, sizeof(error->text), "%s: %s (%s)", what, strerror(number),
			 name ? name : "unknown error");
	return -1;
}

static int open_device(const struct engine *engine, struct engine_error *error)
{
	int fd = open(engine->device, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		error->number = errno;
		snprintf(error->text, sizeof(error->text), "%s: %s", engine->device,
			 strerror(errno));
	}
	return fd;
}

static int svmrt_info(const struct engine *engine, struct svmrt_info *info,
		      struct engine_error *error)
{
	int fd = open_device(engine, error), result = 0;

	if (fd < 0)
		return -1;
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	if (ioctl(fd, SVMRT_INFO, info) < 0)
		result = engine_fail(error, errno, "SVMRT_INFO", "");
	close(fd);
	info->unusable[sizeof(info->unusable) - 1] = '\0';
	if (!result && info->abi_version != SVMRT_ABI_VERSION) {
		snprintf(error->text, sizeof(error->text),
			 "%s speaks ABI version %u, this svmrund version %u: load the svmrt.ko "
			 "that came with it", engine->device, info->abi_version, SVMRT_ABI_VERSION);
		error->number = EPROTO;
		result = -1;
	}
	return result;
}

static int svmrt_create_mem(const struct engine *engine, uint64_t bytes,
			    struct engine_error *error)
{
	/* A template's contents have holes; what VMs make of them is their own memory. */
	struct svmrt_create_mem create = {
		.size = sizeof(create), .flags = SVMRT_MEM_SMALL, .bytes = bytes,
	};
	int fd = open_device(engine, error), mem;

	if (fd < 0)
		return -1;
	mem = ioctl(fd, SVMRT_CREATE_MEM, &create);
	if (mem < 0)
		engine_fail(error, errno, "SVMRT_CREATE_MEM", create.error);
	close(fd);
	return mem;
}

static int svmrt_create_vm(const struct engine *engine, struct engine_error *error)
{
	struct svmrt_create_vm create = { .size = sizeof(create) };
	int fd = open_device(engine, error), vm;

	if (fd < 0)
		return -1;
	vm = ioctl(fd, SVMRT_CREATE_VM, &create);
	if (vm < 0)
		engine_fail(error, errno, "SVMRT_CREATE_VM", create.error);
	close(fd);
	return vm;
}

static int svmrt_map(int vm_fd, struct svmrt_map *map, struct engine_error *error)
{
	map->size = sizeof(*map);
	if (ioctl(vm_fd, SVMRT_VM_MAP, map) < 0)
		return engine_fail(error, errno, "SVMRT_VM_MAP", map->error);
	return 0;
}

static int svmrt_access(int vm_fd, struct svmrt_access *access, struct engine_error *error)
{
	access->size = sizeof(*access);
	if (ioctl(vm_fd, SVMRT_VM_ACCESS, access) < 0)
		return engine_fail(error, errno, "SVMRT_VM_ACCESS", access->error);
	return 0;
}

static int svmrt_policy(int vm_fd, struct svmrt_policy *policy, struct engine_error *error)
{
	policy->size = sizeof(*policy);
	if (ioctl(vm_fd, SVMRT_VM_POLICY, policy) < 0)
		return engine_fail(error, errno, "SVMRT_VM_POLICY", policy->error);
	return 0;
}

static int svmrt_create_vcpu(int vm_fd, struct svmrt_create_vcpu *create,
			     struct engine_error *error)
{
	int fd;

	create->size = sizeof(*create);
	fd = ioctl(vm_fd, SVMRT_VM_CREATE_VCPU, create);
	if (fd < 0)
		return engine_fail(error, errno, "SVMRT_VM_CREATE_VCPU", create->error);
	return fd;
}

static int svmrt_map_vcpu(int vcpu_fd, uint32_t entries, struct engine_pages *pages,
			  struct engine_error *error)
{
	size_t bytes = 2 * 4096 + entries * sizeof(struct svmrt_event);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);

	if (at == MAP_FAILED)
		return engine_fail(error, errno, "mmap of the vCPU", "");
	pages->run = (void *)at;
	pages->ring = (void *)(at + 4096);
	pages->records = (void *)(at + 2 * 4096);
	pages->entries = entries;
	pages->bytes = bytes;
	return 0;
}

static void svmrt_unmap_vcpu(struct engine_pages *pages)
{
	if (pages->run)
		munmap(pages->run, pages->bytes);
	memset(pages, 0, sizeof(*pages));
}

static int svmrt_run(int vcpu_fd)
{
	return ioctl(vcpu_fd, SVMRT_VCPU_RUN);
}

static int svmrt_nmi(int vcpu_fd)
{
	return ioctl(vcpu_fd, SVMRT_VCPU_NMI);
}

static int svmrt_kick(int vcpu_fd)
{
	return ioctl(vcpu_fd, SVMRT_VCPU_KICK);
}

static int svmrt_wake(int vcpu_fd)
{
	return ioctl(vcpu_fd, SVMRT_VCPU_WAKE);
}

static int svmrt_stats(int vcpu_fd, struct svmrt_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	return ioctl(vcpu_fd, SVMRT_VCPU_STATS, stats);
}

static int svmrt_rule_counts(int vcpu_fd, uint64_t *counts, uint32_t count)
{
	struct svmrt_rule_counts arg = {
		.size = sizeof(arg), .count = count, .counts = (uintptr_t)counts,
	};

	return ioctl(vcpu_fd, SVMRT_VCPU_RULE_COUNTS, &arg);
}

static int svmrt_details(int vcpu_fd, struct svmrt_details *details, struct svmrt_detail_row *rows)
{
	*details = (struct svmrt_details){ .size = sizeof(*details), .rows = (uintptr_t)rows };
	return ioctl(vcpu_fd, SVMRT_VCPU_DETAILS, details);
}

static int svmrt_image(int vcpu_fd, struct svmrt_vcpu_image *image)
{
	image->size = sizeof(*image);
	return ioctl(vcpu_fd, SVMRT_VCPU_IMAGE, image);
}

static int svmrt_set_image(int vcpu_fd, struct svmrt_vcpu_set_image *image,
			   struct engine_error *error)
{
	image->size = sizeof(*image);
	if (ioctl(vcpu_fd, SVMRT_VCPU_SET_IMAGE, image) < 0)
		return engine_fail(error, errno, "SVMRT_VCPU_SET_IMAGE", image->error);
	return 0;
}

static int svmrt_debug(int vcpu_fd, struct svmrt_vcpu_debug *debug, struct engine_error *error)
{
	debug->size = sizeof(*debug);
	if (ioctl(vcpu_fd, SVMRT_VCPU_DEBUG, debug) < 0)
		return engine_fail(error, errno, "SVMRT_VCPU_DEBUG", debug->error);
	return 0;
}

static int svmrt_irqchip(int vm_fd, struct engine_error *error)
{
	struct svmrt_irqchip irqchip = { .size = sizeof(irqchip), 
					   .flags = SVMRT_IRQCHIP_LAPIC | SVMRT_IRQCHIP_VIRTUAL_WIRE };

	if (ioctl(vm_fd, SVMRT_VM_IRQCHIP, &irqchip) < 0)
		return engine_fail(error, errno, "SVMRT_VM_IRQCHIP", irqchip.error);
	return 0;
}

static int svmrt_msi(int vm_fd, uint64_t address, uint32_t data)
{
	struct svmrt_msi msi = { .size = sizeof(msi), .address = address, .data = data };

	return ioctl(vm_fd, SVMRT_VM_MSI, &msi);
}

static int svmrt_irqfd(int vm_fd, struct svmrt_irqfd *irqfd, struct engine_error *error)
{
	irqfd->size = sizeof(*irqfd);
	if (ioctl(vm_fd, SVMRT_VM_IRQFD, irqfd) < 0)
		return engine_fail(error, errno, "SVMRT_VM_IRQFD", irqfd->error);
	return 0;
}

static int svmrt_eoifd(int vm_fd, struct svmrt_eoifd *eoifd, struct engine_error *error)
{
	eoifd->size = sizeof(*eoifd);
	if (ioctl(vm_fd, SVMRT_VM_EOIFD, eoifd) < 0)
		return engine_fail(error, errno, "SVMRT_VM_EOIFD", eoifd->error);
	return 0;
}

static int svmrt_ioeventfd(int vm_fd, struct svmrt_ioeventfd *ioeventfd, struct engine_error *error)
{
	ioeventfd->size = sizeof(*ioeventfd);
	if (ioctl(vm_fd, SVMRT_VM_IOEVENTFD, ioeventfd) < 0)
		return engine_fail(error, errno, "SVMRT_VM_IOEVENTFD", ioeventfd->error);
	return 0;
}

static int svmrt_time(int vm_fd, enum svmrt_time_op op, uint64_t *ns, struct engine_error *error)
{
	struct svmrt_time time = { .size = sizeof(time), .op = op };

	if (ioctl(vm_fd, SVMRT_VM_TIME, &time) < 0)
		return engine_fail(error, errno, "SVMRT_VM_TIME", time.error);
	*ns = time.ns;
	return 0;
}

static struct svmrt_port_page *svmrt_ports(int vm_fd, struct svmrt_ports *ports,
					   struct engine_error *error)
{
	void *page;

	ports->size = sizeof(*ports);
	if (ioctl(vm_fd, SVMRT_VM_PORTS, ports) < 0) {
		engine_fail(error, errno, "SVMRT_VM_PORTS", ports->error);
		return NULL;
	}
	page = mmap(NULL, PORT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vm_fd, 0);
	if (page != MAP_FAILED)
		return page;
	engine_fail(error, errno, "mmap of the VM's ports", "");
	return NULL;
}

static int svmrt_port(int vm_fd, struct svmrt_port *port, struct engine_error *error)
{
	port->size = sizeof(*port);
	if (ioctl(vm_fd, SVMRT_VM_PORT, port) < 0)
		return engine_fail(error, errno, "SVMRT_VM_PORT", port->error);
	return 0;
}

static void svmrt_unmap_ports(struct svmrt_port_page *page)
{
	munmap(page, PORT_PAGE_BYTES);
}

static int svmrt_extint(int vcpu_fd, bool level)
{
	struct svmrt_vcpu_extint extint = { .size = sizeof(extint), .level = level };

	return ioctl(vcpu_fd, SVMRT_VCPU_EXTINT, &extint);
}

static int svmrt_init(int vcpu_fd, struct svmrt_vcpu_init *init)
{
	init->size = sizeof(*init);
	return ioctl(vcpu_fd, SVMRT_VCPU_INIT, init);
}

static int svmrt_lapic(int vcpu_fd, struct svmrt_lapic_state *state)
{
	state->size = sizeof(*state);
	return ioctl(vcpu_fd, SVMRT_VCPU_LAPIC, state);
}

void engine_svmrt_init(struct engine *engine, const char *device)
{
	*engine = (struct engine){
		.name = "svmrt", .device = device,
		.info = svmrt_info, .create_mem = svmrt_create_mem, .create_vm = svmrt_create_vm,
		.map = svmrt_map, .access = svmrt_access, .policy = svmrt_policy,
		.create_vcpu = svmrt_create_vcpu,
		.map_vcpu = svmrt_map_vcpu, .unmap_vcpu = svmrt_unmap_vcpu,
		.irqchip = svmrt_irqchip, .msi = svmrt_msi, .irqfd = svmrt_irqfd,
		.eoifd = svmrt_eoifd, .ioeventfd = svmrt_ioeventfd, .time = svmrt_time,
		.ports = svmrt_ports, .port = svmrt_port, .unmap_ports = svmrt_unmap_ports,
		.extint = svmrt_extint,
		.init = svmrt_init, .lapic = svmrt_lapic,
		.run = svmrt_run, .kick = svmrt_kick, .nmi = svmrt_nmi, .wake = svmrt_wake,
		.stats = svmrt_stats, .details = svmrt_details,
		.rule_counts = svmrt_rule_counts, .image = svmrt_image,
		.set_image = svmrt_set_image, .debug = svmrt_debug,
	};
}
