/* SPDX-License-Identifier: MIT */
/*
 * What fw_cfg tells: all of it follows from the template. An item is bytes of its own, or initial
 * memory of the template, where what svmc loaded is.
 */
#ifndef SVMRUND_FW_CFG_ITEMS_H
#define SVMRUND_FW_CFG_ITEMS_H

#include <stdbool.h>
#include <stdint.h>
#include "svmt_read.h"

#define FW_CFG_MAX_ITEMS 20u
#define FW_CFG_NAME_BYTES 56u

struct fw_cfg_item {
	uint16_t key;
	uint32_t bytes;
	void *data;			/* owned, or NULL: ... */
	uint64_t gpa;			/* ... in the template's memory */
	const char *file;		/* its name in the directory, or NULL */
};

struct fw_cfg_items {
	const struct svmt_view *view;
	unsigned int count;
	struct fw_cfg_item items[FW_CFG_MAX_ITEMS];
};

void fw_cfg_items_fill(struct fw_cfg_items *items, const struct svmt_view *view);
void fw_cfg_items_free(struct fw_cfg_items *items);
/* NULL: there is no such item. */
const struct fw_cfg_item *fw_cfg_item_find(const struct fw_cfg_items *items, uint16_t key);
/* Bytes from `offset` on; what is behind the end, or of no item (NULL), is zeroes. */
void fw_cfg_item_read(const struct fw_cfg_items *items, const struct fw_cfg_item *item,
		      uint32_t offset, void *buffer, uint32_t bytes);

#endif
