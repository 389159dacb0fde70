/* SPDX-License-Identifier: MIT */
/*
 * svmc decompile: a template as a spec. What it prints was compiled again and gave the template's
 * bytes; what cannot be said in the language is an error that names it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "decompile.h"
#include "diff.h"
#include "load.h"
#include "output.h"

static const char usage[] =
	"usage: svmc decompile [-o FILE] TEMPLATE\n"
	"\n"
	"Print the spec of TEMPLATE (- is standard input): what differs from its profile, tables of\n"
	"the guest in words, other contents of memory as `segments`. Compiling that spec gives the\n"
	"same bytes.\n"
	"\n"
	"  -o, --output FILE    write FILE instead of standard output\n"
	"  -h, --help           this text\n"
	"\n"
	"Exit status: 0 printed, 1 not a good template, or one that no spec can say, 2 wrong\n"
	"usage, 3 a file could not be read or written.\n";

/* Compile text that is in no file of the user's. */
static int compile_text(const char *text, size_t bytes, struct svmc_image *image, FILE *messages)
{
	int fd = memfd_create("spec", MFD_CLOEXEC), status;
	char path[64];

	if (fd < 0)
		return SVMC_IO;
	for (size_t done = 0; done < bytes;) {
		ssize_t got = write(fd, text + done, bytes - done);

		if (got < 0 && errno != EINTR) {
			close(fd);
			return SVMC_IO;
		}
		done += got > 0 ? (size_t)got : 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	status = svmc_compile_file(path, NULL, image, messages);
	close(fd);
	return status;
}

static void show_differences(const struct svmt_view *template, const struct svmt_view *again)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	struct differences differences = { .arena = arena };

	if (arena && !setjmp(arena->out_of_memory)) {
		diff_templates(&differences, template, again);
		diff_print(stderr, &differences, "  ");
	}
	if (arena)
		arena_free(arena);
	free(arena);
}

/* SVMC_OK when the spec gives the template's bytes, else a status after messages. */
static int verify(const char *path, const struct svmt_view *view, const char *text, size_t bytes)
{
	struct svmc_image image = { 0 };
	struct svmt_view again;
	struct svmt_error error;
	char *messages = NULL;
	size_t message_bytes = 0;
	FILE *sink = open_memstream(&messages, &message_bytes);
	int status = sink ? compile_text(text, bytes, &image, sink) : SVMC_IO;

	if (sink)
		fclose(sink);
	if (status == SVMC_IO) {
		fprintf(stderr, "svmc decompile: cannot compile the spec again: %s\n",
			message_bytes ? messages : strerror(errno));
	} else if (status) {
		fprintf(stderr, "%s: error: no spec gives this template; svmc says of the nearest "
			"one:\n%s", path, messages ? messages : "");
	} else if (image.length != view->image_bytes ||
		   memcmp(image.bytes, view->image, image.length)) {
		status = SVMC_DIAGNOSED;
		fprintf(stderr, "%s: error: no spec gives this template; the nearest one differs "
			"(template -> spec):\n", path);
		if (!svmt_view_open(&again, image.bytes, image.length, &error))
			show_differences(view, &again);
	}
	svmc_image_free(&image);
	free(messages);
	return status;
}

static int print(const char *path, const struct svmt_view *view, const char *output)
{
	char error[256], *text;
	size_t bytes = 0;
	int status;

	text = decompile(view, &bytes, error);
	if (!text) {
		fprintf(stderr, "%s: error: %s\n", path, error);
		status = SVMC_DIAGNOSED;
	} else if (bytes > YAML_MAX_FILE_BYTES) {
		fprintf(stderr, "%s: error: its memory contents make a spec of %zu MiB, but a spec "
			"has at most %zu MiB; svmc dump shows the other parts\n", path,
			bytes >> 20, YAML_MAX_FILE_BYTES >> 20);
		status = SVMC_DIAGNOSED;
	} else {
		status = verify(path, view, text, bytes);
	}
	if (status == SVMC_OK && output_write(output, (const uint8_t *)text, bytes)) {
		fprintf(stderr, "svmc decompile: cannot write %s: %s\n", output, strerror(errno));
		status = SVMC_IO;
	}
	free(text);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "output", required_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *output = "-";
	struct loaded template;
	int c, status;

	while ((c = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_decompile);
		if (c == '?')
			return cmd_usage(&cmd_decompile, "unknown or incomplete option");
		output = optarg;
	}
	if (argc - optind != 1)
		return cmd_usage(&cmd_decompile, "%s", argc == optind ? "no template is named" :
				 "more than one template is named");
	status = load_template(&cmd_decompile, argv[optind], &template);
	if (status != SVMC_OK)
		return status;
	status = print(argv[optind], &template.view, output);
	load_free(&template);
	return status;
}

const struct command cmd_decompile = {
	"decompile", "turn a template back into a spec", usage, run,
};
