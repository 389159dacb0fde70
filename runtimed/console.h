/* SPDX-License-Identifier: MIT */
/*
 * Serial output of a VM: vCPU threads put bytes into `pending`, the loop moves them to the bounded
 * history and to the attached clients. Nothing is dropped on the way: a thread that finds `pending`
 * full waits for the loop. What falls out of the history is counted. Input goes the other way, from
 * the loop into `input`, from which the serial port takes it when the guest reads.
 */
#ifndef SVMRUND_CONSOLE_H
#define SVMRUND_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "client.h"
#include "limits.h"
#include "list.h"

struct device_async;
struct vm;

struct console {
	bool exists;		/* the VM has a serial port; fixed before it starts */
	pthread_mutex_t lock;	/* of pending and input */
	pthread_cond_t room;
	char pending[CONSOLE_PENDING_BYTES];
	size_t pending_bytes;
	char input[CONSOLE_INPUT_BYTES];	/* a ring */
	size_t input_start, input_bytes;
	struct device_async *typed;	/* or NULL; fixed before the VM starts: there is input */
	/* Loop thread only from here. */
	char carry[4];		/* start of a UTF-8 character whose rest has not come yet */
	size_t carry_bytes;
	char history[CONSOLE_HISTORY_BYTES];
	uint64_t history_end;	/* bytes ever put into the history */
};

struct attachment {
	struct list client_link, vm_link;
	struct client *client;
	struct vm *vm;
};

void console_init(struct console *console);
void console_free(struct console *console);

/* Any thread but the loop: output. */
void console_write(struct vm *vm, const char *bytes, size_t length);
static inline void console_put(struct vm *vm, char byte)
{
	console_write(vm, &byte, 1);
}
/* Any thread: takes a byte of input; false: there is none. And whether there is one. */
bool console_get(struct console *console, uint8_t *byte);
bool console_has_input(struct console *console);
/* Loop: gives input to the guest, all of it or, if there is no room, none. `*waiting` bytes wait. */
bool console_type(struct console *console, const char *bytes, size_t length, size_t *waiting);
/* Loop: deliver what is pending; `last`: nothing more will come. */
void console_pump(struct vm *vm, bool last);

/* Attaches; the history is sent by console_send_history() after the reply. False: was attached. */
bool console_attach(struct vm *vm, struct client *client);
void console_send_history(struct vm *vm, struct client *client);
uint64_t console_lost_bytes(const struct console *console);
void console_detach(struct attachment *attachment);

#endif
