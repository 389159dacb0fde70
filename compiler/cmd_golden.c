/* SPDX-License-Identifier: MIT */
/*
 * svmc golden: specs of a directory against the templates beside them. `check` compiles and
 * compares; `update` writes the templates anew, all or none.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "diff.h"
#include "golden.h"
#include "load.h"
#include "output.h"

static const char usage[] =
	"usage: svmc golden check [--junit FILE] DIR\n"
	"       svmc golden update DIR\n"
	"\n"
	"Compare every spec DIR/NAME.yaml with its golden template DIR/NAME.svmt, or write the\n"
	"templates anew. `check` prints TAP; a difference is told by field. Files that specs\n"
	"include belong into a directory of their own.\n"
	"\n"
	"  --junit FILE         the results as JUnit XML too\n"
	"  -h, --help           this text\n"
	"\n"
	"Exit status: 0 all are the same or were written, 1 a difference, a missing golden or\n"
	"errors in a spec, 2 wrong usage, 3 a file could not be read or written.\n";

static int is_spec(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && entry->d_name[0] != '.' &&
	       !strcmp(entry->d_name + length - 5, ".yaml");
}

struct work {
	const char *directory;
	struct dirent **entries;
	int count;
};

/* Path of a file beside spec number `i`, with its suffix; the caller frees it. */
static char *path_of(const struct work *work, int i, const char *suffix)
{
	const char *name = work->entries[i]->d_name;
	char *path;

	if (asprintf(&path, "%s/%.*s%s", work->directory, (int)strlen(name) - 5, name, suffix) < 0)
		return NULL;
	return path;
}

static void say_differences(FILE *out, const struct svmt_view *golden, const struct svmt_view *now)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	struct differences differences = { .arena = arena };

	if (arena && !setjmp(arena->out_of_memory)) {
		diff_templates(&differences, golden, now);
		diff_print(out, &differences, "");
	} else {
		fprintf(out, "out of memory\n");
	}
	if (arena)
		arena_free(arena);
	free(arena);
}

/* Compare what the spec gives now with the golden file. Returns whether they are the same. */
static bool compare(FILE *out, const struct work *work, const char *golden,
		    const struct svmc_image *image)
{
	struct svmt_view old_view, new_view;
	struct svmt_error error;
	uint64_t bytes = 0;
	uint8_t *old = cmd_read_file(golden, SVMT_MAX_BYTES, &bytes);
	bool same = false;

	if (!old && errno == ENOENT) {
		fprintf(out, "no golden %s; if the spec is as it should be, make it: "
			"svmc golden update %s\n", golden, work->directory);
	} else if (!old) {
		fprintf(out, "cannot read %s: %s\n", golden, strerror(errno));
	} else if (svmt_view_open(&old_view, old, bytes, &error)) {
		fprintf(out, "%s: %s\n", golden, error.text);
	} else if (bytes == image->length && !memcmp(old, image->bytes, bytes)) {
		same = true;
	} else if (!svmt_view_open(&new_view, image->bytes, image->length, &error)) {
		fprintf(out, "the spec gives another template (golden -> now); if that is meant: "
			"svmc golden update %s\n", work->directory);
		say_differences(out, &old_view, &new_view);
	}
	free(old);
	return same;
}

static int check_one(const struct work *work, int i, struct golden_result *result)
{
	char *spec = path_of(work, i, ".yaml"), *golden = path_of(work, i, ".svmt");
	struct svmc_image image = { 0 };
	size_t bytes = 0;
	FILE *out = open_memstream(&result->text, &bytes);
	int status = SVMC_IO;

	result->name = strndup(work->entries[i]->d_name, strlen(work->entries[i]->d_name) - 5);
	if (spec && golden && out) {
		status = svmc_compile_file(spec, NULL, &image, out);
		result->good = status == SVMC_OK && compare(out, work, golden, &image);
	}
	svmc_image_free(&image);
	if (out)
		fclose(out);
	free(spec);
	free(golden);
	return result->name && result->text ? SVMC_OK : SVMC_IO;
}

static int write_junit(const char *path, const struct work *work,
		       const struct golden_results *results)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	int result = -1;

	if (out) {
		golden_print_junit(out, work->directory, results);
		if (!fclose(out))
			result = output_write(path, (const uint8_t *)text, bytes);
	}
	if (result)
		fprintf(stderr, "svmc golden: cannot write %s: %s\n", path, strerror(errno));
	free(text);
	return result ? SVMC_IO : SVMC_OK;
}

static int check(const struct work *work, const char *junit)
{
	struct golden_results results = { .count = (size_t)work->count };
	int status = SVMC_OK;

	results.rows = calloc(results.count, sizeof(*results.rows));
	for (int i = 0; results.rows && i < work->count && !status; i++) {
		status = check_one(work, i, &results.rows[i]);
		results.failures += !results.rows[i].good;
	}
	if (!results.rows || status) {
		fprintf(stderr, "svmc golden: out of memory\n");
		status = SVMC_IO;
	} else {
		golden_print_tap(stdout, &results);
		status = results.failures ? SVMC_DIAGNOSED : SVMC_OK;
		if (junit && write_junit(junit, work, &results))
			status = SVMC_IO;
	}
	for (size_t i = 0; results.rows && i < results.count; i++) {
		free(results.rows[i].name);
		free(results.rows[i].text);
	}
	free(results.rows);
	return cmd_finish_stdout(&cmd_golden, status);
}

static int write_one(const struct work *work, int i, const struct svmc_image *image)
{
	char *golden = path_of(work, i, ".svmt");
	uint64_t bytes = 0;
	uint8_t *old = golden ? cmd_read_file(golden, SVMT_MAX_BYTES, &bytes) : NULL;
	bool same = old && bytes == image->length && !memcmp(old, image->bytes, bytes);
	int status = SVMC_OK;

	free(old);
	if (!same && (!golden || output_write(golden, image->bytes, image->length))) {
		fprintf(stderr, "svmc golden: cannot write %s: %s\n", golden ? golden : "a golden",
			strerror(errno));
		status = SVMC_IO;
	} else if (!same) {
		printf("%s written\n", golden);
	}
	free(golden);
	return status;
}

/* Everything compiles before anything is written. */
static int update(const struct work *work)
{
	struct svmc_image *images = calloc((size_t)work->count, sizeof(*images));
	int worst = images ? SVMC_OK : SVMC_IO;

	for (int i = 0; images && i < work->count; i++) {
		char *spec = path_of(work, i, ".yaml");
		int status = spec ? svmc_compile_file(spec, NULL, &images[i], stderr) : SVMC_IO;

		worst = status > worst ? status : worst;
		free(spec);
	}
	for (int i = 0; images && i < work->count; i++) {
		if (worst == SVMC_OK)
			worst = write_one(work, i, &images[i]);
		svmc_image_free(&images[i]);
	}
	free(images);
	return cmd_finish_stdout(&cmd_golden, worst);
}

/* Exactly one of the two is asked for; the word was checked. */
static int run_on(const char *directory, bool checks, const char *junit)
{
	struct work work = { .directory = directory };
	int status;

	work.count = scandir(directory, &work.entries, is_spec, alphasort);
	if (work.count < 0) {
		fprintf(stderr, "svmc golden: cannot read %s: %s\n", directory, strerror(errno));
		return SVMC_IO;
	}
	if (!work.count) {
		fprintf(stderr, "svmc golden: no spec NAME.yaml in %s; name the directory that has "
			"them\n", directory);
		status = SVMC_DIAGNOSED;
	} else {
		status = checks ? check(&work, junit) : update(&work);
	}
	for (int i = 0; i < work.count; i++)
		free(work.entries[i]);
	free(work.entries);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "junit", required_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *junit = NULL;
	bool checks;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_golden);
		if (c == '?')
			return cmd_usage(&cmd_golden, "unknown or incomplete option");
		junit = optarg;
	}
	if (argc - optind != 2)
		return cmd_usage(&cmd_golden, "the rule is `check DIR` or `update DIR`");
	checks = !strcmp(argv[optind], "check");
	if (!checks && strcmp(argv[optind], "update"))
		return cmd_usage(&cmd_golden, "`%s` is neither `check` nor `update`", argv[optind]);
	if (!checks && junit)
		return cmd_usage(&cmd_golden, "--junit is for `check`");
	return run_on(argv[optind + 1], checks, junit);
}

const struct command cmd_golden = {
	"golden", "compare specs with their golden templates", usage, run,
};
