/* SPDX-License-Identifier: MIT */
/* Checks of `devices:`: ports of two devices do not overlap, and a device is there once. */
#include <inttypes.h>
#include "checks.h"

static void ports(struct comp *c, const struct check *check)
{
	const struct spec_device *d = c->spec.devices;

	for (size_t i = 0; i < c->spec.device_count; i++) {
		if (d[i].device.at + d[i].ports > 0x10000)
			check_found(c, check, &d[i].range,
				    "the device at port 0x%" PRIx64 " needs %" PRIu64
				    " ports, but the last port is 0xffff; move it",
				    (uint64_t)d[i].device.at, d[i].ports);
		for (size_t j = 0; j < i; j++) {
			if (d[i].device.at >= d[j].device.at + d[j].ports ||
			    d[j].device.at >= d[i].device.at + d[i].ports)
				continue;
			check_found(c, check, &d[i].range,
				    "the device at port 0x%" PRIx64 " (%" PRIu64
				    " ports) overlaps the one at 0x%" PRIx64 "; move one",
				    (uint64_t)d[i].device.at, d[i].ports, (uint64_t)d[j].device.at);
			diag_note(&c->diag, &d[j].range, "the other device is here");
		}
	}
}
CHECK(ports, "device-ports", "svmspec(5)", PART_DEVICES);

static void twice(struct comp *c, const struct check *check)
{
	const struct spec_device *d = c->spec.devices;

	for (size_t i = 0; i < c->spec.device_count; i++)
		for (size_t j = 0; j < i; j++) {
			if (d[i].device.type != SVMT_DEV_UART ||
			    d[j].device.type != SVMT_DEV_UART ||
			    d[i].device.index != d[j].device.index)
				continue;
			check_found(c, check, &d[i].range,
				    "com%" PRIu32 " is there twice; use another number",
				    d[i].device.index + 1);
			diag_note(&c->diag, &d[j].range, "the other one is here");
		}
}
CHECK(twice, "device-twice", "svmspec(5)", PART_DEVICES);

const struct check *const device_checks[] = { &check_ports, &check_twice, NULL };
