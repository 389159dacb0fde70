// SPDX-License-Identifier: MIT
/*
 * Who holds SVM: KVM with a live VM keeps us out with a message that names it and the remedy, we
 * keep KVM out, and each works after the other lets go. Needs kvm_amd loaded. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "abi_guest.h"

int main(void)
{
	struct abi_guest guest = { 0 };
	struct svmrt_info info;
	int dev = abi_open(), kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, fd;

	abi_ok(kvm >= 0, "/dev/kvm opens (kvm_amd is loaded)");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	abi_ok(vm >= 0, "KVM creates a VM");
	fd = abi_create_vm(&guest, dev);
	abi_ok(fd == -EBUSY && strstr(guest.error, "kvm_amd") && strstr(guest.error, "rmmod"),
	       "then we are refused: %s", guest.error);
	abi_info(dev, &info);
	abi_ok(strstr(info.unusable, "kvm_amd") && !info.cpus_claimed, "INFO says so too: %s",
	       info.unusable);
	close(vm);
	fd = abi_create_vm(&guest, dev);
	abi_ok(fd >= 0, "after KVM let go, our VM is created");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	abi_ok(vm < 0 && errno == EBUSY, "KVM is refused while our VM lives");
	close(fd);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	abi_ok(vm >= 0, "and works again after we let go");
	return abi_done();
}
