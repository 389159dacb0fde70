/* SPDX-License-Identifier: MIT */
/*
 * The network device. Frames have the header of virtio in front on both sides, so that checksums and
 * segmentation are left to whoever does them. One frame waits in each direction: a guest without
 * buffers leaves the others in the tap's queue, a full tap leaves them in the guest's.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>
#include "../link.h"
#include "../log.h"
#include "../vm.h"
#include "virtio_mmio.h"
#include "virtio_net.h"

#define DEVICE_NETWORK 1u
#define QUEUE_SIZE 256u
enum { RECEIVE, TRANSMIT };

#define F_CSUM		(1ull << 0)
#define F_GUEST_CSUM	(1ull << 1)
#define F_MAC		(1ull << 5)
#define F_GUEST_TSO4	(1ull << 7)
#define F_GUEST_TSO6	(1ull << 8)
#define F_HOST_TSO4	(1ull << 11)
#define F_HOST_TSO6	(1ull << 12)
#define F_MRG_RXBUF	(1ull << 15)
#define F_STATUS	(1ull << 16)

#define MAC_BYTES 6
#define STATUS_LINK_UP 1u

struct net_header {
	uint8_t flags, gso_type;
	uint16_t header_bytes, gso_bytes, csum_start, csum_offset;
	uint16_t buffers;
};

_Static_assert(sizeof(struct net_header) == LINK_HEADER_BYTES, "5.1.6");

#define MAX_FRAME_BYTES (LINK_HEADER_BYTES + 65562u)	/* 5.1.6.3.1 */

struct net_config {
	uint8_t mac[MAC_BYTES];
	uint16_t status;
};

struct net {
	struct virtio_device virtio;
	struct net_config config;
	struct device_watch tap;
	int wanted;			/* events of the tap that are waited for */
	uint32_t received, sending;	/* bytes that wait; 0: none */
	uint16_t sending_head;
	uint8_t in[MAX_FRAME_BYTES], out[MAX_FRAME_BYTES];
};

static struct net *of_virtio(struct virtio_device *device)
{
	return (struct net *)device;
}

static void want(struct net *net, int events, bool on)
{
	const int wanted = on ? net->wanted | events : net->wanted & ~events;

	if (wanted != net->wanted)
		device_watch_want(&net->tap, wanted);
	net->wanted = wanted;
}

static void link_is_down(struct net *net)
{
	if (!net->config.status)
		return;
	net->config.status = 0;
	virtio_config_changed(&net->virtio);
}

/* True: a frame is there. */
static bool receive(struct net *net)
{
	ssize_t got;

	if (net->received)
		return true;
	got = read(net->tap.fd, net->in, sizeof(net->in));
	if (got > (ssize_t)LINK_HEADER_BYTES)
		net->received = (uint32_t)got;
	else if (got >= 0 || (errno != EAGAIN && errno != EINTR))
		link_is_down(net);
	want(net, UV_READABLE, !net->received && net->config.status);
	return net->received;
}

/* How many buffers the frame fills; 0: there are not enough. The queue is as before. */
static unsigned int count_buffers(struct virtq *queue, uint32_t bytes)
{
	struct virtq_chain chain;
	unsigned int count = 0;
	uint32_t room = 0;

	while (room < bytes && count < queue->size && virtq_pop(queue, &chain)) {
		count++;
		room += chain.writable_bytes < bytes - room ? chain.writable_bytes : bytes - room;
	}
	for (unsigned int i = 0; i < count; i++)
		virtq_unpop(queue);
	return room < bytes ? 0 : count;
}

static void deliver(struct net *net, struct virtq *queue, unsigned int buffers)
{
	struct net_header *header = (struct net_header *)net->in;
	uint32_t done = 0;

	header->buffers = (uint16_t)buffers;
	for (unsigned int i = 0; i < buffers; i++) {
		struct virtq_chain chain;
		int64_t part;

		if (!virtq_pop(queue, &chain))
			return;		/* broken meanwhile */
		part = virtq_write(queue->vm, &chain, 0, net->in + done, net->received - done);
		if (part < 0) {
			virtio_fail(&net->virtio, "a buffer of the network cannot be written");
			return;
		}
		virtq_push(queue, chain.head, (uint32_t)part);
		done += (uint32_t)part;
	}
	if (done < net->received)
		virtio_fail(&net->virtio, "buffers of the network shrank while they were filled");
}

static enum virtio_served serve_receive(struct net *net, struct virtq *queue)
{
	unsigned int buffers;

	if (!receive(net))
		return VIRTIO_HELD;
	buffers = count_buffers(queue, net->received);
	if (!buffers) {
		want(net, UV_READABLE, false);
		return VIRTIO_EMPTY;
	}
	/* Without merged buffers a frame that needs more than one cannot be told. */
	if (buffers == 1 || virtio_has(&net->virtio, F_MRG_RXBUF))
		deliver(net, queue, buffers);
	net->received = 0;
	return VIRTIO_SERVED;
}

/* True: the frame is gone, and so is its chain. What the tap refuses is lost, as on a wire. */
static bool transmit(struct net *net, struct virtq *queue)
{
	if (net->sending) {
		if (write(net->tap.fd, net->out, net->sending) < 0 && errno == EAGAIN) {
			want(net, UV_WRITABLE, true);
			return false;
		}
		net->sending = 0;
		virtq_push(queue, net->sending_head, 0);
	}
	want(net, UV_WRITABLE, false);
	return true;
}

static enum virtio_served serve_transmit(struct net *net, struct virtq *queue)
{
	struct virtq_chain chain;

	if (!transmit(net, queue))
		return VIRTIO_HELD;
	if (!virtq_pop(queue, &chain))
		return VIRTIO_EMPTY;
	if (chain.readable_bytes <= LINK_HEADER_BYTES || chain.readable_bytes > MAX_FRAME_BYTES ||
	    virtq_read(queue->vm, &chain, 0, net->out, chain.readable_bytes) < 0) {
		virtio_fail(&net->virtio, "a frame is shorter or longer than a frame can be");
		return VIRTIO_SERVED;
	}
	net->sending = chain.readable_bytes;
	net->sending_head = chain.head;
	return transmit(net, queue) ? VIRTIO_SERVED : VIRTIO_HELD;
}

static enum virtio_served net_serve(struct virtio_device *device, unsigned int queue)
{
	struct net *net = of_virtio(device);

	return queue == RECEIVE ? serve_receive(net, &device->queues[queue]) :
		serve_transmit(net, &device->queues[queue]);
}

/* A device that is not live wants nothing of the tap until it is started again. */
static void on_tap(struct device_watch *watch)
{
	struct net *net = list_object(watch, struct net, tap);

	want(net, UV_READABLE | UV_WRITABLE, false);
	virtio_serve(&net->virtio, RECEIVE);
	virtio_serve(&net->virtio, TRANSMIT);
}

static void net_start(struct virtio_device *device)
{
	unsigned int offload = 0;

	if (virtio_has(device, F_GUEST_CSUM))
		offload |= TUN_F_CSUM;
	if (offload && virtio_has(device, F_GUEST_TSO4))
		offload |= TUN_F_TSO4;
	if (offload && virtio_has(device, F_GUEST_TSO6))
		offload |= TUN_F_TSO6;
	if (ioctl(of_virtio(device)->tap.fd, TUNSETOFFLOAD, offload))
		log_line(LOG_WARNING, "TUNSETOFFLOAD: %s", strerror(errno));
}

static void net_stop(struct virtio_device *device)
{
	of_virtio(device)->received = of_virtio(device)->sending = 0;
}

static void net_free(struct virtio_device *device)
{
	device_watch_close(&of_virtio(device)->tap);
}

static const struct virtio_type net_type = {
	.name = "virtio net", .id = DEVICE_NETWORK, .queues = 2, .queue_size = QUEUE_SIZE,
	.features = F_CSUM | F_GUEST_CSUM | F_MAC | F_GUEST_TSO4 | F_GUEST_TSO6 | F_HOST_TSO4 |
		F_HOST_TSO6 | F_MRG_RXBUF | F_STATUS,
	.serve = net_serve, .start = net_start, .stop = net_stop, .free = net_free,
};

/* A random one is of the locally administered kind (IEEE 802), and no group's. */
static void choose_mac(struct net *net, const struct svmt_device *row)
{
	static const uint8_t none[MAC_BYTES];

	memcpy(net->config.mac, row->mac, MAC_BYTES);
	if (memcmp(row->mac, none, MAC_BYTES))
		return;
	while (getrandom(net->config.mac, MAC_BYTES, 0) != MAC_BYTES)
		;
	net->config.mac[0] = (uint8_t)((net->config.mac[0] & ~1u) | 2);
}

int virtio_net_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct vm_backing *backing = vm_backing_of(&vm->backings, &vm->template->view, row);
	struct net *net = need_memory(sizeof(*net));
	int status;

	choose_mac(net, row);
	net->config.status = STATUS_LINK_UP;
	net->virtio.config = &net->config;
	net->virtio.config_bytes = sizeof(net->config);
	if (virtio_add(&net->virtio, vm, &net_type, row, error))
		return -1;
	status = device_watch_init(&net->tap, vm, backing->fd, on_tap);
	backing->fd = -1;
	return status ? engine_fail(error, status, "poll of a tap", "") : 0;
}
