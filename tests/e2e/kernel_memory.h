/* SPDX-License-Identifier: MIT */
/* How much memory the kernel has left, for tests and benches that look for what was not given back. */
#ifndef SVMKIT_TESTS_KERNEL_MEMORY_H
#define SVMKIT_TESTS_KERNEL_MEMORY_H

/* KiB that the kernel has given to nobody, and those in slabs that cannot be reclaimed. */
struct kernel_memory {
	long available, slab;
};

/* Drops the caches first; as root. */
struct kernel_memory kernel_memory(void);

#endif
