// SPDX-License-Identifier: MIT
/*
 * One boot of a guest, watched from inside of the lab: linux_boot kvm|svmrt count|causes MARKER COMMAND...
 * runs COMMAND, whose standard output is the guest's console, until a line has MARKER; then it ends
 * COMMAND. `count` tells the time stamp ticks from the first VMRUN to the marker, and how many of them
 * the processor idled: in a lab that counts instructions the rest are instructions, of guest, kernel
 * and user space. Only the first VMRUN is traced, and tracing is off before much follows. `causes` is
 * another boot: it tells the returns of RUN to user space by cause, of both engines by tracepoints.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define TRACING "/sys/kernel/tracing/"
#define CAUSES_MAX 512u
#define BUFFER_KIB "98304"
#define CODE_IOIO 0x7b
#define CODE_NPF 0x400
#define RUN_EXIT 1		/* enum svmrt_run_reason */

struct engine {
	const char *name, *entry;	/* tracepoint right before VMRUN */
	const char *exits[3];		/* tracepoints that tell user-space exits and their causes */
};

static const struct engine engines[] = {
	{ "kvm", "kvm/kvm_entry", { "kvm/kvm_userspace_exit", "kvm/kvm_exit" } },
	{ "svmrt", "svmrt/svmrt_entry", { "svmrt/svmrt_user_exit" } },
};

static void fail(const char *what)
{
	fprintf(stderr, "linux_boot: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *text, const char *path, ...)
{
	char full[256];
	va_list list;
	int fd;

	strcpy(full, TRACING);
	va_start(list, path);
	vsnprintf(full + sizeof(TRACING) - 1, sizeof(full) - sizeof(TRACING), path, list);
	va_end(list);
	fd = open(full, O_WRONLY | O_TRUNC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail(full);
	close(fd);
}

/* ---- The first VMRUN ---- */

static uint64_t first_entry;

/* "TASK-PID [CPU] FLAGS TSC: kvm_entry: ...": the number before the first ": ". */
static uint64_t stamp_of(const char *line)
{
	const char *at = strstr(line, ": ");

	while (at && at > line && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at ? strtoull(at, NULL, 10) : 0;
}

static void *wait_for_entry(void *argument)
{
	const struct engine *engine = argument;
	FILE *pipe = fopen(TRACING "trace_pipe", "r");
	char line[512];

	while (pipe && fgets(line, sizeof(line), pipe))
		if (strstr(line, "_entry: ")) {
			put("0", "events/%s/enable", engine->entry);
			first_entry = stamp_of(line);
			break;
		}
	if (pipe)
		fclose(pipe);
	return NULL;
}

/* The trigger stops the trace at once; the thread then takes the tracepoint away. */
static void trace_first_entry(const struct engine *engine, pthread_t *thread)
{
	put("traceoff:1", "events/%s/trigger", engine->entry);
	put("1", "events/%s/enable", engine->entry);
	if (pthread_create(thread, NULL, wait_for_entry, (void *)engine))
		fail("thread");
}

/* Nanoseconds that this processor idled; ticks are nanoseconds where instructions are counted. */
static uint64_t idle_ticks(void)
{
	FILE *file = fopen("/proc/timer_list", "r");
	unsigned long long value = 0;
	char line[256];

	if (!file)
		fail("/proc/timer_list");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " .idle_sleeptime : %llu", &value) == 1)
			break;
	fclose(file);
	return value;
}

/* ---- The guest ---- */

static pid_t start(char **command, int *console)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		fail("pipe");
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		dup2(ends[1], 1);
		execvp(command[0], command);
		fail(command[0]);
	}
	close(ends[1]);
	*console = ends[0];
	return child;
}

/* False when the console ends without it. What was seen is kept for the message. */
static int read_until(int console, const char *marker)
{
	static char line[4096];
	size_t used = 0;
	ssize_t n;

	while ((n = read(console, line + used, sizeof(line) - 1 - used)) > 0) {
		char *end;

		used += (size_t)n;
		line[used] = '\0';
		if (strstr(line, marker))
			return 1;
		end = strrchr(line, '\n');
		if (end || used == sizeof(line) - 1) {
			size_t gone = end ? (size_t)(end + 1 - line) : used;

			memmove(line, line + gone, used - gone);
			used -= gone;
		}
	}
	fprintf(stderr, "linux_boot: the guest ended without \"%s\"; last: %s\n", marker, line);
	return 0;
}

static void stop(pid_t child, int console)
{
	char rest[4096];

	kill(child, SIGTERM);
	while (read(console, rest, sizeof(rest)) > 0)
		;
	waitpid(child, NULL, 0);
}

/* ---- Causes ---- */

static struct cause {
	char name[64];
	unsigned long count;
} causes[CAUSES_MAX];
static unsigned int cause_count;

static void count_cause(const char *name)
{
	unsigned int i;

	for (i = 0; i < cause_count && strcmp(causes[i].name, name); i++)
		;
	if (i == CAUSES_MAX) {
		fprintf(stderr, "linux_boot: more than %u causes\n", CAUSES_MAX);
		exit(1);
	}
	if (i == cause_count)
		snprintf(causes[cause_count++].name, sizeof(causes[0].name), "%s", name);
	causes[i].count++;
}

/* EXITCODE, EXITINFO1 and EXITINFO2 are the processor's own: both engines are read the same way. */
static void name_exit(char name[64], unsigned long long code, unsigned long long info1,
		      unsigned long long info2)
{
	if (code == CODE_IOIO)
		snprintf(name, 64, "%s %llxh", info1 & 1 ? "IN" : "OUT", info1 >> 16 & 0xffff);
	else if (code == CODE_NPF)
		snprintf(name, 64, "MMIO %s %llxh", info1 & 2 ? "write" : "read", info2 & ~0xfffull);
	else
		snprintf(name, 64, "exit %llxh", code);
}

/* KVM says at a user-space exit only of what kind it is: `last` is the #VMEXIT before. */
static void kvm_line(const char *line, char last[64])
{
	unsigned long long info1, info2;
	const char *at;
	char word[32];

	if ((at = strstr(line, "kvm_userspace_exit: "))) {
		if (sscanf(at, "kvm_userspace_exit: reason %31s", word) == 1)
			count_cause(!strcmp(word, "KVM_EXIT_IO") || !strcmp(word, "KVM_EXIT_MMIO") ?
				    last : word);
	} else if (strstr(line, "kvm_exit: ") && (at = strstr(line, "reason ")) &&
		   sscanf(at, "reason %31s rip %*x info1 %llx info2 %llx", word, &info1, &info2) == 3) {
		name_exit(last, !strcmp(word, "io") ? CODE_IOIO : !strcmp(word, "npf") ? CODE_NPF : 0,
			  info1, info2);
	}
}

static void svmrt_line(const char *line)
{
	const char *at = strstr(line, "svmrt_user_exit: ");
	unsigned long long code, info1, info2;
	unsigned int reason;
	char name[64];

	if (!at || sscanf(at, "svmrt_user_exit: vm=%*u vcpu=%*u reason=%u code=%llx info1=%llx info2=%llx",
			  &reason, &code, &info1, &info2) != 4)
		return;
	if (reason == RUN_EXIT)
		name_exit(name, code, info1, info2);
	else
		snprintf(name, sizeof(name), "reason %u", reason);
	count_cause(name);
}

static void tell_causes(const struct engine *engine)
{
	FILE *trace = fopen(TRACING "trace", "r");
	char line[512], last[64] = "";
	unsigned int i;

	if (!trace)
		fail("trace");
	while (fgets(line, sizeof(line), trace))
		if (engine == &engines[0])
			kvm_line(line, last);
		else
			svmrt_line(line);
	fclose(trace);
	for (i = 0; i < cause_count; i++)
		printf("%lu\t%s\n", causes[i].count, causes[i].name);
}

/* Events that the trace buffer lost would be exits that nobody counted. */
static void check_nothing_lost(void)
{
	FILE *file = fopen(TRACING "per_cpu/cpu0/stats", "r");
	unsigned long lost;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if ((sscanf(line, "overrun: %lu", &lost) == 1 ||
		     sscanf(line, "dropped events: %lu", &lost) == 1) && lost) {
			fprintf(stderr, "linux_boot: the trace buffer is too small\n");
			exit(1);
		}
	if (file)
		fclose(file);
}

/* ---- Both ways ---- */

static int count(const struct engine *engine, const char *marker, char **command)
{
	uint64_t idle, end, idled;
	pthread_t thread;
	int console, seen;
	pid_t child;

	trace_first_entry(engine, &thread);
	child = start(command, &console);
	pthread_join(thread, NULL);
	idle = idle_ticks();
	seen = read_until(console, marker);
	end = __rdtsc();
	idled = idle_ticks() - idle;
	stop(child, console);
	put("!traceoff:1", "events/%s/trigger", engine->entry);
	put("1", "tracing_on");
	if (!seen || !first_entry || end < first_entry)
		return 1;
	printf("ticks %llu idle %llu\n", (unsigned long long)(end - first_entry),
	       (unsigned long long)idled);
	return 0;
}

static int list_causes(const struct engine *engine, const char *marker, char **command)
{
	unsigned int i;
	int console, seen;
	pid_t child;

	put(BUFFER_KIB, "buffer_size_kb");
	for (i = 0; engine->exits[i]; i++)
		put("1", "events/%s/enable", engine->exits[i]);
	child = start(command, &console);
	seen = read_until(console, marker);
	put("0", "tracing_on");
	stop(child, console);
	for (i = 0; engine->exits[i]; i++)
		put("0", "events/%s/enable", engine->exits[i]);
	if (seen) {
		check_nothing_lost();
		tell_causes(engine);
	}
	put("1", "tracing_on");
	return !seen;
}

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 4 && i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (strcmp(argv[1], engines[i].name))
			continue;
		put("x86-tsc", "trace_clock");
		put("", "trace");
		if (!strcmp(argv[2], "count"))
			return count(&engines[i], argv[3], argv + 4);
		if (!strcmp(argv[2], "causes"))
			return list_causes(&engines[i], argv[3], argv + 4);
	}
	fprintf(stderr, "Usage: linux_boot kvm|svmrt count|causes MARKER COMMAND [ARGUMENT]...\n");
	return 2;
}
