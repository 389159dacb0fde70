/* SPDX-License-Identifier: MIT */
/* The BLOB section: distinct non-zero pages, each stored once. */
#ifndef SVMC_POOL_H
#define SVMC_POOL_H

#include <stdint.h>
#include "arena.h"

struct pool {
	struct arena *arena;
	const uint8_t **pages;		/* 4096 bytes each, owned by somebody else */
	size_t count, capacity;
	uint32_t *slots;		/* hash table of page numbers + 1 */
	size_t slot_count;		/* power of two */
};

/* Number of a page with these contents, SVMT_ZERO_PAGE for zeroes. `page` must live on. */
uint32_t pool_add(struct pool *pool, const uint8_t *page);

/* All pages in a row, in arena memory. */
const uint8_t *pool_bytes(const struct pool *pool);

#endif
