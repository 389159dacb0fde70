/* SPDX-License-Identifier: MIT */
/*
 * The consumer side of the event rings. Records are read by value between an acquiring load of the
 * head and a releasing store of the tail, and given to the VM's subscribers one by one.
 */
#include "events.h"
#include "limits.h"
#include "recorder.h"
#include "subscription.h"

static void deliver(struct vcpu *vcpu, const struct svmrt_event *events, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		recorder_event(vcpu->vm->daemon->recorder, vcpu, &events[i]);
	vcpu->vm->daemon->metrics.events += count;
	subscription_send_all(vcpu, events, count);
}

static const struct svmrt_event *record_at(const struct vcpu *vcpu, uint64_t position)
{
	return &vcpu->pages.records[position % vcpu->pages.entries];
}

/* Up to a gap in the sequence, which has to be told before what comes behind it. */
static unsigned int take_batch(struct vcpu *vcpu, uint64_t head, struct svmrt_event *batch)
{
	unsigned int count = 0;

	while (count < EVENT_BATCH && vcpu->tail != head) {
		batch[count] = *record_at(vcpu, vcpu->tail);
		if (batch[count].seq > vcpu->next_seq) {
			if (count)
				break;
			subscription_count_drops(vcpu->vm, vcpu->index,
						 batch[count].seq - vcpu->next_seq);
		}
		vcpu->next_seq = batch[count].seq + 1;
		vcpu->tail++;
		count++;
	}
	return count;
}

bool events_drain(struct vcpu *vcpu)
{
	struct svmrt_ring *ring = vcpu->pages.ring;
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	struct svmrt_event batch[EVENT_BATCH];
	unsigned int count = 0;

	while (vcpu->tail != head && count < DRAIN_BATCH && !vcpu->vm->held) {
		unsigned int taken = take_batch(vcpu, head, batch);

		deliver(vcpu, batch, taken);
		count += taken;
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

/*
 * A record that was consumed may be overwritten at any moment. The writer fills the slot of record
 * `position` + entries when `head` has that value, so a copy is whole if `head` is below it after
 * the copy was made. False: it is gone.
 */
static bool read_old_record(const struct vcpu *vcpu, uint64_t position, struct svmrt_event *event)
{
	const struct svmrt_ring *ring = vcpu->pages.ring;

	*event = *record_at(vcpu, position);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) < position + vcpu->pages.entries;
}

void events_tell_again(struct vcpu *vcpu, struct subscription *subscription, uint64_t from_seq)
{
	uint64_t oldest = vcpu->tail > vcpu->pages.entries ? vcpu->tail - vcpu->pages.entries : 0;
	uint64_t expected = from_seq;
	struct svmrt_event event;

	for (uint64_t position = oldest; position < vcpu->tail; position++) {
		if (!read_old_record(vcpu, position, &event) || event.seq < expected)
			continue;
		if (event.seq > expected)
			subscription_count_drops_of(subscription, vcpu->index,
						    event.seq - expected);
		subscription_send_one(subscription, vcpu, &event, 1);
		expected = event.seq + 1;
	}
	if (vcpu->next_seq > expected)
		subscription_count_drops_of(subscription, vcpu->index, vcpu->next_seq - expected);
	/* Nothing may come that would tell it. */
	if (!vm_is_running(vcpu->vm))
		subscription_report_drops(subscription, vcpu->index);
}

void events_finish(struct vcpu *vcpu)
{
	struct svmrt_stats stats;

	if (vcpu->vm->daemon->engine->stats(vcpu->fd, &stats) || stats.events <= vcpu->next_seq)
		return;
	subscription_count_drops(vcpu->vm, vcpu->index, stats.events - vcpu->next_seq);
	vcpu->next_seq = stats.events;
}
