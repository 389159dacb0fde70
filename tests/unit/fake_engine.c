/* SPDX-License-Identifier: MIT */
/*
 * The fake engine: rings, kicks and exits behave as svmrt.h says, guests are a few numbers. The
 * descriptor of a vCPU is an eventfd that is readable while its ring has unread records; RUN
 * clears it, since only RUN's thread can notice that the daemon consumed.
 */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "fake_engine.h"
#include <svmkit/vmcb.h>

#define MAX_FDS 1024
#define MAX_REGIONS 4
#define GPR_RDX 2
#define GPR_RBX 3
#define GPR_RBP 5
#define GPR_RSI 6
#define GPR_RDI 7

struct fake_vcpu {
	int fd;
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
	struct svmrt_vcpu_debug debug;
	struct engine_pages pages;
	atomic_bool kicked;
	_Atomic uint64_t seq;	/* read by stats() of the loop */
	uint64_t text, events;
	bool mapped;
};

static struct fake_vcpu *by_fd[MAX_FDS];

struct fake_region {
	uint8_t *memory;
	uint64_t gpa, bytes;	/* bytes 0: the end of the list */
	bool read_only;
};

static struct fake_region regions[MAX_FDS][MAX_REGIONS];

static int fake_info(const struct engine *engine, struct svmrt_info *info,
		     struct engine_error *error)
{
	(void)engine;
	(void)error;
	memset(info, 0, sizeof(*info));
	info->abi_version = SVMRT_ABI_VERSION;
	info->caps = SVMRT_CAP_NPT;
	info->svm_features = 1;
	info->max_vcpus = 255;
	return 0;
}

static int fake_create_mem(const struct engine *engine, uint64_t bytes, struct engine_error *error)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);

	(void)engine;
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return engine_fail(error, errno, "memfd", "");
	return fd;
}

/* A VM's descriptor is closed behind our back: what it had goes with the next of its number. */
static int fake_create_vm(const struct engine *engine, struct engine_error *error)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)engine;
	if (fd < 0 || fd >= MAX_FDS)
		return engine_fail(error, errno, "eventfd", "");
	for (unsigned int i = 0; i < MAX_REGIONS && regions[fd][i].bytes; i++)
		munmap(regions[fd][i].memory, regions[fd][i].bytes);
	memset(regions[fd], 0, sizeof(regions[fd]));
	return fd;
}

static int fake_map(int vm_fd, struct svmrt_map *map, struct engine_error *error)
{
	struct fake_region *region = regions[vm_fd];

	while (region->bytes)
		region++;
	if (region == regions[vm_fd] + MAX_REGIONS - 1)
		return engine_fail(error, ENOSPC, "map", "");
	region->memory = mmap(NULL, map->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, map->mem_fd,
			      (off_t)map->offset);
	if (region->memory == MAP_FAILED)
		return engine_fail(error, errno, "map", "");
	/* In place of the module's own pages, which are not mapped into the daemon at all. */
	madvise(region->memory, map->bytes, MADV_DONTDUMP);
	region->gpa = map->gpa;
	region->bytes = map->bytes;
	region->read_only = map->mode == SVMRT_MAP_RO;
	return 0;
}

static int fake_access(int vm_fd, struct svmrt_access *access, struct engine_error *error)
{
	uint8_t *buffer = (uint8_t *)(uintptr_t)access->buffer;
	bool write = access->flags & SVMRT_ACCESS_WRITE;

	for (uint64_t i = 0; i < access->bytes; i++) {
		const struct fake_region *region = regions[vm_fd];
		uint64_t gpa = access->gpa + i;

		while (region->bytes && gpa - region->gpa >= region->bytes)
			region++;
		if (!region->bytes)
			return engine_fail(error, ENOENT, "access", "no memory there");
		if (write && region->read_only)
			return engine_fail(error, EACCES, "access", "read-only memory");
		if (write)
			region->memory[gpa - region->gpa] = buffer[i];
		else
			buffer[i] = region->memory[gpa - region->gpa];
	}
	return 0;
}

static int fake_policy(int vm_fd, struct svmrt_policy *policy, struct engine_error *error)
{
	(void)vm_fd;
	return policy->rule_count ? 0 : engine_fail(error, EINVAL, "policy", "no rules");
}

static int fake_create_vcpu(int vm_fd, struct svmrt_create_vcpu *create, struct engine_error *error)
{
	struct fake_vcpu *vcpu;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)vm_fd;
	if (fd < 0 || fd >= MAX_FDS)
		return engine_fail(error, EMFILE, "vcpu", "");
	vcpu = aligned_alloc(_Alignof(struct fake_vcpu), sizeof(*vcpu));
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->fd = fd;
	memcpy(&vcpu->vmcb, (const void *)(uintptr_t)create->vmcb, sizeof(vcpu->vmcb));
	memcpy(&vcpu->state, (const void *)(uintptr_t)create->state, sizeof(vcpu->state));
	vcpu->text = vcpu->state.gpr[GPR_RSI];
	vcpu->events = vcpu->state.gpr[GPR_RBX];
	if (vcpu->state.gpr[GPR_RDI] == FAKE_ENDLESS)
		vcpu->events = UINT64_MAX;
	by_fd[fd] = vcpu;
	return fd;
}

static int fake_map_vcpu(int vcpu_fd, uint32_t entries, struct engine_pages *pages,
			 struct engine_error *error)
{
	size_t bytes = 2 * 4096 + entries * sizeof(struct svmrt_event);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return engine_fail(error, errno, "mmap", "");
	*pages = (struct engine_pages){
		.run = (void *)at, .ring = (void *)(at + 4096), .records = (void *)(at + 8192),
		.entries = entries, .bytes = bytes,
	};
	by_fd[vcpu_fd]->pages = *pages;
	by_fd[vcpu_fd]->mapped = true;
	return 0;
}

/* The daemon frees a vCPU by unmapping and closing it: here the pages tell which one it was. */
static void fake_unmap_vcpu(struct engine_pages *pages)
{
	for (unsigned int i = 0; pages->run && i < MAX_FDS; i++) {
		if (!by_fd[i] || by_fd[i]->pages.run != pages->run)
			continue;
		free(by_fd[i]);
		by_fd[i] = NULL;
	}
	if (pages->run)
		munmap(pages->run, pages->bytes);
	memset(pages, 0, sizeof(*pages));
}

static void set_readable(struct fake_vcpu *vcpu, bool readable)
{
	uint64_t one = 1;
	ssize_t done = readable ? write(vcpu->fd, &one, sizeof(one)) :
		read(vcpu->fd, &one, sizeof(one));

	(void)done;	/* EAGAIN: was so already */
}

/* Five kinds in turn, with the addresses that the header promises. */
static void mix_event(struct svmrt_event *event)
{
	static const uint32_t codes[] = {
		SVM_EXIT_CODE_RDTSC, SVM_EXIT_CODE_IOIO, SVM_EXIT_CODE_NPF, SVM_EXIT_CODE_CPUID,
		SVM_EXIT_CODE_MSR,
	};
	const uint64_t round = event->seq / 5;

	event->code = codes[event->seq % 5];
	event->rip = 0x1000 + event->seq % 10;
	if (event->code == SVM_EXIT_CODE_IOIO)
		event->exitinfo1 = (0x3f8 + round % 8) << 16 | 0x10;
	if (event->code == SVM_EXIT_CODE_NPF)
		event->exitinfo2 = 0xfee00000 + round % 16 * 0x1000;
	if (event->code == SVM_EXIT_CODE_MSR)
		event->exitinfo2 = 0xc0000080 + round % 7;
}

/* False: the ring is full and lossless. */
static bool put_event(struct fake_vcpu *vcpu)
{
	struct svmrt_ring *ring = vcpu->pages.ring;
	struct svmrt_event *slots = (struct svmrt_event *)(uintptr_t)vcpu->pages.records;
	uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE), head = ring->head;

	if (head - tail == vcpu->pages.entries) {
		if (__atomic_load_n(&ring->lossless, __ATOMIC_ACQUIRE))
			return false;
		ring->dropped++;
		vcpu->seq++;
		return true;
	}
	slots[head % vcpu->pages.entries] = (struct svmrt_event){
		.seq = vcpu->seq, .tsc = (vcpu->seq + 1) * 1000, .code = SVM_EXIT_CODE_RDTSC,
		.rip = 0x1000, .rax = head, .flags = SVMRT_DO_SKIP << 8,
	};
	if (vcpu->state.gpr[GPR_RDX])
		mix_event(&slots[head % vcpu->pages.entries]);
	vcpu->seq++;
	__atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static int leave(struct fake_vcpu *vcpu, uint32_t reason, uint64_t code, uint64_t info1,
		 uint64_t info2)
{
	struct svmrt_run_page *run = vcpu->pages.run;

	run->reason = reason;
	run->dirty = 0;
	run->exitcode = code;
	run->exitinfo1 = info1;
	run->exitinfo2 = info2;
	run->rip = 0x1000;
	memcpy(run->gpr, vcpu->state.gpr, sizeof(run->gpr));
	set_readable(vcpu, true);
	return 0;
}

static int leave_npf(struct fake_vcpu *vcpu, const char *insn, uint8_t bytes)
{
	struct svmrt_run_page *run = vcpu->pages.run;

	memcpy(run->insn, insn, bytes);
	run->insn_bytes = bytes;
	return leave(vcpu, SVMRT_RUN_EXIT, SVM_EXIT_CODE_NPF, 4, 0xfee00000);
}

static int spin(struct fake_vcpu *vcpu)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	while (!atomic_exchange(&vcpu->kicked, false)) {
		const struct svmrt_ring *ring = vcpu->pages.ring;

		if (__atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == ring->head)
			set_readable(vcpu, false);
		nanosleep(&pause, NULL);
	}
	return leave(vcpu, SVMRT_RUN_KICKED, 0, 0, 0);
}

static int end_of_guest(struct fake_vcpu *vcpu)
{
	uint64_t end = vcpu->state.gpr[GPR_RDI];

	switch (end) {
	case FAKE_SHUTDOWN: return leave(vcpu, SVMRT_RUN_SHUTDOWN, SVM_EXIT_CODE_SHUTDOWN, 0, 0);
	case FAKE_INVALID: return leave(vcpu, SVMRT_RUN_INVALID, SVM_EXIT_CODE_INVALID, 0, 0);
	case FAKE_BROKEN:
		strcpy(vcpu->pages.run->text, "the fake is broken");
		return leave(vcpu, SVMRT_RUN_BROKEN, 0, 0, 0);
	case FAKE_SPIN: return spin(vcpu);
	case FAKE_DEBUG_EXIT:
		vcpu->state.gpr[0] = vcpu->state.gpr[GPR_RBP];
		return leave(vcpu, SVMRT_RUN_EXIT, SVM_EXIT_CODE_IOIO, 0xf40010, 0x1002);
	case FAKE_NO_HANDLER: return leave(vcpu, SVMRT_RUN_EXIT, SVM_EXIT_CODE_RDTSC, 0, 0);
	case FAKE_STRING_IO: return leave(vcpu, SVMRT_RUN_EXIT, SVM_EXIT_CODE_IOIO, 0x3f8001c, 0);
	case FAKE_MOV:
		vcpu->state.gpr[GPR_RDI] = FAKE_STOP;
		return leave_npf(vcpu, "\x8b\x07", 2);
	case FAKE_PUSH: return leave_npf(vcpu, "\xff\x37", 2);
	default: return leave(vcpu, SVMRT_RUN_STOP, SVM_EXIT_CODE_VMMCALL, 0, 0);
	}
}

/* An event is an instruction to a debugger; a hardware breakpoint is met at once. */
static bool meet_debugger(struct fake_vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;

	run->debug = vcpu->debug.flags & SVMRT_DEBUG_STEP ? SVMRT_DEBUG_HIT_STEP : 0;
	for (unsigned int i = 0; i < 4; i++)
		if (vcpu->debug.dr7 >> (2 * i) & 1)
			run->debug |= SVMRT_DEBUG_HIT_DR(i);
	return run->debug;
}

static int fake_run(int vcpu_fd)
{
	struct fake_vcpu *vcpu = by_fd[vcpu_fd];
	struct svmrt_run_page *run = vcpu->pages.run;

	if (run->dirty & SVMRT_DIRTY_GPR)
		memcpy(vcpu->state.gpr, run->gpr, sizeof(run->gpr));
	if (run->dirty & SVMRT_DIRTY_RIP)
		vmcb_set_RIP(&vcpu->vmcb, run->rip);
	run->dirty = 0;
	while (vcpu->events) {
		if (!put_event(vcpu))
			return leave(vcpu, SVMRT_RUN_RING_FULL, 0, 0, 0);
		vcpu->events--;
		if (meet_debugger(vcpu))
			return leave(vcpu, SVMRT_RUN_DEBUG, 0, 0, 0);
		if (vcpu->seq % 64 == 1)
			set_readable(vcpu, true);
		if (atomic_exchange(&vcpu->kicked, false))
			return leave(vcpu, SVMRT_RUN_KICKED, 0, 0, 0);
	}
	if (vcpu->text) {
		vcpu->text--;
		vcpu->state.gpr[0] = vcpu->state.gpr[GPR_RBP] + vcpu->text % 10;
		return leave(vcpu, SVMRT_RUN_EXIT, SVM_EXIT_CODE_IOIO, 0x3f80010, 0x1002);
	}
	return end_of_guest(vcpu);
}

static int fake_kick(int vcpu_fd)
{
	atomic_store(&by_fd[vcpu_fd]->kicked, true);
	return 0;
}

static int fake_stats(int vcpu_fd, struct svmrt_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->events = atomic_load(&by_fd[vcpu_fd]->seq);
	stats->exits[svmrt_exit_slot(SVM_EXIT_CODE_RDTSC)] = stats->events;
	return 0;
}

static int fake_image(int vcpu_fd, struct svmrt_vcpu_image *image)
{
	memcpy((void *)(uintptr_t)image->vmcb, &by_fd[vcpu_fd]->vmcb, 4096);
	memcpy((void *)(uintptr_t)image->state, &by_fd[vcpu_fd]->state, 4096);
	return 0;
}

/* One rule of the module's stands for all: RFLAGS bit 1 is one. */
static int fake_set_image(int vcpu_fd, struct svmrt_vcpu_set_image *image,
			  struct engine_error *error)
{
	const struct svmk_vmcb *vmcb = (const void *)(uintptr_t)image->vmcb;

	if (!(vmcb_get_RFLAGS(vmcb) & 2))
		return engine_fail(error, EINVAL, "SVMRT_VCPU_SET_IMAGE", "rflags: bit 1 must be one");
	by_fd[vcpu_fd]->vmcb = *vmcb;
	memcpy(&by_fd[vcpu_fd]->state, (const void *)(uintptr_t)image->state, 4096);
	by_fd[vcpu_fd]->state.gpr[0] = vmcb_get_RAX(vmcb);
	by_fd[vcpu_fd]->state.gpr[4] = vmcb_get_RSP(vmcb);
	return 0;
}

static int fake_debug(int vcpu_fd, struct svmrt_vcpu_debug *debug, struct engine_error *error)
{
	(void)error;
	by_fd[vcpu_fd]->debug = *debug;
	return 0;
}

void fake_engine_init(struct engine *engine)
{
	*engine = (struct engine){
		.name = "fake", .device = "no device",
		.info = fake_info, .create_mem = fake_create_mem, .create_vm = fake_create_vm,
		.map = fake_map, .access = fake_access, .policy = fake_policy,
		.create_vcpu = fake_create_vcpu,
		.map_vcpu = fake_map_vcpu, .unmap_vcpu = fake_unmap_vcpu,
		.run = fake_run, .kick = fake_kick, .stats = fake_stats, .image = fake_image,
		.set_image = fake_set_image, .debug = fake_debug,
	};
}
