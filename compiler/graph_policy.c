/* SPDX-License-Identifier: MIT */
/*
 * The exit policy of a picture: exits that can happen, grouped by what is done and what is told,
 * and the tables and devices that answer them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dump.h"
#include "graph.h"
#include "svmt_device.h"

#define WIDTH 640
#define NAMES_X 256
#define NAMES_WIDTH (WIDTH - NAMES_X)

struct group {
	uint8_t action, event;
	uint16_t vector;
	uint32_t sample;
};

static void merge_intercepts(uint8_t *seen, const struct svmk_vmcb *vmcb)
{
	for (size_t i = 0; i < svm_intercept_count; i++)
		if (vmcb_get_intercepts(vmcb, svm_intercepts[i].word) &
		    1u << svm_intercepts[i].bit)
			seen[i] = 1;
}

/* Whether a vCPU intercepts it, or it needs no intercept and nothing that svmrt.ko leaves off. */
static bool can_happen(const uint8_t *intercepted, uint64_t code)
{
	const struct svm_exit_info *info = svm_exit_by_code(code);
	bool needs = false;

	if (info && (info->kind == SVM_KIND_AVIC || info->kind == SVM_KIND_SEV_ES ||
		     info->kind == SVM_KIND_PML ||
		     (info->kind == SVM_KIND_ERROR && info != &svm_exits[SVM_ROW_INVALID])))
		return false;
	for (size_t i = 0; i < svm_intercept_count; i++) {
		if (svm_intercepts[i].exitcode != code)
			continue;
		if (intercepted[i])
			return true;
		needs = true;
	}
	return !needs;
}

static bool same_group(const struct group *g, const struct svmrt_exit_rule *r)
{
	return g->action == r->action && g->event == r->event && g->vector == r->vector &&
	       g->sample == r->sample;
}

/* What is told most comes first, then by what is done. */
static int compare_groups(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->event != y->event)
		return x->event > y->event ? -1 : 1;
	if (x->action != y->action)
		return x->action > y->action ? -1 : 1;
	return x->vector < y->vector ? -1 : x->vector > y->vector;
}

static const char *class_of(unsigned int action)
{
	const char *name = svmrt_action_name(action);
	static const char *const known[] = { "stop", "user", "inject", "skip", "table", "wait" };

	for (size_t i = 0; name && i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i], name))
			return known[i];
	return "other";
}

static void name_group(struct canvas *c, const struct group *g, int y)
{
	const char *action = svmrt_action_name(g->action);
	const char *event = svmrt_event_class_name(g->event);

	canvas_box(c, 0, y, 110, 20, class_of(g->action));
	if (g->action == SVMRT_DO_INJECT && g->vector != SVMRT_VECTOR_SAME)
		canvas_text(c, 55, y + 14, "white bold", "middle", "inject %u", g->vector);
	else if (g->action == SVMRT_DO_INJECT)
		canvas_text(c, 55, y + 14, "white bold", "middle", "inject same");
	else
		canvas_text(c, 55, y + 14, "white bold", "middle", "%s", action ? action : "?");
	if (g->event == SVMRT_EVENT_SAMPLE)
		canvas_text(c, 118, y + 14, "dim", "start", "sample %" PRIu32, g->sample);
	else
		canvas_text(c, 118, y + 14, "dim", "start", "%s", event ? event : "?");
}

/* The exit's name, and of a finer rule the leaves, MSRs, ports or addresses that it is for. */
static const char *name_of(struct arena *arena, const struct svmrt_exit_rule *r)
{
	const struct svm_exit_info *info = svm_exit_by_code(r->code);
	const char *name = info ? info->name :
		arena_printf(arena, "0x%" PRIx64, (uint64_t)r->code);
	const char *access = dump_rule_access(r);

	if (!r->access)
		return name;
	name = arena_printf(arena, "%s[0x%" PRIx64, name, (uint64_t)r->first);
	if (r->first != r->last)
		name = arena_printf(arena, "%s-0x%" PRIx64, name, (uint64_t)r->last);
	return arena_printf(arena, "%s%s%s]", name, *access ? " " : "", access);
}

/* The exits of a group, wrapped. Returns the y below them. */
static int draw_names(struct canvas *c, struct arena *arena, const struct svmt_view *view,
		      const struct group *g, const uint8_t *intercepted, int y)
{
	const char *line = "";
	const size_t most = NAMES_WIDTH / (GRAPH_CHARACTER + 1);

	for (uint32_t i = 0; i < view->exit_count; i++) {
		const struct svmrt_exit_rule *r = &view->exits[i];
		const char *name;

		if (!same_group(g, r) || !can_happen(intercepted, r->code))
			continue;
		name = name_of(arena, r);
		if (*line && strlen(line) + strlen(name) + 1 > most) {
			canvas_text(c, NAMES_X, y + 14, "", "start", "%s", line);
			y += (int)GRAPH_LINE;
			line = "";
		}
		line = arena_printf(arena, "%s%s%s", line, *line ? " " : "", name);
	}
	canvas_text(c, NAMES_X, y + 14, "", "start", "%s", line);
	return y + (int)GRAPH_LINE;
}

static int draw_rules(struct canvas *c, struct arena *arena, const struct svmt_view *view, int y)
{
	uint8_t *intercepted = arena_alloc(arena, svm_intercept_count);
	struct group *groups = NULL;
	size_t count = 0, capacity = 0;
	struct svmk_vmcb vmcb;

	for (uint32_t i = 0; i < view->vcpu_count; i++) {
		if (i && view->vcpus[i].vmcb_page == view->vcpus[i - 1].vmcb_page)
			continue;
		graph_vmcb(view, i, &vmcb);
		merge_intercepts(intercepted, &vmcb);
	}
	for (uint32_t i = 0; i < view->exit_count; i++) {
		const struct svmrt_exit_rule *r = &view->exits[i];
		size_t at = 0;

		while (at < count && !same_group(&groups[at], r))
			at++;
		if (at < count || !can_happen(intercepted, r->code))
			continue;
		groups = arena_grow(arena, groups, count, &capacity, sizeof(*groups));
		groups[count++] = (struct group){ r->action, r->event, r->vector, r->sample };
	}
	if (count)
		qsort(groups, count, sizeof(*groups), compare_groups);
	for (size_t i = 0; i < count; i++) {
		name_group(c, &groups[i], y);
		y = draw_names(c, arena, view, &groups[i], intercepted, y) + 8;
		canvas_line(c, 0, y - 3, WIDTH, y - 3, "rule");
	}
	return y;
}

static int draw_devices(struct canvas *c, const struct svmt_view *view, int y)
{
	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *d = &view->devices[i];
		const char *kind = svmt_is_virtio(d->type) ? "address" : "port";
		char title[64];

		svmt_device_title(view, d, title);
		canvas_box(c, 0, y, WIDTH, 26, "device");
		canvas_text(c, 12, y + 17, "bold", "start", "%s", title);
		if (d->type == SVMT_DEV_CHIPSET_PC)
			canvas_text(c, NAMES_X, y + 17, "", "start", "interrupt controllers, timers, "
				    "clock, ACPI");
		else if (d->irq == SVMT_NO_IRQ)
			canvas_text(c, NAMES_X, y + 17, "", "start", "%s 0x%" PRIx64, kind,
				    (uint64_t)d->at);
		else
			canvas_text(c, NAMES_X, y + 17, "", "start", "%s 0x%" PRIx64 ", irq %" PRIu32,
				    kind, (uint64_t)d->at, d->irq);
		y += 32;
	}
	return y;
}

void graph_policy(struct canvas *c, struct arena *arena, const struct svmt_view *view)
{
	int y;

	canvas_text(c, 0, 16, "head", "start", "Exit policy");
	canvas_text(c, 0, 36, "dim", "start", "what is done, what is told, and for which exits of "
		    "those that can happen");
	y = draw_rules(c, arena, view, 48);
	canvas_text(c, 0, y + 20, "head", "start", "Tables and devices");
	canvas_text(c, 0, y + 42, "", "start", "CPUID: %" PRIu32 " row%s%s; MSRs: %" PRIu32
		    " row%s%s", view->cpuid_count, view->cpuid_count == 1 ? "" : "s",
		    view->cpuid_count ? "" : " (all zero)", view->msr_count,
		    view->msr_count == 1 ? "" : "s", view->msr_count ? "" : " (all #GP)");
	draw_devices(c, view, y + 54);
}
