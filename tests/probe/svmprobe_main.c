// SPDX-License-Identifier: GPL-2.0-only
/*
 * The probe: takes a VMCB page from user space and tells what VMRUN makes of it. It claims SVM on
 * one processor for the length of one VMRUN and gives it back. Nothing of the page is checked:
 * that VMRUN does it is what the tests are after. Never load it where data matters.
 */
#include <linux/cpufeature.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>
#include "svmprobe.h"

#define MAPS_ORDER 2		/* 16 KiB: the I/O map has 12, the MSR map 8 (APM 15.10.1, 15.11) */
#define NPT_LEVELS 4
#define GUEST_PAGE 0x1000ULL	/* guest-physical address of the code */
#define PTE_ALL 7ULL		/* present, writable, user: APM 15.25.5 */
#define EFER_SVME_BIT (1ULL << 12)
#define HSAVE_MSR 0xc0010117

/* Offsets of APM volume 2, tables B-1 and B-2. */
#define VMCB_IOPM_BASE 0x040
#define VMCB_MSRPM_BASE 0x048
#define VMCB_N_CR3 0x0b0
#define VMCB_CS_BASE 0x418
#define VMCB_CR3 0x550

u32 svmprobe_vmrun(u64 vmcb_pa, u32 svme);

/* Bochs does not say that it is a hypervisor, so whoever loads the module has to. */
static bool lab;
module_param(lab, bool, 0);
MODULE_PARM_DESC(lab, "this is an emulated machine that may crash");

static DEFINE_MUTEX(one_at_a_time);
static u8 *vmcb, *hsave, *code;
static void *iopm, *msrpm;
static u64 *npt[NPT_LEVELS];

static void store(unsigned int offset, u64 value)
{
	memcpy(vmcb + offset, &value, sizeof(value));
}

static void fill(u32 flags)
{
	if (flags & SVMPROBE_FILL_IOPM)
		store(VMCB_IOPM_BASE, virt_to_phys(iopm));
	if (flags & SVMPROBE_FILL_MSRPM)
		store(VMCB_MSRPM_BASE, virt_to_phys(msrpm));
	if (flags & SVMPROBE_FILL_NCR3)
		store(VMCB_N_CR3, virt_to_phys(npt[0]));
	if (flags & SVMPROBE_FILL_CODE)
		store(VMCB_CS_BASE, virt_to_phys(code) - GUEST_PAGE);
	if (flags & SVMPROBE_FILL_CR3)
		store(VMCB_CR3, virt_to_phys(code));
}

/* Interrupts are off. Returns the trap, or a negative error when somebody else has SVM. */
static int run_here(const struct svmprobe_run *run, u32 *trap)
{
	u64 efer, old_hsave, pa = virt_to_phys(vmcb);
	u32 svme = !(run->flags & SVMPROBE_NO_SVME);

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME_BIT)
		return -EBUSY;
	*trap = SVMPROBE_NO_TRAP;
	wrmsrl(MSR_EFER, efer | EFER_SVME_BIT);
	rdmsrl(HSAVE_MSR, old_hsave);
	if (run->flags & SVMPROBE_HSAVE_LOW) {
		/* #GP(0), APM 15.30.4 */
		*trap = wrmsrl_safe(HSAVE_MSR, virt_to_phys(hsave) | 1) ? 13 : SVMPROBE_NO_TRAP;
	} else {
		wrmsrl(HSAVE_MSR, virt_to_phys(hsave));
		if (!svme)
			wrmsrl(MSR_EFER, efer);
		if (run->flags & SVMPROBE_MISALIGNED)
			pa += 8;
		*trap = svmprobe_vmrun(pa, svme);
	}
	wrmsrl(MSR_EFER, efer | EFER_SVME_BIT);
	wrmsrl(HSAVE_MSR, old_hsave);
	wrmsrl(MSR_EFER, efer);
	return 0;
}

static long run_one(struct svmprobe_run *run)
{
	unsigned long flags;
	int err;

	if (copy_from_user(vmcb, (void __user *)run->vmcb, PAGE_SIZE))
		return -EFAULT;
	memset(hsave, 0, PAGE_SIZE);
	fill(run->flags);
	kernel_fpu_begin();
	local_irq_save(flags);
	err = run_here(run, &run->trap);
	local_irq_restore(flags);
	kernel_fpu_end();
	if (err)
		return err;
	return copy_to_user((void __user *)run->vmcb, vmcb, PAGE_SIZE) ? -EFAULT : 0;
}

static long probe_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct svmprobe_run run;
	long err;

	if (command != SVMPROBE_RUN)
		return -ENOTTY;
	if (copy_from_user(&run, (void __user *)argument, sizeof(run)))
		return -EFAULT;
	if (run.size != sizeof(run) || run.reserved)
		return -EINVAL;
	mutex_lock(&one_at_a_time);
	err = run_one(&run);
	mutex_unlock(&one_at_a_time);
	if (err)
		return err;
	return copy_to_user((void __user *)argument, &run, sizeof(run)) ? -EFAULT : 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = probe_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "svmprobe",
	.fops = &operations,
	.mode = 0600,
};

static void free_pages_of_probe(void)
{
	unsigned int i;

	free_page((unsigned long)vmcb);
	free_page((unsigned long)hsave);
	free_page((unsigned long)code);
	free_pages((unsigned long)iopm, MAPS_ORDER);
	free_pages((unsigned long)msrpm, MAPS_ORDER);
	for (i = 0; i < NPT_LEVELS; i++)
		free_page((unsigned long)npt[i]);
}

static int allocate(void)
{
	bool good;
	unsigned int i;

	vmcb = (u8 *)get_zeroed_page(GFP_KERNEL);
	hsave = (u8 *)get_zeroed_page(GFP_KERNEL);
	code = (u8 *)get_zeroed_page(GFP_KERNEL | GFP_DMA32);	/* real mode reaches 4 GiB */
	iopm = (void *)__get_free_pages(GFP_KERNEL, MAPS_ORDER);
	msrpm = (void *)__get_free_pages(GFP_KERNEL, MAPS_ORDER);
	good = vmcb && hsave && code && iopm && msrpm;
	for (i = 0; i < NPT_LEVELS; i++) {
		npt[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
		good = good && npt[i];
	}
	return good ? 0 : -ENOMEM;
}

static void build(void)
{
	static const u8 vmmcall[] = { 0x0f, 0x01, 0xd9 };
	unsigned int i;

	memset(iopm, 0xff, PAGE_SIZE << MAPS_ORDER);
	memset(msrpm, 0xff, PAGE_SIZE << MAPS_ORDER);
	for (i = 0; i < PAGE_SIZE; i++)
		code[i] = vmmcall[i % sizeof(vmmcall)];
	for (i = 0; i + 1 < NPT_LEVELS; i++)
		npt[i][0] = virt_to_phys(npt[i + 1]) | PTE_ALL;
	npt[NPT_LEVELS - 1][GUEST_PAGE >> PAGE_SHIFT] = virt_to_phys(code) | PTE_ALL;
}

static int __init probe_init(void)
{
	int err;

	if (!lab || !boot_cpu_has(X86_FEATURE_SVM)) {
		pr_err("svmprobe: only for an emulated processor with SVM: say lab=1 in one\n");
		return -ENODEV;
	}
	err = allocate();
	if (!err) {
		build();
		err = misc_register(&device);
	}
	if (err)
		free_pages_of_probe();
	return err;
}

static void __exit probe_exit(void)
{
	misc_deregister(&device);
	free_pages_of_probe();
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VMRUN on any VMCB, for tests in the lab");
