/* SPDX-License-Identifier: MIT */
/* One spec of svmc compile: from its name to its output file, with its messages kept for later. */
#ifndef SVMC_COMPILE_JOB_H
#define SVMC_COMPILE_JOB_H

#include "depfile.h"
#include "svmc.h"
#include "svmt_read.h"

enum emit_kind { EMIT_SVMT, EMIT_VMCB, EMIT_JSON };

struct compile_job {
	const char *spec;
	char *output;			/* "-": standard output */
	char *messages;			/* of the compiler, for standard error */
	size_t message_bytes;
	struct depfile_files files;
	int status;			/* enum svmc_status */
};

/* Suffix of an output file's name, with its dot. */
const char *emit_suffix(enum emit_kind kind);

/*
 * Compile and write job->output, which is replaced only on success. Safe for several jobs at once.
 * Options are those of all jobs; `depends` asks for job->files.
 */
void compile_job_run(struct compile_job *job, const struct svmc_options *options,
		     enum emit_kind kind, bool depends);

/* The writer for `--emit json`, which only svmc-more has: main_more.c sets it, in svmc it is NULL. */
extern int (*compile_json)(FILE *out, const struct svmt_view *view);

void compile_job_free(struct compile_job *job);

/* "PATH: error: cannot write it: ..." in the form of diagnostics that the options want. */
void compile_cannot_write(FILE *out, const struct svmc_options *options, const char *path);

#endif
