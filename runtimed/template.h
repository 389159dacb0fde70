/* SPDX-License-Identifier: MIT */
/*
 * Loaded templates: the checked image, and one memory object with its initial memory that all its
 * VMs map copy-on-write. Owned by daemon.templates; template_unload() frees one that no VM uses.
 */
#ifndef SVMRUND_TEMPLATE_H
#define SVMRUND_TEMPLATE_H

#include "daemon.h"
#include "list.h"
#include "svmt_read.h"

struct template {
	struct list link;		/* daemon.templates */
	struct daemon *daemon;
	char identity[65];
	char name[65];
	void *image;
	struct svmt_view view;		/* into image */
	uint64_t memory_bytes;		/* of all regions */
	int mem_fd;			/* memory object, or -1: no VM was made yet */
	unsigned int vms;
};

/* Takes `image` (from template_image_memory(); `bytes` long) in any case. NULL: `error` is filled. */
struct template *template_load(struct daemon *daemon, void *image, uint64_t bytes,
			       struct svmt_error *error);
struct template *template_find(struct daemon *daemon, const char *identity);
void template_unload(struct template *template);

/* Makes the memory object if there is none: regions one after another, runs placed. 0 or -1. */
int template_place(struct template *template, struct engine_error *error);

#endif
