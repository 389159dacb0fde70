/* SPDX-License-Identifier: MIT */
/* Known failures: a listed test has to fail, so that the list cannot outlive what it lists. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ctl.h"
#include "deviations.h"

static const struct deviation *find(const struct deviations *list, const char *name, size_t length)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strncmp(list->rows[i].name, name, length) && !list->rows[i].name[length])
			return &list->rows[i];
	return NULL;
}

static int bad_line(const struct deviations *list, unsigned int number, const char *why)
{
	ctl_say("%s:%u: %s", list->path, number, why);
	return -1;
}

/* Takes `line`, which is NAME: REASON without the line's end. */
static int append(struct deviations *list, char *line, unsigned int number)
{
	char *colon = strchr(line, ':'), *reason = colon ? colon + 1 : line;
	struct deviation *rows;

	reason += strspn(reason, " \t");
	if (!colon || colon == line || !*reason)
		return bad_line(list, number, "want NAME: REASON");
	*colon = '\0';
	if (strpbrk(line, " \t/"))
		return bad_line(list, number,
				"a name is that of a spec's file, without directory and suffix");
	if (find(list, line, strlen(line)))
		return bad_line(list, number, "this name is listed above, too");
	rows = reallocarray(list->rows, list->count + 1, sizeof(*rows));
	if (!rows)
		return bad_line(list, number, "out of memory");
	list->rows = rows;
	rows[list->count] = (struct deviation){
		.name = strdup(line), .line = number,
		.reason = strdup(reason),
	};
	if (!rows[list->count].name || !rows[list->count].reason) {
		free(rows[list->count].name);
		free(rows[list->count].reason);
		return bad_line(list, number, "out of memory");
	}
	list->count++;
	return 0;
}

static int read_lines(struct deviations *list, FILE *in)
{
	unsigned int number = 0;
	size_t room = 0;
	char *line = NULL;
	int status = 0;

	while (!status && getline(&line, &room, in) >= 0) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			status = append(list, line, number);
	}
	if (!status && ferror(in)) {
		ctl_say("%s: %s", list->path, strerror(errno));
		status = -1;
	}
	free(line);
	return status;
}

int deviations_read(struct deviations *list, const char *path)
{
	FILE *in = fopen(path, "re");
	int status;

	list->path = path;
	if (!in) {
		ctl_say("%s: %s", path, strerror(errno));
		return -1;
	}
	status = read_lines(list, in);
	fclose(in);
	return status;
}

void deviations_free(struct deviations *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->rows[i].name);
		free(list->rows[i].reason);
	}
	free(list->rows);
	*list = (struct deviations){ .path = NULL };
}

void deviations_judge(const struct deviations *list, const char *path,
		      struct test_verdict *verdict)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	const struct deviation *row =
		find(list, name, dot ? (size_t)(dot - name) : strlen(name));

	if (!row)
		return;
	if (verdict->outcome == TEST_FAILED) {
		verdict->outcome = TEST_DEVIATED;
		snprintf(verdict->message, sizeof(verdict->message), "%s", row->reason);
	} else if (verdict->outcome == TEST_PASSED) {
		verdict->outcome = TEST_FAILED;
		snprintf(verdict->message, sizeof(verdict->message), "passes, but %s:%u lists it "
			 "as a deviation (%s); take the line out", list->path, row->line,
			 row->reason);
	}
}
