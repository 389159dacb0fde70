/* SPDX-License-Identifier: MIT */
/*
 * Writer of ACPI Machine Language, as much of it as our tables need (ACPI 6.3, chapter 20, and 6.4 for
 * resource descriptors). Whatever is begun is ended in reverse order. Names have at most four
 * characters; NAME_PATH is one name, with a root prefix at will.
 */
#ifndef SVMC_AML_H
#define SVMC_AML_H

#include <stdbool.h>
#include <stdint.h>
#include "arena.h"

struct aml {
	struct arena *arena;
	uint8_t *bytes;
	size_t count, capacity;
};

void aml_bytes(struct aml *aml, const void *bytes, size_t count);

/* Terms. A device or scope is ended by aml_end() with what begin returned. */
size_t aml_begin_scope(struct aml *aml, const char *path);
size_t aml_begin_device(struct aml *aml, const char *name);
void aml_end(struct aml *aml, size_t begun);
void aml_name(struct aml *aml, const char *path);		/* Name(path, ...): the object follows */

/* Objects. */
void aml_integer(struct aml *aml, uint64_t value);
void aml_string(struct aml *aml, const char *text);
void aml_eisa_id(struct aml *aml, const char *id);		/* "PNP0501" */
size_t aml_begin_package(struct aml *aml, uint8_t elements);

/* A resource template: descriptors between begin and end. */
size_t aml_begin_resources(struct aml *aml);
void aml_end_resources(struct aml *aml, size_t begun);
void aml_io(struct aml *aml, uint16_t port, uint8_t ports);
void aml_irq(struct aml *aml, unsigned int irq);		/* edge, active high, exclusive */
void aml_memory(struct aml *aml, uint64_t gpa, uint64_t bytes);

enum aml_trigger { AML_LEVEL = 0, AML_EDGE = 2 };
void aml_interrupt(struct aml *aml, uint32_t gsi, enum aml_trigger trigger, bool shared);

#endif
