/* SPDX-License-Identifier: MIT */
/*
 * Draws; see top_screen.h. Every line is cut at the right edge and every row at the bottom, so that
 * no size of terminal breaks it.
 */
#include <curses.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "escape.h"
#include "top_screen.h"

#define HEADER_LINES 3		/* title, state, column names */
#define FOOTER_LINES 1

static SCREEN *screen;

int top_screen_open(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return -1;
	set_term(screen);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	if (has_colors() && !(getenv("NO_COLOR") && *getenv("NO_COLOR"))) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_GREEN, -1);
		init_pair(2, COLOR_RED, -1);
		init_pair(3, COLOR_CYAN, -1);
	}
	return 0;
}

void top_screen_close(void)
{
	endwin();
	delscreen(screen);
	screen = NULL;
}

size_t top_screen_page(void)
{
	int rows = LINES - HEADER_LINES - FOOTER_LINES;

	return rows > 1 ? (size_t)rows : 1;
}

int top_screen_key(int timeout_ms)
{
	int key;

	timeout(timeout_ms);
	key = getch();
	switch (key) {
	case ERR:
	case KEY_RESIZE:
		return -1;
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case '\r':
	case '\n':
	case KEY_ENTER:
		return TOP_KEY_ENTER;
	case 27:
	case KEY_LEFT:
		return TOP_KEY_BACK;
	case KEY_BACKSPACE:
	case 8:
	case 0x7f:
		return TOP_KEY_ERASE;
	default:
		return key;
	}
}

/* One line of at most COLS characters; what a daemon sent is escaped by the caller. */
static void put_line(int y, attr_t attributes, const char *text)
{
	if (y < 0 || y >= LINES)
		return;
	attr_on(attributes, NULL);
	mvaddnstr(y, 0, text, COLS);
	if (attributes & A_REVERSE)
		for (int x = getcurx(stdscr); x < COLS && getcury(stdscr) == y && x; x++)
			addch(' ');
	attr_off(attributes, NULL);
}

static attr_t state_colour(const char *state)
{
	int pair = !strcmp(state, "running") ? 1 : !strcmp(state, "failed") ? 2 :
		   !strcmp(state, "paused") ? 3 : 0;

	return (attr_t)COLOR_PAIR(pair);
}

/* 1234567 as 1.2M: a column of a fixed width for any rate. */
static const char *short_number(double value)
{
	static char ring[4][16];
	static unsigned int next;
	static const char units[] = "\0kMGT";
	char *text = ring[next++ % 4];
	unsigned int unit = 0;

	while (value >= 99999.5 && unit < 4) {
		value /= 1000;
		unit++;
	}
	if (unit)
		snprintf(text, sizeof(ring[0]), "%.1f%c", value, units[unit]);
	else
		snprintf(text, sizeof(ring[0]), "%.0f", value);
	return text;
}

static void draw_title(const struct top_view *view)
{
	size_t running = 0;
	double exits = 0;
	char line[256];

	for (size_t i = 0; i < view->count; i++) {
		running += !strcmp(view->vms[i].state, "running");
		exits += view->vms[i].exits;
	}
	snprintf(line, sizeof(line), "svmctl top - %zu VM%s, %zu running, %s exits/s", view->count,
		 view->count == 1 ? "" : "s", running, short_number(exits));
	put_line(0, A_BOLD, line);
	if (view->error[0])
		put_line(1, (attr_t)COLOR_PAIR(2), view->error);
	else if (view->typing || view->filter[0]) {
		snprintf(line, sizeof(line), "filter: %s%s", view->filter, view->typing ? "_" : "");
		put_line(1, 0, line);
	}
}

static void draw_list(struct top_view *view)
{
	const struct top_vm **rows = calloc(view->count + 1, sizeof(const struct top_vm *));
	size_t count = rows ? top_view_rows(view, rows) : 0, page = top_screen_page();
	char line[256], name[200];

	if (count && view->selected >= count)
		view->selected = count - 1;
	if (view->selected < view->first)
		view->first = view->selected;
	if (view->selected >= view->first + page)
		view->first = view->selected - page + 1;
	snprintf(line, sizeof(line), "%5s %-20s %-8s %5s %9s %9s %9s %7s", "VM", "NAME", "STATE",
		 "VCPUS", view->whole ? "EXITS" : "EXITS/s", view->whole ? "ENTRIES" : "ENTRIES/s",
		 view->whole ? "EVENTS" : "EVENTS/s", "DROPPED");
	put_line(2, A_REVERSE, line);
	for (size_t i = view->first; i < count && i < view->first + page; i++) {
		const struct top_vm *vm = rows[i];
		const struct counters *c = &vm->counters;

		text_escape(name, sizeof(name), vm->name, strlen(vm->name), 20);
		snprintf(line, sizeof(line), "%5ld %-20.20s %-8.8s %5u %9s %9s %9s %7s", vm->vm, name,
			 vm->state, vm->vcpus,
			 short_number(view->whole ? counters_sum(c, COUNTER_EXIT, false) : vm->exits),
			 short_number(view->whole ? counters_value(c, COUNTER_TOTAL, "entries", false) :
				      vm->entries),
			 short_number(view->whole ? counters_value(c, COUNTER_TOTAL, "events", false) :
				      vm->events), short_number(vm->dropped));
		put_line(HEADER_LINES + (int)(i - view->first), state_colour(vm->state) |
			 (i == view->selected ? A_BOLD | A_UNDERLINE : 0), line);
	}
	if (!count)
		put_line(HEADER_LINES, 0, view->count ? "no VM passes the filter" : "no VM exists");
	free(rows);
}

static void draw_counter(int y, const struct counter *row, double seconds, bool whole, double total)
{
	double value = whole || seconds <= 0 ? row->count : row->delta / seconds;
	const char *kind = counter_kind_name(row->kind);
	char line[200], name[80];

	if (row->kind == COUNTER_EXIT)
		snprintf(name, sizeof(name), "%s", row->name);
	else
		snprintf(name, sizeof(name), "%s%s %s", counter_parent(row->kind) ? "  " : "", kind,
			 row->name);
	if (total > 0)
		snprintf(line, sizeof(line), "%-32s %12.0f %6.1f%% %14.0f", name, value,
			 100 * (whole || seconds <= 0 ? row->count : row->delta) / total, row->count);
	else
		snprintf(line, sizeof(line), "%-32s %12.0f %7s %14.0f", name, value, "", row->count);
	put_line(y, row->kind == COUNTER_EXIT ? A_BOLD : 0, line);
}

static void draw_detail(const struct top_view *view)
{
	const struct top_vm *vm = top_view_find(view, view->detail);
	bool whole = view->whole || view->seconds <= 0;
	struct counters sorted;
	int y = HEADER_LINES;
	char line[300], name[200];
	double total;

	if (!vm)
		return;
	text_escape(name, sizeof(name), vm->name, strlen(vm->name), 32);
	snprintf(line, sizeof(line), "vm%ld %s: %s", vm->vm, name, vm->state);
	put_line(1, state_colour(vm->state), line);
	snprintf(line, sizeof(line), "%-32s %12s %7s %14s", "EXIT", whole ? "COUNT" : "PER SECOND", "%",
		 "SINCE CREATION");
	put_line(2, A_REVERSE, line);
	sorted = vm->counters;
	sorted.rows = calloc(vm->counters.count + 1, sizeof(*sorted.rows));
	if (!sorted.rows)
		return;
	memcpy(sorted.rows, vm->counters.rows, vm->counters.count * sizeof(*sorted.rows));
	if (whole)
		counters_since(&sorted, NULL);
	counters_sort(&sorted);
	total = counters_sum(&sorted, COUNTER_EXIT, true);
	for (size_t i = 0; i < sorted.count; i++) {
		const struct counter *row = &sorted.rows[i];

		if (row->kind != COUNTER_EXIT || row->count == 0)
			continue;
		draw_counter(y++, row, view->seconds, whole, total);
		for (size_t k = 0; k < sorted.count; k++) {
			const char *parent = counter_parent(sorted.rows[k].kind);

			if (parent && !strcmp(parent, row->name) && sorted.rows[k].count > 0)
				draw_counter(y++, &sorted.rows[k], view->seconds, whole, total);
		}
	}
	for (size_t i = 0; i < sorted.count; i++) {
		if (sorted.rows[i].kind >= COUNTER_HOST && sorted.rows[i].count > 0)
			draw_counter(y++, &sorted.rows[i], view->seconds, whole, 0);
	}
	free(sorted.rows);
}

void top_screen_draw(struct top_view *view)
{
	char line[160];

	erase();
	draw_title(view);
	if (view->detail)
		draw_detail(view);
	else
		draw_list(view);
	if (view->typing)
		snprintf(line, sizeof(line), " Enter keep the filter  Esc no filter");
	else if (view->detail)
		snprintf(line, sizeof(line), " Esc back  t %s  Space now  q quit",
			 view->whole ? "rates" : "totals");
	else
		snprintf(line, sizeof(line), " Enter open  s sort (%s)  f filter  t %s  Space now  q quit",
			 top_sort_name(view->sort), view->whole ? "rates" : "totals");
	/* The last line covers whatever ran over. */
	move(LINES - 1, 0);
	clrtoeol();
	put_line(LINES - 1, A_REVERSE, line);
	refresh();
}
