/* SPDX-License-Identifier: MIT */
/*
 * The probe's user side, in the lab: VMRUN for every case of a file, one line of answer each. A
 * case is a line "NAME FLAGS" of the list and the page with its number in the file of pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "svmprobe.h"

#define PAGE 4096
#define EXITCODE 0x070		/* APM volume 2, table B-1 */
#define RIP 0x578
#define EXIT_INTR 0x60
#define MAX_INTERRUPTED 1000

static uint64_t word(const uint8_t *page, unsigned int offset)
{
	uint64_t value;

	memcpy(&value, page + offset, sizeof(value));
	return value;
}

/* A host interrupt can end the guest before its first instruction: then it begins anew. */
static int run_case(int device, const char *name, uint32_t flags, const uint8_t *given)
{
	static uint8_t page[PAGE] __attribute__((aligned(PAGE)));
	struct svmprobe_run run = {
		.size = sizeof(run), .flags = flags, .vmcb = (uintptr_t)page,
	};

	for (unsigned int i = 0; i < MAX_INTERRUPTED; i++) {
		memcpy(page, given, PAGE);
		if (ioctl(device, SVMPROBE_RUN, &run)) {
			fprintf(stderr, "%s: %s\n", name, strerror(errno));
			return -1;
		}
		if (run.trap != SVMPROBE_NO_TRAP || word(page, EXITCODE) != EXIT_INTR)
			break;
	}
	if (run.trap != SVMPROBE_NO_TRAP)
		printf("%s trap %" PRIu32 "\n", name, run.trap);
	else if ((uint32_t)word(page, EXITCODE) == 0xffffffff)	/* QEMU 7.2 has 32 bits of it */
		printf("%s invalid\n", name);
	else
		printf("%s exit 0x%" PRIx64 " 0x%" PRIx64 "\n", name, word(page, EXITCODE),
		       word(page, RIP));
	fflush(stdout);		/* what was the last one, should the next take the machine down */
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t page[PAGE];
	FILE *list, *pages;
	uint32_t flags;
	char name[128];
	int device = open("/dev/svmprobe", O_RDWR | O_CLOEXEC), status = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: probe_run LIST PAGES\n");
		return 2;
	}
	list = fopen(argv[1], "re");
	pages = fopen(argv[2], "re");
	if (device < 0 || !list || !pages) {
		perror("probe_run");
		return 1;
	}
	while (!status && fscanf(list, "%127s %" SCNx32 "\n", name, &flags) == 2)
		status = fread(page, 1, PAGE, pages) == PAGE ? run_case(device, name, flags, page)
							      : -1;
	fclose(list);
	fclose(pages);
	close(device);
	return status ? 1 : 0;
}
