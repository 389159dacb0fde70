/* SPDX-License-Identifier: MIT */
/* Templates in files. A file may change while it is read, so it is copied and never mapped. */
#ifndef SVMRUND_TEMPLATE_FILE_H
#define SVMRUND_TEMPLATE_FILE_H

#include <stddef.h>
#include <stdint.h>

#define TEMPLATE_FILE_ERROR_BYTES 512

/* Page-aligned memory for an image of that size, which no core dump has; or NULL. */
void *template_image_memory(size_t bytes);
/* Frees it; NULL is nothing. */
void template_image_free(void *image);
/* All of a regular file from its beginning on, `*bytes` long, in such memory; NULL: `text` says why. */
void *template_file_read(int fd, uint64_t most, size_t *bytes,
			 char text[TEMPLATE_FILE_ERROR_BYTES]);

#endif
