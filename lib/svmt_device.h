/* SPDX-License-Identifier: MIT */
/* The devices of a template: their names, and which ports and addresses each answers. */
#ifndef SVMKIT_SVMT_DEVICE_H
#define SVMKIT_SVMT_DEVICE_H

#include "svmt_read.h"

/* The key of the spec ("uart", "chipset", "virtio") and its word ("pc", "blk"), or NULL. */
const char *svmt_device_key(uint32_t type);
const char *svmt_device_word(uint32_t type);

/* Type of the virtio device with this word, or 0. */
uint32_t svmt_virtio_type(const char *word);

static inline bool svmt_is_virtio(uint32_t type)
{
	return type >= SVMT_DEV_VIRTIO_CONSOLE && type <= SVMT_DEV_VIRTIO_NET;
}

/* Whether the device has a name for what it stands on: a drive or a link. */
static inline bool svmt_has_name(uint32_t type)
{
	return type == SVMT_DEV_VIRTIO_BLK || type == SVMT_DEV_VIRTIO_NET;
}

/* The name of the device's drive or link, NUL-terminated; "" when it has none. */
const char *svmt_device_name(const struct svmt_view *view, const struct svmt_device *device);

/* Whether the text is one that a drive or link may have. */
bool svmt_good_name(const char *text);

/* The chipset's row, or NULL. */
const struct svmt_device *svmt_chipset(const struct svmt_view *view);

/* "uart com1", "virtio blk root": what a device is called in dumps. At most 64 bytes. */
void svmt_device_title(const struct svmt_view *view, const struct svmt_device *device,
		       char title[64]);

/* The MAC as six bytes of two digits with colons; false and "" when there is none. */
bool svmt_device_mac(const struct svmt_device *device, char text[18]);

struct svmt_device_range {
	bool memory;		/* guest physical addresses; else ports */
	uint64_t first, bytes;
};
#define SVMT_DEVICE_RANGES 16u

/* The ranges that the device answers, into `ranges`; returns their number. */
unsigned int svmt_device_ranges(const struct svmt_device *device,
				struct svmt_device_range ranges[SVMT_DEVICE_RANGES]);

#endif
