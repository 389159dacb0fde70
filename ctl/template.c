/* SPDX-License-Identifier: MIT */
/*
 * Reads or compiles, then checks with the same reader that the daemon uses, so that a damaged file
 * is named here and not after a trip through a socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "template.h"
#include "text.h"

/* 1: begins with the magic; 0: does not; -1: cannot be read (errno). */
static int is_template(FILE *file)
{
	char magic[4];
	size_t n = fread(magic, 1, sizeof(magic), file);

	if (ferror(file))
		return -1;
	rewind(file);
	return n == sizeof(magic) && !memcmp(magic, SVMT_MAGIC, sizeof(magic));
}

static int read_all(FILE *file, struct template *template)
{
	size_t capacity = 0, n;

	do {
		void *image;

		if (template->bytes == capacity) {
			capacity = capacity * 2 + 65536;
			image = capacity <= SVMT_MAX_BYTES ? realloc(template->read, capacity) : NULL;
			if (!image) {
				errno = EFBIG;
				return -1;
			}
			template->image = template->read = image;
		}
		n = fread((char *)template->read + template->bytes, 1, capacity - template->bytes,
			  file);
		template->bytes += n;
	} while (n);
	return ferror(file) ? -1 : 0;
}

static int compile(struct template *template, const char *path, const struct ctl_list *defines,
		   FILE *diag)
{
	struct svmc_options options = {
		.defines = defines->items, .define_count = defines->count,
		.colour = text_wants_colour(diag),
	};
	int status = svmc_compile_file(path, &options, &template->compiled, diag);

	template->image = template->compiled.bytes;
	template->bytes = template->compiled.length;
	return status == SVMC_OK ? CTL_OK : status == SVMC_IO ? CTL_ERROR : CTL_REJECTED;
}

int template_read(struct template *template, const char *path, const struct ctl_list *defines,
		  FILE *diag)
{
	FILE *file = fopen(path, "re");
	int kind = file ? is_template(file) : -1;
	int status = CTL_OK;
	struct svmt_error error;

	*template = (struct template){ .image = NULL };
	if (kind < 0 || (kind && read_all(file, template))) {
		fprintf(diag, "svmctl: %s: %s\n", path, strerror(errno));
		status = CTL_ERROR;
	} else if (kind && defines->count) {
		fprintf(diag, "svmctl: %s: -D sets variables of specs; this is a template\n", path);
		status = CTL_USAGE;
	} else if (!kind) {
		status = compile(template, path, defines, diag);
	}
	if (file)
		fclose(file);
	if (status == CTL_OK && svmt_view_open(&template->view, template->image, template->bytes,
					       &error)) {
		fprintf(diag, "svmctl: %s: %s\n", path, error.text);
		status = CTL_REJECTED;
	}
	return status;
}

void template_free(struct template *template)
{
	free(template->read);
	svmc_image_free(&template->compiled);
	*template = (struct template){ .image = NULL };
}
