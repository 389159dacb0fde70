/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of svmrt.ko share: the objects behind the descriptors and who owns what. Pure
 * models that also build in user space have headers of their own (control.h, insn.h, event.h).
 */
#ifndef SVMRT_PRIV_H
#define SVMRT_PRIV_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/irq_work.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/smp.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <svmkit/svmrt.h>
#include <svmkit/vmcb.h>
#include "asid.h"
#include "compat.h"
#include "control.h"
#include "detail.h"

#define SVMRT_MAX_VCPUS 255u
#define SVMRT_MAX_REGIONS 65536u
#define SVMRT_MAX_MEM_BYTES (1ULL << 40)
#define SVMRT_GPA_BITS 40	/* the smallest physical address size that the lab's CPUs have */

/* Fill the `error` member of an ioctl struct; the caller copies it to user space. */
#define svmrt_err(arg, ...) snprintf((arg)->error, sizeof((arg)->error), __VA_ARGS__)

/*
 * For everything that a caller can have much of: charged to its memory cgroup, and where that or the
 * host is full the call fails. Without RETRY_MAYFAIL the OOM killer would choose somebody first.
 */
#define SVMRT_GFP (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define SVMRT_HUGE_BYTES (2ULL << 20)
#define SVMRT_HUGE_PAGES 512u

/* ---- user.c: pages counted per user ---- */
struct svmrt_user;
struct svmrt_user *svmrt_user_get(kuid_t uid);
void svmrt_user_put(struct svmrt_user *user);
/* Zeroed page charged to the user and to the memory cgroup, or ERR_PTR(-ENOMEM / -EDQUOT). */
struct page *svmrt_page_alloc(struct svmrt_user *user);
void svmrt_page_free(struct svmrt_user *user, struct page *page);
/* 2 MiB in one piece, of 512 pages that may be freed one by one; NULL: take single pages. */
struct page *svmrt_huge_alloc(struct svmrt_user *user);
void svmrt_huge_free(struct svmrt_user *user, struct page *page);
int svmrt_charge(struct svmrt_user *user, unsigned long pages);
void svmrt_uncharge(struct svmrt_user *user, unsigned long pages);
u64 svmrt_pages_in_use(void);
u64 svmrt_max_pages_per_user(void);

/* ---- host.c: who owns SVM on which CPU ---- */
int svmrt_host_init(void);
void svmrt_host_exit(void);
/* First claim takes every online CPU, last release gives all back. -EBUSY etc. with a reason. */
int svmrt_host_claim(char *error, size_t error_bytes);
void svmrt_host_release(void);
void svmrt_host_info(struct svmrt_info *info);
/* SVM was taken from us for good (reboot), not only on a CPU that is going offline. */
bool svmrt_host_is_lost(void);
extern struct svmrt_host_features svmrt_host_features;
extern u64 svmrt_host_xcr0;	/* XCR0 of the host, or 0 without XSAVE */
extern u64 svmrt_guest_xcr0;	/* components that a guest may have: no AMX, no PKRU (switched apart) */
extern u32 svmrt_xsave_bytes;
u64 svmrt_iopm_pa(void);
/* A charged page that the hardware may use as VMCB: zeroed, never 2 MiB aligned. Free as others. */
struct page *svmrt_host_page_alloc(struct svmrt_user *user);

/* ---- memory.c: memory objects ---- */
struct svmrt_mem;
int svmrt_mem_create(struct svmrt_create_mem *arg);
struct svmrt_mem *svmrt_mem_from_fd(int fd);	/* takes a reference, or ERR_PTR */
void svmrt_mem_put(struct svmrt_mem *mem);
void svmrt_mem_hold(struct svmrt_mem *mem);
u64 svmrt_mem_bytes(const struct svmrt_mem *mem);
/* Page `index`, owned by the object; NULL if absent and !alloc; ERR_PTR if it cannot be had. */
struct page *svmrt_mem_page(struct svmrt_mem *mem, pgoff_t index, bool alloc);
/* The first of 512 pages in one piece, allocated if nothing is there yet; NULL: there is no such. */
struct page *svmrt_mem_huge(struct svmrt_mem *mem, pgoff_t first);
bool svmrt_mem_has_any(struct svmrt_mem *mem, pgoff_t index, unsigned long pages);
unsigned int svmrt_mem_count(void);

/* ---- vm.c, region.c, npt.c, npt_map.c (see npt.h, too) ---- */
struct svmrt_region {
	u64 gpa;
	u64 bytes;
	u64 offset;
	u32 mode;
	struct svmrt_mem *mem;
	unsigned long *dirty;		/* dirty.c: one bit a page, or NULL: not tracked */
};

struct svmrt_policy_slot {
	u8 action;
	u8 event;
	bool skips;			/* it moves RIP over the instruction */
	bool finer;			/* of an exit code: there are finer rules */
	u16 vector;
	u32 sample;
	u32 counter;			/* exit slot, or SVMRT_SLOTS + number of the finer rule */
	u64 value;			/* SVMRT_DO_TABLE of ports and GPAs */
};

/* Finer rules by what is accessed; where both exist, the table for writes follows that for reads. */
enum { SVMRT_FINE_CPUID, SVMRT_FINE_MSR, SVMRT_FINE_PORT = 3, SVMRT_FINE_GPA = 5,
       SVMRT_FINE_TABLES = 7 };

struct svmrt_fine_row {
	u64 first, last;
	u32 rule;			/* in vm->fine_rules */
};

struct svmrt_fine_table {
	struct svmrt_fine_row *rows;	/* ascending, not overlapping */
	u32 count;
};

/* The host's clocks at one moment. */
struct svmrt_moment {
	u64 ns;				/* CLOCK_MONOTONIC */
	u64 tsc;
};

struct svmrt_vm {
	refcount_t refs;		/* VM fd and every vCPU fd */
	u64 id;				/* for the IBPB decision: never reused */
	struct dentry *debugfs;
	struct svmrt_user *user;
	struct mutex lock;		/* regions, nested page table writes, policy, vcpus */
	struct svmrt_region *regions;	/* ascending gpa */
	u32 region_count, region_room;
	u64 *npt_root;
	u64 npt_generation;		/* counts replaced entries: pointers from before are stale */
	struct cpumask flush_cpus;	/* svmrt_npt_flush()'s */
	bool policy_set;
	struct svmrt_policy_slot policy[SVMRT_SLOTS];
	struct svmrt_policy_slot *fine_rules;
	u32 fine_count;
	struct svmrt_fine_table fine[SVMRT_FINE_TABLES];
	struct svmrt_cpuid_row *cpuid;	/* keep[] resolved into set[]; sorted */
	u32 cpuid_count;
	u32 *cpuid_hash;		/* leaf -> number of its first row + 1; 0: empty */
	u32 cpuid_hash_mask;
	struct svmrt_msr_row *msrs;	/* ascending, not overlapping */
	u32 msr_count;
	struct page *msrpm;		/* order 1 */
	unsigned long policy_pages;	/* charged for the tables above */
	struct svmrt_vcpu *vcpus[SVMRT_MAX_VCPUS];	/* read under RCU, or vm->lock */
	u32 vcpu_limit;			/* no index was ever as high */
	bool irqchip;			/* vCPUs have local APICs */
	bool virtual_wire;		/* vCPU 0's begins as firmware leaves it */
	struct mutex time_lock;		/* time.c; vCPUs come and go under it, too */
	bool time_stopped;		/* no vCPU RUNs; since: */
	struct svmrt_moment stopped_at;
	u64 zero_tsc;			/* the host's, less pauses, when guest time was 0 */
	u32 tsc_khz;			/* by which all its clocks count */
	bool has_doorbells;
	struct svmrt_port_table *ports;	/* or NULL; with its rows fixed before the first vCPU */
	u32 lowest_turn;		/* who took the last lowest-priority message */
	struct mutex fds_lock;		/* the lists below; readers use RCU */
	struct list_head irqfds, eoifds, doorbells;
	u32 fd_count;
};

/* time.c */
void svmrt_time_init(void);
void svmrt_time_begin(struct svmrt_vm *vm);

int svmrt_vm_create(struct svmrt_create_vm *arg);
void svmrt_vm_put(struct svmrt_vm *vm);
unsigned int svmrt_vm_count(void);
struct svmrt_region *svmrt_region_find(struct svmrt_vm *vm, u64 gpa);

int svmrt_npt_init(struct svmrt_vm *vm);
void svmrt_npt_free(struct svmrt_vm *vm);
/*
 * Make the page at gpa present, for a write if asked. 0, -ENOENT (no memory there), -EACCES (write
 * to read-only memory), -ENOMEM or -EDQUOT. May sleep; takes vm->lock.
 */
int svmrt_npt_populate(struct svmrt_vm *vm, u64 gpa, bool write);
/*
 * Kernel address of the byte at gpa if its page is present (and writable), else NULL. No sleep. Valid
 * under vm->lock, or until the end of the slice or of the section that read_begin opened.
 */
void *svmrt_npt_peek(struct svmrt_vm *vm, u64 gpa, bool write);

/* ---- vcpu.c and the files that run it ---- */
#define SVMRT_HOOK_DEBUG 0
#define SVMRT_HOOK_IRQ 1

struct svmrt_apic;

/* irq.c: what waits for delivery. `requests`, `extint` and `sipi_vector` are set by anybody. */
struct svmrt_irq_state {
	unsigned long requests;		/* SVMRT_REQ_* */
	u32 sipi_vector;
	u32 extint;			/* level of the INTR line */
	bool inta_asked;
	bool wait_sipi;
	bool nmi_blocked;		/* until the IRET of its handler */
	bool iretting;			/* which stands at iret_rip */
	u64 iret_rip;
	int extint_vector;		/* given by user space; -1: none */
	int sent;			/* on its way in this VMRUN; -1: none */
	bool injected;			/* in EVENTINJ, not in V_INTR_VECTOR */
	bool vintr, cr8, iret;		/* what is intercepted for these */
	unsigned long poking;		/* bit 0: `poke` is on its way */
	call_single_data_t poke;
};

/* debug.c: the debugger's wishes, and what a VMRUN borrowed from the guest for them. */
struct svmrt_debug_state {
	u32 flags;			/* SVMRT_DEBUG_* */
	u64 dr[4], dr7;			/* the debugger's, with SVMRT_DEBUG_HW */
	u64 report;			/* for the next SVMRT_RUN_DEBUG; 0: nothing to report */
	u64 resume_rip;			/* an instruction breakpoint reported here: pass it once */
	bool resume;
	bool user_exit;			/* user space may finish the instruction of the last exit */
	bool internal;			/* step once for irq.c, unseen by the debugger */
	bool injecting, tf_lent, rf_lent, sfmask_lent;
	u8 kind;			/* enum svmrt_step_kind */
	bool own_tf;			/* the guest's, while ours are in the VMCB */
	u64 own_dr6, own_dr7;
	u64 soft_event, soft_rip;	/* software interrupt on its way, and where it stands */
	u64 exit_rip;			/* of the last exit to user space */
	struct irq_work exit_soon;
};

/* pvclock.c: its MSRs, and which of the structures are to be written before the next entry. */
struct svmrt_clock {
	u64 system, wall;
	bool system_due, wall_due;
};

struct svmrt_vcpu {
	struct svmrt_vm *vm;
	u64 id;				/* for the IBPB decision: never 0, never reused */
	u32 index;
	struct mutex lock;		/* RUN, IMAGE */
	struct svmk_vmcb *vmcb;
	struct svmk_vmcb *inputs;	/* the words of inputs.h, as they were before the last VMRUN */
	u64 gpr[16];			/* RAX and RSP unused: in the VMCB */
	u64 dr[4];
	bool dr_live;			/* guest's DR0-3 are switched in every slice (state.c) */
	bool dr_switched, dr_loaded;	/* in this slice: DR0-3 are not the host's; are the guest's */
	u64 xcr0, xcr0_loaded;		/* the guest's; this slice's */
	bool xcr0_live;			/* the guest's is switched in every slice (state.c) */
	u32 pkru, tsc_aux;
	void *xstate;			/* 64-byte aligned XSAVE or FXSAVE area */
	void *xstate_alloc;
	u32 intercepts[4];		/* as the template wants them, forced ones included */
	unsigned long hooks;		/* SVMRT_HOOK_* bits: what every entry and exit has to look at */
	struct svmrt_irq_state irq;
	struct svmrt_apic *apic;	/* or NULL: the VM has none */
	bool hooked, debugged;		/* in this VMRUN */
	struct svmrt_debug_state debug;
	u64 *msr_values;		/* one per MSR row with STORE; index as in vm->msrs */

	struct page **shared_pages;	/* run page, ring page, records */
	u32 shared_count;
	void *shared;			/* the same, mapped */
	struct svmrt_run_page *run;
	struct svmrt_ring *ring;
	struct svmrt_event *records;
	u32 ring_entries;
	u64 ring_head;			/* kernel's own copies: the shared page is hostile */
	u64 ring_woken;

	u64 pending_event;		/* EVENTINJ to deliver at the next entry, or 0 */
	struct svmrt_clock clock;
	bool halted;
	u32 dead;			/* enum svmrt_run_reason that ended it for good, or 0 */
	bool inputs_valid;		/* SHUTDOWN or INVALID: `inputs` is the state, the VMCB is not */
	u64 fetch_gpa;			/* guest page that instruction bytes came from last, or ~0 */
	u64 fetch_generation;		/* vm->npt_generation when it was looked up */
	const u8 *fetch_page;
	u64 length_code, length_bytes;	/* exit code and first 8 bytes of the last decoded one */
	u8 length_bits, length;
	u64 populate_gpa;		/* for SVMRT_LEAVE_POPULATE and _FETCH */
	bool populate_write;
	char text[SVMRT_ERROR_BYTES];	/* for SVMRT_RUN_BROKEN */

	struct svmrt_asid_vcpu asid;
	int cpu;			/* running a slice there, or -1 */
	atomic_t kicked;
	wait_queue_head_t wait_queue;	/* pollers of the ring, and the halted vCPU */
	u32 *sample_count;		/* by svmrt_policy_slot.counter */
	u64 *fine_counts;		/* by number of the finer rule */
	struct svmrt_stats stats;
	struct svmrt_detail *detail;	/* exits by port, MSR and page */
};

/* A section outside of slices in which this vCPU may look at guest memory: interrupts are off. */
void svmrt_npt_read_begin(struct svmrt_vcpu *vcpu);
void svmrt_npt_read_end(struct svmrt_vcpu *vcpu);

int svmrt_vcpu_create(struct svmrt_vm *vm, struct svmrt_create_vcpu *arg);
unsigned int svmrt_vcpu_count(void);
long svmrt_run(struct svmrt_vcpu *vcpu);
void svmrt_kick(struct svmrt_vcpu *vcpu);
/* Undo in a copy of a VMCB what a failed VMRUN wrote. */
void svmrt_restore_inputs(struct svmk_vmcb *vmcb, const struct svmk_vmcb *inputs);

/* Why a slice ended; decided with interrupts off, acted on in process context (run.c). */
enum svmrt_leave {
	SVMRT_ENTER,			/* do not leave: VMRUN again */
	SVMRT_LEAVE_HOST,		/* take the host's interrupt, then VMRUN again */
	SVMRT_LEAVE_RESCHED,		/* the host wants the CPU, a signal or a kick is pending */
	SVMRT_LEAVE_POPULATE,		/* vcpu->populate_gpa, then run again */
	SVMRT_LEAVE_FETCH,		/* the same, to read the instruction; the guest exits again */
	SVMRT_LEAVE_HALT,		/* sleep until an event */
	SVMRT_LEAVE_RING_FULL,
	SVMRT_LEAVE_EXIT,
	SVMRT_LEAVE_STOP,
	SVMRT_LEAVE_SHUTDOWN,
	SVMRT_LEAVE_INVALID,
	SVMRT_LEAVE_BROKEN,
	SVMRT_LEAVE_DEBUG,		/* vcpu->debug.report */
	SVMRT_LEAVE_INTA,
	SVMRT_LEAVE_LOST,		/* SVM was taken from us on this CPU (reboot, suspend) */
};

/* ports.c: registers that user space keeps in cells of a page that it shares with the VM. */
int svmrt_ports(struct svmrt_vm *vm, struct svmrt_ports *arg);
int svmrt_port(struct svmrt_vm *vm, struct svmrt_port *arg);
int svmrt_ports_mmap(struct svmrt_vm *vm, struct vm_area_struct *vma);
void svmrt_ports_free(struct svmrt_vm *vm);
/* True: the access of this IOIO exit is done but for RAX and RIP; IN reads *value. IRQs off. */
bool svmrt_port_access(struct svmrt_vcpu *vcpu, u32 *value);

/* msr.c: the vCPU's registers behind MSR rows with STATE (false: #GP), XSETBV likewise, CPUID rows. */
bool svmrt_msr_state_write(struct svmrt_vcpu *vcpu, u32 msr, u64 value);
u64 svmrt_msr_state_read(const struct svmrt_vcpu *vcpu, u32 msr);
bool svmrt_xsetbv(struct svmrt_vcpu *vcpu);
void svmrt_cpuid_live(const struct svmrt_vcpu *vcpu, const struct svmrt_cpuid_row *row, u32 value[4]);

/* pvclock.c: the guest's clock by its TSC. A write: false is #GP. */
bool svmrt_pvclock_write(struct svmrt_vcpu *vcpu, u32 msr, u64 value);
u64 svmrt_pvclock_read(const struct svmrt_vcpu *vcpu, u32 msr);
void svmrt_pvclock_stale(struct svmrt_vcpu *vcpu);	/* TSC_OFFSET has changed */
static inline bool svmrt_pvclock_due(const struct svmrt_vcpu *vcpu)
{
	return vcpu->clock.system_due || vcpu->clock.wall_due;
}
/* Process context. An errno: populate_gpa cannot be had. */
int svmrt_pvclock_update(struct svmrt_vcpu *vcpu);

/* exit.c: what VMEXIT asks for. IRQs off. */
enum svmrt_leave svmrt_handle_exit(struct svmrt_vcpu *vcpu);
/* The event whose delivery this exit cut short, to be delivered at the next entry (C3); or 0. */
u64 svmrt_interrupted_event(const struct svmrt_vcpu *vcpu);
/* Queue an exception. The third fault in a row is a shutdown, as on a processor. */
enum svmrt_leave svmrt_inject(struct svmrt_vcpu *vcpu, u64 event);
/* Step over an instruction: the shadow ends (C5), and a guest that single-steps gets its trap. */
enum svmrt_leave svmrt_skip_to(struct svmrt_vcpu *vcpu, u64 next_rip);

/* state.c: guest state that VMRUN does not switch, once a slice. IRQs off, inside kernel_fpu_begin. */
struct svmrt_host_state {
	unsigned long dr[4];
	u64 debugctl;
	u32 pkru;
};
void svmrt_state_load(struct svmrt_vcpu *vcpu, struct svmrt_host_state *host);
void svmrt_state_save(struct svmrt_vcpu *vcpu, const struct svmrt_host_state *host);
/* Exit 0x20 .. 0x3f: an access that the template does not intercept means: switch DR0-3 from now on. */
bool svmrt_state_wants_debug(struct svmrt_vcpu *vcpu, u64 code);
/* The guest got past the XSETBV intercept: put XCR0 right. */
void svmrt_state_restore_xcr0(struct svmrt_vcpu *vcpu);
void svmrt_state_set_xcr0(struct svmrt_vcpu *vcpu, u64 xcr0);
int svmrt_state_init(struct svmrt_vcpu *vcpu, const struct svmrt_vcpu_state *state, char *error);
/* The same for a vCPU that has run; all or nothing. */
int svmrt_state_import(struct svmrt_vcpu *vcpu, const struct svmrt_vcpu_state *state, char *error);
/* What is switched in every slice and what is intercepted until it is used: DR0-3, XCR0. */
void svmrt_state_init_lazy(struct svmrt_vcpu *vcpu);
/* Exit for MOV to CR4 that the template does not intercept: switch XCR0 from now on. */
bool svmrt_state_wants_xcr0(struct svmrt_vcpu *vcpu);
#define SVMRT_CR4_WRITE BIT(20)	/* in intercepts[0] */
void svmrt_state_free(struct svmrt_vcpu *vcpu);
void svmrt_state_export(const struct svmrt_vcpu *vcpu, struct svmrt_vcpu_state *state);

/* ring.c */
int svmrt_ring_init(struct svmrt_vcpu *vcpu, u32 entries);
void svmrt_ring_free(struct svmrt_vcpu *vcpu);
int svmrt_ring_mmap(struct svmrt_vcpu *vcpu, struct vm_area_struct *vma);
bool svmrt_ring_blocked(struct svmrt_vcpu *vcpu);	/* lossless and full */
bool svmrt_ring_waits(struct svmrt_vcpu *vcpu);		/* a full ring makes the vCPU sleep */
void svmrt_ring_wait(struct svmrt_vcpu *vcpu);
bool svmrt_ring_unread(struct svmrt_vcpu *vcpu);
void svmrt_ring_wake(struct svmrt_vcpu *vcpu);
/* An event for this exit, if `policy` wants one; `action` is what is done. */
void svmrt_ring_tell(struct svmrt_vcpu *vcpu, u64 code, const struct svmrt_policy_slot *policy,
		     u8 action, bool state_valid);

/* debugfs.c */
void svmrt_debugfs_init(void);
void svmrt_debugfs_exit(void);
void svmrt_debugfs_add(struct svmrt_vm *vm);
void svmrt_debugfs_remove(struct svmrt_vm *vm);	/* not under vm->lock */

/* policy.c */
int svmrt_policy_set(struct svmrt_vm *vm, struct svmrt_policy *arg);
void svmrt_policy_free(struct svmrt_vm *vm);
const struct svmrt_cpuid_row *svmrt_cpuid_find(const struct svmrt_vm *vm, u32 leaf, u32 subleaf);
const struct svmrt_msr_row *svmrt_msr_find(const struct svmrt_vm *vm, u32 index);

/* gwalk.c: guest paging, from pages that are present. No sleep. */
/* Bytes fetched at CS:RIP, 0..15; *missing_gpa: a page to populate before trying again, or ~0. */
#define SVMRT_FETCH_BYTES 16	/* 15 wanted; whole words are copied */
unsigned int svmrt_guest_fetch(struct svmrt_vcpu *vcpu, u8 insn[SVMRT_FETCH_BYTES],
			       u64 *missing_gpa);
/* Guest linear to guest physical; false if the walk fails or needs a page that is not present. */
bool svmrt_guest_translate(struct svmrt_vcpu *vcpu, u64 linear, u64 *gpa, u64 *missing_gpa);

/* enter.S: one world switch. 0, or 1 if CLGI or VMRUN faulted because SVME is gone. */
int svmrt_enter(u64 *gpr, u64 guest_vmcb_pa, u64 host_save_pa);

#endif
