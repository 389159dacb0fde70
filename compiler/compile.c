/* SPDX-License-Identifier: MIT */
/* The stages of a compilation in their order, and its one way out. */
#include <stdlib.h>
#include <string.h>
#include "acpi.h"
#include "checks/checks.h"
#include "comp.h"
#include "emit.h"
#include "guest_tables.h"
#include "include.h"
#include "memory.h"
#include "payload.h"
#include "spec_read.h"
#include "vars.h"

const char *comp_directory(struct comp *c, const struct range *place)
{
	const char *path = place->source->path, *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	if (slash == path)
		return "/";
	return arena_copy(&c->arena, path, (size_t)(slash - path));
}

void comp_file_read(struct comp *c, const char *path)
{
	if (c->options->file_read)
		c->options->file_read(c->options->file_argument, path);
}

/* Memory contents depend on where the vCPU starts, so they wait for the parts to be good. */
static void build_memory(struct comp *c)
{
	const unsigned int errors = c->diag.errors;

	if (c->spec.bad & (PART_PROFILE | PART_MEMORY | PART_VCPUS))
		return;
	memory_build_tables(c);
	if (!(c->spec.bad & PART_TABLES))
		build_guest_tables(c);
	if (!(c->spec.bad & PART_DEVICES))
		acpi_build(c);
	if (c->diag.errors > errors)
		c->spec.bad |= PART_TABLES;
	if (!(c->spec.bad & PART_PAYLOAD))
		payload_build(c);
	launch_build(c);
}

/* What becomes of a spec that compiled: a template, or whatever a command makes of it. */
struct goal {
	struct svmc_image *out;
	void (*use)(struct comp *c, void *argument);
	void *argument;
};

static void run_stages(struct comp *c, const char *path, const struct goal *goal)
{
	if (!include_all(c, path) || !vars_substitute(c))
		return;
	spec_read(c);
	build_memory(c);
	checks_run(c);
	if (c->diag.errors)
		return;
	if (goal->use)
		goal->use(c, goal->argument);
	else
		emit_template(c, goal->out);
}

static int compile(const char *path, const char *text, size_t bytes,
		   const struct svmc_options *options, const struct goal *goal, FILE *diag)
{
	static const struct svmc_options no_options;
	struct comp *c = calloc(1, sizeof(*c));
	int status;

	memset(goal->out, 0, sizeof(*goal->out));
	if (!c) {
		fprintf(diag, "%s: error: out of memory\n", path);
		return SVMC_IO;
	}
	c->options = options ? options : &no_options;
	c->given_text = text;
	c->given_bytes = bytes;
	c->diag = (struct diag){
		.out = diag, .path = path, .colour = c->options->colour,
		.json = c->options->json_diagnostics,
	};
	if (!setjmp(c->arena.out_of_memory)) {
		run_stages(c, path, goal);
	} else {
		diag_error(&c->diag, NULL, "out of memory");
		c->io_failed = true;
	}
	status = !c->diag.errors ? SVMC_OK : c->io_failed ? SVMC_IO : SVMC_DIAGNOSED;
	if (status)
		svmc_image_free(goal->out);
	json_out_free(&c->spec.expect);
	arena_free(&c->arena);
	free(c);
	return status;
}

int svmc_compile_file(const char *path, const struct svmc_options *options,
		      struct svmc_image *out, FILE *diag)
{
	return compile(path, NULL, 0, options, &(struct goal){ .out = out }, diag);
}

int svmc_compile_text(const char *name, const char *text, size_t bytes,
		      const struct svmc_options *options, struct svmc_image *out, FILE *diag)
{
	return compile(name, text, bytes, options, &(struct goal){ .out = out }, diag);
}

int comp_with_spec(const char *path, const struct svmc_options *options,
		   void (*use)(struct comp *c, void *argument), void *argument, FILE *diag)
{
	struct svmc_image none;

	return compile(path, NULL, 0, options, &(struct goal){ &none, use, argument }, diag);
}

void svmc_image_free(struct svmc_image *image)
{
	free(image->bytes);
	memset(image, 0, sizeof(*image));
}
