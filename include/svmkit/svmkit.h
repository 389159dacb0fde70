/* SPDX-License-Identifier: MIT */
/*
 * libsvmkit: a client of svmrund's control socket (svmrund-rpc(7)) for C programs. Blocking, one
 * connection an object, no threads and no global state: use a connection from one thread at a time.
 * Numbers that the socket carries as hex strings are uint64_t here. Link with -lsvmkit.
 */
#ifndef SVMKIT_SVMKIT_H
#define SVMKIT_SVMKIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SVMKIT_API __attribute__((visibility("default")))
#else
#define SVMKIT_API
#endif

enum svmkit_status {
	SVMKIT_OK = 0,
	SVMKIT_REFUSED = 1,	/* the daemon said no: svmkit_error() and svmkit_error_code() */
	SVMKIT_LOST = 2,	/* the connection is gone or spoke no JSON-RPC: only close it */
	SVMKIT_TIMEOUT = 3,	/* no answer, or no event, in time */
	SVMKIT_MEMORY = 4,	/* out of memory, here */
	SVMKIT_ARGUMENT = 5,	/* the caller's argument makes no sense: svmkit_error() says which */
};

#define SVMKIT_FOREVER (-1)
#define SVMKIT_TEMPLATE_ID 65	/* room for a template's identity: 64 hex digits and NUL */

struct svmkit;

/*
 * Connect to `socket`; NULL: $SVMRUND_SOCKET, else /run/svmrund/control.sock. NULL only without
 * memory; a failed connection is an object whose every call is SVMKIT_LOST and that says why.
 */
SVMKIT_API struct svmkit *svmkit_open(const char *socket);
SVMKIT_API void svmkit_close(struct svmkit *svmkit);	/* NULL is allowed */
/* Longest wait for one answer, ms; 60,000 at first. SVMKIT_FOREVER: no limit. */
SVMKIT_API void svmkit_set_timeout(struct svmkit *svmkit, int64_t timeout_ms);

/* One sentence about the last failure, safe for a terminal; "" before any. Valid until the next call. */
SVMKIT_API const char *svmkit_error(const struct svmkit *svmkit);
/* The daemon's error code after SVMKIT_REFUSED, svmrund-rpc(7). */
SVMKIT_API int svmkit_error_code(const struct svmkit *svmkit);
/* For poll(2): readable may mean an event. svmkit_next() with a time-out of 0 then tells. */
SVMKIT_API int svmkit_fd(const struct svmkit *svmkit);

/*
 * Any method. `params` is a JSON object as text (NULL: none); *result, if wanted, is JSON text that
 * the caller frees with svmkit_free().
 */
SVMKIT_API enum svmkit_status svmkit_call(struct svmkit *svmkit, const char *method,
					  const char *params, char **result);
SVMKIT_API void svmkit_free(void *text);

/* ---- Templates and the life of a VM ---- */

/* Load a template's bytes (the contents of a .svmt file); its identity goes to `id`. */
SVMKIT_API enum svmkit_status svmkit_template_load(struct svmkit *svmkit, const void *image,
						   size_t bytes, char id[SVMKIT_TEMPLATE_ID]);
SVMKIT_API enum svmkit_status svmkit_template_load_file(struct svmkit *svmkit, const char *path,
							char id[SVMKIT_TEMPLATE_ID]);
SVMKIT_API enum svmkit_status svmkit_template_unload(struct svmkit *svmkit, const char *id);

/* `name` NULL: the template's. */
SVMKIT_API enum svmkit_status svmkit_vm_create(struct svmkit *svmkit, const char *id,
					       const char *name, unsigned int *vm);
SVMKIT_API enum svmkit_status svmkit_vm_start(struct svmkit *svmkit, unsigned int vm);
SVMKIT_API enum svmkit_status svmkit_vm_pause(struct svmkit *svmkit, unsigned int vm);
SVMKIT_API enum svmkit_status svmkit_vm_resume(struct svmkit *svmkit, unsigned int vm);
SVMKIT_API enum svmkit_status svmkit_vm_stop(struct svmkit *svmkit, unsigned int vm);
SVMKIT_API enum svmkit_status svmkit_vm_destroy(struct svmkit *svmkit, unsigned int vm);

/* How a VM ended. */
struct svmkit_end {
	char reason[16];	/* "stop", "shutdown", ...: svmrund-rpc(7) */
	char exit[24];		/* name of the exit that ended it, or "" */
	unsigned int vcpu;
	int status;		/* of the debug-exit device; -1: none was written */
	uint64_t rip;		/* 0: not known */
};

/* Wait until the VM has ended; SVMKIT_TIMEOUT when it has not within timeout_ms. */
SVMKIT_API enum svmkit_status svmkit_vm_wait(struct svmkit *svmkit, unsigned int vm,
					     int64_t timeout_ms, struct svmkit_end *end);

/* Guest physical memory. */
SVMKIT_API enum svmkit_status svmkit_memory_read(struct svmkit *svmkit, unsigned int vm,
						 uint64_t gpa, void *buffer, size_t bytes);
SVMKIT_API enum svmkit_status svmkit_memory_write(struct svmkit *svmkit, unsigned int vm,
						  uint64_t gpa, const void *data, size_t bytes);

/* ---- Events ---- */

/* Console bytes of the VM come as events from now on. */
SVMKIT_API enum svmkit_status svmkit_console_attach(struct svmkit *svmkit, unsigned int vm);

/*
 * The VM's streamed exits come as events from now on. `lossless`: the vCPU waits rather than lose
 * one. `filter`: NULL, or a JSON object of further parameters of events.subscribe as text.
 */
SVMKIT_API enum svmkit_status svmkit_subscribe(struct svmkit *svmkit, unsigned int vm,
					       bool lossless, const char *filter,
					       unsigned int *subscription);
SVMKIT_API enum svmkit_status svmkit_unsubscribe(struct svmkit *svmkit, unsigned int subscription);

enum svmkit_event_kind {
	SVMKIT_EVENT_EXIT = 1,		/* `exit` */
	SVMKIT_EVENT_DROPPED = 2,	/* `dropped`: that many exits were lost before the next one */
	SVMKIT_EVENT_CONSOLE = 3,	/* `data`, `bytes` */
	SVMKIT_EVENT_STATE = 4,		/* `state` */
	SVMKIT_EVENT_OTHER = 5,		/* a notification of a newer daemon: `json` only */
};

struct svmkit_exit {
	unsigned int subscription, vcpu, cpl;
	bool shadow;
	char name[24];			/* "IOIO", or "" for a code without a name */
	char mode[12], action[12];
	uint64_t seq, code, info1, info2, intinfo, rip, rax, tsc;	/* 0 if the view leaves it out */
};

struct svmkit_event {
	enum svmkit_event_kind kind;
	unsigned int vm;		/* 0: not about one VM */
	const char *json;		/* the whole message; valid until the next call */
	bool ended;			/* the VM's last event: `end` says how */
	struct svmkit_end end;
	union {
		struct svmkit_exit exit;
		uint64_t dropped;
		struct {
			const unsigned char *data;	/* valid until the next call */
			size_t bytes;
		} console;
		char state[12];		/* "running", "paused", "stopped", "failed" */
	};
};

/* The next event, in order of arrival; SVMKIT_TIMEOUT when none came within timeout_ms. */
SVMKIT_API enum svmkit_status svmkit_next(struct svmkit *svmkit, int64_t timeout_ms,
					  struct svmkit_event *event);

#ifdef __cplusplus
}
#endif

#endif
