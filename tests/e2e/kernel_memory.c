// SPDX-License-Identifier: MIT
/* See kernel_memory.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel_memory.h"

/* Sum of the numbers behind `label` in a file, times `unit`. */
static long sum(const char *path, const char *label, long unit)
{
	char line[256];
	long total = 0;
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file)) {
		char *text = line + strspn(line, " ");

		if (!strncmp(text, label, strlen(label)))
			total += strtol(text + strlen(label), NULL, 10) * unit;
	}
	if (file)
		fclose(file);
	return total;
}

struct kernel_memory kernel_memory(void)
{
	FILE *file = fopen("/proc/sys/vm/drop_caches", "w");

	if (file) {
		fputs("3", file);
		fclose(file);
	}
	/* Free pages, and those that lie on the lists of a CPU. */
	return (struct kernel_memory) {
		.available = sum("/proc/zoneinfo", "pages free ", 4) + sum("/proc/zoneinfo", "count:", 4),
		.slab = sum("/proc/meminfo", "SUnreclaim:", 1),
	};
}
