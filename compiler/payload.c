/* SPDX-License-Identifier: MIT */
/* Payload: reading of files, and the way of each kind into memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "image.h"
#include "memory.h"
#include "payload.h"
#include "profile.h"

/* Read exactly `bytes` bytes; -1 with errno, which is EIO when the file became shorter. */
static int read_all(int fd, uint8_t *buffer, uint64_t bytes)
{
	while (bytes) {
		ssize_t got = read(fd, buffer, (size_t)bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got ? errno : EIO;
			return -1;
		}
		buffer += got;
		bytes -= (uint64_t)got;
	}
	return 0;
}

static const uint8_t *read_open_file(struct comp *c, int fd, const char *shown,
				     const struct range *where, uint64_t limit, uint64_t *bytes)
{
	struct stat status;
	uint8_t *data;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		diag_error(&c->diag, where, "%s is not a regular file; name a file", shown);
		return NULL;
	}
	if ((uint64_t)status.st_size > limit) {
		diag_error(&c->diag, where, "%s has %jd bytes; at most %" PRIu64, shown,
			   (intmax_t)status.st_size, limit);
		return NULL;
	}
	data = arena_alloc(&c->arena, (size_t)status.st_size + 1);
	if (read_all(fd, data, (uint64_t)status.st_size)) {
		diag_error(&c->diag, where, "cannot read %s: %s", shown, strerror(errno));
		c->io_failed = true;
		return NULL;
	}
	*bytes = (uint64_t)status.st_size;
	return data;
}

const uint8_t *payload_read_file(struct comp *c, const char *path, const char *shown,
				 const struct range *where, uint64_t limit, uint64_t *bytes)
{
	const uint8_t *data;

	if (c->options->sealed) {
		diag_error(&c->diag, where, "%s is another file, and this compilation reads the "
			   "spec alone", shown);
		return NULL;
	}
	data = payload_read_own(c, path, shown, where, limit, bytes);
	if (data)
		comp_file_read(c, path);
	return data;
}

const uint8_t *payload_read_own(struct comp *c, const char *path, const char *shown,
				const struct range *where, uint64_t limit, uint64_t *bytes)
{
	const uint8_t *data;
	int fd;

	/* Without O_NONBLOCK, opening a named pipe would wait for its writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		diag_error(&c->diag, where, "cannot open %s: %s", shown, strerror(errno));
		c->io_failed = true;
		return NULL;
	}
	data = read_open_file(c, fd, shown, where, limit, bytes);
	close(fd);
	return data;
}

static const uint8_t *read_payload(struct comp *c, const struct spec_payload *payload,
				   uint64_t *bytes)
{
	const char *path = payload->node->text;

	if (*path != '/')
		path = arena_printf(&c->arena, "%s/%s", comp_directory(c, &payload->node->range),
				    path);
	return payload_read_file(c, path, payload->node->text, &payload->node->range,
				 PAYLOAD_MAX_BYTES, bytes);
}

static void build_image(struct comp *c, const struct spec_payload *payload)
{
	struct image image = { .name = payload->node->text, .where = &payload->node->range };
	bool multiboot = payload->kind == PAYLOAD_MULTIBOOT;

	if (multiboot && strcmp(c->spec.profile->name, "multiboot")) {
		diag_error(&c->diag, image.where, "a Multiboot image begins in the state of the "
			   "profile multiboot, but the spec extends %s; extend multiboot, or a "
			   "file profile that does", c->spec.profile->name);
		diag_note(&c->diag, &c->spec.profile_range, "the profile is named here");
		return;
	}
	image.data = read_payload(c, payload, &image.bytes);
	if (!image.data)
		return;
	if (!(multiboot ? image_read_multiboot : image_read_elf)(c, &image) ||
	    !image_place(c, &image))
		return;
	if (multiboot)
		multiboot_add_info(c, image.where, payload->cmdline ? payload->cmdline : "");
}

static void build_bytes(struct comp *c, struct spec_payload *payload)
{
	const uint8_t *data;
	uint64_t bytes = 0;

	if (!payload->has_at)
		payload->gpa = memory_entry(&c->spec);
	if (payload->kind == PAYLOAD_BIN)
		data = read_payload(c, payload, &bytes);
	else
		data = payload_assemble(c, payload->node, payload->gpa,
					c->spec.profile->code_bits, &bytes);
	if (!data)
		return;
	if (!bytes) {
		diag_error(&c->diag, &payload->node->range,
			   "the payload is empty; write `payload: none` if "
			   "that is meant");
		return;
	}
	memory_add(c, "the payload", payload->gpa, data, bytes, &payload->node->range);
}

void payload_build(struct comp *c)
{
	struct spec_payload *payload = &c->spec.payload;

	if (payload->kind == PAYLOAD_ELF || payload->kind == PAYLOAD_MULTIBOOT)
		build_image(c, payload);
	else if (payload->kind != PAYLOAD_NONE)
		build_bytes(c, payload);
}
