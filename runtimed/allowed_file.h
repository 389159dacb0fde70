/* SPDX-License-Identifier: MIT */
/*
 * Files that clients name. A path is a client's word: it is opened only below a directory that a
 * section of the configuration names, whatever symbolic links say.
 */
#ifndef SVMRUND_ALLOWED_FILE_H
#define SVMRUND_ALLOWED_FILE_H

#include "config.h"

#define ALLOWED_FILE_ERROR_BYTES 512

/* `access`: O_RDONLY or O_RDWR. A descriptor; or -1, and `text` says why not. */
int allowed_file_open(const struct config_texts *directories, const char *section,
		      const char *path, int access, char text[ALLOWED_FILE_ERROR_BYTES]);

#endif
