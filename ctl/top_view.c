/* SPDX-License-Identifier: MIT */
/* The state behind svmctl top; see top_view.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json_get.h"
#include "top_view.h"

const char *top_sort_name(enum top_sort sort)
{
	static const char *const names[] = {
		[TOP_BY_EXITS] = "exits", [TOP_BY_NAME] = "name", [TOP_BY_NUMBER] = "number",
		[TOP_BY_EVENTS] = "events",
	};

	return names[sort];
}

void top_view_begin(struct top_view *view, double seconds)
{
	view->seconds = seconds;
	view->error[0] = 0;
	for (size_t i = 0; i < view->count; i++)
		view->vms[i].seen = false;
}

static struct top_vm *find(const struct top_view *view, long vm)
{
	for (size_t i = 0; i < view->count; i++) {
		if (view->vms[i].vm == vm)
			return &view->vms[i];
	}
	return NULL;
}

const struct top_vm *top_view_find(const struct top_view *view, long vm)
{
	return find(view, vm);
}

static struct top_vm *add(struct top_view *view, long vm)
{
	if (view->count == view->capacity) {
		size_t capacity = view->capacity * 2 + 16;
		struct top_vm *vms = reallocarray(view->vms, capacity, sizeof(*vms));

		if (!vms)
			return NULL;
		view->vms = vms;
		view->capacity = capacity;
	}
	view->vms[view->count] = (struct top_vm){ .vm = vm };
	return &view->vms[view->count++];
}

bool top_view_vm(struct top_view *view, long number, const char *name, const char *state,
		 const cJSON *answer)
{
	struct top_vm *vm = find(view, number);
	struct counters counters;
	bool first = !vm;
	double per = 0;

	if (!vm)
		vm = add(view, number);
	if (!vm)
		return false;
	counters_read(&counters, answer);
	if (counters.failed) {
		counters_free(&counters);
		return false;
	}
	/* A VM that was not there before has no rate yet; what it did before we looked is no burst. */
	counters_since(&counters, first ? &counters : &vm->counters);
	counters_free(&vm->counters);
	vm->counters = counters;
	if (view->seconds > 0)
		per = 1 / view->seconds;
	vm->exits = counters_sum(&counters, COUNTER_EXIT, true) * per;
	vm->entries = counters_value(&counters, COUNTER_TOTAL, "entries", true) * per;
	vm->events = counters_value(&counters, COUNTER_TOTAL, "events", true) * per;
	vm->dropped = counters_value(&counters, COUNTER_TOTAL, "dropped", false);
	vm->vcpus = (unsigned int)cJSON_GetArraySize(json_member(answer, "vcpus"));
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	snprintf(vm->state, sizeof(vm->state), "%s", state);
	vm->seen = true;
	return true;
}

void top_view_end(struct top_view *view)
{
	size_t kept = 0;

	for (size_t i = 0; i < view->count; i++) {
		if (view->vms[i].seen)
			view->vms[kept++] = view->vms[i];
		else
			counters_free(&view->vms[i].counters);
	}
	view->count = kept;
	if (view->detail && !find(view, view->detail))
		view->detail = 0;
}

void top_view_free(struct top_view *view)
{
	for (size_t i = 0; i < view->count; i++)
		counters_free(&view->vms[i].counters);
	free(view->vms);
	view->vms = NULL;
	view->count = view->capacity = 0;
}

static double key_of(const struct top_vm *vm, enum top_sort sort, bool whole)
{
	if (sort == TOP_BY_EVENTS)
		return whole ? counters_value(&vm->counters, COUNTER_TOTAL, "events", false) :
			       vm->events;
	return whole ? counters_sum(&vm->counters, COUNTER_EXIT, false) : vm->exits;
}

/* Does `a` come before `b`? Equal ones by number, so that rows do not dance. */
static bool before(const struct top_view *view, const struct top_vm *a, const struct top_vm *b)
{
	if (view->sort == TOP_BY_NAME && strcmp(a->name, b->name))
		return strcmp(a->name, b->name) < 0;
	if (view->sort == TOP_BY_EXITS || view->sort == TOP_BY_EVENTS) {
		double left = key_of(a, view->sort, view->whole);
		double right = key_of(b, view->sort, view->whole);

		if (left != right)
			return left > right;
	}
	return a->vm < b->vm;
}

size_t top_view_rows(const struct top_view *view, const struct top_vm **rows)
{
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++) {
		size_t at = count;

		if (view->filter[0] && !strstr(view->vms[i].name, view->filter))
			continue;
		for (; at && before(view, &view->vms[i], rows[at - 1]); at--)
			rows[at] = rows[at - 1];
		rows[at] = &view->vms[i];
		count++;
	}
	return count;
}

static size_t row_count(const struct top_view *view)
{
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++)
		count += !view->filter[0] || strstr(view->vms[i].name, view->filter);
	return count;
}

static void type(struct top_view *view, int key)
{
	size_t length = strlen(view->filter);

	if (key == TOP_KEY_ENTER) {
		view->typing = false;
	} else if (key == TOP_KEY_BACK) {
		view->typing = false;
		view->filter[0] = 0;
	} else if (key == TOP_KEY_ERASE) {
		if (length)
			view->filter[length - 1] = 0;
	} else if (key > 0x20 && key < 0x7f && length + 1 < sizeof(view->filter)) {
		view->filter[length] = (char)key;
		view->filter[length + 1] = 0;
	}
	view->selected = 0;
}

static void move(struct top_view *view, long by)
{
	long rows = (long)row_count(view), to = (long)view->selected + by;

	if (to >= rows)
		to = rows - 1;
	view->selected = to < 0 ? 0 : (size_t)to;
}

static void open_selected(struct top_view *view)
{
	const struct top_vm **rows = calloc(view->count + 1, sizeof(const struct top_vm *));
	size_t count = rows ? top_view_rows(view, rows) : 0;

	if (view->selected < count)
		view->detail = rows[view->selected]->vm;
	free(rows);
}

enum top_answer top_view_key(struct top_view *view, int key, size_t page)
{
	if (view->typing) {
		type(view, key);
		return TOP_GO_ON;
	}
	switch (key) {
	case 'q':
		return TOP_QUIT;
	case TOP_KEY_BACK:
		view->detail = 0;
		break;
	case TOP_KEY_UP:
	case 'k':
		move(view, -1);
		break;
	case TOP_KEY_DOWN:
	case 'j':
		move(view, 1);
		break;
	case TOP_KEY_PAGE_UP:
		move(view, -(long)page);
		break;
	case TOP_KEY_PAGE_DOWN:
		move(view, (long)page);
		break;
	case TOP_KEY_ENTER:
		open_selected(view);
		break;
	case 's':
		view->sort = (view->sort + 1) % TOP_SORTS;
		break;
	case 'f':
	case '/':
		view->typing = !view->detail;
		break;
	case 't':
		view->whole = !view->whole;
		break;
	case ' ':
		return TOP_READ_NOW;
	default:
		break;
	}
	return TOP_GO_ON;
}
