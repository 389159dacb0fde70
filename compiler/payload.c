/* SPDX-License-Identifier: MIT */
/* Payload: reading of files, and the way of each kind into memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "guest_tables.h"
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
	fd = (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	if (fd < 0) {
		diag_error(&c->diag, where, "cannot open %s: %s", shown, strerror(errno));
		c->io_failed = true;
		return NULL;
	}
	data = read_open_file(c, fd, shown, where, limit, bytes);
	close(fd);
	return data;
}

const uint8_t *payload_read_beside(struct comp *c, const struct node *node, uint64_t limit,
				   uint64_t *bytes)
{
	const char *path = node->text;

	if (*path != '/')
		path = arena_printf(&c->arena, "%s/%s", comp_directory(c, &node->range), path);
	return payload_read_file(c, path, node->text, &node->range, limit, bytes);
}

static const struct image_kind {
	enum payload_kind kind;
	const char *profile;		/* that hands over as the image wants it, or NULL */
	const char *what;
	bool (*read)(struct comp *c, struct image *image);
	bool (*add_info)(struct comp *c, const struct image *image);
} image_kinds[] = {
	{ PAYLOAD_ELF, NULL, "an ELF image", image_read_elf, NULL },
	{ PAYLOAD_MULTIBOOT, "multiboot", "a Multiboot image", image_read_multiboot,
	  multiboot_add_info },
	{ PAYLOAD_LINUX, "linux64", "a Linux kernel", image_read_linux, linux_add_info },
	{ PAYLOAD_PVH, "pvh", "a PVH image", image_read_pvh, pvh_add_info },
};

static const struct image_kind *find_image_kind(enum payload_kind kind)
{
	for (size_t i = 0; i < sizeof(image_kinds) / sizeof(image_kinds[0]); i++)
		if (image_kinds[i].kind == kind)
			return &image_kinds[i];
	return NULL;
}

static void build_image(struct comp *c, const struct spec_payload *payload,
			const struct image_kind *kind)
{
	struct image image = {
		.name = payload->node->text, .where = &payload->node->range,
		.modules_end = 1ULL << 32,
	};

	if (kind->profile && strcmp(c->spec.profile->name, kind->profile)) {
		diag_error(&c->diag, image.where, "%s begins in the state of the profile %s, but "
			   "the spec extends %s; extend %s, or a file profile that does",
			   kind->what, kind->profile, c->spec.profile->name, kind->profile);
		diag_note(&c->diag, &c->spec.profile_range, "the profile is named here");
		return;
	}
	image.data = payload_read_beside(c, payload->node, PAYLOAD_MAX_BYTES, &image.bytes);
	if (image.data && kind->read(c, &image) && image_place(c, &image) &&
	    image_place_modules(c, &image) && kind->add_info)
		kind->add_info(c, &image);
}

static void build_bytes(struct comp *c, struct spec_payload *payload)
{
	uint64_t bytes = 0, link = payload->gpa, gpa;
	const uint8_t *data;
	unsigned int access;

	if (!payload->has_at)
		link = payload->gpa = memory_entry(&c->spec);
	/* Where the page tables put the first instruction, if they are known and say so. */
	if (!payload->has_at && !memory_is_identity(c) &&
	    walk(c, link, &gpa, &access) == WALK_MAPPED)
		payload->gpa = gpa;
	if (payload->kind == PAYLOAD_BIN)
		data = payload_read_beside(c, payload->node, PAYLOAD_MAX_BYTES, &bytes);
	else
		data = payload_assemble(c, payload->node, link,
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
	const struct image_kind *kind = find_image_kind(payload->kind);

	if (kind)
		build_image(c, payload, kind);
	else if (payload->kind != PAYLOAD_NONE)
		build_bytes(c, payload);
}
