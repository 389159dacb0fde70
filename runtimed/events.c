/* SPDX-License-Identifier: MIT */
/*
 * The consumer side of the event rings. Records are read by value between an acquiring load of the
 * head and a releasing store of the tail, and given to the VM's subscribers one by one.
 */
#include "events.h"
#include "limits.h"
#include "recorder.h"
#include "subscription.h"

static void deliver(struct vcpu *vcpu, const struct svmrt_event *event)
{
	if (event->seq > vcpu->next_seq)
		subscription_count_drops(vcpu->vm, vcpu->index, event->seq - vcpu->next_seq);
	vcpu->next_seq = event->seq + 1;
	recorder_event(vcpu->vm->daemon->recorder, vcpu, event);
	subscription_send_all(vcpu->vm, vcpu->index, event);
}

bool events_drain(struct vcpu *vcpu)
{
	struct svmrt_ring *ring = vcpu->pages.ring;
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	unsigned int count = 0;

	while (vcpu->tail != head && count < DRAIN_BATCH && !vcpu->vm->held) {
		struct svmrt_event event = vcpu->pages.records[vcpu->tail % vcpu->pages.entries];

		vcpu->tail++;
		count++;
		deliver(vcpu, &event);
	}
	if (count) {
		__atomic_store_n(&ring->tail, vcpu->tail, __ATOMIC_RELEASE);
		vcpu_ring_drained(vcpu);
	}
	if (vcpu->tail == head && vcpu->vm->daemon->engine->drained)
		vcpu->vm->daemon->engine->drained(vcpu->fd);
	return vcpu->tail != head;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct vcpu *vcpu = poll->data;

	(void)events;
	if (status < 0)
		events_pause(vcpu);
	else
		events_drain(vcpu);
}

void events_resume(struct vcpu *vcpu)
{
	if (!vcpu->polling && !uv_poll_start(&vcpu->poll, UV_READABLE, on_readable))
		vcpu->polling = true;
}

void events_pause(struct vcpu *vcpu)
{
	if (vcpu->polling)
		uv_poll_stop(&vcpu->poll);
	vcpu->polling = false;
}

void events_finish(struct vcpu *vcpu)
{
	struct svmrt_stats stats;

	if (vcpu->vm->daemon->engine->stats(vcpu->fd, &stats) || stats.events <= vcpu->next_seq)
		return;
	subscription_count_drops(vcpu->vm, vcpu->index, stats.events - vcpu->next_seq);
	vcpu->next_seq = stats.events;
}
