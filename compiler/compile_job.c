/* SPDX-License-Identifier: MIT */
/* Compiling of one spec, and the three forms that its result can take. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "compile_job.h"
#include "diag.h"
#include "output.h"

const char *emit_suffix(enum emit_kind kind)
{
	static const char *const suffixes[] = { ".svmt", ".vmcb", ".json" };

	return suffixes[kind];
}

void compile_cannot_write(FILE *out, const struct svmc_options *options, const char *path)
{
	struct diag diag = {
		.out = out, .path = path, .colour = options->colour,
		.json = options->json_diagnostics,
	};

	diag_error(&diag, NULL, "cannot write it: %s", strerror(errno));
}

/* The VMCB pages of all vCPUs, one behind the other. */
static int write_vmcbs(const char *path, const struct svmt_view *view)
{
	uint8_t *pages = calloc(view->vcpu_count, SVMT_PAGE_BYTES);
	int result;

	if (!pages)
		return -1;
	for (uint32_t i = 0; i < view->vcpu_count; i++)
		memcpy(pages + (size_t)i * SVMT_PAGE_BYTES,
		       svmt_blob_page(view, view->vcpus[i].vmcb_page), SVMT_PAGE_BYTES);
	result = output_write(path, pages, (uint64_t)view->vcpu_count * SVMT_PAGE_BYTES);
	free(pages);
	return result;
}

int (*compile_json)(FILE *out, const struct svmt_view *view);

static int write_json(const char *path, const struct svmt_view *view)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	int result = out ? compile_json(out, view) : -1;

	if (out && fclose(out))
		result = -1;
	if (!result)
		result = output_write(path, (const uint8_t *)text, bytes);
	free(text);
	return result;
}

static int write_result(const char *path, const struct svmc_image *image, enum emit_kind kind)
{
	struct svmt_view view;
	struct svmt_error error;

	if (kind == EMIT_SVMT)
		return output_write(path, image->bytes, image->length);
	if (svmt_view_open_sealed(&view, image->bytes, image->length, &error)) {
		errno = EINVAL;	/* the compiler has read it back, so this cannot be */
		return -1;
	}
	return kind == EMIT_VMCB ? write_vmcbs(path, &view) : write_json(path, &view);
}

void compile_job_run(struct compile_job *job, const struct svmc_options *options,
		     enum emit_kind kind, bool depends)
{
	FILE *messages = open_memstream(&job->messages, &job->message_bytes);
	struct svmc_options own = *options;
	struct svmc_image image;

	job->status = SVMC_IO;
	if (!messages) {
		fputs("svmc: out of memory for messages\n", stderr);
		return;
	}
	if (depends) {
		own.file_read = depfile_add;
		own.file_argument = &job->files;
	}
	job->status = svmc_compile_file(job->spec, &own, &image, messages);
	if (job->status == SVMC_OK && write_result(job->output, &image, kind)) {
		compile_cannot_write(messages, options, job->output);
		job->status = SVMC_IO;
	}
	svmc_image_free(&image);
	if (fclose(messages))
		job->status = SVMC_IO;
}

void compile_job_free(struct compile_job *job)
{
	free(job->output);
	free(job->messages);
	depfile_free(&job->files);
	memset(job, 0, sizeof(*job));
}
