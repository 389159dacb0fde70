/* SPDX-License-Identifier: MIT */
/*
 * TUNSETIFF attaches to a tap, but makes one where there is none: so it must be there before. Frames
 * then have virtio's header in front of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "link.h"

static bool fail(char text[VM_BACKING_ERROR_BYTES], const char *tap, const char *rule)
{
	snprintf(text, VM_BACKING_ERROR_BYTES, "tap %.64s: %s", tap, rule);
	return false;
}

static bool is_allowed(const struct config *config, const char *tap)
{
	for (size_t i = 0; i < config->taps.count; i++)
		if (!fnmatch(config->taps.items[i], tap, 0))
			return true;
	return false;
}

static bool attach(int fd, const char *tap, char text[VM_BACKING_ERROR_BYTES])
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
	if (!ioctl(fd, TUNSETIFF, &request))
		return true;
	if (errno == EBUSY)
		return fail(text, tap, "somebody else has it open");
	if (errno == EINVAL)
		return fail(text, tap, "it is no tap, or one for several queues; make one with "
			    "`ip tuntap add NAME mode tap vnet_hdr`");
	return fail(text, tap, strerror(errno));
}

bool link_take(struct vm_backing *backing, char text[VM_BACKING_ERROR_BYTES])
{
	const int header_bytes = LINK_HEADER_BYTES, flags = fcntl(backing->fd, F_GETFL);
	struct ifreq request = { 0 };

	if (ioctl(backing->fd, TUNGETIFF, &request) || !(request.ifr_flags & IFF_TAP))
		return fail(text, backing->name, "the descriptor is none of a tap");
	if (!(request.ifr_flags & IFF_VNET_HDR) || !(request.ifr_flags & IFF_NO_PI))
		return fail(text, request.ifr_name, "it was opened without IFF_VNET_HDR or without "
			    "IFF_NO_PI");
	if (ioctl(backing->fd, TUNSETVNETHDRSZ, &header_bytes) || flags < 0 ||
	    fcntl(backing->fd, F_SETFL, flags | O_NONBLOCK))
		return fail(text, request.ifr_name, strerror(errno));
	return true;
}

bool link_open(const struct config *config, const char *tap, struct vm_backing *backing,
	       char text[VM_BACKING_ERROR_BYTES])
{
	if (!is_allowed(config, tap))
		return fail(text, tap, "[links] of svmrund.conf does not name it; add it there, or "
			    "send a descriptor of it");
	if (!if_nametoindex(tap))
		return fail(text, tap, "there is no such interface; make it with `ip tuntap add NAME "
			    "mode tap vnet_hdr`");
	backing->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (backing->fd < 0)
		return fail(text, "/dev/net/tun", strerror(errno));
	return attach(backing->fd, tap, text) && link_take(backing, text);
}
