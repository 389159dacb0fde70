/* SPDX-License-Identifier: MIT */
/*
 * The page: title, then the parts side by side, and beneath each other what does not fit. Colours
 * are told apart by people who see few of them, and every colour has its word, too.
 */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "dump.h"
#include "graph.h"
#include "vmsa.h"

#define MARGIN 32u
#define TITLE 76u

static const char style[] =
	"text{font:12px ui-monospace,'DejaVu Sans Mono',monospace;fill:#1c2733}"
	".title{font:600 20px system-ui,'DejaVu Sans',sans-serif}"
	".head{font:600 14px system-ui,'DejaVu Sans',sans-serif}"
	".dim{fill:#5a6875}.bold{font-weight:600}.white{fill:#fff}"
	".page{fill:#fff}.rule{stroke:#c5ced6;stroke-width:1}"
	".gap{stroke:#8a97a3;stroke-width:1;stroke-dasharray:3 3}"
	".card{fill:#f6f8fa;stroke:#c5ced6}"
	".ram{fill:#d7e8f7;stroke:#4a7fb0}.rom{fill:#e6e0f2;stroke:#7a63a8}"
	".contents{fill:#2f6ca3}.lead{stroke:#8a97a3;stroke-width:1}"
	".stop{fill:#b23a2e}.user{fill:#c77700}.inject{fill:#7a3e8f}.skip{fill:#5a6875}"
	".table{fill:#1f7a4d}.wait{fill:#1f6f8b}.other{fill:#444c54}"
	".device{fill:#fdf1dc;stroke:#c77700}";

/* Characters that XML takes for its own; others that it has no place for become spaces. */
static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '&' || c == '<' || c == '>')
			fprintf(out, "&#%u;", c);
		else
			fputc(c < 0x20 ? ' ' : c, out);
	}
}

static void grow(struct canvas *c, int right, int bottom)
{
	if (right > 0 && (unsigned int)right > c->width)
		c->width = (unsigned int)right;
	if (bottom > 0 && (unsigned int)bottom > c->height)
		c->height = (unsigned int)bottom;
}

void canvas_text(struct canvas *c, int x, int y, const char *class_name, const char *anchor,
		 const char *format, ...)
{
	char text[512];
	va_list args;
	int width;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(c->out, "<text x=\"%d\" y=\"%d\" class=\"%s\"", x, y, class_name);
	if (strcmp(anchor, "start"))
		fprintf(c->out, " text-anchor=\"%s\"", anchor);
	fputc('>', c->out);
	print_escaped(c->out, text);
	fputs("</text>\n", c->out);
	width = (int)(strlen(text) * (strstr(class_name, "head") ? 9 : GRAPH_CHARACTER + 1));
	grow(c, !strcmp(anchor, "start") ? x + width : !strcmp(anchor, "middle") ? x + width / 2 :
		x, y + 6);
}

void canvas_box(struct canvas *c, int x, int y, unsigned int width, unsigned int height,
		const char *class_name)
{
	fprintf(c->out, "<rect x=\"%d\" y=\"%d\" width=\"%u\" height=\"%u\" rx=\"3\" "
		"class=\"%s\"/>\n", x, y, width, height, class_name);
	grow(c, x + (int)width, y + (int)height);
}

void canvas_line(struct canvas *c, int x1, int y1, int x2, int y2, const char *class_name)
{
	fprintf(c->out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"%s\"/>\n", x1, y1,
		x2, y2, class_name);
	grow(c, x1 > x2 ? x1 : x2, y1 > y2 ? y1 : y2);
}

void graph_vmcb(const struct svmt_view *view, uint32_t vcpu, struct svmk_vmcb *vmcb)
{
	dump_vmcb(view, vcpu, vmcb);
	if (view->vmsas)
		vmsa_to_vmcb(dump_vmsa(view, vcpu), vmcb);
}

static int draw(struct graph_part *part, struct arena *arena, const struct svmt_view *view,
		void (*function)(struct canvas *, struct arena *, const struct svmt_view *))
{
	struct canvas canvas = { .out = open_memstream(&part->svg, &part->bytes) };

	if (!canvas.out)
		return -1;
	function(&canvas, arena, view);
	part->width = canvas.width;
	part->height = canvas.height;
	return fclose(canvas.out) ? -1 : 0;
}

static void place(FILE *out, const struct graph_part *part, unsigned int x, unsigned int y)
{
	fprintf(out, "<g transform=\"translate(%u %u)\">\n%s</g>\n", x, y, part->svg);
}

static void print_title(FILE *out, const struct svmt_view *view)
{
	cJSON *meta = cJSON_ParseWithLength(view->meta, (size_t)view->meta_bytes);
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, "name"));
	const char *profile =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, "profile"));
	struct canvas c = { .out = out };
	char identity[65];

	svmt_identity(view->header, identity);
	canvas_text(&c, MARGIN, 40, "title", "start", "%s", name ? name : "template");
	canvas_text(&c, MARGIN, 60, "dim", "start", "profile %s, %u vCPU%s, identity %.16s",
		    profile ? profile : "?", view->vcpu_count, view->vcpu_count == 1 ? "" : "s",
		    identity);
	cJSON_Delete(meta);
}

/* Memory on the left; vCPUs and policy in a column beside it. */
static void print_page(FILE *out, const struct svmt_view *view, const struct graph_part *memory,
		       const struct graph_part *vcpus, const struct graph_part *policy)
{
	const unsigned int right = MARGIN + memory->width + MARGIN;
	const unsigned int below = TITLE + vcpus->height + MARGIN;
	const unsigned int side = vcpus->width > policy->width ? vcpus->width : policy->width;
	const unsigned int width = right + side + MARGIN;
	unsigned int height = below + policy->height;

	if (height < TITLE + memory->height)
		height = TITLE + memory->height;
	height += MARGIN;
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"viewBox=\"0 0 %u %u\" role=\"img\">\n<style>%s</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" class=\"page\"/>\n", width, height, width,
		height, style);
	print_title(out, view);
	place(out, memory, MARGIN, TITLE);
	place(out, vcpus, right, TITLE);
	place(out, policy, right, below);
	fputs("</svg>\n", out);
}

int graph_svg(FILE *out, const struct svmt_view *view)
{
	struct graph_part memory = { 0 }, vcpus = { 0 }, policy = { 0 };
	struct arena *arena = calloc(1, sizeof(*arena));
	volatile int result = -1;

	if (arena && !setjmp(arena->out_of_memory) &&
	    !draw(&memory, arena, view, graph_memory) && !draw(&vcpus, arena, view, graph_vcpus) &&
	    !draw(&policy, arena, view, graph_policy)) {
		print_page(out, view, &memory, &vcpus, &policy);
		result = 0;
	}
	free(memory.svg);
	free(vcpus.svg);
	free(policy.svg);
	if (arena)
		arena_free(arena);
	free(arena);
	return result;
}
