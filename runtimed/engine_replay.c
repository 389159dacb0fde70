/* SPDX-License-Identifier: MIT */
/*
 * A recorded vCPU is a cursor over its chunks, a ring in anonymous memory, and an eventfd that is
 * readable while the ring may have unread records. What a recording does not have is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine_replay.h"
#include "limits.h"
#include "log.h"
#include "svmlog.h"

#define MAX_FDS 65536
#define SIGNAL_RECORDS 512	/* wake the reader once for so many */

struct replay_chunk {
	const struct svmrt_event *events;
	uint64_t count;
};

struct replay_vm;

struct replay_vcpu {
	struct replay_vm *vm;
	int fd;
	struct engine_pages pages;
	struct replay_chunk *chunks;
	size_t chunk_count, chunk_room;
	size_t chunk;			/* the cursor: chunk, and record in it */
	uint64_t record;
	bool finished;
	_Atomic bool kicked;
	_Atomic uint64_t seq;		/* the next number; stats() of the loop reads it */
	_Atomic uint64_t dropped;
	_Atomic uint64_t exits[SVMRT_SLOTS];	/* of what was told; written by its thread alone */
};

struct replay_vm {
	struct engine_vm info;
	struct replay_vcpu *vcpus;
	pthread_mutex_t lock;		/* of `unfinished` and for `changed` */
	pthread_cond_t changed;
	unsigned int unfinished;	/* vCPUs with records: the run ends with the last */
};

struct replay {
	void *image;
	uint64_t bytes;
	struct replay_vm *vms;
	unsigned int vm_count;
};

/* vCPUs by descriptor, which is all that calls have. The loop writes, threads read theirs. */
static struct replay_vcpu *by_fd[MAX_FDS];

static int refuse(struct engine_error *error)
{
	error->number = EOPNOTSUPP;
	snprintf(error->text, sizeof(error->text),
		 "a recording has only the events of its VMs: use the engine svmrt for that");
	return -1;
}

static int replay_info(const struct engine *engine, struct svmrt_info *info,
		       struct engine_error *error)
{
	(void)engine;
	(void)info;
	return refuse(error);
}

static int replay_create_mem(const struct engine *engine, uint64_t bytes,
			     struct engine_error *error)
{
	(void)engine;
	(void)bytes;
	return refuse(error);
}

static int replay_create_vm(const struct engine *engine, struct engine_error *error)
{
	(void)engine;
	return refuse(error);
}

static int replay_map(int vm_fd, struct svmrt_map *map, struct engine_error *error)
{
	(void)vm_fd;
	(void)map;
	return refuse(error);
}

static int replay_access(int vm_fd, struct svmrt_access *access, struct engine_error *error)
{
	(void)vm_fd;
	(void)access;
	return refuse(error);
}

static int replay_policy(int vm_fd, struct svmrt_policy *policy, struct engine_error *error)
{
	(void)vm_fd;
	(void)policy;
	return refuse(error);
}

static int replay_create_vcpu(int vm_fd, struct svmrt_create_vcpu *create,
			      struct engine_error *error)
{
	(void)vm_fd;
	(void)create;
	return refuse(error);
}

static const struct engine_vm *replay_recorded(const struct engine *engine, unsigned int number)
{
	const struct replay *replay = engine->data;

	return number < replay->vm_count ? &replay->vms[number].info : NULL;
}

static int replay_open_vcpu(const struct engine *engine, unsigned int number, unsigned int index,
			    struct engine_error *error)
{
	struct replay_vcpu *vcpu = &((struct replay *)engine->data)->vms[number].vcpus[index];

	vcpu->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vcpu->fd < 0)
		return engine_fail(error, errno, "eventfd", "");
	if (vcpu->fd >= MAX_FDS) {
		close(vcpu->fd);
		return engine_fail(error, EMFILE, "vCPU of a recording", "");
	}
	by_fd[vcpu->fd] = vcpu;
	return vcpu->fd;
}

static int replay_map_vcpu(int vcpu_fd, uint32_t entries, struct engine_pages *pages,
			   struct engine_error *error)
{
	size_t bytes = 2 * 4096 + entries * sizeof(struct svmrt_event);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return engine_fail(error, errno, "ring of a recorded vCPU", "");
	*pages = (struct engine_pages){
		.run = (void *)at, .ring = (void *)(at + 4096), .records = (void *)(at + 8192),
		.entries = entries, .bytes = bytes,
	};
	by_fd[vcpu_fd]->pages = *pages;
	return 0;
}

static void replay_unmap_vcpu(struct engine_pages *pages)
{
	if (pages->run)
		munmap(pages->run, pages->bytes);
	memset(pages, 0, sizeof(*pages));
}

static void set_readable(const struct replay_vcpu *vcpu)
{
	const uint64_t one = 1;
	ssize_t done = write(vcpu->fd, &one, sizeof(one));

	(void)done;	/* EAGAIN: it is readable */
}

/* Cleared first, looked at then: a record that comes in between sets it again. */
static void replay_drained(int vcpu_fd)
{
	const struct replay_vcpu *vcpu = by_fd[vcpu_fd];
	const struct svmrt_ring *ring = vcpu->pages.ring;
	uint64_t value;
	ssize_t done = read(vcpu_fd, &value, sizeof(value));

	(void)done;
	if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) != ring->tail)
		set_readable(vcpu);
}

/* The next record of the log, or NULL. */
static const struct svmrt_event *current(const struct replay_vcpu *vcpu)
{
	return vcpu->chunk < vcpu->chunk_count ?
		&vcpu->chunks[vcpu->chunk].events[vcpu->record] : NULL;
}

static void advance(struct replay_vcpu *vcpu)
{
	if (++vcpu->record < vcpu->chunks[vcpu->chunk].count)
		return;
	vcpu->record = 0;
	vcpu->chunk++;
}

static void count_exit(struct replay_vcpu *vcpu, uint32_t code)
{
	const int slot = svmrt_exit_slot((__u64)(__s64)(__s32)code);

	if (slot >= 0)
		atomic_store_explicit(&vcpu->exits[slot],
			atomic_load_explicit(&vcpu->exits[slot], memory_order_relaxed) + 1,
			memory_order_relaxed);
}

/* As the module does it. False: the ring is full and lossless. */
static bool put_event(struct replay_vcpu *vcpu, const struct svmrt_event *event)
{
	struct svmrt_event *slots = (struct svmrt_event *)(uintptr_t)vcpu->pages.records;
	struct svmrt_ring *ring = vcpu->pages.ring;
	uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE), head = ring->head;

	if (head - tail < vcpu->pages.entries) {
		slots[head % vcpu->pages.entries] = *event;
		__atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
	} else if (__atomic_load_n(&ring->lossless, __ATOMIC_ACQUIRE)) {
		return false;
	} else {
		ring->dropped++;
		atomic_fetch_add(&vcpu->dropped, 1);
	}
	count_exit(vcpu, event->code);
	atomic_store(&vcpu->seq, event->seq + 1);
	return true;
}

static int leave(struct replay_vcpu *vcpu, uint32_t reason)
{
	vcpu->pages.run->reason = reason;
	set_readable(vcpu);
	return 0;
}

/* The VM ends when all of its vCPUs have told everything. False: kicked meanwhile. */
static bool wait_for_others(struct replay_vcpu *vcpu)
{
	struct replay_vm *vm = vcpu->vm;
	bool kicked = false;

	pthread_mutex_lock(&vm->lock);
	if (!vcpu->finished) {
		vcpu->finished = true;
		vm->unfinished--;
		pthread_cond_broadcast(&vm->changed);
	}
	while (vm->unfinished && !kicked) {
		kicked = atomic_exchange(&vcpu->kicked, false);
		if (!kicked)
			pthread_cond_wait(&vm->changed, &vm->lock);
	}
	pthread_mutex_unlock(&vm->lock);
	return !kicked;
}

static int replay_run(int vcpu_fd)
{
	struct replay_vcpu *vcpu = by_fd[vcpu_fd];
	struct svmrt_run_page *run = vcpu->pages.run;
	const struct svmrt_event *event;
	unsigned int count = 0;

	while ((event = current(vcpu))) {
		if (atomic_exchange(&vcpu->kicked, false))
			return leave(vcpu, SVMRT_RUN_KICKED);
		if (!put_event(vcpu, event))
			return leave(vcpu, SVMRT_RUN_RING_FULL);
		run->exitcode = (__u64)(__s64)(__s32)event->code;
		run->rip = event->rip;
		advance(vcpu);
		if (++count % SIGNAL_RECORDS == 0)
			set_readable(vcpu);
	}
	set_readable(vcpu);
	if (!wait_for_others(vcpu))
		return leave(vcpu, SVMRT_RUN_KICKED);
	strcpy(run->text, "the recording ends here");
	return leave(vcpu, SVMRT_RUN_STOP);
}

static int replay_kick(int vcpu_fd)
{
	struct replay_vm *vm = by_fd[vcpu_fd]->vm;

	pthread_mutex_lock(&vm->lock);
	atomic_store(&by_fd[vcpu_fd]->kicked, true);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int replay_stats(int vcpu_fd, struct svmrt_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->events = atomic_load(&by_fd[vcpu_fd]->seq);
	stats->events_dropped = atomic_load(&by_fd[vcpu_fd]->dropped);
	for (unsigned int slot = 0; slot < SVMRT_SLOTS; slot++)
		stats->exits[slot] = atomic_load_explicit(&by_fd[vcpu_fd]->exits[slot],
							  memory_order_relaxed);
	return 0;
}

static int replay_image(int vcpu_fd, struct svmrt_vcpu_image *image)
{
	(void)vcpu_fd;
	(void)image;
	errno = EOPNOTSUPP;
	return -1;
}

static int replay_set_image(int vcpu_fd, struct svmrt_vcpu_set_image *image,
			    struct engine_error *error)
{
	(void)vcpu_fd;
	(void)image;
	return refuse(error);
}

static int replay_debug(int vcpu_fd, struct svmrt_vcpu_debug *debug, struct engine_error *error)
{
	(void)vcpu_fd;
	(void)debug;
	return refuse(error);
}

static void add_vm(struct replay *replay, const struct svmlog_vm *recorded)
{
	struct replay_vm *vm;

	replay->vms = need_more(replay->vms, (replay->vm_count + 1) * sizeof(replay->vms[0]));
	vm = &replay->vms[replay->vm_count++];
	memset(vm, 0, sizeof(*vm));
	vm->info = (struct engine_vm){ recorded->name, recorded->identity, recorded->vcpus };
	vm->unfinished = recorded->vcpus;
	vm->vcpus = need_memory(recorded->vcpus * sizeof(vm->vcpus[0]));
}

static void add_events(struct replay_vcpu *vcpu, const struct svmlog_item *item)
{
	if (vcpu->chunk_count == vcpu->chunk_room) {
		vcpu->chunk_room = vcpu->chunk_room ? 2 * vcpu->chunk_room : 16;
		vcpu->chunks = need_more(vcpu->chunks, vcpu->chunk_room * sizeof(vcpu->chunks[0]));
	}
	vcpu->chunks[vcpu->chunk_count++] = (struct replay_chunk){
		item->events, item->chunk->value,
	};
}

/* What the log says about itself is a stranger's word. NULL, or what is wrong. */
static const char *take_item(struct replay *replay, const struct svmlog_item *item)
{
	const struct svmlog_chunk *chunk = item->chunk;

	if (item->vm) {
		if (chunk->vm != replay->vm_count + 1 || item->vm->vcpus > REPLAY_MAX_VCPUS ||
		    replay->vm_count == REPLAY_MAX_VMS)
			return "its VMs are not numbered in order, or have too many vCPUs";
		add_vm(replay, item->vm);
		return NULL;
	}
	if (!chunk->vm || chunk->vm > replay->vm_count ||
	    chunk->vcpu >= replay->vms[chunk->vm - 1].info.vcpus)
		return "it has events of a vCPU that it does not have";
	add_events(&replay->vms[chunk->vm - 1].vcpus[chunk->vcpu], item);
	return NULL;
}

static const char *take_log(struct replay *replay)
{
	struct svmlog_item item;
	struct svmlog log;
	uint64_t at = 0;
	int more;
	const char *fault = svmlog_open(&log, replay->image, replay->bytes);

	while (!fault && (more = svmlog_next(&log, &at, &item)) != 0)
		fault = more < 0 ? "a part of it is damaged" : take_item(replay, &item);
	if (!fault && !log.index)
		log_line(LOG_WARNING, "the recording has no index: its end is missing");
	for (unsigned int i = 0; i < replay->vm_count; i++) {
		struct replay_vm *vm = &replay->vms[i];

		pthread_mutex_init(&vm->lock, NULL);
		pthread_cond_init(&vm->changed, NULL);
		for (unsigned int n = 0; n < vm->info.vcpus; n++)
			vm->vcpus[n].vm = vm;
	}
	return fault;
}

static int map_file(struct replay *replay, const char *path, struct engine_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status)) {
		engine_fail(error, errno, path, "");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	replay->bytes = (uint64_t)status.st_size;
	replay->image = status.st_size ?
		mmap(NULL, replay->bytes, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	if (replay->image == MAP_FAILED) {
		replay->image = NULL;
		return engine_fail(error, errno, path, "");
	}
	return 0;
}

int engine_replay_init(struct engine *engine, const char *path, struct engine_error *error)
{
	struct replay *replay = need_memory(sizeof(*replay));
	const char *fault;

	*engine = (struct engine){
		.name = "replay", .device = path, .data = replay,
		.info = replay_info, .create_mem = replay_create_mem,
		.create_vm = replay_create_vm, .map = replay_map, .access = replay_access,
		.policy = replay_policy, .create_vcpu = replay_create_vcpu,
		.recorded = replay_recorded, .open_recorded_vcpu = replay_open_vcpu,
		.map_vcpu = replay_map_vcpu, .unmap_vcpu = replay_unmap_vcpu,
		.drained = replay_drained, .run = replay_run, .kick = replay_kick,
		.stats = replay_stats, .image = replay_image,
		.set_image = replay_set_image, .debug = replay_debug,
	};
	if (map_file(replay, path, error)) {
		engine_replay_free(engine);
		return -1;
	}
	fault = take_log(replay);
	if (fault) {
		engine_replay_free(engine);
		return engine_fail(error, EINVAL, path, fault);
	}
	return 0;
}

void engine_replay_free(struct engine *engine)
{
	struct replay *replay = engine->data;

	for (unsigned int i = 0; i < replay->vm_count; i++) {
		struct replay_vm *vm = &replay->vms[i];

		for (unsigned int n = 0; n < vm->info.vcpus; n++)
			free(vm->vcpus[n].chunks);
		free(vm->vcpus);
		pthread_cond_destroy(&vm->changed);
		pthread_mutex_destroy(&vm->lock);
	}
	free(replay->vms);
	if (replay->image)
		munmap(replay->image, replay->bytes);
	free(replay);
	engine->data = NULL;
}
