/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "pc.h"
#include "svmt_device.h"

/* How many ports a device has behind `at`, for those that have one range of them. */
static const struct {
	const char *key, *word;
	uint64_t ports;
} types[] = {
	[SVMT_DEV_UART] = { "uart", NULL, 8 },
	[SVMT_DEV_DEBUG_EXIT] = { "debug_exit", NULL, 4 },	/* a 32-bit OUT is one device's */
	[SVMT_DEV_CHIPSET_PC] = { "chipset", "pc", 0 },
	[SVMT_DEV_DEBUG_CONSOLE] = { "debug_console", NULL, 1 },
	[SVMT_DEV_FW_CFG] = { "fw_cfg", NULL, 12 },	/* selector, data, DMA address at 4 to 11 */
	[SVMT_DEV_VIRTIO_CONSOLE] = { "virtio", "console", 0 },
	[SVMT_DEV_VIRTIO_BLK] = { "virtio", "blk", 0 },
	[SVMT_DEV_VIRTIO_RNG] = { "virtio", "rng", 0 },
	[SVMT_DEV_VIRTIO_NET] = { "virtio", "net", 0 },
};
#define TYPES (sizeof(types) / sizeof(types[0]))

static const struct svmt_device_range chipset_ranges[] = {
	{ false, PC_PIC_MASTER, 2 }, { false, PC_PIC_SLAVE, 2 }, { false, PC_PIC_ELCR, 2 },
	{ false, PC_PIT, 4 }, { false, PC_KEYBOARD_DATA, 2 },	/* and system control port B */
	{ false, PC_KEYBOARD_STATUS, 1 }, { false, PC_RTC, 2 }, { false, PC_POST, 1 },
	{ false, PC_SYSTEM_CONTROL_A, 1 }, { false, PC_PM1_EVENT, 4 }, { false, PC_PM1_CONTROL, 2 },
	{ false, PC_PM_TIMER, 4 }, { false, PC_PCI_ADDRESS, 8 },	/* and reset */
	{ true, PC_IOAPIC, PC_APIC_BYTES }, { true, PC_LAPIC, PC_APIC_BYTES },
};
_Static_assert(sizeof(chipset_ranges) / sizeof(chipset_ranges[0]) <= SVMT_DEVICE_RANGES,
	       "ranges of the chipset");

const char *svmt_device_key(uint32_t type)
{
	return type < TYPES ? types[type].key : NULL;
}

const char *svmt_device_word(uint32_t type)
{
	return type < TYPES ? types[type].word : NULL;
}

uint32_t svmt_virtio_type(const char *word)
{
	for (uint32_t type = SVMT_DEV_VIRTIO_CONSOLE; type < TYPES; type++)
		if (!strcmp(types[type].word, word))
			return type;
	return 0;
}

const char *svmt_device_name(const struct svmt_view *view, const struct svmt_device *device)
{
	if (!svmt_has_name(device->type))
		return "";
	return (const char *)svmt_blob_page(view, device->name_page);
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool svmt_good_name(const char *text)
{
	size_t length = 0;

	for (; text[length]; length++)
		if (length == SVMT_NAME_MAX ||
		    (!is_alphanumeric(text[length]) && (!length || !strchr("-_.", text[length]))))
			return false;
	return length > 0;
}

const struct svmt_device *svmt_chipset(const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->device_count; i++)
		if (view->devices[i].type == SVMT_DEV_CHIPSET_PC)
			return &view->devices[i];
	return NULL;
}

void svmt_device_title(const struct svmt_view *view, const struct svmt_device *device,
		       char title[64])
{
	const char *word = svmt_device_word(device->type);
	const char *name = svmt_device_name(view, device);

	if (device->type == SVMT_DEV_UART)
		snprintf(title, 64, "uart com%" PRIu32, device->index + 1);
	else
		snprintf(title, 64, "%s%s%s%s%s", svmt_device_key(device->type), word ? " " : "",
			 word ? word : "", *name ? " " : "", name);
}

bool svmt_device_mac(const struct svmt_device *device, char text[18])
{
	static const uint8_t none[6];
	const __u8 *mac = device->mac;

	*text = 0;
	if (!memcmp(mac, none, sizeof(none)))
		return false;
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return true;
}

unsigned int svmt_device_ranges(const struct svmt_device *device,
				struct svmt_device_range ranges[SVMT_DEVICE_RANGES])
{
	if (device->type == SVMT_DEV_CHIPSET_PC) {
		memcpy(ranges, chipset_ranges, sizeof(chipset_ranges));
		return sizeof(chipset_ranges) / sizeof(chipset_ranges[0]);
	}
	ranges[0] = (struct svmt_device_range){
		.memory = svmt_is_virtio(device->type), .first = device->at,
		.bytes = svmt_is_virtio(device->type) ? SVMT_VIRTIO_BYTES :
			 types[device->type].ports,
	};
	return 1;
}
