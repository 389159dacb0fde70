/* SPDX-License-Identifier: MIT */
/* The compilation's memory: blocks in a list, each filled from front to back. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arena.h"

#define BLOCK_BYTES ((size_t)64 << 10)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(16) char data[];
};

static struct arena_block *new_block(struct arena *arena, size_t bytes)
{
	size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	struct arena_block *block = malloc(sizeof(*block) + size);

	if (!block)
		longjmp(arena->out_of_memory, 1);
	block->used = 0;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t bytes)
{
	struct arena_block *block = arena->blocks;
	void *p;

	if (bytes > SIZE_MAX / 2)
		longjmp(arena->out_of_memory, 1);
	bytes = (bytes + 15) & ~(size_t)15;
	if (!block || block->size - block->used < bytes)
		block = new_block(arena, bytes);
	p = block->data + block->used;
	block->used += bytes;
	return p;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	return memset(arena_take(arena, bytes), 0, bytes);
}

char *arena_copy(struct arena *arena, const char *text, size_t bytes)
{
	char *copy = arena_take(arena, bytes + 1);

	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	char small[256], *text;
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if ((size_t)bytes < sizeof(small))
		return arena_copy(arena, small, (size_t)bytes);
	text = arena_alloc(arena, (size_t)bytes + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)bytes + 1, format, args);
	va_end(args);
	return text;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity,
		 size_t element_bytes)
{
	void *bigger;

	if (count < *capacity)
		return array;
	*capacity = *capacity ? 2 * *capacity : 8;
	bigger = arena_take(arena, *capacity * element_bytes);
	if (count)
		memcpy(bigger, array, count * element_bytes);
	memset((char *)bigger + count * element_bytes, 0, (*capacity - count) * element_bytes);
	return bigger;
}

void arena_on_free(struct arena *arena, void (*run)(void *argument), void *argument)
{
	struct arena_hook *hook = arena_alloc(arena, sizeof(*hook));

	*hook = (struct arena_hook){ arena->hooks, run, argument };
	arena->hooks = hook;
}

void arena_free(struct arena *arena)
{
	for (struct arena_hook *hook = arena->hooks; hook; hook = hook->next)
		hook->run(hook->argument);
	arena->hooks = NULL;
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}
