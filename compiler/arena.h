/* SPDX-License-Identifier: MIT */
/*
 * Memory of one compilation: everything is freed at once, so nothing has to be freed on the many
 * ways out of an error. When memory runs out it jumps to the compilation's one exit.
 */
#ifndef SVMC_ARENA_H
#define SVMC_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct arena_block;

struct arena_hook {
	struct arena_hook *next;
	void (*run)(void *argument);
	void *argument;
};

struct arena {
	struct arena_block *blocks;
	struct arena_hook *hooks;
	jmp_buf out_of_memory;		/* set by the owner before the first allocation */
};

/* Zeroed and aligned to 16 bytes; never NULL. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* The same without zeroes, for what is written in full. */
void *arena_take(struct arena *arena, size_t bytes);

/* NUL-terminated copy of `bytes` bytes. */
char *arena_copy(struct arena *arena, const char *text, size_t bytes);

__attribute__((format(printf, 2, 3), nonnull(2)))
char *arena_printf(struct arena *arena, const char *format, ...);

/* Room for element number `count` of a growing array; capacity doubles. Returns the array. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity,
		 size_t element_bytes);

/* Run `run(argument)` in arena_free(), last one first: for what the arena does not own itself. */
void arena_on_free(struct arena *arena, void (*run)(void *argument), void *argument);

void arena_free(struct arena *arena);

#endif
