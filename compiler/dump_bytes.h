/* SPDX-License-Identifier: MIT */
/*
 * svmc dump --bytes: every byte of a template, in the file's order, with what it is. Internal to
 * dump_bytes*.c, except for dump_bytes().
 */
#ifndef SVMC_DUMP_BYTES_H
#define SVMC_DUMP_BYTES_H

#include "dump.h"

struct bytes_printer {
	FILE *out;
	const uint8_t *image;
	uint64_t at;			/* everything before it has been shown */
	uint64_t end;			/* nothing behind it is shown */
};

/* Show the next `bytes` bytes, with a label on their first line. */
__attribute__((format(printf, 3, 4)))
void bytes_show(struct bytes_printer *p, uint64_t bytes, const char *format, ...);

/* Show all up to the offset as contents: lines with their characters, equal lines only counted. */
void bytes_show_contents(struct bytes_printer *p, uint64_t to, const char *label);

/* A VMCB page word by word, from the tables. */
void bytes_show_vmcb(struct bytes_printer *p);

/* A VMSA page field by field, likewise. */
void bytes_show_vmsa(struct bytes_printer *p);

void dump_bytes(FILE *out, const struct svmt_view *view);

#endif
