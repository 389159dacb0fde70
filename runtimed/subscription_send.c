/* SPDX-License-Identifier: MIT */
/*
 * The hot path from records to clients' output. A batch of one vCPU is encoded once for each view
 * that somebody asked for, and shared by all subscribers that take every event of it.
 */
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "event_frame.h"
#include "event_json.h"
#include "json_out.h"
#include "subscription.h"
#include "vcpu.h"

/*
 * What was encoded of the batch so far. Whoever takes every event of a view under the same number
 * shares its lines; others get copies of single lines. More different views are encoded each time.
 */
struct view {
	uint32_t fields;
	uint64_t number;		/* of the subscriptions that share */
	struct shared_bytes *shared;	/* or NULL: nobody takes all */
	uint16_t lengths[EVENT_BATCH];	/* of single bodies; 0: not encoded yet */
	char bodies[EVENT_BATCH][EVENT_JSON_MAX_BYTES];
};

#define LINE_ROOM_BYTES (sizeof(((struct subscription *)0)->prefix) + EVENT_JSON_MAX_BYTES)

static struct view views[4];		/* one loop, one thread */
static unsigned int view_count;

#define VIEWS (sizeof(views) / sizeof(views[0]))

static void report_drops(struct subscription *s, unsigned int vcpu)
{
	struct json_out *out = client_output(s->client);

	JSON_OUT_LITERAL(out, "{\"jsonrpc\":\"2.0\",\"method\":\"events.dropped\",\"params\":{"
			 "\"subscription\":");
	json_out_u64(out, s->number);
	JSON_OUT_LITERAL(out, ",\"vm\":");
	json_out_u64(out, s->vm->number);
	JSON_OUT_LITERAL(out, ",\"vcpu\":");
	json_out_u64(out, vcpu);
	JSON_OUT_LITERAL(out, ",\"count\":");
	json_out_u64(out, s->dropped[vcpu].count);
	if (s->dropped[vcpu].unseen) {
		JSON_OUT_LITERAL(out, ",\"unseen\":");
		json_out_u64(out, s->dropped[vcpu].unseen);
	}
	JSON_OUT_LITERAL(out, "}}\n");
	s->client->daemon->metrics.subscription_drops += s->dropped[vcpu].count;
	s->dropped[vcpu].count = s->dropped[vcpu].unseen = 0;
	client_queued(s->client);
}

void subscription_report_drops(struct subscription *s, unsigned int vcpu)
{
	if (s->dropped[vcpu].count || s->dropped[vcpu].unseen)
		report_drops(s, vcpu);
}

static struct view *view_of(const struct subscription *s)
{
	unsigned int at = 0;

	while (at < view_count && (views[at].fields != s->fields || views[at].number != s->number))
		at++;
	if (at < view_count)
		return &views[at];
	if (at == VIEWS)
		at--;
	else
		view_count++;
	if (views[at].shared)
		shared_bytes_release(views[at].shared);
	views[at].shared = NULL;
	views[at].fields = s->fields;
	views[at].number = s->number;
	memset(views[at].lengths, 0, sizeof(views[at].lengths));
	return &views[at];
}

static void forget_views(void)
{
	for (unsigned int i = 0; i < view_count; i++) {
		if (views[i].shared)
			shared_bytes_release(views[i].shared);
		views[i].shared = NULL;
	}
	view_count = 0;
}

static bool passes(struct subscription *s, unsigned int vcpu, const struct svmrt_event *event)
{
	if (event->seq < s->from_seq)
		return false;
	return s->takes_all || event_filter_passes(&s->filter, vcpu, event);
}

/* True: the client has too much already, and the drop is counted. */
static bool is_dropped(struct subscription *s, unsigned int vcpu)
{
	if (s->lossless || !s->client->congested)
		return false;
	s->dropped[vcpu].count++;
	return true;
}

/* Before the length of the queue matters: `congested` follows it within a batch, too. */
static void look_at_queue(struct subscription *s)
{
	struct client *client = s->client;

	if (!client->congested &&
	    client_queue_bytes(client) > client->daemon->config->limits.output_high_bytes)
		client_queued(client);
}

/* All lines of the batch; NULL: no memory. */
static struct shared_bytes *encode_all(const struct subscription *s, struct vcpu *vcpu,
				       const struct svmrt_event *events, unsigned int count)
{
	struct shared_bytes *bytes = shared_bytes_take(count * LINE_ROOM_BYTES);
	char *at;

	if (!bytes)
		return NULL;
	at = bytes->text.data;
	for (unsigned int i = 0; i < count; i++) {
		/* All of it, since a copy of a fixed size is faster; the body covers the rest. */
		memcpy(at, s->prefix, sizeof(s->prefix));
		at += s->prefix_bytes;
		at += event_json_body(at, &vcpu->json_head, &events[i], s->fields);
	}
	bytes->text.length = (size_t)(at - bytes->text.data);
	shared_bytes_filled(bytes);
	return bytes;
}

/* True if that is what it gets: every event, and nothing to report in between. */
static bool send_shared(struct subscription *s, struct view *view, struct vcpu *vcpu,
			const struct svmrt_event *events, unsigned int count)
{
	if (!s->takes_all || events[0].seq < s->from_seq ||
	    (!s->lossless && s->client->congested))
		return false;
	if (!view->shared)
		view->shared = encode_all(s, vcpu, events, count);
	if (!view->shared)
		return false;
	subscription_report_drops(s, vcpu->index);
	client_output_shared(s->client, view->shared);
	return true;
}

static void send_lines(struct subscription *s, struct vcpu *vcpu,
		       const struct svmrt_event *events, unsigned int count)
{
	struct json_out *out = client_output(s->client);
	struct view *view = view_of(s);

	if (send_shared(s, view, vcpu, events, count))
		return;
	for (unsigned int i = 0; i < count; i++) {
		char *at;

		if (!passes(s, vcpu->index, &events[i]) || is_dropped(s, vcpu->index))
			continue;
		subscription_report_drops(s, vcpu->index);
		if (!view->lengths[i])
			view->lengths[i] = (uint16_t)event_json_body(view->bodies[i], &vcpu->json_head,
								     &events[i], s->fields);
		at = json_out_room(out, s->prefix_bytes + view->lengths[i]);
		if (!at)
			break;
		memcpy(at, s->prefix, s->prefix_bytes);
		memcpy(at + s->prefix_bytes, view->bodies[i], view->lengths[i]);
		out->length += s->prefix_bytes + view->lengths[i];
		look_at_queue(s);
	}
}

/* One frame for a run of records; a report of drops in between begins another one. */
static void send_frames(struct subscription *s, struct vcpu *vcpu,
			const struct svmrt_event *events, unsigned int count)
{
	struct json_out *out = client_output(s->client);
	unsigned int i = 0;

	while (i < count) {
		struct event_frame frame = {
			.version = EVENT_FRAME_VERSION, .header_bytes = sizeof(frame),
			.subscription = s->number, .vm = s->vm->number, .vcpu = vcpu->index,
		};
		size_t start;

		if (!passes(s, vcpu->index, &events[i]) || is_dropped(s, vcpu->index)) {
			i++;
			continue;
		}
		subscription_report_drops(s, vcpu->index);
		start = out->length;
		if (!json_out_room(out, sizeof(frame) + (count - i) * sizeof(events[0])))
			return;
		out->length += sizeof(frame);
		do {
			json_out_bytes(out, &events[i], sizeof(events[i]));
			frame.count++;
			look_at_queue(s);
			i++;
		} while (i < count && !s->client->congested && passes(s, vcpu->index, &events[i]));
		frame.bytes = (uint32_t)(out->length - start);
		memcpy(out->data + start, &frame, sizeof(frame));
		/* The event that ended the loop was judged once: `sample` counts. */
		if (i < count && !s->client->congested)
			i++;
	}
}

static void send_events(struct subscription *s, struct vcpu *vcpu,
			const struct svmrt_event *events, unsigned int count)
{
	size_t before = client_queue_bytes(s->client);

	if (s->binary)
		send_frames(s, vcpu, events, count);
	else
		send_lines(s, vcpu, events, count);
	if (client_queue_bytes(s->client) != before)
		client_queued(s->client);
}

void subscription_send_all(struct vcpu *vcpu, const struct svmrt_event *events,
			   unsigned int count)
{
	struct vm *vm = vcpu->vm;
	bool became_full = false;

	list_each(link, &vm->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, vm_link);
		bool was_congested = s->client->congested;

		send_events(s, vcpu, events, count);
		became_full |= s->client->congested && !was_congested;
	}
	forget_views();
	if (became_full)
		subscription_update_hold(vm);
}

void subscription_send_one(struct subscription *s, struct vcpu *vcpu,
			   const struct svmrt_event *events, unsigned int count)
{
	send_events(s, vcpu, events, count);
	forget_views();
}
