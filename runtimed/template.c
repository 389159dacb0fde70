/* SPDX-License-Identifier: MIT */
/*
 * Keeps templates by identity and places their initial memory. Pages without contents are never
 * touched, so a template costs the pages of its payload however much memory its VMs have.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "json_check.h"
#include "limits.h"
#include "log.h"
#include "template.h"
#include "template_file.h"

struct template *template_find(struct daemon *daemon, const char *identity)
{
	list_each(link, &daemon->templates) {
		struct template *template = list_object(link, struct template, link);

		if (!strcmp(template->identity, identity))
			return template;
	}
	return NULL;
}

/*
 * The name in META, if it says one, cut to what a name may have. META is a hostile text like any
 * other: it is checked before cJSON recurses into it, and the cut leaves whole characters.
 */
static int take_name(struct template *template, struct svmt_error *error)
{
	const struct svmt_view *view = &template->view;
	struct json_check_error bad;
	const cJSON *name;
	cJSON *meta;
	bool invalid;

	if (json_check(view->meta, view->meta_bytes, LIMIT_NESTING, &bad)) {
		error->offset = (uint64_t)(view->meta - (const char *)view->image) + bad.offset;
		snprintf(error->text, sizeof(error->text), "offset 0x%llx: META is not JSON: %s",
			 (unsigned long long)error->offset, bad.text);
		return -1;
	}
	meta = cJSON_ParseWithLength(view->meta, view->meta_bytes);
	name = cJSON_GetObjectItemCaseSensitive(meta, "name");
	if (cJSON_IsString(name)) {
		snprintf(template->name, sizeof(template->name), "%s", name->valuestring);
		template->name[json_utf8_prefix(template->name, strlen(template->name),
						&invalid)] = '\0';
	}
	cJSON_Delete(meta);
	return 0;
}

struct template *template_load(struct daemon *daemon, void *image, uint64_t bytes,
			       struct svmt_error *error)
{
	struct template *template = need_memory(sizeof(*template)), *same;

	template->daemon = daemon;
	template->image = image;
	template->mem_fd = -1;
	if (svmt_view_open(&template->view, image, bytes, error) || take_name(template, error)) {
		template_image_free(image);
		free(template);
		return NULL;
	}
	svmt_identity(template->view.header, template->identity);
	same = template_find(daemon, template->identity);
	if (same) {
		template_image_free(image);
		free(template);
		return same;
	}
	for (uint32_t i = 0; i < template->view.region_count; i++)
		template->memory_bytes += template->view.regions[i].bytes;
	list_append(&daemon->templates, &template->link);
	daemon->template_count++;
	daemon->template_bytes += bytes;
	return template;
}

void template_unload(struct template *template)
{
	list_remove(&template->link);
	template->daemon->template_count--;
	template->daemon->template_bytes -= template->view.image_bytes;
	if (template->mem_fd >= 0)
		close(template->mem_fd);
	template_image_free(template->image);
	free(template);
}

/* Copies the pages of all runs; regions lie one after another in the object. 0, or an errno. */
static int place_runs(const struct svmt_view *view, uint8_t *memory)
{
	const struct svmt_region *region = view->regions, *end = region + view->region_count;
	uint64_t offset = 0;	/* of `region` in the object */

	for (uint32_t i = 0; i < view->run_count; i++) {
		const struct svmt_run *run = &view->runs[i];

		for (uint32_t page = 0, there = 0; page < run->pages; page++) {
			uint64_t gpa = run->gpa + (uint64_t)page * SVMT_PAGE_BYTES;
			uint8_t *to;

			while (region < end && gpa - region->gpa >= region->bytes) {
				offset += (region++)->bytes;
				there = page;
			}
			if (region == end)
				return 0;
			to = memory + offset + (gpa - region->gpa);
			if (page == there) {
				/* A page that cannot be had is an error here, but SIGBUS in memcpy(). */
				uint64_t left = region->gpa + region->bytes - gpa;
				uint64_t bytes = (uint64_t)(run->pages - page) * SVMT_PAGE_BYTES;

				if (madvise(to, bytes < left ? bytes : left, MADV_POPULATE_WRITE))
					return errno == EFAULT ? ENOMEM : errno;
			}
			memcpy(to, svmt_blob_page(view, run->blob_page + page), SVMT_PAGE_BYTES);
		}
	}
	return 0;
}

int template_place(struct template *template, struct engine_error *error)
{
	const struct engine *engine = template->daemon->engine;
	uint64_t bytes = template->memory_bytes;
	void *memory;
	int fd, failed;

	if (template->mem_fd >= 0 || !bytes)
		return 0;
	fd = engine->create_mem(engine, bytes, error);
	if (fd < 0)
		return -1;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		engine_fail(error, errno, "mmap of the memory object", "");
		close(fd);
		return -1;
	}
	/* Guest memory does not belong in a core dump of the daemon. */
	madvise(memory, bytes, MADV_DONTDUMP);
	failed = place_runs(&template->view, memory);
	munmap(memory, bytes);
	if (failed) {
		close(fd);
		return engine_fail(error, failed, "memory for the template's contents", "");
	}
	template->mem_fd = fd;
	return 0;
}
