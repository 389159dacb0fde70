/* SPDX-License-Identifier: MIT */
/* Pages by contents: open addressing, doubled when half full; equal means every byte is equal. */
#include <string.h>
#include <svmkit/svmt.h>
#include "pool.h"
#include "svmt_read.h"

static const uint8_t zero_page[SVMT_PAGE_BYTES];

/* Equal hashes are compared, so speed is all that matters. */
static uint64_t hash_page(const uint8_t *page)
{
	return svmt_crc32c(0, page, SVMT_PAGE_BYTES);
}

static void insert(struct pool *pool, uint32_t number)
{
	size_t at = hash_page(pool->pages[number]) & (pool->slot_count - 1);

	while (pool->slots[at])
		at = (at + 1) & (pool->slot_count - 1);
	pool->slots[at] = number + 1;
}

static void grow(struct pool *pool)
{
	pool->slot_count = pool->slot_count ? 2 * pool->slot_count : 64;
	pool->slots = arena_alloc(pool->arena, pool->slot_count * sizeof(*pool->slots));
	for (size_t i = 0; i < pool->count; i++)
		insert(pool, (uint32_t)i);
}

uint32_t pool_add(struct pool *pool, const uint8_t *page)
{
	size_t at;

	if (!memcmp(page, zero_page, SVMT_PAGE_BYTES))
		return SVMT_ZERO_PAGE;
	if (2 * pool->count >= pool->slot_count)
		grow(pool);
	at = hash_page(page) & (pool->slot_count - 1);
	for (; pool->slots[at]; at = (at + 1) & (pool->slot_count - 1))
		if (!memcmp(pool->pages[pool->slots[at] - 1], page, SVMT_PAGE_BYTES))
			return pool->slots[at] - 1;
	pool->pages = arena_grow(pool->arena, pool->pages, pool->count, &pool->capacity,
				 sizeof(*pool->pages));
	pool->pages[pool->count] = page;
	pool->slots[at] = (uint32_t)pool->count + 1;
	return (uint32_t)pool->count++;
}

const uint8_t *pool_bytes(const struct pool *pool)
{
	uint8_t *bytes = arena_take(pool->arena, pool->count * SVMT_PAGE_BYTES);

	for (size_t i = 0; i < pool->count; i++)
		memcpy(bytes + i * SVMT_PAGE_BYTES, pool->pages[i], SVMT_PAGE_BYTES);
	return bytes;
}
