// SPDX-License-Identifier: GPL-2.0-only
/* The module and its device, /dev/svmrt: what a system descriptor can ask for. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include "ioctl.h"
#include "svmrt_priv.h"

static int system_info(struct svmrt_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->abi_version = SVMRT_ABI_VERSION;
	info->max_vcpus = SVMRT_MAX_VCPUS;
	info->vms = svmrt_vm_count();
	info->vcpus = svmrt_vcpu_count();
	info->memory_objects = svmrt_mem_count();
	info->pages = svmrt_pages_in_use();
	info->max_pages_per_user = svmrt_max_pages_per_user();
	svmrt_host_info(info);
	return 0;
}

static long system_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *user = (void __user *)uarg;

	switch (cmd) {
	case SVMRT_INFO:
		SVMRT_IOCTL_ANSWER(struct svmrt_info, system_info(&arg), user);
	case SVMRT_CREATE_VM:
		SVMRT_IOCTL(struct svmrt_create_vm, svmrt_vm_create(&arg), user);
	case SVMRT_CREATE_MEM:
		SVMRT_IOCTL_FLAGS(struct svmrt_create_mem, svmrt_mem_create(&arg), user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations system_fops = {
	.owner = THIS_MODULE,		/* A10: as of every descriptor: no unload while one is open */
	.unlocked_ioctl = system_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice system_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "svmrt",
	.fops = &system_fops,
	.mode = 0660,		/* E3; under lockdown, too: no ioctl reaches the host's MSRs or memory */
};

static int __init svmrt_init(void)
{
	int err = svmrt_host_init();

	if (err)
		return err;
	svmrt_time_init();
	svmrt_debugfs_init();
	err = misc_register(&system_device);
	if (err) {
		svmrt_debugfs_exit();
		svmrt_host_exit();
	}
	return err;
}

static void __exit svmrt_exit(void)
{
	misc_deregister(&system_device);
	svmrt_debugfs_exit();
	svmrt_host_exit();
}

module_init(svmrt_init);
module_exit(svmrt_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("svmkit: runs compiled virtual machine templates with AMD SVM");
MODULE_VERSION(SVMRT_VERSION);
