/* SPDX-License-Identifier: MIT */
/*
 * Template reader: the devices, one by one, and once all sections were read where they are: no two
 * answer the same port or address, and none an address that has memory.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include "svmt_check.h"
#include "svmt_device.h"

#define GPA_LIMIT (1ULL << 52)	/* APM volume 2, 5.3: physical addresses have at most 52 bits */
#define GROUP_ADDRESS 1u	/* of a MAC's first byte */

static uint64_t offset_of(const struct svmt_view *view, const struct svmt_device *d)
{
	return (uint64_t)((const uint8_t *)d - view->image);
}

/* Where the device is and its interrupt line. */
static int check_place(const struct svmt_device *d, uint32_t i, uint64_t at,
		       struct svmt_error *error)
{
	const bool virtio = svmt_is_virtio(d->type), has_irq = d->irq != SVMT_NO_IRQ;
	struct svmt_device_range range[SVMT_DEVICE_RANGES];

	svmt_device_ranges(d, range);
	if (virtio ? d->at % SVMT_VIRTIO_BYTES || d->at >= GPA_LIMIT :
	    d->type == SVMT_DEV_CHIPSET_PC ? d->at != 0 :
	    d->at > 0xffff || range[0].bytes > 0x10000 - d->at)
		return svmt_fail(error, at + offsetof(struct svmt_device, at), "device %" PRIu32
				 " (%s) is at 0x%" PRIx64 "; the rule is %s", i,
				 svmt_device_key(d->type), (uint64_t)d->at,
				 virtio ? "a page below 2^52" :
				 d->type == SVMT_DEV_CHIPSET_PC ? "0" : "ports below 0x10000");
	if ((has_irq && (d->irq >= SVMT_IRQS || (!virtio && d->type != SVMT_DEV_UART))) ||
	    (!has_irq && virtio))
		return svmt_fail(error, at + offsetof(struct svmt_device, irq), "device %" PRIu32
				 " (%s) has IRQ %" PRIu32 "; the rule is 0 to %u for virtio, the "
				 "same or none for a UART, none for others", i,
				 svmt_device_key(d->type), d->irq, SVMT_IRQS - 1);
	return 0;
}

static int check_name(const struct svmt_view *view, const struct svmt_device *d, uint32_t i,
		      uint64_t at, struct svmt_error *error)
{
	const char *page;
	size_t length;

	if (svmt_has_name(d->type) ? d->name_page >= view->blob_pages : d->name_page != 0)
		return svmt_fail(error, at, "device %" PRIu32 " (%s): BLOB has no page %" PRIu32
				 " for a name, or none is wanted", i, svmt_device_key(d->type),
				 d->name_page);
	if (!svmt_has_name(d->type))
		return 0;
	page = svmt_device_name(view, d);
	length = strnlen(page, SVMT_NAME_MAX + 1);
	if (length > SVMT_NAME_MAX || !svmt_good_name(page))
		return svmt_fail(error, at, "device %" PRIu32 ": page %" PRIu32 " of BLOB is no "
				 "name: 1 to %u letters, digits, `-`, `_` and `.`", i,
				 d->name_page, SVMT_NAME_MAX);
	for (size_t j = length; j < SVMT_PAGE_BYTES; j++)
		if (page[j])
			return svmt_fail(error, at, "device %" PRIu32 ": its name's page has byte "
					 "%zu behind the name", i, j);
	return 0;
}

static int check_options(const struct svmt_device *d, uint32_t i, uint64_t at,
			 struct svmt_error *error)
{
	static const uint8_t no_mac[6];
	const bool mac = memcmp(d->mac, no_mac, sizeof(no_mac)) != 0;

	if (d->flags & ~(d->type == SVMT_DEV_VIRTIO_BLK ? SVMT_DEV_F_READ_ONLY : 0))
		return svmt_fail(error, at + offsetof(struct svmt_device, flags), "device %" PRIu32
				 " (%s) has the flags 0x%x, which it does not take", i,
				 svmt_device_key(d->type), d->flags);
	if (mac && (d->type != SVMT_DEV_VIRTIO_NET || d->mac[0] & GROUP_ADDRESS))
		return svmt_fail(error, at + offsetof(struct svmt_device, mac), "device %" PRIu32
				 " (%s): a MAC is of virtio net, and no group's", i,
				 svmt_device_key(d->type));
	return 0;
}

/* `seen` counts the devices of each type so far. */
static int check_index(const struct svmt_device *d, uint32_t i, uint64_t at, uint32_t *seen,
		       struct svmt_error *error)
{
	const uint32_t number = seen[d->type]++;

	if (d->type == SVMT_DEV_UART ? d->index > 3 :
	    d->index != (svmt_is_virtio(d->type) ? number : 0))
		return svmt_fail(error, at + offsetof(struct svmt_device, index), "device %" PRIu32
				 " (%s) has the index %" PRIu32 "; virtio counts from 0, a UART is "
				 "0 to 3, others are 0", i, svmt_device_key(d->type), d->index);
	if (d->type == SVMT_DEV_CHIPSET_PC && number)
		return svmt_fail(error, at, "device %" PRIu32 " is a second chipset", i);
	return 0;
}

int svmt_check_devices(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error)
{
	uint32_t seen[SVMT_DEV_VIRTIO_NET + 1] = { 0 };

	if (row->length % sizeof(*view->devices) ||
	    row->length / sizeof(*view->devices) > SVMT_MAX_DEVICES)
		return svmt_fail(error, row->offset, "section DEVICES is 0x%" PRIx64 " bytes long; "
				 "the rule is %zu for each of at most %u", (uint64_t)row->length,
				 sizeof(*view->devices), SVMT_MAX_DEVICES);
	view->devices = (const void *)(view->image + row->offset);
	view->device_count = (uint32_t)(row->length / sizeof(*view->devices));
	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *d = &view->devices[i];
		const uint64_t at = row->offset + i * sizeof(*d);

		if (!svmt_device_key(d->type))
			return svmt_fail(error, at, "device %" PRIu32 " is of the unknown type %"
					 PRIu32 "; install a newer svmkit", i, d->type);
		if (check_place(d, i, at, error) || check_options(d, i, at, error) ||
		    check_index(d, i, at, seen, error) ||
		    check_name(view, d, i, at + offsetof(struct svmt_device, name_page), error))
			return -1;
	}
	return 0;
}

static bool overlap(const struct svmt_device_range *a, uint64_t first, uint64_t bytes)
{
	return a->first < first + bytes && first < a->first + a->bytes;
}

/* No range of `d` is one of `other`; for the same device there is nothing to compare. */
static int check_two(const struct svmt_view *view, const struct svmt_device *d,
		     const struct svmt_device *other, struct svmt_error *error)
{
	struct svmt_device_range a[SVMT_DEVICE_RANGES], b[SVMT_DEVICE_RANGES];
	const unsigned int a_count = svmt_device_ranges(d, a), b_count = svmt_device_ranges(other, b);

	for (unsigned int i = 0; i < a_count; i++)
		for (unsigned int j = 0; j < b_count; j++)
			if (a[i].memory == b[j].memory && overlap(&a[i], b[j].first, b[j].bytes))
				return svmt_fail(error, offset_of(view, d), "two devices answer %s "
						 "0x%" PRIx64, a[i].memory ? "address" : "port",
						 a[i].first > b[j].first ? a[i].first : b[j].first);
	return 0;
}

static int check_memory(const struct svmt_view *view, const struct svmt_device *d,
			struct svmt_error *error)
{
	struct svmt_device_range ranges[SVMT_DEVICE_RANGES];
	const unsigned int count = svmt_device_ranges(d, ranges);

	for (unsigned int i = 0; i < count; i++)
		for (uint32_t j = 0; ranges[i].memory && j < view->region_count; j++)
			if (overlap(&ranges[i], view->regions[j].gpa, view->regions[j].bytes))
				return svmt_fail(error, offset_of(view, d), "a device answers "
						 "address 0x%" PRIx64 ", which is in memory region %"
						 PRIu32, ranges[i].first, j);
	return 0;
}

int svmt_check_device_places(const struct svmt_view *view, struct svmt_error *error)
{
	const bool chipset = svmt_chipset(view) != NULL;

	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *d = &view->devices[i];

		if (svmt_is_virtio(d->type) && !chipset)
			return svmt_fail(error, offset_of(view, d), "device %" PRIu32 " is of "
					 "virtio, which needs a chipset", i);
		for (uint32_t j = 0; j < i; j++)
			if (check_two(view, d, &view->devices[j], error))
				return -1;
		if (check_memory(view, d, error))
			return -1;
	}
	return 0;
}
