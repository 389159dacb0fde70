/* SPDX-License-Identifier: MIT */
/*
 * svmctl mem: guest physical memory to a hex dump or a file, and from a file. Pieces of at most 1 MiB
 * go over the socket, so memory of any size takes little of ours.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "ctl.h"
#include "json_b64.h"
#include "progress.h"
#include "text.h"

#define PIECE_BYTES (1u << 20)
#define LINE_BYTES 16u

static struct {
	const char *output, *input;
} o;

static const struct ctl_option options[] = {
	{ 'o', "output", CTL_TEXT, "FILE", &o.output, "the raw bytes to FILE (-: standard output)" },
	{ 'i', "input", CTL_TEXT, "FILE", &o.input,
	  "write FILE (-: standard input) to GPA instead of reading" },
	{ 0 },
};

static const char help[] =
	"Show guest physical memory of VM (a number or a name) from GPA on: BYTES of it, 256 by default.\n"
	"With --input, write a file there instead. Memory of a running VM changes while it is read.\n";

struct access {
	struct rpc *rpc;
	long vm;
	uint64_t gpa;
	FILE *file;
};

static cJSON *access_params(const struct access *access)
{
	cJSON *params = ctl_vm_params(access->vm);
	char text[20];

	snprintf(text, sizeof(text), "0x%" PRIx64, access->gpa);
	cJSON_AddStringToObject(params, "gpa", text);
	return params;
}

static void print_line(uint64_t gpa, const uint8_t *bytes, size_t count)
{
	printf("%012" PRIx64 " ", gpa);
	for (size_t i = 0; i < LINE_BYTES; i++) {
		if (i < count)
			printf("%s%02x", i == 8 ? "  " : " ", bytes[i]);
		else
			printf("%s  ", i == 8 ? "  " : " ");
	}
	printf("  |");
	for (size_t i = 0; i < count; i++)
		putchar(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
	printf("|\n");
}

/* Lines that repeat the one before are one `*`, as hexdump has it; the last is always shown. */
static void print_bytes(uint64_t gpa, const uint8_t *bytes, size_t count)
{
	static uint8_t before[LINE_BYTES];
	static bool any, starred;

	for (size_t at = 0; at < count; at += LINE_BYTES) {
		size_t n = count - at < LINE_BYTES ? count - at : LINE_BYTES;

		if (any && n == LINE_BYTES && at + n < count && !memcmp(before, bytes + at, n)) {
			if (!starred)
				puts("*");
			starred = true;
			continue;
		}
		print_line(gpa + at, bytes + at, n);
		memcpy(before, bytes + at, n);
		any = true;
		starred = false;
	}
}

static int put_bytes(struct access *access, const uint8_t *bytes, size_t count)
{
	if (!access->file) {
		print_bytes(access->gpa, bytes, count);
		return CTL_OK;
	}
	if (fwrite(bytes, 1, count, access->file) == count)
		return CTL_OK;
	ctl_say("%s: %s", o.output, strerror(errno));
	return CTL_ERROR;
}

static int read_piece(struct access *access, size_t bytes)
{
	cJSON *params = access_params(access), *answer;
	enum rpc_status status;
	int exit_status;
	const char *data;
	uint8_t *raw;
	ssize_t n = -1;
	size_t bad;

	cJSON_AddNumberToObject(params, "bytes", (double)bytes);
	status = rpc_call(access->rpc, "memory.read", params, &answer);
	if (status != RPC_OK)
		return ctl_fail(access->rpc, status);
	data = json_text(answer, "data", "");
	raw = malloc(strlen(data) / 4 * 3 + 3);
	if (raw)
		n = json_b64_decode(raw, data, strlen(data), &bad);
	if (n == (ssize_t)bytes) {
		exit_status = put_bytes(access, raw, bytes);
	} else {
		ctl_say("memory.read: the answer is not %zu bytes", bytes);
		exit_status = CTL_ERROR;
	}
	free(raw);
	cJSON_Delete(answer);
	return exit_status;
}

static int read_memory(struct access *access, uint64_t bytes)
{
	const uint64_t total = bytes;
	struct progress progress;
	int exit_status = CTL_OK;

	progress_begin(&progress, "reading memory");
	while (bytes && exit_status == CTL_OK) {
		size_t piece = bytes < PIECE_BYTES ? (size_t)bytes : PIECE_BYTES;

		exit_status = read_piece(access, piece);
		access->gpa += piece;
		bytes -= piece;
		progress_step(&progress, total - bytes, total);
	}
	progress_end(&progress);
	return exit_status;
}

static int write_piece(struct access *access, const uint8_t *bytes, size_t count)
{
	cJSON *params = access_params(access);
	char *text = malloc(JSON_B64_CHARS(count) + 1);
	enum rpc_status status;

	if (!text) {
		cJSON_Delete(params);
		ctl_say("out of memory");
		return CTL_ERROR;
	}
	text[json_b64_encode(text, bytes, count)] = 0;
	cJSON_AddItemToObject(params, "data", cJSON_CreateStringReference(text));
	status = rpc_call(access->rpc, "memory.write", params, NULL);
	free(text);
	return status == RPC_OK ? CTL_OK : ctl_fail(access->rpc, status);
}

static int write_memory(struct access *access, uint64_t limit)
{
	uint8_t *bytes = malloc(PIECE_BYTES);
	int exit_status = bytes ? CTL_OK : CTL_ERROR;
	struct progress progress;
	uint64_t total = 0;
	size_t n = 1;

	progress_begin(&progress, "writing memory");

	if (!bytes)
		ctl_say("out of memory");
	while (exit_status == CTL_OK && n && total < limit) {
		n = fread(bytes, 1, limit - total < PIECE_BYTES ? (size_t)(limit - total) :
			  PIECE_BYTES, access->file);
		if (n)
			exit_status = write_piece(access, bytes, n);
		access->gpa += n;
		total += n;
		progress_step(&progress, total, 0);
	}
	progress_end(&progress);
	if (exit_status == CTL_OK && ferror(access->file)) {
		ctl_say("%s: %s", o.input, strerror(errno));
		exit_status = CTL_ERROR;
	}
	free(bytes);
	return exit_status;
}

/* The file that an option names, or NULL without one; *failed after a message. */
static FILE *open_file(bool *failed)
{
	const char *path = o.input ? o.input : o.output;
	FILE *file = NULL;

	if (path && !strcmp(path, "-"))
		return o.input ? stdin : stdout;
	if (path) {
		file = fopen(path, o.input ? "re" : "we");
		*failed = !file;
		if (!file)
			ctl_say("%s: %s", path, strerror(errno));
	}
	return file;
}

static int command_mem(int count, char **operands)
{
	struct access access = { .vm = -1 };
	uint64_t bytes = o.input ? UINT64_MAX : 256;
	int exit_status = CTL_ERROR;
	bool failed = false;

	if (o.input && o.output) {
		ctl_say("--input writes memory and --output reads it: choose one");
		return CTL_USAGE;
	}
	if (!ctl_parse_number(operands[1], &access.gpa) ||
	    (count > 2 && !ctl_parse_number(operands[2], &bytes))) {
		ctl_say("GPA and BYTES are decimal or 0x numbers");
		return CTL_USAGE;
	}
	access.file = open_file(&failed);
	access.rpc = failed ? NULL : ctl_connect();
	if (access.rpc)
		access.vm = ctl_find_vm(access.rpc, operands[0], &exit_status);
	if (access.vm >= 0)
		exit_status = o.input ? write_memory(&access, bytes) : read_memory(&access, bytes);
	rpc_close(access.rpc);
	if (access.file && access.file != stdin && access.file != stdout && fclose(access.file) &&
	    exit_status == CTL_OK) {
		ctl_say("%s: %s", o.input ? o.input : o.output, strerror(errno));
		exit_status = CTL_ERROR;
	}
	return exit_status == CTL_OK ? ctl_flush() : exit_status;
}

const struct ctl_command ctl_mem = {
	"mem", "VM GPA [BYTES]", 2, 3, "show, save or write guest physical memory", help, options,
	command_mem,
};
