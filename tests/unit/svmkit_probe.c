/* SPDX-License-Identifier: MIT */
/*
 * Plays through libsvmkit what its caller asks for and prints what came back, one line a step, so
 * that tests can hold every status and text against a daemon that misbehaves.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <svmkit/svmkit.h>

static const char *const names[] = { "ok", "refused", "lost", "timeout", "memory", "argument" };

static void show(const char *step, struct svmkit *svmkit, enum svmkit_status status)
{
	printf("%s: %s%s%s\n", step, names[status], status ? ": " : "",
	       status ? svmkit_error(svmkit) : "");
}

static void show_event(const struct svmkit_event *event)
{
	switch (event->kind) {
	case SVMKIT_EVENT_EXIT:
		printf("vm%u exit %s code=%#" PRIx64 " rip=%#" PRIx64 " seq=%" PRIu64 " %s %s\n", event->vm,
		       event->exit.name, event->exit.code, event->exit.rip, event->exit.seq,
		       event->exit.mode, event->exit.action);
		break;
	case SVMKIT_EVENT_DROPPED:
		printf("vm%u dropped %" PRIu64 "\n", event->vm, event->dropped);
		break;
	case SVMKIT_EVENT_CONSOLE:
		printf("vm%u console", event->vm);
		for (size_t i = 0; i < event->console.bytes; i++)
			printf(" %02x", event->console.data[i]);
		printf("\n");
		break;
	case SVMKIT_EVENT_STATE:
		printf("vm%u state %s", event->vm, event->state);
		if (event->ended)
			printf(" by %s (%s, vCPU %u, status %d, rip %#" PRIx64 ")", event->end.reason,
			       event->end.exit, event->end.vcpu, event->end.status, event->end.rip);
		printf("\n");
		break;
	default:
		printf("other %s\n", event->json);
	}
}

static void step(struct svmkit *svmkit, char *word)
{
	char *argument = strchr(word, '='), id[SVMKIT_TEMPLATE_ID], *result, bytes[4] = "";
	struct svmkit_event event;
	struct svmkit_end end;
	unsigned int number;
	enum svmkit_status status;

	if (argument)
		*argument++ = 0;
	if (!strcmp(word, "load")) {
		show(word, svmkit, svmkit_template_load(svmkit, "SVMT", 4, id));
	} else if (!strcmp(word, "load-file")) {
		show(word, svmkit, svmkit_template_load_file(svmkit, argument, id));
	} else if (!strcmp(word, "create")) {
		show(word, svmkit, svmkit_vm_create(svmkit, "id", NULL, &number));
	} else if (!strcmp(word, "attach")) {
		show(word, svmkit, svmkit_console_attach(svmkit, 1));
	} else if (!strcmp(word, "subscribe")) {
		show(word, svmkit, svmkit_subscribe(svmkit, 1, false, argument, &number));
	} else if (!strcmp(word, "start")) {
		show(word, svmkit, svmkit_vm_start(svmkit, 1));
	} else if (!strcmp(word, "wait")) {
		show(word, svmkit, svmkit_vm_wait(svmkit, 1, atoi(argument), &end));
	} else if (!strcmp(word, "timeout")) {
		svmkit_set_timeout(svmkit, atoi(argument));
	} else if (!strcmp(word, "read")) {
		status = svmkit_memory_read(svmkit, 1, 0x1000, bytes, sizeof(bytes));
		show(word, svmkit, status);
		if (!status)
			printf("read %.4s\n", bytes);
	} else if (!strcmp(word, "call")) {
		status = svmkit_call(svmkit, "system.info", argument, &result);
		show(word, svmkit, status);
		if (!status)
			printf("result %s\n", result);
		svmkit_free(result);
	} else if (!strcmp(word, "next")) {
		status = svmkit_next(svmkit, atoi(argument), &event);
		if (status)
			show(word, svmkit, status);
		else
			show_event(&event);
	} else if (!strcmp(word, "follow")) {
		do {
			status = svmkit_next(svmkit, 20000, &event);
			if (status)
				show(word, svmkit, status);
			else
				show_event(&event);
		} while (!status && !event.ended);
	} else {
		printf("no step %s\n", word);
	}
}

int main(int argc, char **argv)
{
	struct svmkit *svmkit = svmkit_open(NULL);

	if (!svmkit)
		return 1;
	for (int i = 1; i < argc; i++)
		step(svmkit, argv[i]);
	svmkit_close(svmkit);
	return 0;
}
