/* SPDX-License-Identifier: MIT */
/* Where the pages of a launch come from: a template, or a spec before it becomes one. */
#include <stdlib.h>
#include <string.h>
#include "measure.h"
#include "vmsa.h"

static const uint8_t *template_page(const void *of, uint64_t gpa, uint8_t room[4096])
{
	(void)room;
	return svmt_memory_page(of, gpa);
}

static struct measure_vcpu template_vcpu(const void *of, uint32_t vcpu)
{
	const struct svmt_view *view = of;

	return (struct measure_vcpu){
		svmt_blob_page(view, view->vmsas[vcpu].page), view->vmsas[vcpu].gpa,
	};
}

void measure_template(struct measure_source *source, const struct svmt_view *view)
{
	*source = (struct measure_source){
		view->launch->kind, view->launch_rows, view->launch->row_count, template_page, view,
		template_vcpu, view->vcpu_count,
	};
}

/* The last contents that begin at or below `gpa`. They do not overlap: their ends ascend, too. */
static size_t find_contents(const struct measure_spec *keep, uint64_t gpa)
{
	size_t low = 0, high = keep->content_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (keep->contents[middle]->gpa <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : 0;
}

static const uint8_t *spec_page(const void *of, uint64_t gpa, uint8_t room[4096])
{
	const struct measure_spec *keep = of;
	const uint64_t end = gpa + SVMT_PAGE_BYTES;
	size_t i = find_contents(keep, gpa);

	if (i < keep->content_count && keep->contents[i]->gpa <= gpa &&
	    keep->contents[i]->gpa + keep->contents[i]->data_bytes >= end)
		return keep->contents[i]->data + (gpa - keep->contents[i]->gpa);
	memset(room, 0, SVMT_PAGE_BYTES);
	for (; i < keep->content_count && keep->contents[i]->gpa < end; i++) {
		const struct spec_contents *x = keep->contents[i];
		const uint64_t first = x->gpa > gpa ? x->gpa : gpa;
		const uint64_t x_end = x->gpa + x->data_bytes;

		if (x_end > first)
			memcpy(room + (first - gpa), x->data + (first - x->gpa),
			       (size_t)((x_end < end ? x_end : end) - first));
	}
	return room;
}

static struct measure_vcpu spec_vcpu(const void *of, uint32_t vcpu)
{
	const struct measure_spec *keep = of;
	const struct spec *spec = &keep->c->spec;
	size_t set = 0;

	while (spec->sets[set].last < vcpu)
		set++;
	return keep->vcpus[set];
}

static int compare(const void *a, const void *b)
{
	const struct spec_contents *const *x = a, *const *y = b;

	return (*x)->gpa < (*y)->gpa ? -1 : (*x)->gpa > (*y)->gpa;
}

void measure_from_spec(struct measure_source *source, struct measure_spec *keep, struct comp *c)
{
	const struct spec *spec = &c->spec;
	struct pool pool = { .arena = &c->arena };

	*keep = (struct measure_spec){ .c = c, .content_count = spec->content_count };
	keep->rows = arena_alloc(&c->arena, (spec->launch.row_count + 1) * sizeof(*keep->rows));
	for (size_t i = 0; i < spec->launch.row_count; i++)
		keep->rows[i] = spec->launch.rows[i].row;
	keep->contents = arena_alloc(&c->arena, (spec->content_count + 1) *
				     sizeof(*keep->contents));
	for (size_t i = 0; i < spec->content_count; i++)
		keep->contents[i] = &spec->contents[i];
	if (spec->content_count)
		qsort(keep->contents, spec->content_count, sizeof(*keep->contents), compare);
	keep->vcpus = arena_alloc(&c->arena, spec->set_count * sizeof(*keep->vcpus));
	for (size_t i = 0; i < spec->set_count; i++) {
		uint8_t *page = arena_alloc(&c->arena, VMSA_PAGE_BYTES);
		uint32_t number;

		launch_page(c, &spec->sets[i], page);
		number = pool_add(&pool, page);
		keep->vcpus[i].page = number == SVMT_ZERO_PAGE ? page : pool.pages[number];
		keep->vcpus[i].gpa = spec->sets[i].vmsa_gpa;
	}
	*source = (struct measure_source){
		spec->launch.head.kind, keep->rows, (uint32_t)spec->launch.row_count, spec_page,
		keep, spec_vcpu, spec->vcpu_count,
	};
}
