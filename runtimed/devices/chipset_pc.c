/* SPDX-License-Identifier: MIT */
/*
 * The devices of `chipset: pc`, in the state in which firmware would leave them: the lines of the SCI
 * and of virtio devices are level-triggered (ELCR), ACPI is on.
 */
#include "../template.h"
#include "../vm.h"
#include "acpi_pm.h"
#include "chipset_pc.h"
#include "i8042.h"
#include "i8254.h"
#include "i8259.h"
#include "ioapic.h"
#include "mc146818.h"
#include "pc.h"
#include "pci_host.h"
#include "svmt_device.h"
#include "system_ports.h"

static uint16_t level_lines(const struct svmt_view *view)
{
	uint32_t lines = 1u << PC_IRQ_SCI;

	for (uint32_t i = 0; i < view->device_count; i++)
		if (svmt_is_virtio(view->devices[i].type) && view->devices[i].irq < 16)
			lines |= 1u << view->devices[i].irq;
	return (uint16_t)lines;
}

int chipset_pc_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	const struct svmt_view *view = &vm->template->view;

	(void)row;
	pic_add(vm, level_lines(view));
	if (ioapic_add(vm, (uint8_t)view->vcpu_count, error) || pit_add(vm, error) ||
	    rtc_add(vm, error) || acpi_pm_add(vm, error) || pci_host_add(vm, error))
		return -1;
	keyboard_add(vm);
	system_ports_add(vm);
	return 0;
}
