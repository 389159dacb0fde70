/* SPDX-License-Identifier: MIT */
/*
 * `asm:` payloads: GNU as, then GNU ld with a script that puts every section behind the other at
 * the payload's address. Messages of both name lines of payload.s, which are shown as the spec's
 * own.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "depfile.h"
#include "payload.h"
#include "tool.h"

#define HEAD_LINES 1	/* of payload.s before the spec's own text */

/* Line of the spec for line `line` of payload.s. */
static struct range spec_line(const struct node *node, unsigned long line)
{
	if (!node->literal || line <= HEAD_LINES || line > UINT_MAX / 2)
		return node->range;
	return diag_line_range(node->range.source,
			       node->range.line + (uint32_t)line - HEAD_LINES);
}

/*
 * One line of output: "payload.s:LINE: Error: TEXT" of as, "payload.s:LINE: undefined reference.."
 * or "ld: payload.s:LINE: ..." of ld. Lines without a place are headings, and are told if nothing
 * else.
 */
static bool show_message(struct comp *c, const struct node *node, const char *tool, char *line)
{
	char *at = strstr(line, "payload.s:"), *end;
	struct range range;
	unsigned long number;

	if (!at)
		return false;
	number = strtoul(at + 10, &end, 10);
	if (end == at + 10 || *end != ':')
		return false;
	end += 1 + strspn(end + 1, " ");
	range = spec_line(node, number);
	if (!strncmp(end, "Warning: ", 9)) {
		diag_warning(&c->diag, &range, "%s: %s", tool, end + 9);
		return true;
	}
	if (!strncmp(end, "Error: ", 7))
		end += 7;
	else if (!strncmp(end, "(.", 2) && strstr(end, "): "))
		end = strstr(end, "): ") + 3;	/* ld names section and offset */
	diag_error(&c->diag, &range, "%s: %s", tool, end);
	return true;
}

static void show_messages(struct comp *c, const struct node *node, const char *directory,
			  const char *tool, int status)
{
	const char *path = arena_printf(&c->arena, "%s/messages", directory);
	FILE *file = fopen(path, "re");
	unsigned int errors = c->diag.errors;
	char line[1024], last[1024] = "";

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (!show_message(c, node, tool, line))
			memcpy(last, line, sizeof(last));
	}
	if (file)
		fclose(file);
	if (status && c->diag.errors == errors)
		diag_error(&c->diag, &node->range, "%s failed with status %d: %s", tool, status,
			   last);
}

/* Run one tool and show what it says. Returns whether it succeeded. */
static bool run(struct comp *c, const struct node *node, const char *directory, char *const argv[])
{
	int status = tool_run(c, directory, argv);

	if (status == TOOL_NOT_FOUND) {
		diag_error(&c->diag, &node->range,
			   "`asm` needs the program `%s` of binutils, which is not "
			   "in PATH; on Debian: apt-get install binutils",
			   argv[0]);
		return false;
	}
	if (status < 0) {
		diag_error(&c->diag, &node->range, "cannot run %s: %s", argv[0], strerror(errno));
		c->io_failed = true;
		return false;
	}
	show_messages(c, node, directory, argv[0], status);
	return !status;
}

/* Allocated sections only, in the order of the source file's kinds; nothing before them. */
static const char *linker_script(struct comp *c, uint64_t gpa)
{
	return arena_printf(&c->arena,
		"SECTIONS\n{\n"
		"	/DISCARD/ : { *(.note*) *(.comment) *(.eh_frame*) *(.debug*) }\n"
		"	.payload 0x%" PRIx64 " : { *(.text .text.*) *(.rodata .rodata.*)\n"
		"		*(.data .data.*) *(.bss .bss.*) *(COMMON) *(*) }\n"
		"}\n", gpa);
}

struct included {
	struct comp *c;
	const char *directory;		/* of the spec, as the user named it */
	const char *real;		/* the same as the assembler knows it */
};

static void tell_file(void *argument, const char *path)
{
	const struct included *included = argument;
	const size_t length = strlen(included->real);

	if (!strcmp(path, "payload.s"))
		return;
	if (!strncmp(path, included->real, length) && path[length] == '/') {
		path += length + 1;
		if (strcmp(included->directory, "."))
			path = arena_printf(&included->c->arena, "%s/%s", included->directory,
					    path);
	}
	comp_file_read(included->c, path);
}

/* Files that the text takes in with .include and .incbin. */
static void tell_files(struct comp *c, const struct node *node, const char *directory,
		       const char *real)
{
	struct included included = { c, comp_directory(c, &node->range), real };
	uint64_t bytes = 0;
	const uint8_t *rule = payload_read_own(c, arena_printf(&c->arena, "%s/payload.d",
							       directory),
					       "the assembler's list of files", &node->range,
					       PAYLOAD_MAX_BYTES, &bytes);

	if (rule)
		depfile_parse(arena_copy(&c->arena, (const char *)rule, (size_t)bytes), tell_file,
			      &included);
}

const uint8_t *payload_assemble(struct comp *c, const struct node *node, uint64_t gpa,
				unsigned int code_bits, uint64_t *bytes)
{
	const char *source = arena_printf(&c->arena, ".code%u\n%s\n", code_bits, node->text);
	const char *script = linker_script(c, gpa), *directory;
	char include[PATH_MAX];
	char *as[] = {
		(char *)"as", (char *)"--64", (char *)"-mx86-used-note=no", (char *)"--gdwarf-4",
		(char *)"--MD", (char *)"payload.d", (char *)"-I", include, (char *)"-o",
		(char *)"payload.o", (char *)"payload.s", NULL,
	};
	char *ld[] = {
		(char *)"ld", (char *)"-m", (char *)"elf_x86_64", (char *)"-nostdlib",
		(char *)"--build-id=none", (char *)"--no-warn-rwx-segments", (char *)"--oformat",
		(char *)"binary", (char *)"-e", (char *)"0", (char *)"-T", (char *)"payload.ld",
		(char *)"-o", (char *)"payload.bin", (char *)"payload.o", NULL,
	};

	if (c->options->sealed) {
		diag_error(&c->diag, &node->range, "`asm` runs binutils, and this compilation runs "
			   "no program");
		return NULL;
	}
	directory = tool_directory(c);
	if (!directory || !realpath(comp_directory(c, &node->range), include) ||
	    tool_write_file(c, directory, "payload.s", source, strlen(source)) ||
	    tool_write_file(c, directory, "payload.ld", script, strlen(script))) {
		diag_error(&c->diag, &node->range, "cannot write a temporary file for `asm`: %s; "
			   "TMPDIR names the place", strerror(errno));
		c->io_failed = true;
		return NULL;
	}
	if (!run(c, node, directory, as) || !run(c, node, directory, ld))
		return NULL;
	if (c->options->file_read)
		tell_files(c, node, directory, include);
	return payload_read_own(c, arena_printf(&c->arena, "%s/payload.bin", directory),
				"the assembled payload", &node->range, PAYLOAD_MAX_BYTES, bytes);
}
