/* SPDX-License-Identifier: MIT */
/*
 * Log lines and the allocations that must not fail. A line is formatted first and written with one
 * write(), so that lines of several threads do not mix.
 */
#include <config.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "log.h"
#ifdef HAVE_LIBSYSTEMD
/* The line of this file says nothing about the event: no CODE_FILE and no CODE_LINE. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

static bool stderr_is_journal;

/* JOURNAL_STREAM is DEVICE:INODE of the stream; a child of a service may have another stderr. */
static void look_at_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	stderr_is_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		!fstat(STDERR_FILENO, &status) && status.st_dev == device &&
		status.st_ino == inode;
}

#ifdef HAVE_LIBSYSTEMD

struct entry {
	char text[6][128];		/* fields other than MESSAGE */
	struct iovec fields[7];
	int count;
};

static void add_field(struct entry *entry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_field(struct entry *entry, const char *format, ...)
{
	char *text = entry->text[entry->count - 1];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(entry->text[0]), format, args);
	va_end(args);
	entry->fields[entry->count++] = (struct iovec){ text, strlen(text) };
}

static bool send_to_journal(int priority, const struct log_about *about, char *message)
{
	struct entry entry = { .fields = { { message, strlen(message) } }, .count = 1 };

	add_field(&entry, "PRIORITY=%d", priority);
	if (about->vm)
		add_field(&entry, "SVMKIT_VM=%llu", (unsigned long long)about->vm);
	if (about->vm_name)
		add_field(&entry, "SVMKIT_VM_NAME=%s", about->vm_name);
	if (about->client) {
		add_field(&entry, "SVMKIT_CLIENT=%llu", (unsigned long long)about->client);
		add_field(&entry, "SVMKIT_CLIENT_PID=%d", about->client_pid);
		add_field(&entry, "SVMKIT_CLIENT_UID=%u", about->client_uid);
	}
	return sd_journal_sendv(entry.fields, entry.count) >= 0;
}

#else

static bool send_to_journal(int priority, const struct log_about *about, char *message)
{
	(void)priority;
	(void)about;
	(void)message;
	return false;
}

#endif

#define MESSAGE "MESSAGE="

void log_with(int priority, const struct log_about *about, const char *format, ...)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char text[1024] = MESSAGE, line[1080];
	const size_t head = sizeof(MESSAGE) - 1;
	va_list args;
	int length;

	pthread_once(&once, look_at_stderr);
	va_start(args, format);
	vsnprintf(text + head, sizeof(text) - head, format, args);
	va_end(args);
	if (stderr_is_journal && send_to_journal(priority, about, text))
		return;
	if (stderr_is_journal)
		length = snprintf(line, sizeof(line), "<%d>%s\n", priority, text + head);
	else
		length = snprintf(line, sizeof(line), "svmrund: %s\n", text + head);
	/* Nothing sensible can be done when stderr is gone. */
	if (write(STDERR_FILENO, line, (size_t)length) < 0)
		return;
}

static void *needed(void *memory, size_t bytes)
{
	if (!memory) {
		log_line(LOG_ERR, "out of memory (%zu bytes)", bytes);
		abort();
	}
	return memory;
}

void *need_memory(size_t bytes)
{
	return needed(calloc(1, bytes), bytes);
}

void *need_bytes(size_t bytes)
{
	return needed(malloc(bytes), bytes);
}

void *need_more(void *memory, size_t bytes)
{
	return needed(realloc(memory, bytes), bytes);
}

char *need_copy(const char *text, size_t length)
{
	char *copy = need_memory(length + 1);

	memcpy(copy, text, length);
	return copy;
}
