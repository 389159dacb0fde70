// SPDX-License-Identifier: MIT
/*
 * The gates of NMI and interrupts against a model of a processor and its guest: every state that can
 * be reached is visited, from each the guest executes each instruction and each event arrives. No
 * delivery may happen where the architecture forbids it, and from every state all that waits must get
 * through. Once as the manual describes SVM, once as QEMU does it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "event.h"
#include "gates.h"

#define VECTOR 0x31
#define EXTINT_VECTOR 0x8
#define NMI_EVENT (SVMRT_EV_V | SVMRT_EV_NMI | 2)
#define DEPTH 3		/* handlers inside each other */

enum insn { NOP, STI, CLI, MOV_SS, IRET, EXITS, INSNS };
enum arrival { NOTHING, NMI, APIC, LINE, FAULT, TPR_UP, ARRIVALS };
enum kind { OF_NMI, OF_VECTOR, OF_EXTINT, OF_FAULT, KINDS };
/* What a delivery meets: nothing; a page that is not there; QEMU's lost V_IRQ. */
enum luck { GOOD, CUT, LOST, LUCKS };

/* Small numbers only: the whole is the number of the state. */
struct world {
	unsigned int iflag : 1, shadow : 1;
	unsigned int masked : 1;		/* NMI, by the processor: from its delivery to any IRET */
	unsigned int depth : 2;			/* handlers inside each other */
	unsigned int iflags : 3;		/* and the IF that each gives back, the innermost lowest */
	unsigned int nmi : 1, apic : 1, line : 1, inta : 1, tpr : 1;
	unsigned int event : 2;			/* EVENTINJ: nothing, a fault, an NMI */
	unsigned int nmi_blocked : 1, iretting : 1, moved : 1;
};
enum { NO_EVENT, FAULT_EVENT, NMI_AGAIN };

static int qemu, can_inject;
static unsigned int delivered[KINDS];
static unsigned int visited_count;

static unsigned int number(struct world w)
{
	unsigned int n = 0;

	memcpy(&n, &w, sizeof(n));
	return n;
}

static void push(struct world *w, enum kind kind)
{
	assert_true(w->depth < DEPTH);
	w->depth++;
	w->iflags = (unsigned int)(w->iflags << 1 | w->iflag) & 7u;
	w->iflag = 0;
	w->shadow = 0;
	w->moved = 1;
	delivered[kind]++;
}

static void execute(struct world *w, enum insn insn)
{
	w->shadow = (insn == STI && !w->iflag) || insn == MOV_SS;
	switch (insn) {
	case STI:
		w->iflag = 1;
		break;
	case CLI:
		w->iflag = 0;
		break;
	case IRET:
		w->iflag = w->iflags & 1u;
		w->iflags >>= 1;
		w->depth--;
		w->masked = 0;
		break;
	default:
		break;
	}
	w->moved = 1;
}

static struct svmrt_gates gates_of(struct world w)
{
	return (struct svmrt_gates) {
		.nmi = w.nmi, .extint = w.line, .below_tpr = w.apic && w.tpr,
		.from_inta = w.inta, .vector = w.inta ? EXTINT_VECTOR : w.apic && !w.tpr ? VECTOR : -1,
		.nmi_blocked = w.nmi_blocked, .iretting = w.iretting, .moved = w.moved,
		.open = w.iflag, .shadow = w.shadow, .can_inject = (_Bool)can_inject,
		.event = w.event == FAULT_EVENT ? SVMRT_EV_V | SVMRT_EV_EXCEPTION | 6 :
			 w.event == NMI_AGAIN ? NMI_EVENT : 0,
	};
}

/* What EVENTINJ delivers. False: cut short, and EXITINTINFO gives it back. */
static int inject(struct world *w, const struct svmrt_gates_plan *plan, enum luck luck)
{
	if (plan->inject_nmi || w->event == NMI_AGAIN) {
		assert_false(w->masked);
		assert_true(plan->nmi_blocked);
		if (luck == CUT) {
			w->event = NMI_AGAIN;
			return 0;
		}
		push(w, OF_NMI);
		w->masked = 1;
	} else if (w->event == FAULT_EVENT) {
		if (luck == CUT)
			return 0;
		push(w, OF_FAULT);
	}
	w->event = NO_EVENT;
	return 1;
}

static void take_vector(struct world *w, int sent)
{
	if (w->inta) {
		assert_int_equal(EXTINT_VECTOR, sent);
		w->inta = 0;
		push(w, OF_EXTINT);
	} else {
		assert_int_equal(VECTOR, sent);
		assert_false(w->tpr);
		w->apic = 0;
		push(w, OF_VECTOR);
	}
}

static void vector_arrives(struct world *w, int sent, int injected, enum luck luck)
{
	int lost = luck == LOST && qemu && !injected, cut = luck == CUT;
	/* Exception is QEMU's word for it; after a delivery its other bits stay. */
	uint64_t type = qemu && !injected ? SVMRT_EV_EXCEPTION : SVMRT_EV_INTR;
	uint64_t info = lost ? 0 : type | (unsigned int)sent | (cut ? SVMRT_EV_V : 0ULL);
	enum svmrt_gates_taken taken;

	assert_true(w->iflag && !w->shadow);
	taken = svmrt_gates_after(sent, cut && qemu && !injected, info, 1, (_Bool)qemu);
	assert_int_equal(cut ? SVMRT_CUT_SHORT : lost ? SVMRT_NOT_TAKEN : SVMRT_TAKEN, taken);
	if (taken == SVMRT_TAKEN)
		take_vector(w, sent);
}

/* One VMRUN up to its exit. False: it was not entered, user space gives the vector first. */
static int enter(struct world *w, enum insn insn, enum luck luck)
{
	struct svmrt_gates g = gates_of(*w);
	struct svmrt_gates_plan plan = svmrt_gates_before(&g);

	w->nmi_blocked = plan.nmi_blocked;
	w->iretting = plan.iretting;
	if (!plan.inject_nmi && w->event != NMI_AGAIN)
		assert_int_equal(w->masked, w->nmi_blocked);
	if (plan.ask_inta) {
		assert_true(w->line && w->iflag && !w->shadow && !w->event);
		w->line = 0;
		w->inta = 1;
		return 0;
	}
	/* TF of a step is in no frame, and a step is of one instruction. */
	if (plan.step)
		assert_false(plan.v_irq || plan.inject_vector || plan.inject_nmi);
	if (plan.inject_nmi) {
		assert_false(w->event || w->shadow);
		w->nmi = 0;
	}
	if (plan.inject_vector) {
		assert_true(can_inject && !w->event && !plan.inject_nmi);
		vector_arrives(w, g.vector, 1, luck);
		return 1;
	}
	if (qemu && !plan.step && w->shadow && w->iflag)
		assert_false(plan.v_irq);
	if (!inject(w, &plan, luck))
		return 1;
	if (plan.v_irq && w->iflag && !w->shadow) {
		assert_false(can_inject && !g.event && !plan.inject_nmi);
		if (!plan.vintr)
			vector_arrives(w, g.vector, 0, luck);
		return 1;
	}
	if (plan.exit_soon)
		return 1;
	if (insn == IRET && plan.iret) {
		w->iretting = 1;
		w->moved = 0;
		return 1;
	}
	execute(w, insn);
	return 1;
}

static int possible(struct world w, enum insn insn, enum arrival arrival)
{
	if (insn == IRET && !w.depth)
		return 0;
	if (insn != IRET && w.iretting && !w.moved && !w.event && arrival != FAULT)
		return 0;		/* that is where RIP is */
	/* Leave room for what may come on top. */
	if (arrival != NOTHING && w.depth + w.nmi + w.apic + w.line + w.inta + !!w.event >= DEPTH)
		return 0;
	switch (arrival) {
	case NMI:
		return !w.nmi;
	case APIC:
		return !w.apic;
	case LINE:
		return !w.line && !w.inta;
	case FAULT:
		return !w.event;
	case TPR_UP:
		return !w.tpr;
	default:
		return 1;
	}
}

static void arrive(struct world *w, enum arrival arrival)
{
	w->nmi |= arrival == NMI;
	w->apic |= arrival == APIC;
	w->line |= arrival == LINE;
	w->tpr |= arrival == TPR_UP;
	if (arrival == FAULT)
		w->event = FAULT_EVENT;
}

/* A guest that ends its handlers, lowers its TPR and opens IF gets everything. */
static void all_gets_through(struct world w)
{
	const unsigned int nmis = 0u + w.nmi + (w.event == NMI_AGAIN), apics = w.apic;
	const unsigned int lines = 0u + w.line + w.inta;
	unsigned int before[KINDS], i;

	memcpy(before, delivered, sizeof(before));
	w.tpr = 0;
	for (i = 0; i < 60; i++)
		enter(&w, w.depth ? IRET : i % 3 ? NOP : STI, GOOD);
	assert_int_equal(nmis, delivered[OF_NMI] - before[OF_NMI]);
	assert_int_equal(apics, delivered[OF_VECTOR] - before[OF_VECTOR]);
	assert_int_equal(lines, delivered[OF_EXTINT] - before[OF_EXTINT]);
	assert_false(w.nmi || w.apic || w.line || w.inta || w.event || w.depth || w.nmi_blocked);
}

/* A HLT ends for what can be delivered, and for nothing else. */
static void wakes_for_what_enters(struct world w)
{
	struct svmrt_gates g = gates_of(w);

	assert_int_equal((w.nmi && !w.nmi_blocked) ||
			 (w.iflag && (w.inta || w.line || (w.apic && !w.tpr))), svmrt_gates_wakes(&g));
}

static void walk(void)
{
	const size_t states = (size_t)1 << 18;
	unsigned int *queue = malloc(states * sizeof(*queue)), head = 0, tail = 0, n;
	unsigned char *seen = calloc(states, 1);
	struct world first = { .depth = 0 }, from_template = { .event = NMI_AGAIN }, w;
	int insn, arrival, luck;

	assert_non_null(queue);
	assert_non_null(seen);
	queue[tail++] = number(first);
	queue[tail++] = number(from_template);
	seen[number(first)] = seen[number(from_template)] = 1;
	while (head < tail) {
		struct world from;

		memcpy(&from, &queue[head++], sizeof(from));
		all_gets_through(from);
		wakes_for_what_enters(from);
		for (insn = 0; insn < INSNS; insn++)
			for (arrival = 0; arrival < ARRIVALS; arrival++)
				for (luck = 0; luck < LUCKS; luck++) {
					if (!possible(from, (enum insn)insn, (enum arrival)arrival))
						continue;
					w = from;
					arrive(&w, (enum arrival)arrival);
					enter(&w, (enum insn)insn, (enum luck)luck);
					if (insn == EXITS)	/* user space may lower it */
						w.tpr = 0;
					n = number(w);
					assert_true(n < states);
					if (!seen[n]) {
						seen[n] = 1;
						queue[tail++] = n;
					}
				}
	}
	visited_count = tail;
	free(queue);
	free(seen);
}

static void nothing_comes_too_early_and_all_gets_through(void **state)
{
	(void)state;
	for (qemu = 0; qemu < 2; qemu++)
		for (can_inject = 0; can_inject < 2; can_inject++) {
			walk();
			print_message("# %s, vectors %s EVENTINJ: %u states\n",
				      qemu ? "QEMU" : "as in the manual", can_inject ? "also by" : "not by",
				      visited_count);
			assert_true(visited_count > 1000);
		}
}

/* TPR: V_IRQ carries the class; the INTR line has none, so V_TPR does not hold it. */
static void the_priority_is_the_vectors_class(void **state)
{
	struct svmrt_gates g = { .open = 1 };
	struct svmrt_gates_plan plan;

	(void)state;
	for (g.vector = 16; g.vector < 256; g.vector++) {
		g.from_inta = 0;
		plan = svmrt_gates_before(&g);
		assert_true(plan.v_irq && plan.cr8 && !plan.vintr && !plan.ignore_tpr);
		assert_int_equal(g.vector / 16, plan.priority);
		g.from_inta = 1;
		plan = svmrt_gates_before(&g);
		assert_true(plan.v_irq && plan.ignore_tpr && plan.priority == 15);
	}
	g = (struct svmrt_gates) { .vector = -1, .below_tpr = 1 };
	plan = svmrt_gates_before(&g);
	assert_true(plan.cr8 && !plan.v_irq);
	g.below_tpr = 0;
	plan = svmrt_gates_before(&g);
	assert_false(plan.cr8 || plan.vintr || plan.iret || plan.step);
}

/* A fault's own delivery was cut short, while the vector still waits: it is no news of the vector. */
static void an_exception_with_the_same_vector_is_not_the_interrupt(void **state)
{
	uint64_t info;
	unsigned int vector;
	int tcg;

	(void)state;
	for (vector = 0; vector < 32; vector++)
		for (tcg = 0; tcg < 2; tcg++) {
			info = SVMRT_EV_V | SVMRT_EV_EXCEPTION | vector;
			/* With IF=0; or with IF=1, where only QEMU could mean the interrupt. */
			assert_int_equal(SVMRT_NOT_TAKEN,
					 svmrt_gates_after((int)vector, 1, info, 0, (_Bool)tcg));
			assert_int_equal(tcg ? SVMRT_CUT_SHORT : SVMRT_NOT_TAKEN,
					 svmrt_gates_after((int)vector, 1, info, 1, (_Bool)tcg));
			assert_int_equal(SVMRT_NOT_TAKEN,
					 svmrt_gates_after((int)vector, 1, info | SVMRT_EV_ERROR_VALID, 1,
							   (_Bool)tcg));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_comes_too_early_and_all_gets_through),
		cmocka_unit_test(the_priority_is_the_vectors_class),
		cmocka_unit_test(an_exception_with_the_same_vector_is_not_the_interrupt),
	};

	return cmocka_run_group_tests_name("gates", tests, NULL, NULL);
}
