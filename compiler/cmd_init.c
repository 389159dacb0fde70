/* SPDX-License-Identifier: MIT */
/* svmc init: a spec to start from, which compiles and is a test of itself. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "comp.h"

static const char usage[] =
	"usage: svmc init [NAME]\n"
	"\n"
	"Write NAME.yaml, a commented spec to start from (default: guest.yaml). It compiles as it\n"
	"is, and `svmctl test NAME.yaml` runs it. A file that exists is left alone.\n"
	"\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0 written, 1 the file exists or the name is none for a spec, 2 wrong usage,\n"
	"3 the file could not be written.\n";

static const char head[] =
	"# A guest for svmkit. svmspec(5) has every key, `svmc explain NAME` every name.\n"
	"#   svmc check FILE       says what is wrong with it\n"
	"#   svmctl test FILE      runs it and compares with `expect` below\n"
	"svmspec: 1\n"
	"name: ";

static const char body[] =
	"extends: long64                 # 64-bit mode; svmc profile list has the others\n"
	"vars: { port: 0x3f8 }           # $(port) below; svmc -D port=0x2f8 changes it\n"
	"memory:\n"
	"  - { at: 0, size: 2MiB, kind: ram }\n"
	"payload:\n"
	"  asm: |                        # GNU as, AT&T syntax; begins where rip points\n"
	"    start:  mov     $message, %esi\n"
	"            mov     $$(port), %edx\n"
	"            mov     $(message_end - message), %ecx\n"
	"    next:   lodsb\n"
	"            out     %al, %dx        # exit IOIO: the UART takes a byte\n"
	"            loop    next\n"
	"            mov     $0x42, %eax\n"
	"            vmmcall                 # exit VMMCALL: stops the run, see `exits`\n"
	"    message:\n"
	"            .ascii  \"hello\\n\"\n"
	"    message_end:\n"
	"vcpus:\n"
	"  count: 1\n"
	"  state:                        # what differs from the profile\n"
	"    rip: 0x1000\n"
	"    rsp: 0x8000\n"
	"#   rflags: [+IF]               # signed names: relative to the profile\n"
	"# control:\n"
	"#   intercepts: [+RDTSC]        # one exit more; svmc explain RDTSC\n"
	"# cpuid: { base: host }         # default: every leaf is zero\n"
	"# msrs: [ { index: 0x10a, read: 0, write: ignore } ]\n"
	"devices:\n"
	"  - { uart: com1, at: $(port), irq: 4 }\n"
	"exits:                          # what is done with an exit, and what is told of it\n"
	"  IOIO:    { do: user, event: stream }\n"
	"  VMMCALL: { do: stop, event: stream }\n"
	"expect:                         # makes the spec a test\n"
	"  exit: VMMCALL\n"
	"  regs: { rax: 0x42 }\n"
	"  serial: \"hello\\n\"\n"
	"  within: 10s\n";

/* A name that is good as a file's and as a spec's, and that no YAML reader takes for a number. */
static bool good_name(const char *name)
{
	size_t letters = 0;

	for (const char *p = name; *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');

		if (!letter && (p == name || !strchr("0123456789-_.", *p)))
			return false;
		letters++;
	}
	return letters && letters <= SPEC_MAX_NAME;
}

static int fail(const char *path)
{
	fprintf(stderr, "svmc init: cannot write %s: %s\n", path, strerror(errno));
	return SVMC_IO;
}

static int write_spec(const char *name)
{
	char path[SPEC_MAX_NAME + sizeof(".yaml")];
	FILE *file = NULL;
	int fd;

	snprintf(path, sizeof(path), "%s.yaml", name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST) {
		fprintf(stderr, "svmc init: %s exists and is left alone; give another name\n",
			path);
		return SVMC_DIAGNOSED;
	}
	if (fd >= 0)
		file = fdopen(fd, "w");
	if (!file)
		return fail(path);
	fprintf(file, "%s%s\n%s", head, name, body);
	if (ferror(file) | fclose(file)) {
		int status = fail(path);

		unlink(path);	/* it was not there before */
		return status;
	}
	printf("%s written; next: svmctl test %s\n", path, path);
	return cmd_finish_stdout(&cmd_init, SVMC_OK);
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	const char *name = "guest";
	int c = getopt_long(argc, argv, "h", long_options, NULL);

	if (c == 'h')
		return cmd_help(&cmd_init);
	if (c >= 0)
		return cmd_usage(&cmd_init, "unknown option");
	if (argc - optind > 1)
		return cmd_usage(&cmd_init, "more than one name is given");
	if (optind < argc)
		name = argv[optind];
	if (good_name(name))
		return write_spec(name);
	fprintf(stderr, "svmc init: `%s` is no name for a spec; the rule is a letter, then "
		"letters, digits, `-`, `_` and `.`, at most %d, without a directory\n", name, SPEC_MAX_NAME);
	return SVMC_DIAGNOSED;
}

const struct command cmd_init = {
	"init", "write a spec to start from", usage, run,
};
