/* SPDX-License-Identifier: MIT */
/* The list of a VM's devices, and the end of a run that a device asks for. */
#include <stdio.h>
#include "device.h"
#include "vcpu.h"
#include "vm.h"

void device_add(struct vm *vm, struct device *device)
{
	device->vm = vm;
	list_append(&vm->devices, &device->link);
}

void device_free_all(struct vm *vm)
{
	list_each(link, &vm->devices) {
		struct device *device = list_object(link, struct device, link);

		list_remove(&device->link);
		device->free(device);
	}
}

void device_pause_all(struct vm *vm)
{
	list_each(link, &vm->devices) {
		struct device *device = list_object(link, struct device, link);

		if (device->pause)
			device->pause(device);
	}
}

void device_resume_all(struct vm *vm)
{
	list_each(link, &vm->devices) {
		struct device *device = list_object(link, struct device, link);

		if (device->resume)
			device->resume(device);
	}
}

void device_end_run(struct device *device, enum vm_end_reason reason, uint32_t status,
		    const char *text)
{
	struct vm *vm = device->vm;

	if (vm->device_end.reason != VM_END_NONE)
		return;
	vm->device_end.status = status;
	snprintf(vm->device_end.text, sizeof(vm->device_end.text), "%s", text);
	vm->device_end_thread = pthread_self();
	vm->device_end.reason = reason;
	atomic_store(&vm->device_ended, true);
	if (device_thread_is_self(vm))
		daemon_wake(vm->daemon);
}

bool device_ended_run(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	unsigned int index = vcpu->end.vcpu;
	bool own;

	if (!atomic_load(&vm->device_ended))
		return false;
	own = pthread_equal(vm->device_end_thread, pthread_self());
	if (own) {
		vcpu->end = vm->device_end;
		vcpu->end.vcpu = index;
	}
	return own;
}

bool device_ended_run_itself(struct vm *vm)
{
	if (!atomic_load(&vm->device_ended) || vm->end.reason != VM_END_NONE ||
	    !device_thread_is(vm, vm->device_end_thread))
		return false;
	vm->end = vm->device_end;
	return true;
}
