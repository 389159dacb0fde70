/* SPDX-License-Identifier: MIT */
/* Reading or compiling what a command looks at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "load.h"

static int open_view(const char *path, struct loaded *out, uint64_t bytes)
{
	struct svmt_error error;

	if (!svmt_view_open(&out->view, out->bytes, bytes, &error))
		return SVMC_OK;
	fprintf(stderr, "%s: error: %s\n", path, error.text);
	load_free(out);
	return SVMC_DIAGNOSED;
}

int load_template(const struct command *command, const char *path, struct loaded *out)
{
	uint64_t bytes = 0;

	memset(out, 0, sizeof(*out));
	out->bytes = cmd_read_file(path, SVMT_MAX_BYTES, &bytes);
	if (out->bytes)
		return open_view(path, out, bytes);
	fprintf(stderr, "svmc %s: cannot read %s: %s\n", command->name, path, strerror(errno));
	return SVMC_IO;
}

bool load_is_template(const char *path)
{
	FILE *file = fopen(path, "re");
	char magic[sizeof(SVMT_MAGIC) - 1];
	bool is = file && fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
		  !memcmp(magic, SVMT_MAGIC, sizeof(magic));

	if (file)
		fclose(file);
	return is;
}

int load_either(const struct command *command, const char *path,
		const struct svmc_options *options, struct loaded *out)
{
	struct svmc_image image;
	int status;

	if (load_is_template(path))
		return load_template(command, path, out);
	memset(out, 0, sizeof(*out));
	status = svmc_compile_file(path, options, &image, stderr);
	if (status != SVMC_OK)
		return status;
	out->bytes = image.bytes;
	return open_view(path, out, image.length);
}

void load_free(struct loaded *loaded)
{
	free(loaded->bytes);
	memset(loaded, 0, sizeof(*loaded));
}
