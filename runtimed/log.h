/* SPDX-License-Identifier: MIT */
/*
 * The daemon's log: lines on stderr. If stderr is the journal (JOURNAL_STREAM names it), lines go
 * there as entries with a priority and with fields that say what they are about.
 */
#ifndef SVMRUND_LOG_H
#define SVMRUND_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <syslog.h>	/* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO */

/* What an entry is about; 0, or NULL: nothing of that kind. */
struct log_about {
	uint64_t vm;			/* SVMKIT_VM */
	const char *vm_name;		/* SVMKIT_VM_NAME */
	uint64_t client;		/* SVMKIT_CLIENT */
	int client_pid;			/* SVMKIT_CLIENT_PID */
	unsigned int client_uid;	/* SVMKIT_CLIENT_UID */
};

/* One line, from any thread. No newline at the end of `format`. */
void log_with(int priority, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_line(priority, ...) log_with((priority), &(struct log_about){ 0 }, __VA_ARGS__)
/* `about_vm` is a struct vm *, `about_client` a struct client *. */
#define log_vm(priority, about_vm, ...) \
	log_with((priority), &(struct log_about){ .vm = (about_vm)->number, \
			.vm_name = (about_vm)->name }, __VA_ARGS__)
#define log_client(priority, about_client, ...) \
	log_with((priority), &(struct log_about){ .client = (about_client)->number, \
			.client_pid = (int)(about_client)->peer.pid, \
			.client_uid = (about_client)->peer.uid }, __VA_ARGS__)

/* Small allocations that the daemon cannot do without: a failure ends it with a log line. */
void *need_memory(size_t bytes);	/* zeroed */
void *need_bytes(size_t bytes);		/* not zeroed */
void *need_more(void *memory, size_t bytes);	/* realloc */
char *need_copy(const char *text, size_t length);	/* NUL-terminated */

#endif
