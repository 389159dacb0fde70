/* SPDX-License-Identifier: MIT */
/*
 * svmctl console: a VM's console as a terminal. Keys go to the guest as they are typed and its bytes
 * to the screen as they are, beginning with what the daemon still holds of before. Several may watch.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "ctl.h"
#include "end.h"
#include "json_b64.h"
#include "text.h"

static struct {
	bool read_only;
	const char *escape;
} o = { .escape = "]" };

static const struct ctl_option options[] = {
	{ 'e', "escape", CTL_TEXT, "CHAR", &o.escape,
	  "leave with Ctrl-CHAR (default ]; none: no key leaves)" },
	{ 'r', "read-only", CTL_FLAG, NULL, &o.read_only, "watch, send nothing" },
	{ 0 },
};

static const char help[] =
	"Connect the terminal to the console of VM (a number or a name), first showing what the daemon\n"
	"still has of its output. Ctrl-] leaves; the guest goes on. It ends by itself when the guest does,\n"
	"with the status of `svmctl wait`. Input that is no terminal is sent as it is; its end is no\n"
	"reason to leave.\n";

struct terminal {
	struct rpc *rpc;
	long vm;
	int escape;		/* -1: none */
	bool raw, input_open;
	struct termios saved;
	int exit_status;
	bool done;
};

static bool parse_escape(int *escape)
{
	unsigned char c = (unsigned char)o.escape[0];

	*escape = -1;
	if (!strcmp(o.escape, "none"))
		return true;
	if (strlen(o.escape) != 1 || (c & 0x60) == 0x20 || c >= 0x80) {
		ctl_say("--escape: '%s' is not a letter, one of @ [ \\ ] ^ _, or none", o.escape);
		return false;
	}
	*escape = c & 0x1f;
	return true;
}

static void enter_raw(struct terminal *t)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || o.read_only || tcgetattr(STDIN_FILENO, &t->saved))
		return;
	if (t->escape >= 0)
		ctl_say("connected to vm%ld; Ctrl-%c leaves", t->vm, t->escape + 0x40);
	raw = t->saved;
	cfmakeraw(&raw);
	t->raw = !tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

static void leave_raw(struct terminal *t)
{
	if (!t->raw)
		return;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved);
	t->raw = false;
	fputs("\r\n", stderr);
}

static void finish(struct terminal *t, int exit_status)
{
	t->done = true;
	t->exit_status = exit_status;
}

static void send_keys(struct terminal *t, const char *keys, size_t length)
{
	cJSON *params = ctl_vm_params(t->vm);
	char text[JSON_B64_CHARS(512) + 1];
	enum rpc_status status;

	text[json_b64_encode(text, keys, length)] = 0;
	cJSON_AddStringToObject(params, "base64", text);
	status = rpc_call(t->rpc, "console.write", params, NULL);
	/* The guest may have ended under our fingers: its vm.state is on the way. */
	if (status == RPC_REFUSED && rpc_error_code(t->rpc) == RPC_WRONG_STATE)
		return;
	if (status != RPC_OK) {
		leave_raw(t);
		finish(t, ctl_fail(t->rpc, status));
	}
}

static void take_keys(struct terminal *t)
{
	char keys[512], *escape = NULL;
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));
	size_t length;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		t->input_open = false;
		/* A terminal that has gone takes its watcher with it. */
		if (t->raw)
			finish(t, CTL_OK);
		return;
	}
	if (t->raw && t->escape >= 0)
		escape = memchr(keys, t->escape, (size_t)n);
	length = escape ? (size_t)(escape - keys) : (size_t)n;
	if (length)
		send_keys(t, keys, length);
	if (escape && !t->done)
		finish(t, CTL_OK);
}

static void put_output(struct terminal *t, const cJSON *params)
{
	const char *data = json_text(params, "data", NULL), *base64 = json_text(params, "base64", "");
	uint8_t *raw = NULL;
	ssize_t bytes = 0;
	size_t bad;

	if (data) {
		fputs(data, stdout);
	} else {
		raw = malloc(strlen(base64) / 4 * 3 + 3);
		if (raw)
			bytes = json_b64_decode(raw, base64, strlen(base64), &bad);
		if (raw && bytes > 0)
			fwrite(raw, 1, (size_t)bytes, stdout);
	}
	free(raw);
	if (fflush(stdout)) {
		leave_raw(t);
		ctl_say("standard output: %s", strerror(errno));
		finish(t, CTL_ERROR);
	}
}

static void take_note(struct terminal *t, const struct rpc_note *note)
{
	const cJSON *end = json_member(note->params, "end");
	char text[600];

	if (!strcmp(note->method, "system.shutdown")) {
		leave_raw(t);
		ctl_say("the daemon is shutting down");
	}
	if (json_number(note->params, "vm", 0) != (double)t->vm)
		return;
	if (!strcmp(note->method, "console.output")) {
		put_output(t, note->params);
	} else if (!strcmp(note->method, "vm.state") && cJSON_IsObject(end)) {
		leave_raw(t);
		end_text(text, sizeof(text), end);
		ctl_say("vm%ld: %s", t->vm, text);
		finish(t, end_status(end));
	}
}

/* Everything that has come; then nothing is left in our buffer and poll() tells of more. */
static void take_notes(struct terminal *t)
{
	struct rpc_note *note = NULL;
	enum rpc_status status = RPC_OK;

	while (!t->done && status == RPC_OK) {
		status = rpc_next(t->rpc, rpc_now(), &note);
		if (status == RPC_OK)
			take_note(t, note);
		rpc_note_free(note);
		note = NULL;
	}
	if (t->done || status == RPC_TIMEOUT || status == RPC_OK)
		return;
	leave_raw(t);
	finish(t, ctl_fail(t->rpc, status));
}

static void follow(struct terminal *t)
{
	while (!t->done) {
		struct pollfd fds[2] = {
			{ .fd = rpc_fd(t->rpc), .events = POLLIN },
			{ .fd = t->input_open ? STDIN_FILENO : -1, .events = POLLIN },
		};

		take_notes(t);
		if (t->done || (poll(fds, 2, 200) < 0 && errno != EINTR))
			return;		/* 200 ms: a signal is seen by rpc_next() */
		if (fds[1].revents)
			take_keys(t);
	}
}

/* The end of a VM that ended before we came is in vm.info and nowhere else. */
static void check_ended(struct terminal *t)
{
	cJSON *answer = NULL;
	const cJSON *end;
	enum rpc_status status = rpc_call(t->rpc, "vm.info", ctl_vm_params(t->vm), &answer);
	char text[600];

	if (status != RPC_OK) {
		finish(t, ctl_fail(t->rpc, status));
	} else {
		end = json_member(answer, "end");
		if (cJSON_IsObject(end)) {
			take_notes(t);
			end_text(text, sizeof(text), end);
			if (!t->done)
				ctl_say("vm%ld: %s", t->vm, text);
			finish(t, end_status(end));
		}
	}
	cJSON_Delete(answer);
}

static int command_console(int count, char **operands)
{
	struct terminal t = { .rpc = NULL, .input_open = !o.read_only };
	enum rpc_status status;

	(void)count;
	if (!parse_escape(&t.escape))
		return CTL_USAGE;
	t.rpc = ctl_connect();
	if (!t.rpc)
		return CTL_ERROR;
	rpc_catch_signals(t.rpc);
	t.vm = ctl_find_vm(t.rpc, operands[0], &t.exit_status);
	if (t.vm >= 0) {
		status = rpc_call(t.rpc, "console.attach", ctl_vm_params(t.vm), NULL);
		if (status != RPC_OK)
			finish(&t, ctl_fail(t.rpc, status));
		else
			check_ended(&t);
		if (!t.done)
			enter_raw(&t);
		follow(&t);
		leave_raw(&t);
	}
	rpc_close(t.rpc);
	return t.exit_status;
}

const struct ctl_command ctl_console = {
	"console", "VM", 1, 1, "connect the terminal to a VM's console", help, options, command_console,
};
