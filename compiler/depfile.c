/* SPDX-License-Identifier: MIT */
/* Writing and reading of dependency rules, with the quoting that GCC and make agree on. */
#include <stdlib.h>
#include <string.h>
#include "depfile.h"

void depfile_add(void *argument, const char *path)
{
	struct depfile_files *files = argument;
	char **bigger;

	for (size_t i = 0; i < files->count; i++)
		if (!strcmp(files->paths[i], path))
			return;
	if (files->count == files->capacity) {
		files->capacity = files->capacity ? 2 * files->capacity : 8;
		bigger = realloc(files->paths, files->capacity * sizeof(*bigger));
		files->failed |= !bigger;
		if (!bigger)
			return;
		files->paths = bigger;
	}
	files->paths[files->count] = strdup(path);
	if (files->paths[files->count])
		files->count++;
	else
		files->failed = true;
}

/* As GCC writes names: blanks and # with a backslash, whose own in front of it double, $ twice. */
static void print_name(FILE *out, const char *name)
{
	size_t backslashes = 0;

	for (const char *p = name; *p; p++) {
		if (*p == ' ' || *p == '\t' || *p == '#') {
			for (; backslashes && *p != '#'; backslashes--)
				fputc('\\', out);
			fputc('\\', out);
		} else if (*p == '$') {
			fputc('$', out);
		}
		backslashes = *p == '\\' ? backslashes + 1 : 0;
		fputc(*p, out);
	}
}

void depfile_print(FILE *out, const char *target, const struct depfile_files *files)
{
	print_name(out, target);
	fputc(':', out);
	for (size_t i = 0; i < files->count; i++) {
		fputs(i ? " \\\n " : " ", out);
		print_name(out, files->paths[i]);
	}
	fputc('\n', out);
	for (size_t i = 1; i < files->count; i++) {
		print_name(out, files->paths[i]);
		fputs(":\n", out);
	}
}

void depfile_free(struct depfile_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->paths[i]);
	free(files->paths);
	memset(files, 0, sizeof(*files));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void depfile_parse(char *text, void (*add)(void *argument, const char *path), void *argument)
{
	char *read = strstr(text, ": ");

	for (read = read ? read + 1 : text + strlen(text); *read;) {
		char *name, *write;

		while (is_blank(*read) || (*read == '\\' && read[1] == '\n'))
			read++;
		name = write = read;
		while (*read && !is_blank(*read)) {
			if (*read == '\\' && read[1] == '\n')
				break;
			if ((*read == '\\' && (is_blank(read[1]) || read[1] == '#')) ||
			    (*read == '$' && read[1] == '$'))
				read++;
			*write++ = *read++;
		}
		if (*read)
			*read++ = '\0';
		if (write == name)
			continue;
		*write = '\0';
		add(argument, name);
	}
}
