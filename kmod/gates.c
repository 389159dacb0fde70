// SPDX-License-Identifier: GPL-2.0-only
/* Gates of NMI and interrupts; see gates.h. */
#include "gates.h"
#include "event.h"

static _Bool is_nmi(__u64 event)
{
	return event & SVMRT_EV_V && (event & SVMRT_EV_TYPE) == SVMRT_EV_NMI;
}

/*
 * pending | blocked | shadow | another event | then
 * -       | yes     | -      | no            | IRET is intercepted; once at it, step over it
 * -       | yes     | -      | yes           | IRET is intercepted; this is not its time yet
 * no      | no      | -      | -             | nothing
 * yes     | no      | yes    | -             | step over the shadowed instruction
 * yes     | no      | no     | yes           | exit again as soon as that one is delivered
 * yes     | no      | no     | no            | inject
 */
static void plan_nmi(const struct svmrt_gates *g, struct svmrt_gates_plan *plan)
{
	if (plan->nmi_blocked)
		plan->step = plan->iretting;
	else if (!g->nmi)
		return;
	else if (g->shadow)
		plan->step = 1;
	else if (g->event)
		plan->exit_soon = 1;
	else
		plan->inject_nmi = plan->nmi_blocked = 1;
}

/*
 * V_IRQ and a step do not meet: a step borrows TF, which no delivery may push. (Under a debugger, who
 * steps all the time, a vector can always be injected, and debug.c steps over events.)
 *
 * vector | INTR line | IF | shadow | event | step | can inject | then
 * no     | no        | -  | -      | -     | -    | -   | nothing
 * one or both        | 1  | yes    | -     | -    | -   | step: QEMU does not load the shadow at VMRUN
 * one or both        | -  | -      | -     | yes  | -   | nothing yet
 * yes    | -         | 1  | no     | no    | no   | yes | inject: Bochs looks at V_IRQ when IF changes
 * yes    | -         | any other case      | no   | -   | V_IRQ: the processor waits for IF and V_TPR
 * no     | yes       | 1  | no     | no    | no   | -   | ask user space for the vector
 * no     | yes       | 0, or an event      | no   | -   | V_IRQ, and VINTR exits when the window opens
 */
static void plan_maskable(const struct svmrt_gates *g, struct svmrt_gates_plan *plan)
{
	_Bool now;

	if (g->vector < 0 && !g->extint)
		return;
	if (g->open && g->shadow)
		plan->step = 1;
	if (plan->step)
		return;
	now = g->open && !g->event && !plan->inject_nmi;
	if (g->vector >= 0 && now && g->can_inject) {
		plan->inject_vector = 1;
	} else if (g->vector >= 0) {
		plan->v_irq = 1;
		plan->ignore_tpr = g->from_inta;
		plan->priority = g->from_inta ? 15 : (__u8)(g->vector >> 4);
	} else if (now) {
		plan->ask_inta = 1;
	} else {
		plan->v_irq = plan->vintr = plan->ignore_tpr = 1;
		plan->priority = 15;
	}
}

struct svmrt_gates_plan svmrt_gates_before(const struct svmrt_gates *g)
{
	struct svmrt_gates_plan plan = {
		/* The IRET is done, or it faulted: both end the blocking. */
		.nmi_blocked = (g->nmi_blocked && !(g->iretting && g->moved)) || is_nmi(g->event),
		/* The handler of an event comes before the IRET, which will be met again. */
		.iretting = g->iretting && !g->moved && !g->event,
	};

	plan_nmi(g, &plan);
	plan_maskable(g, &plan);
	plan.iret = plan.nmi_blocked && !plan.iretting;
	/* While V_IRQ is set or a vector waits for it, the guest's TPR is looked at when it changes. */
	plan.cr8 = plan.v_irq || g->vector >= 0 || g->below_tpr;
	return plan;
}

_Bool svmrt_gates_wakes(const struct svmrt_gates *g)
{
	return (g->nmi && !g->nmi_blocked) || (g->open && (g->vector >= 0 || g->extint));
}

/*
 * V_IRQ left | EXITINTINFO says it | QEMU, and nothing was delivered | then
 * -          | yes                 | -                               | cut short: it stays pending
 * yes        | no                  | -                               | not taken
 * no         | no                  | yes                             | not taken
 * no         | no                  | no                              | taken
 *
 * QEMU calls such an event an exception, and leaves V_IRQ set when it is cut short. Below 32 that may be
 * an exception indeed; but with IF=1 the interrupt came first. QEMU's VMRUN sets its own note of V_IRQ
 * without a lock and can lose it; the last event that it delivered stays in EXITINTINFO, without V, so
 * 0 there says that there was none.
 */
static _Bool says_it(int sent, _Bool v_irq, __u64 exitintinfo, _Bool open, _Bool on_tcg)
{
	if (!(exitintinfo & SVMRT_EV_V) || (int)(exitintinfo & 0xff) != sent)
		return 0;
	switch (exitintinfo & SVMRT_EV_TYPE) {
	case SVMRT_EV_INTR:
		return 1;
	case SVMRT_EV_EXCEPTION:
		return sent >= 32 ||
		       (on_tcg && v_irq && open && !(exitintinfo & SVMRT_EV_ERROR_VALID));
	default:
		return 0;
	}
}

enum svmrt_gates_taken svmrt_gates_after(int sent, _Bool v_irq, __u64 exitintinfo, _Bool open,
					 _Bool on_tcg)
{
	if (says_it(sent, v_irq, exitintinfo, open, on_tcg))
		return SVMRT_CUT_SHORT;
	if (v_irq || (on_tcg && !(__u32)exitintinfo))
		return SVMRT_NOT_TAKEN;
	return SVMRT_TAKEN;
}
