/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a kernel image of the kind $FUZZ_KIND, with an initrd or module beside
 * it where the kind has one. The bytes are given to svmc as a file without a name; what compiles must
 * be a template that the reader takes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "svmc.h"
#include "svmt_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct {
	const char *kind, *profile, *payload;
} kinds[] = {
	{ "elf", "long64", "elf: /proc/self/fd/%d" }, { "elf", "prot32", "elf: /proc/self/fd/%d" },
	{ "multiboot", "multiboot", "multiboot: /proc/self/fd/%d, cmdline: a, "
		"modules: [ { file: /proc/self/fd/%d, cmdline: b } ]" },
	{ "linux", "linux64", "linux: /proc/self/fd/%d, cmdline: a, initrd: /proc/self/fd/%d" },
	{ "pvh", "pvh", "pvh: /proc/self/fd/%d, cmdline: a, "
		"modules: [ { file: /proc/self/fd/%d, at: 0x800000 } ]" },
};

static void compile(const char *profile, const char *payload, FILE *diag)
{
	struct svmc_image image;
	struct svmt_error error;
	struct svmt_view view;
	char text[512];

	snprintf(text, sizeof(text), "svmspec: 1\nname: fuzz\nextends: %s\npayload: { %s }\n"
		 "memory: [ { at: 0, size: 640KiB }, { at: 1MiB, size: 31MiB } ]\n", profile, payload);
	if (svmc_compile_text("fuzz", text, strlen(text), NULL, &image, diag) == SVMC_OK &&
	    svmt_view_open(&view, image.bytes, image.length, &error))
		abort();
	svmc_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static int fd = -1;
	static FILE *diag;
	static const char *kind;
	char payload[256];

	if (fd < 0) {
		kind = getenv("FUZZ_KIND");
		fd = memfd_create("image", MFD_CLOEXEC);
		diag = fopen("/dev/null", "we");
	}
	if (fd < 0 || !diag || !kind || ftruncate(fd, 0) || pwrite(fd, data, bytes, 0) != (ssize_t)bytes)
		abort();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, kind))
			continue;
		/* One %d or two, all for the same file. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(payload, sizeof(payload), kinds[i].payload, fd, fd);
#pragma GCC diagnostic pop
		compile(kinds[i].profile, payload, diag);
	}
	return 0;
}
