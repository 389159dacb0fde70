// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owning SVM: detection (A1), claim (A2, A3, A5) and its mirror image release (A4) on every online
 * CPU, and the host events that take it away: CPU hotplug (A6), suspend (A7), reboot (A8). A claim
 * lasts from the first VM to the last, so that a loaded module alone keeps nobody out.
 */
#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/mem_encrypt.h>
#include <linux/reboot.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>
#include <asm/svm.h>
#include <asm/fpu/xcr.h>
#include "detect.h"
#include "host.h"
#include "svmrt_priv.h"
#include "svmrt_trace.h"

#define XCR0_PKRU	BIT_ULL(9)
#define XCR0_NOT_FOR_GUESTS (BIT_ULL(3) | BIT_ULL(4) | BIT_ULL(17) | BIT_ULL(18)) /* MPX, AMX */

/* From Linux 6.12 on kvm_amd claims SVM when it is loaded, before that with its first guest. */
#define IN_USE "SVM is in use on CPU %d, most likely by kvm_amd: end its guests and rmmod kvm_amd (or boot with kvm.enable_virt_at_load=0)"

DEFINE_PER_CPU(struct svmrt_host_cpu, svmrt_host_cpu);
struct svmrt_host_features svmrt_host_features;
u64 svmrt_host_xcr0, svmrt_guest_xcr0;
u32 svmrt_xsave_bytes = 512;

static DEFINE_MUTEX(host_lock);		/* inside cpus_read_lock, where both are held */
static unsigned int claims;
static bool rebooting;
static struct page *iopm;		/* 12 KiB of ones: every port exits (D5) */
static int hotplug_state;
static struct svmrt_cpu_facts facts;	/* of the CPU that loaded the module */
static u32 svm_revision;
static bool resume_failed;

u64 svmrt_iopm_pa(void)
{
	return __sme_set(page_to_phys(iopm));
}

/* ---- A1: is there SVM that we may use? detect.c decides, on what each CPU says ---- */

static void read_facts(struct svmrt_cpu_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->amd = boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		 boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;
	f->sev_guest = cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT);
	f->max_extended = cpuid_eax(0x80000000);
	if (f->max_extended >= 0x80000001)
		f->ext1_ecx = cpuid_ecx(0x80000001);
	if (f->max_extended >= 0x8000000a) {
		f->svm_ebx = cpuid_ebx(0x8000000a);
		f->svm_edx = cpuid_edx(0x8000000a);
	}
	if (f->max_extended >= 0x8000001f) {
		f->sev_eax = cpuid_eax(0x8000001f);
		f->sev_ecx = cpuid_ecx(0x8000001f);
	}
	/* Safely: hypervisors that we may run under lack one or the other. */
	if (!f->amd || rdmsrl_safe(MSR_VM_CR, &f->vm_cr))
		f->vm_cr = 0;
	if (!f->amd || rdmsrl_safe(MSR_AMD64_SYSCFG, &f->syscfg))
		f->syscfg = 0;
	f->cr4 = native_read_cr4();
}

/* The boot CPU's facts hold for all; a CPU that lacks something is not one that we can run on. */
static const char *detect_other(void)
{
	struct svmrt_cpu_facts mine;
	const char *why;

	read_facts(&mine);
	why = svmrt_detect(&mine);
	return why ? why : svmrt_detect_differs(&facts, &mine);
}

struct detect_result {
	int cpu;
	const char *why;
};

static void detect_this_cpu(void *data)
{
	struct detect_result *result = data;
	const char *why = detect_other();

	if (why) {
		WRITE_ONCE(result->cpu, smp_processor_id());
		WRITE_ONCE(result->why, why);
	}
}

static void read_features(void)
{
	struct svmrt_host_features *f = &svmrt_host_features;

	svm_revision = cpuid_eax(0x8000000a) & 0xff;
	f->svm_edx = facts.svm_edx;
	if (facts.max_extended >= 0x80000008)
		f->ext_ebx = cpuid_ebx(0x80000008);
	f->invpcid = boot_cpu_has(X86_FEATURE_INVPCID);
	svmrt_detect_asids(&facts, &f->first_asid, &f->last_asid);

	if (boot_cpu_has(X86_FEATURE_OSXSAVE)) {
		svmrt_host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		svmrt_guest_xcr0 = svmrt_host_xcr0 & ~(XCR0_PKRU | XCR0_NOT_FOR_GUESTS);
		svmrt_xsave_bytes = cpuid_ecx(0xd);
	}
}

/* ---- A3 and A4: claim and release, in one IPI, interrupts off. Mirror images. ---- */

struct claim_result {
	atomic_t failed;
	int cpu;		/* one that failed */
};

static void claim_this_cpu(void *data)
{
	struct svmrt_host_cpu *host = this_cpu_ptr(&svmrt_host_cpu);
	struct claim_result *result = data;
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME || !host->hsave || rebooting) {	/* A2 */
		atomic_inc(&result->failed);
		WRITE_ONCE(result->cpu, smp_processor_id());
		return;
	}
	rdmsrl(MSR_VM_HSAVE_PA, host->old_hsave);
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, __sme_set(page_to_phys(host->hsave)));
	if (facts.svm_edx & BIT(4))
		wrmsr(MSR_AMD64_TSC_RATIO, 0, 1);	/* 1.0 in 8.32 fixed point */
	if (boot_cpu_data.x86 == 0x10) {	/* erratum 383, family 10h */
		u64 dc_cfg;

		if (!rdmsrl_safe(MSR_AMD64_DC_CFG, &dc_cfg))
			wrmsrl_safe(MSR_AMD64_DC_CFG, dc_cfg | BIT_ULL(47));
	}
	svmrt_bp_spec_reduce(true);		/* B9, Zen 5 */
	host->tsc_aux = host->xss = 0;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		rdmsrl(MSR_TSC_AUX, host->tsc_aux);
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, host->xss);
	host->last_vcpu = 0;
	svmrt_asid_reset(&host->asid, svmrt_host_features.first_asid,
			 svmrt_host_features.last_asid, facts.svm_edx & BIT(6));
	host->claimed = true;
}

static void release_this_cpu(void *unused)
{
	struct svmrt_host_cpu *host = this_cpu_ptr(&svmrt_host_cpu);
	u64 efer;

	if (!host->claimed)
		return;
	host->claimed = false;
	/* A4: GIF=1 first; harmless if it is, and swallowed if someone cleared SVME already. */
	asm volatile("1: stgi\n2:\n" _ASM_EXTABLE(1b, 2b) : : : "memory");
	svmrt_bp_spec_reduce(false);
	if (facts.svm_edx & BIT(4))
		wrmsr(MSR_AMD64_TSC_RATIO, 0, 1);	/* 1.0 in 8.32 fixed point */
	wrmsrl(MSR_VM_HSAVE_PA, host->old_hsave);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}

int svmrt_host_claim(char *error, size_t error_bytes)
{
	struct claim_result result = { .failed = ATOMIC_INIT(0) };
	int err = 0;

	cpus_read_lock();
	mutex_lock(&host_lock);
	if (!claims) {
		on_each_cpu(claim_this_cpu, &result, 1);
		if (atomic_read(&result.failed)) {
			on_each_cpu(release_this_cpu, NULL, 1);
			err = rebooting ? -ESHUTDOWN : -EBUSY;
		}
		trace_svmrt_claim(true, err);
	}
	if (!err)
		claims++;
	mutex_unlock(&host_lock);
	cpus_read_unlock();

	if (err == -EBUSY)
		snprintf(error, error_bytes, IN_USE, result.cpu);
	else if (err)
		snprintf(error, error_bytes, "the machine is rebooting");
	return err;
}

void svmrt_host_release(void)
{
	cpus_read_lock();
	mutex_lock(&host_lock);
	if (!--claims) {
		on_each_cpu(release_this_cpu, NULL, 1);
		trace_svmrt_claim(false, 0);
	}
	mutex_unlock(&host_lock);
	cpus_read_unlock();
}

/* ---- A5, A6: per-CPU pages, and CPUs that come and go while we hold SVM ---- */

/*
 * One 4 KiB page, NUMA-local and zeroed. On SNP hosts a page that the hardware uses must not be
 * 2 MiB aligned (false RMP faults), so take the odd page of a pair, everywhere alike.
 */
static struct page *odd_page(int node, gfp_t gfp)
{
	struct page *pair = alloc_pages_node(node, gfp | __GFP_ZERO, 1);

	if (!pair)
		return NULL;
	split_page(pair, 1);
	__free_page(pair);
	return pair + 1;
}

struct page *svmrt_host_page_alloc(struct svmrt_user *user)
{
	struct page *page;
	int err = svmrt_charge(user, 1);

	if (err)
		return ERR_PTR(err);
	page = odd_page(NUMA_NO_NODE, SVMRT_GFP);
	if (!page) {
		svmrt_uncharge(user, 1);
		return ERR_PTR(-ENOMEM);
	}
	return page;
}

static int cpu_online_callback(unsigned int cpu)
{
	struct svmrt_host_cpu *host = per_cpu_ptr(&svmrt_host_cpu, cpu);
	struct claim_result result = { .failed = ATOMIC_INIT(0) };
	const char *why = detect_other();
	unsigned long flags;

	if (why) {
		pr_err("svmrt: CPU %u stays offline: %s\n", cpu, why);
		return -ENODEV;
	}
	if (!host->hsave)
		host->hsave = odd_page(cpu_to_node(cpu), GFP_KERNEL);
	if (!host->save)
		host->save = odd_page(cpu_to_node(cpu), GFP_KERNEL);
	if (!host->hsave || !host->save)
		return -ENOMEM;

	mutex_lock(&host_lock);
	if (claims) {
		local_irq_save(flags);
		claim_this_cpu(&result);
		local_irq_restore(flags);
	}
	mutex_unlock(&host_lock);
	return atomic_read(&result.failed) ? -EBUSY : 0;
}

/* Runs on the CPU that goes; no vCPU is in a slice there, because slices do not sleep. */
static int cpu_offline_callback(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	release_this_cpu(NULL);
	local_irq_restore(flags);
	return 0;
}

static void free_cpu_pages(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svmrt_host_cpu *host = per_cpu_ptr(&svmrt_host_cpu, cpu);

		if (host->hsave)
			__free_page(host->hsave);
		if (host->save)
			__free_page(host->save);
		host->hsave = host->save = NULL;
	}
}

/* ---- A7, A8: suspend and reboot ---- */

static int host_suspend(void)
{
	release_this_cpu(NULL);
	return 0;
}

static void host_resume(void)
{
	struct claim_result result = { .failed = ATOMIC_INIT(0) };

	/* Only the boot CPU is up; the others come back through the hotplug callback. */
	if (claims)
		claim_this_cpu(&result);
	if (atomic_read(&result.failed)) {
		WRITE_ONCE(resume_failed, true);
		pr_err("svmrt: SVM was taken during suspend: guests cannot go on\n");
	}
}

SVMRT_SYSCORE(host_syscore, host_suspend, host_resume);

static int host_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	WRITE_ONCE(rebooting, true);
	on_each_cpu(release_this_cpu, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block host_reboot_notifier = {
	.notifier_call = host_reboot,
};

/* ---- Module ---- */

static void look_this_cpu(void *data)
{
	struct svmrt_host_cpu *host = this_cpu_ptr(&svmrt_host_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	host->foreign_svme = !host->claimed && efer & EFER_SVME;
}

/* What a crash kernel wants to know (A9): did the one before it leave SVM on? */
static void say_what_is_there(void)
{
	unsigned int cpus = 0, taken = 0;
	int cpu;

	cpus_read_lock();
	on_each_cpu(look_this_cpu, NULL, 1);
	for_each_online_cpu(cpu) {
		cpus++;
		taken += per_cpu(svmrt_host_cpu, cpu).foreign_svme;
	}
	cpus_read_unlock();
	pr_info("svmrt: %u CPUs, ASIDs %u to %u; SVM is in use by others on %u of them\n", cpus,
		svmrt_host_features.first_asid, svmrt_host_features.last_asid, taken);
	if (taken)
		pr_notice("svmrt: no VM until they let go: end KVM's guests and rmmod kvm_amd, or restart a machine whose kernel crashed\n");
}

int svmrt_host_init(void)
{
	struct detect_result result = { .why = NULL };
	int err;

	read_facts(&facts);
	result.why = svmrt_detect(&facts);
	if (result.why) {
		pr_err("svmrt: cannot run guests here: %s\n", result.why);
		return -ENODEV;
	}
	on_each_cpu(detect_this_cpu, &result, 1);
	if (result.why) {
		pr_err("svmrt: cannot run guests on CPU %d: %s\n", result.cpu, result.why);
		return -ENODEV;
	}
	read_features();

	iopm = alloc_pages(GFP_KERNEL, 2);
	if (!iopm)
		return -ENOMEM;
	memset(page_address(iopm), 0xff, 4 * PAGE_SIZE);
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "svmrt:online", cpu_online_callback,
				cpu_offline_callback);
	if (err < 0) {
		free_cpu_pages();
		__free_pages(iopm, 2);
		return err;
	}
	hotplug_state = err;
	register_syscore(&host_syscore);
	register_reboot_notifier(&host_reboot_notifier);
	say_what_is_there();
	return 0;
}

void svmrt_host_exit(void)
{
	unregister_reboot_notifier(&host_reboot_notifier);
	unregister_syscore(&host_syscore);
	cpuhp_remove_state(hotplug_state);
	free_cpu_pages();
	__free_pages(iopm, 2);
}

bool svmrt_host_is_lost(void)
{
	return READ_ONCE(rebooting) || READ_ONCE(resume_failed);
}

void svmrt_host_info(struct svmrt_info *info)
{
	int cpu;

	info->svm_revision = svm_revision;
	info->asids = facts.svm_ebx;
	info->svm_features = facts.svm_edx;
	info->npt_levels = pgtable_l5_enabled() ? 5 : 4;
	info->host_xcr0 = svmrt_host_xcr0;
	info->caps = SVMRT_CAP_NPT;
	if (facts.svm_edx & BIT(3))
		info->caps |= SVMRT_CAP_NRIPS;
	if (facts.svm_edx & BIT(6))
		info->caps |= SVMRT_CAP_FLUSHBYASID;
	if (facts.svm_edx & BIT(7))
		info->caps |= SVMRT_CAP_DECODE;
	if (svmrt_host_xcr0)
		info->caps |= SVMRT_CAP_XSAVE;

	cpus_read_lock();
	on_each_cpu(look_this_cpu, NULL, 1);
	for_each_online_cpu(cpu) {
		struct svmrt_host_cpu *host = per_cpu_ptr(&svmrt_host_cpu, cpu);

		info->cpus_online++;
		info->cpus_claimed += host->claimed;
		if (host->foreign_svme && !info->unusable[0])
			snprintf(info->unusable, sizeof(info->unusable), IN_USE, cpu);
	}
	cpus_read_unlock();
}
