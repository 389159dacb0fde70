/* SPDX-License-Identifier: MIT */
/* Whether a template's ACPI tables are those that svmc writes for its devices. */
#include "acpi.h"
#include "decompile.h"
#include "svmt_device.h"

static void fill_devices(struct decompile *d)
{
	struct spec *spec = &d->c->spec;

	spec->devices = arena_alloc(&d->c->arena, d->view->device_count * sizeof(*spec->devices));
	for (uint32_t i = 0; i < d->view->device_count; i++)
		spec->devices[spec->device_count++].device = d->view->devices[i];
}

void decompile_find_acpi(struct decompile *d)
{
	struct spec *spec = &d->c->spec;
	const size_t count = spec->content_count;

	fill_devices(d);
	if (!svmt_chipset(d->view))
		return;
	spec->acpi = true;
	acpi_build(d->c);
	if (spec->content_count > count && decompile_has_bytes(d->view, &spec->contents[count]))
		return;
	spec->content_count = count;
	spec->acpi = false;
}
