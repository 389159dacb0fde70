/* SPDX-License-Identifier: MIT */
/*
 * Making and freeing a vCPU: engine objects, shared pages, the poll handle on its event ring. The
 * thread is vcpu_thread.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "events.h"
#include "limits.h"
#include "log.h"
#include "svmt_device.h"
#include "vcpu.h"

/*
 * Half a megabyte for the ring is most of what an idle VM takes: only where a rule of the template can put
 * an event into it. (Codes without a rule are counted.)
 */
static uint32_t ring_entries(const struct vcpu *vcpu)
{
	const struct svmt_view *view;

	if (!vcpu->vm->template)
		return RING_ENTRIES;
	view = &vcpu->vm->template->view;
	for (uint32_t i = 0; i < view->exit_count; i++)
		if (view->exits[i].event > SVMRT_EVENT_COUNT)
			return RING_ENTRIES;
	return RING_ENTRIES_SILENT;
}

/* A descriptor, or -1. */
static int create_from_template(struct vcpu *vcpu, struct engine_error *error)
{
	const struct engine *engine = vcpu->vm->daemon->engine;
	const struct svmt_view *view = &vcpu->vm->template->view;
	const struct svmt_vcpu *row = &view->vcpus[vcpu->index];
	struct svmrt_create_vcpu create = {
		.index = vcpu->index,
		.ring_entries = ring_entries(vcpu),
		.vmcb = (uintptr_t)svmt_blob_page(view, row->vmcb_page),
		.state = (uintptr_t)svmt_blob_page(view, row->state_page),
	};

	if (row->kind != SVMT_VCPU_PLAIN)
		return engine_fail(error, EOPNOTSUPP, "vCPU",
				   "confidential guests are not supported");
	if (row->start == SVMT_START_WAIT_SIPI) {
		create.flags = SVMRT_VCPU_WAIT_SIPI;
		vcpu->waits_for_ever = !svmt_chipset(view);
	}
	return engine->create_vcpu(vcpu->vm->fd, &create, error);
}

static int engine_create(struct vcpu *vcpu, struct engine_error *error)
{
	const struct engine *engine = vcpu->vm->daemon->engine;

	vcpu->fd = vcpu->vm->template ? create_from_template(vcpu, error) :
		engine->open_recorded_vcpu(engine, vcpu->vm->recorded_number, vcpu->index, error);
	if (vcpu->fd < 0)
		return -1;
	return engine->map_vcpu(vcpu->fd, ring_entries(vcpu), &vcpu->pages, error);
}

static void close_engine(struct vcpu *vcpu)
{
	vcpu->vm->daemon->engine->unmap_vcpu(&vcpu->pages);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	vcpu->fd = -1;
}

static void free_memory(struct vcpu *vcpu)
{
	pthread_cond_destroy(&vcpu->room);
	pthread_mutex_destroy(&vcpu->lock);
	free(vcpu);
}

struct vcpu *vcpu_create(struct vm *vm, unsigned int index, struct engine_error *error)
{
	struct vcpu *vcpu = need_memory(sizeof(*vcpu));
	int status;

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = -1;
	vcpu->end.vcpu = index;
	pthread_mutex_init(&vcpu->lock, NULL);
	pthread_cond_init(&vcpu->room, NULL);
	if (engine_create(vcpu, error))
		goto fail;
	status = uv_poll_init(&vm->daemon->loop, &vcpu->poll, vcpu->fd);
	if (status) {
		engine_fail(error, -status, "poll of the vCPU", "");
		goto fail;
	}
	vcpu->poll.data = vcpu;
	vm->open_polls++;
	return vcpu;
fail:
	close_engine(vcpu);
	free_memory(vcpu);
	return NULL;
}

static void (*closed_callback)(struct vm *vm);

static void on_poll_closed(uv_handle_t *handle)
{
	struct vcpu *vcpu = handle->data;
	struct vm *vm = vcpu->vm;

	free_memory(vcpu);
	vm->open_polls--;
	closed_callback(vm);
}

void vcpu_destroy(struct vcpu *vcpu, void (*closed)(struct vm *vm))
{
	/* The same function for every vCPU; libuv has one data pointer only. */
	closed_callback = closed;
	events_pause(vcpu);
	uv_close((uv_handle_t *)&vcpu->poll, on_poll_closed);
	close_engine(vcpu);
}

/* Half of the ring, so that a waiting vCPU does not wake up for every record that was read. */
bool vcpu_ring_has_room(const struct vcpu *vcpu)
{
	const struct svmrt_ring *ring = vcpu->pages.ring;
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

	return head - tail <= vcpu->pages.entries / 2;
}

void vcpu_ring_drained(struct vcpu *vcpu)
{
	const struct engine *engine = vcpu->vm->daemon->engine;

	/* It marks that it waits and then looks at the tail; we have stored the tail, and look now. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (engine->wake && __atomic_load_n(&vcpu->pages.ring->waiting, __ATOMIC_RELAXED) &&
	    (!vcpu->pages.ring->lossless || vcpu_ring_has_room(vcpu)))
		engine->wake(vcpu->fd);
	pthread_mutex_lock(&vcpu->lock);
	if (vcpu->waiting)
		pthread_cond_signal(&vcpu->room);
	pthread_mutex_unlock(&vcpu->lock);
}
