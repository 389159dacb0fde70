/* SPDX-License-Identifier: MIT */
/*
 * What the names of drives and links in a template stand for in one VM: descriptors that vm.create
 * opened, until the devices take them. A template says which names there are; each wants one.
 */
#ifndef SVMRUND_VM_BACKING_H
#define SVMRUND_VM_BACKING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <svmkit/svmt.h>

#define VM_MAX_BACKINGS 16u		/* of each kind */
#define VM_BACKING_ERROR_BYTES 640

struct svmt_view;
struct svmt_device;

struct vm_backing {
	uint32_t type;			/* of the device: SVMT_DEV_VIRTIO_BLK or _NET */
	char name[SVMT_NAME_MAX + 1];
	int fd;				/* -1: a device has it */
	/* Of a drive (drive.c): */
	bool read_only;
	uint64_t bytes;
	dev_t file_device;
	ino_t file_inode;
};

struct vm_backings {
	unsigned int count;
	struct vm_backing items[2 * VM_MAX_BACKINGS];
};

/* "drive" or "link". */
const char *vm_backing_word(uint32_t type);
/* The template's device that the name is for; NULL: `text` says that there is none. */
const struct svmt_device *vm_backing_device(const struct svmt_view *view, uint32_t type,
					    const char *name, char text[VM_BACKING_ERROR_BYTES]);
/* Room for one more (the caller counts), with fd -1. NULL: the name is there already. */
struct vm_backing *vm_backings_add(struct vm_backings *backings, uint32_t type, const char *name,
				   char text[VM_BACKING_ERROR_BYTES]);
/* False: a device of the template has nothing behind it; `*type` and `text` say which. */
bool vm_backings_suffice(const struct vm_backings *backings, const struct svmt_view *view,
			 uint32_t *type, char text[VM_BACKING_ERROR_BYTES]);
/* What the device stands on; it sets fd to -1 when it takes it. */
struct vm_backing *vm_backing_of(struct vm_backings *backings, const struct svmt_view *view,
				 const struct svmt_device *device);
/* The descriptors that nobody took. */
void vm_backings_close(struct vm_backings *backings);

#endif
