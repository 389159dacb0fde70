/* SPDX-License-Identifier: MIT */
/* What an image must be: a regular file of whole sectors, open for what its drive does, and free. */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "drive.h"
#include "vm.h"

#define SECTOR_BYTES 512

static bool fail(char text[VM_BACKING_ERROR_BYTES], const struct vm_backing *backing,
		 const char *rule)
{
	snprintf(text, VM_BACKING_ERROR_BYTES, "the image of drive `%s` %s", backing->name, rule);
	return false;
}

static bool is_fit(struct vm_backing *backing, char text[VM_BACKING_ERROR_BYTES])
{
	const int flags = fcntl(backing->fd, F_GETFL), access = flags & O_ACCMODE;
	struct stat status;

	if (flags < 0 || fstat(backing->fd, &status))
		return fail(text, backing, strerror(errno));
	if (!S_ISREG(status.st_mode) || flags & O_PATH)
		return fail(text, backing, "is no regular file");
	if (access == O_WRONLY || (access == O_RDONLY && !backing->read_only))
		return fail(text, backing, access == O_RDONLY ?
			    "is open for reading only, but the drive is not read_only" :
			    "is open for writing only");
	if (flags & O_APPEND)
		return fail(text, backing, "is open for appending: all writes would go to its end");
	if (!status.st_size || status.st_size % SECTOR_BYTES)
		return fail(text, backing, "has no whole number of sectors (512 bytes), or none");
	backing->bytes = (uint64_t)status.st_size;
	backing->file_device = status.st_dev;
	backing->file_inode = status.st_ino;
	return true;
}

static bool conflicts(const struct vm_backing *a, const struct vm_backing *b)
{
	return a != b && a->type == b->type && a->file_device == b->file_device &&
		a->file_inode == b->file_inode && !(a->read_only && b->read_only);
}

static const struct vm_backing *find_conflict(const struct vm_backings *backings,
					      const struct vm_backing *backing)
{
	for (unsigned int i = 0; i < backings->count; i++)
		if (conflicts(backing, &backings->items[i]))
			return &backings->items[i];
	return NULL;
}

static bool is_free(const struct daemon *daemon, const struct vm_backings *own,
		    const struct vm_backing *backing, char text[VM_BACKING_ERROR_BYTES])
{
	if (find_conflict(own, backing))
		return fail(text, backing, "is that of another drive of the VM, too");
	list_each(link, &daemon->vms) {
		const struct vm *vm = list_object(link, struct vm, link);
		const struct vm_backing *other = find_conflict(&vm->backings, backing);

		if (!other)
			continue;
		snprintf(text, VM_BACKING_ERROR_BYTES, "the image of drive `%s` is that of drive `%s` "
			 "of VM %llu (%s); destroy that VM, or make both drives read_only",
			 backing->name, other->name, (unsigned long long)vm->number, vm->name);
		return false;
	}
	return true;
}

static bool lock(const struct vm_backing *backing, char text[VM_BACKING_ERROR_BYTES])
{
	struct flock whole = { .l_type = backing->read_only ? F_RDLCK : F_WRLCK,
			       .l_whence = SEEK_SET };

	if (!fcntl(backing->fd, F_OFD_SETLK, &whole))
		return true;
	return fail(text, backing, errno == EAGAIN || errno == EACCES ?
		    "is locked: another program has it" : strerror(errno));
}

bool drive_take(const struct daemon *daemon, const struct vm_backings *own,
		struct vm_backing *backing, char text[VM_BACKING_ERROR_BYTES])
{
	return is_fit(backing, text) && is_free(daemon, own, backing, text) && lock(backing, text);
}
