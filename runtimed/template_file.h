/* SPDX-License-Identifier: MIT */
/*
 * Templates in files. A path is a client's word: it is opened only below a directory that the
 * configuration names, whatever symbolic links say. A file may change while it is read, so it is
 * copied and never mapped.
 */
#ifndef SVMRUND_TEMPLATE_FILE_H
#define SVMRUND_TEMPLATE_FILE_H

#include "config.h"

#define TEMPLATE_FILE_ERROR_BYTES 512

/* Page-aligned memory for an image of that size, for free(); or NULL. */
void *template_image_memory(size_t bytes);
/* A descriptor; or -1, and `text` says why not. */
int template_file_open(const struct config *config, const char *path,
		       char text[TEMPLATE_FILE_ERROR_BYTES]);
/* All of a regular file from its beginning on, `*bytes` long, for free(); NULL: `text` says why. */
void *template_file_read(int fd, uint64_t most, size_t *bytes,
			 char text[TEMPLATE_FILE_ERROR_BYTES]);

#endif
