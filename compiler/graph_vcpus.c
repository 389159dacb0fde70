/* SPDX-License-Identifier: MIT */
/* The vCPUs of a picture: one card for all that begin alike, with what decides how they run. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dump.h"
#include "flags.h"
#include "graph.h"

#define CARD_WIDTH 640u
#define MAX_CARDS 12u
#define CR0_PE 1ULL
#define CR0_PG (1ULL << 31)
#define EFER_LMA (1ULL << 10)
#define RFLAGS_VM (1ULL << 17)
#define ATTRIB_L (1u << 9)
#define ATTRIB_D (1u << 10)

static const char *mode_of(const struct svmk_vmcb *vmcb)
{
	const uint64_t attrib = vmcb_get_CS_ATTRIB(vmcb);

	if (!(vmcb_get_CR0(vmcb) & CR0_PE))
		return "real mode";
	if (vmcb_get_RFLAGS(vmcb) & RFLAGS_VM)
		return "virtual-8086 mode";
	if (vmcb_get_EFER(vmcb) & EFER_LMA)
		return attrib & ATTRIB_L ? "64-bit mode" : "compatibility mode";
	return attrib & ATTRIB_D ? "32-bit protected mode" : "16-bit protected mode";
}

static void flags_line(struct canvas *c, int y, const char *name, uint64_t value)
{
	char bits[128];

	flags_text(name, value, bits, sizeof(bits));
	canvas_text(c, 16, y, "dim", "start", "%s", name);
	canvas_text(c, 76, y, "", "start", "0x%" PRIx64 "%s%s", value, *bits ? "  " : "", bits);
}

/* GPRs that are not zero, three a line. Returns the y below them. */
static int draw_gprs(struct canvas *c, const struct svmk_vmcb *vmcb,
		     const struct svmrt_vcpu_state *state, int y)
{
	unsigned int shown = 0;

	for (unsigned int i = 0; i < 16; i++) {
		const uint64_t value = i == 0 ? vmcb_get_RAX(vmcb) :
				       i == 4 ? vmcb_get_RSP(vmcb) : state->gpr[i];

		if (!value)
			continue;
		canvas_text(c, 16 + (int)(shown % 3) * 194, y + (int)(shown / 3 * GRAPH_LINE),
			    "", "start", "%-3s 0x%" PRIx64, svmrt_gpr_name[i], value);
		shown++;
	}
	return y + (int)((shown + 2) / 3 * GRAPH_LINE);
}

static void count_one(void *argument, const struct svm_intercept_info *row)
{
	(void)row;
	++*(unsigned int *)argument;
}

static int draw_card(struct canvas *c, const struct svmt_view *view, uint32_t first, uint32_t last,
		     int y)
{
	const struct svmrt_vcpu_state *state = dump_state(view, first);
	unsigned int intercepts = 0;
	struct svmk_vmcb vmcb;
	char *text = NULL;
	size_t bytes = 0;
	struct canvas inner = { .out = open_memstream(&text, &bytes) };
	int at = 24;

	if (!inner.out)
		return 0;
	graph_vmcb(view, first, &vmcb);
	dump_intercepts(&vmcb, count_one, &intercepts);
	if (first == last)
		canvas_text(&inner, 16, at, "bold", "start", "vcpu %" PRIu32 ": %s", first,
			    mode_of(&vmcb));
	else
		canvas_text(&inner, 16, at, "bold", "start", "vcpus %" PRIu32 " to %" PRIu32
			    ": %s", first, last, mode_of(&vmcb));
	canvas_text(&inner, (int)CARD_WIDTH - 16, at, "dim", "end", "%s%s, %u intercepts",
		    view->vmsas ? "confidential, " : "",
		    view->vcpus[first].start == SVMT_START_RUN ? "starts running" :
								 "waits for SIPI", intercepts);
	at += 24;
	canvas_text(&inner, 16, at, "dim", "start", "cs:rip");
	canvas_text(&inner, 76, at, "", "start", "0x%" PRIx64 ":0x%" PRIx64 "  (base 0x%" PRIx64
		    ")", (uint64_t)vmcb_get_CS_SELECTOR(&vmcb), (uint64_t)vmcb_get_RIP(&vmcb),
		    (uint64_t)vmcb_get_CS_BASE(&vmcb));
	flags_line(&inner, at += (int)GRAPH_LINE, "cr0", vmcb_get_CR0(&vmcb));
	flags_line(&inner, at += (int)GRAPH_LINE, "cr3", vmcb_get_CR3(&vmcb));
	flags_line(&inner, at += (int)GRAPH_LINE, "cr4", vmcb_get_CR4(&vmcb));
	flags_line(&inner, at += (int)GRAPH_LINE, "efer", vmcb_get_EFER(&vmcb));
	flags_line(&inner, at += (int)GRAPH_LINE, "rflags", vmcb_get_RFLAGS(&vmcb));
	at = draw_gprs(&inner, &vmcb, state, at + (int)GRAPH_LINE + 4);
	fclose(inner.out);
	canvas_box(c, 0, y, CARD_WIDTH, (unsigned int)at, "card");
	fprintf(c->out, "<g transform=\"translate(0 %d)\">\n%s</g>\n", y, text);
	free(text);
	return at;
}

void graph_vcpus(struct canvas *c, struct arena *arena, const struct svmt_view *view)
{
	unsigned int cards = 0;
	int y = 28;

	(void)arena;
	canvas_text(c, 0, 16, "head", "start", "vCPUs");
	for (uint32_t first = 0, last; first < view->vcpu_count; first = last + 1) {
		for (last = first; last + 1 < view->vcpu_count; last++)
			if (!svmt_same_vcpu(view, first, last + 1))
				break;
		if (cards++ == MAX_CARDS) {
			canvas_text(c, 0, y + 14, "dim", "start", "and vcpus %" PRIu32 " to %"
				    PRIu32, first, view->vcpu_count - 1);
			return;
		}
		y += draw_card(c, view, first, last, y) + 12;
	}
}
