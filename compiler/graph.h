/* SPDX-License-Identifier: MIT */
/*
 * A template as a picture (SVG): memory map, vCPUs, exit policy. Internal to graph*.c, except for
 * graph_svg().
 */
#ifndef SVMC_GRAPH_H
#define SVMC_GRAPH_H

#include <stdio.h>
#include "arena.h"
#include "svmt_read.h"
#include "tables.h"

/* The parts draw into text of their own at (0, 0), so that the page can be laid out afterwards. */
struct graph_part {
	char *svg;			/* of malloc() */
	size_t bytes;
	unsigned int width, height;	/* pixels */
};

struct canvas {
	FILE *out;
	unsigned int width, height;	/* what has been drawn reaches to here */
};

#define GRAPH_LINE 18u			/* of text */
#define GRAPH_CHARACTER 7u		/* width of one, 12 px monospace */

/* Text; its anchor is start, middle or end. A class of the style sheet gives size and colour. */
__attribute__((format(printf, 6, 7)))
void canvas_text(struct canvas *c, int x, int y, const char *class_name, const char *anchor,
		 const char *format, ...);

void canvas_box(struct canvas *c, int x, int y, unsigned int width, unsigned int height,
		const char *class_name);

void canvas_line(struct canvas *c, int x1, int y1, int x2, int y2, const char *class_name);

/* The parts. `arena` is for what they compute. */
void graph_memory(struct canvas *c, struct arena *arena, const struct svmt_view *view);
void graph_vcpus(struct canvas *c, struct arena *arena, const struct svmt_view *view);
void graph_policy(struct canvas *c, struct arena *arena, const struct svmt_view *view);

/* What the vCPU begins with, also where a confidential one's registers are in its VMSA. */
void graph_vmcb(const struct svmt_view *view, uint32_t vcpu, struct svmk_vmcb *vmcb);

/* Write the whole picture. Returns 0, or -1 when memory ran out. */
int graph_svg(FILE *out, const struct svmt_view *view);

#endif
