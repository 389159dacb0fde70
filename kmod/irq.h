/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts on their way into a vCPU: NMI, ExtINT, INIT, SIPI for every vCPU, and a local APIC where
 * the VM has them (apic.c). What is pending may be set from any context; delivery is decided right
 * before VMRUN.
 */
#ifndef SVMRT_IRQ_H
#define SVMRT_IRQ_H

#include "svmrt_priv.h"
#include "lapic.h"

/* vcpu->irq.requests */
#define SVMRT_REQ_NMI	0
#define SVMRT_REQ_INIT	1
#define SVMRT_REQ_SIPI	2
#define SVMRT_REQ_EXTINT 3	/* by a message: for one INTA */

/* ---- irq.c ---- */
void svmrt_irq_init(struct svmrt_vcpu *vcpu);
void svmrt_irq_free(struct svmrt_vcpu *vcpu);	/* nothing may name the vCPU any more */
/* Something is pending: make the vCPU look. Any context. */
void svmrt_irq_poke(struct svmrt_vcpu *vcpu);
void svmrt_irq_request(struct svmrt_vcpu *vcpu, unsigned int request);
int svmrt_irq_extint(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_extint *arg);
int svmrt_irq_init_sipi(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_init *arg);
int svmrt_irq_inta(struct svmrt_vcpu *vcpu, u32 vector);	/* from the run page */

/* Around one VMRUN, IRQs off. `before` may say why not to enter. */
enum svmrt_leave svmrt_irq_before(struct svmrt_vcpu *vcpu);
void svmrt_irq_after(struct svmrt_vcpu *vcpu);
void svmrt_irq_not_entered(struct svmrt_vcpu *vcpu);
/* True: the exit was for the module's own interrupts, and *leave says how to go on. */
bool svmrt_irq_exit(struct svmrt_vcpu *vcpu, u64 code, enum svmrt_leave *leave);

/* Process context: INIT and SIPI; then whether a vCPU that waits should go on. */
void svmrt_irq_process(struct svmrt_vcpu *vcpu);
bool svmrt_irq_wakes(struct svmrt_vcpu *vcpu);

/* ---- apic.c ---- */
int svmrt_apic_init(struct svmrt_vcpu *vcpu);
void svmrt_apic_free(struct svmrt_vcpu *vcpu);
int svmrt_apic_pending(struct svmrt_vcpu *vcpu);	/* a vector, or -1 */
bool svmrt_apic_masked(struct svmrt_vcpu *vcpu);	/* some vector waits for a lower TPR */
/* The vector is on its way into the guest; then whether the guest took it. */
void svmrt_apic_take(struct svmrt_vcpu *vcpu, u32 vector);
void svmrt_apic_taken(struct svmrt_vcpu *vcpu, u32 vector, bool taken);
bool svmrt_apic_takes_extint(struct svmrt_vcpu *vcpu);
void svmrt_apic_line_rises(struct svmrt_vcpu *vcpu);	/* the INTR line: what LINT0 sends for it */
u32 svmrt_apic_tpr(struct svmrt_vcpu *vcpu);
void svmrt_apic_set_tpr(struct svmrt_vcpu *vcpu, u32 tpr);
void svmrt_apic_reset(struct svmrt_vcpu *vcpu);		/* by INIT */
bool svmrt_apic_exit(struct svmrt_vcpu *vcpu, u64 code, enum svmrt_leave *leave);
/* The guest's write to a register, which user space decoded. False: no such register, or no xAPIC. */
bool svmrt_apic_write(struct svmrt_vcpu *vcpu, u32 reg, u32 value);
/* To all whom it names; the number of APICs that took it. `source` may be NULL. Any context. */
unsigned int svmrt_apic_send(struct svmrt_vm *vm, struct svmrt_vcpu *source,
			     const struct svmrt_apic_msg *msg);
int svmrt_apic_state(struct svmrt_vcpu *vcpu, struct svmrt_lapic_state *arg);
void svmrt_apic_stop_time(struct svmrt_vcpu *vcpu);	/* at vm->stopped_at; or stopped later than that */
void svmrt_apic_go_on(struct svmrt_vcpu *vcpu, u64 passed_ns);	/* that much is no guest time */
int svmrt_vm_msi(struct svmrt_vm *vm, struct svmrt_msi *arg);
int svmrt_vm_irqchip(struct svmrt_vm *vm, struct svmrt_irqchip *arg);

/* ---- time.c ---- */
int svmrt_vm_time(struct svmrt_vm *vm, struct svmrt_time *arg);

/* ---- irqfd.c ---- */
int svmrt_irqfd(struct svmrt_vm *vm, struct svmrt_irqfd *arg);
int svmrt_eoifd(struct svmrt_vm *vm, struct svmrt_eoifd *arg);
void svmrt_eoi(struct svmrt_vm *vm, u32 vector);	/* any context */
void svmrt_irqfds_free(struct svmrt_vm *vm);

/* ---- ioevent.c ---- */
int svmrt_ioeventfd(struct svmrt_vm *vm, struct svmrt_ioeventfd *arg);
void svmrt_ioeventfds_free(struct svmrt_vm *vm);
/* True: the access was a doorbell; *leave says how to go on. IRQs off. */
bool svmrt_ioevent_exit(struct svmrt_vcpu *vcpu, u64 code, enum svmrt_leave *leave);

#endif
