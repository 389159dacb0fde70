/* SPDX-License-Identifier: MIT */
/* svmc diff: how two templates or specs differ, with the exit status of diff(1). */
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "diff.h"
#include "dump.h"
#include "load.h"
#include "number.h"
#include "page_fit.h"
#include "vmsa.h"

#define SAME 0
#define DIFFERENT 1
#define TROUBLE 2

static const char usage[] =
	"usage: svmc diff [--json] [-D NAME=VALUE]... [-W [no-|error=]NAME]...\n"
	"                 [--diagnostics=text|json] A B\n"
	"       svmc diff [--json] [--vcpu N] [-D NAME=VALUE]... PAGE B\n"
	"\n"
	"Show how the templates A and B differ: VMCB fields and intercepts by name, memory by\n"
	"range, exits, CPUID and MSR rows, devices, expectations and required features. A spec is\n"
	"compiled on the way.\n"
	"\n"
	"PAGE is a VMSA page from elsewhere, a file of 4096 bytes: it is compared field by field "
	"with\n"
	"the page of a vCPU of the confidential guest B, and the profile that it comes nearest to "
	"is\n"
	"named.\n"
	"\n"
	"  --vcpu N               the vCPU of B; the default is the one that differs least\n"
	"  --json                 one JSON object; null is a value that is absent\n"
	"  -D NAME=VALUE          set a variable in the specs\n"
	"  -W NAME                warnings of the specs, as for compile\n"
	"  --diagnostics=FORMAT   messages of the compiler: text (default) or json\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 the same, 1 different, 2 trouble.\n";

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static int print_json(const char *a, const char *b, const struct differences *differences,
		      const struct page_fit *fit)
{
	cJSON *root = cJSON_CreateObject(), *list;
	char *text;
	int result;

	cJSON_AddStringToObject(root, "a", a);
	cJSON_AddStringToObject(root, "b", b);
	cJSON_AddBoolToObject(root, "same", !differences->count);
	list = cJSON_AddArrayToObject(root, "differences");
	for (size_t i = 0; i < differences->count; i++) {
		const struct difference *d = &differences->rows[i];
		cJSON *row = cJSON_CreateObject();

		cJSON_AddStringToObject(row, "area", d->area);
		cJSON_AddStringToObject(row, "name", d->name);
		add_text(row, "a", d->a);
		add_text(row, "b", d->b);
		cJSON_AddItemToArray(list, row);
	}
	if (fit) {
		cJSON_AddStringToObject(root, "profile", fit->profile);
		cJSON_AddStringToObject(root, "profile_vcpu", fit->is_first ? "first" : "others");
		cJSON_AddNumberToObject(root, "profile_differences", fit->differing);
	}
	text = cJSON_PrintUnformatted(root);
	result = text && printf("%s\n", text) > 0 ? 0 : -1;
	cJSON_Delete(root);
	free(text);
	return result;
}

/* A page on the left side, or NULL: the vCPU that the user names, or NEAREST. */
struct side {
	const uint8_t *page;
	uint32_t vcpu;
};
#define NEAREST UINT32_MAX

static uint32_t nearest_vcpu(const struct svmt_view *view, const uint8_t *page)
{
	uint32_t best = 0, best_count = UINT32_MAX;

	for (uint32_t i = 0; i < view->vcpu_count && best_count; i++) {
		const uint32_t count = page_fit_differing(page, dump_vmsa(view, i));

		if (count >= best_count)
			continue;
		best = i;
		best_count = count;
	}
	return best;
}

/* Returns false when there is no memory to find the profile. */
static bool compare_page(struct differences *out, const struct side *side,
			 const struct svmt_view *view, struct page_fit *fit)
{
	const uint32_t vcpu = side->vcpu == NEAREST ? nearest_vcpu(view, side->page) : side->vcpu;

	diff_pages(out, arena_printf(out->arena, "vcpu %" PRIu32, vcpu), side->page,
		   dump_vmsa(view, vcpu));
	return !page_fit_find(view->launch->kind, side->page, fit);
}

static void print_fit(const struct page_fit *fit)
{
	printf("nearest profile: %s, %s", fit->profile,
	       fit->is_first ? "first vCPU" : "vCPUs other than the first");
	if (fit->differing)
		printf(" (%u field%s differ)", fit->differing, fit->differing == 1 ? "" : "s");
	putchar('\n');
}

static int compare(char **paths, const struct loaded *a, const struct loaded *b,
		   const struct side *side, bool json)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	struct differences differences = { .arena = arena };
	volatile int status = TROUBLE;
	struct page_fit fit;

	if (!arena || setjmp(arena->out_of_memory)) {
		fprintf(stderr, "svmc diff: out of memory\n");
	} else {
		if (!side->page)
			diff_templates(&differences, &a->view, &b->view);
		else if (!compare_page(&differences, side, &b->view, &fit))
			longjmp(arena->out_of_memory, 1);
		status = differences.count ? DIFFERENT : SAME;
		if (!json)
			diff_print(stdout, &differences, "");
		else if (print_json(paths[0], paths[1], &differences, side->page ? &fit : NULL))
			status = TROUBLE;
		if (!json && side->page)
			print_fit(&fit);
	}
	if (arena)
		arena_free(arena);
	free(arena);
	return cmd_finish_stdout(&cmd_diff, SVMC_OK) ? TROUBLE : status;
}

static int diff(char **paths, const struct svmc_options *options, bool json)
{
	struct loaded a, b;
	int status = TROUBLE;

	if (load_either(&cmd_diff, paths[0], options, &a))
		return TROUBLE;
	if (!load_either(&cmd_diff, paths[1], options, &b)) {
		status = compare(paths, &a, &b, &(struct side){ NULL, 0 }, json);
		load_free(&b);
	}
	load_free(&a);
	return status;
}

/* A VMSA page has a length and no magic; what is a template or text is not taken for one. */
static bool is_page(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode) &&
	       status.st_size == VMSA_PAGE_BYTES && !load_is_template(path);
}

static int diff_page(char **paths, const struct svmc_options *options, uint32_t vcpu, bool json)
{
	struct loaded b;
	uint64_t bytes = 0;
	uint8_t *page = cmd_read_file(paths[0], VMSA_PAGE_BYTES, &bytes);
	int status = TROUBLE;

	if (!page || bytes != VMSA_PAGE_BYTES) {
		fprintf(stderr, "svmc diff: cannot read %s: %s\n", paths[0],
			page ? "it is no page of 4096 bytes any more" : strerror(errno));
		free(page);
		return TROUBLE;
	}
	if (!load_either(&cmd_diff, paths[1], options, &b)) {
		if (!b.view.vmsas)
			fprintf(stderr, "%s: error: %s is a VMSA page, but this guest is not "
				"confidential\n", paths[1], paths[0]);
		else if (vcpu != NEAREST && vcpu >= b.view.vcpu_count)
			fprintf(stderr, "%s: error: there is no vCPU %" PRIu32 "; the guest has %"
				PRIu32 "\n", paths[1], vcpu, b.view.vcpu_count);
		else
			status = compare(paths, NULL, &b, &(struct side){ page, vcpu }, json);
		load_free(&b);
	}
	free(page);
	return status;
}

/* The number of --vcpu; false after a message. */
static bool read_vcpu(const char *text, uint32_t *vcpu)
{
	uint64_t value;

	if (number_parse(text, UNIT_NONE, &value) == NUMBER_GOOD && value < SVMT_MAX_VCPUS) {
		*vcpu = (uint32_t)value;
		return true;
	}
	cmd_usage(&cmd_diff, "--vcpu %s: vCPUs have the numbers 0 to %u", text, SVMT_MAX_VCPUS - 1);
	return false;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "define", required_argument, NULL, CMD_DEFINE },
		{ "warning", required_argument, NULL, CMD_WARNING },
		{ "diagnostics", required_argument, NULL, CMD_DIAGNOSTICS },
		{ "vcpu", required_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct cmd_options options;
	uint32_t vcpu = NEAREST;
	bool json = false;
	int c;

	cmd_options_begin(&options);
	while ((c = getopt_long(argc, argv, "D:W:h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_diff);
		if (c == 'v' && !read_vcpu(optarg, &vcpu))
			return TROUBLE;
		if (c == 'j')
			json = true;
		else if (c == 'v')
			continue;
		else if (c == '?')
			return cmd_usage(&cmd_diff, "unknown or incomplete option");
		else if (cmd_common_option(&options, c, optarg))
			return TROUBLE;
	}
	if (argc - optind != 2)
		return cmd_usage(&cmd_diff, "two templates or specs are compared, but %d named",
				 argc - optind);
	if (!strcmp(argv[optind], "-") || !strcmp(argv[optind + 1], "-"))
		return cmd_usage(&cmd_diff, "standard input cannot be compared; name a file");
	if (is_page(argv[optind]))
		return diff_page(argv + optind, &options.compile, vcpu, json);
	if (vcpu != NEAREST)
		return cmd_usage(&cmd_diff,
				 "--vcpu is for a VMSA page of 4096 bytes, which %s is not",
				 argv[optind]);
	return diff(argv + optind, &options.compile, json);
}

const struct command cmd_diff = {
	"diff", "show how two templates or specs differ", usage, run,
};
