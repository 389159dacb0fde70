/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM for devices: bounds-checked copies. A guest may change what is there at any time, so a
 * caller copies once and decides from the copy. Any thread; regions do not change while a VM lives.
 */
#ifndef SVMRUND_GUEST_MEMORY_H
#define SVMRUND_GUEST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Whether all of it is in memory of the template's; `write`: in memory that the guest may write. */
bool guest_has(const struct vm *vm, uint64_t gpa, uint64_t bytes, bool write);

/* False: there is no memory, it may not be written, or the host has none left. A part may be done. */
bool guest_read(const struct vm *vm, uint64_t gpa, void *buffer, uint64_t bytes);
bool guest_write(const struct vm *vm, uint64_t gpa, const void *buffer, uint64_t bytes);

#endif
