/* SPDX-License-Identifier: MIT */
/* Schedules tests; see test_jobs.h. A child sends its verdict and then its details through a pipe. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "test_jobs.h"

#define MAX_JOBS 64u

struct job {
	pid_t pid;		/* 0: free */
	int fd;
	size_t index;
	char *bytes;
	size_t used;
};

static void run_here(struct test_setup *setup, const char *path, struct test_result *result)
{
	size_t bytes = 0;
	FILE *details = open_memstream(&result->details, &bytes);

	if (!details) {
		result->details = NULL;
		result->verdict = (struct test_verdict){ .outcome = TEST_ABORTED,
							 .exit_status = CTL_ERROR };
		strcpy(result->verdict.message, "out of memory");
		return;
	}
	test_one(setup, path, details, &result->verdict);
	fclose(details);
}

static void write_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t n = write(fd, at, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;		/* the parent has gone */
		at += n;
		bytes -= (size_t)n;
	}
}

static void child(const struct test_setup *shared, const char *path, int fd)
{
	struct test_setup setup = *shared;
	struct test_result result = { .details = NULL };

	setup.rpc = NULL;
	run_here(&setup, path, &result);
	write_all(fd, &result.verdict, sizeof(result.verdict));
	if (result.details)
		write_all(fd, result.details, strlen(result.details) + 1);
	rpc_close(setup.rpc);
	fflush(stderr);
	_exit(0);
}

static int start(struct job *job, const struct test_setup *setup, const char *path, size_t index)
{
	int ends[2];

	if (pipe(ends))
		return -1;
	fflush(stdout);
	job->pid = fork();
	if (job->pid < 0) {
		job->pid = 0;
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (!job->pid) {
		close(ends[0]);
		child(setup, path, ends[1]);
	}
	close(ends[1]);
	*job = (struct job){ .pid = job->pid, .fd = ends[0], .index = index };
	return 0;
}

/* The child has ended: what came through the pipe is its result, or it died before it had one. */
static void finish(struct job *job, struct test_result *result)
{
	int status = 0;

	close(job->fd);
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (job->used > sizeof(result->verdict) && !job->bytes[job->used - 1]) {
		memcpy(&result->verdict, job->bytes, sizeof(result->verdict));
		result->details = strdup(job->bytes + sizeof(result->verdict));
	} else {
		result->verdict = (struct test_verdict){ .outcome = TEST_FAILED };
		snprintf(result->verdict.message, sizeof(result->verdict.message),
			 "the process that ran it ended with status %d%s", WIFSIGNALED(status) ?
			 WTERMSIG(status) : WEXITSTATUS(status), WIFSIGNALED(status) ? " (a signal)" : "");
	}
	if (!result->details)
		result->details = strdup("");
	free(job->bytes);
	*job = (struct job){ .pid = 0 };
}

/* More bytes of a child; true at the end. */
static bool drain(struct job *job)
{
	char *bytes = realloc(job->bytes, job->used + 65536);
	ssize_t n;

	if (!bytes)
		return true;
	job->bytes = bytes;
	n = read(job->fd, bytes + job->used, 65536);
	if (n > 0)
		job->used += (size_t)n;
	return n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

struct schedule {
	struct job jobs[MAX_JOBS];
	struct test_result *results;
	bool *done;
	size_t started, told;
	unsigned int running;
	int ended;		/* start no further test; returned */
};

static void wait_some(struct schedule *s, unsigned int jobs)
{
	struct pollfd fds[MAX_JOBS];

	for (unsigned int i = 0; i < jobs; i++)
		fds[i] = (struct pollfd){ .fd = s->jobs[i].pid ? s->jobs[i].fd : -1, .events = POLLIN };
	if (poll(fds, jobs, -1) <= 0)
		return;
	for (unsigned int i = 0; i < jobs; i++) {
		struct job *job = &s->jobs[i];
		size_t index = job->index;

		if (!job->pid || !fds[i].revents || !drain(job))
			continue;
		finish(job, &s->results[index]);
		s->done[index] = true;
		s->running--;
		if (s->results[index].verdict.outcome == TEST_ABORTED && !s->ended)
			s->ended = s->results[index].verdict.exit_status;
	}
}

static void start_some(struct schedule *s, const struct test_setup *setup, char *const *paths,
		       size_t count, unsigned int jobs)
{
	for (unsigned int i = 0; i < jobs && s->started < count && !s->ended; i++) {
		if (s->jobs[i].pid)
			continue;
		if (start(&s->jobs[i], setup, paths[s->started], s->started)) {
			ctl_say("cannot start a process: %s", strerror(errno));
			s->ended = CTL_ERROR;
			return;
		}
		s->started++;
		s->running++;
	}
}

static int run_parallel(struct schedule *s, struct test_setup *setup, char *const *paths,
			size_t count, unsigned int jobs,
			int (*tell)(void *context, size_t index, struct test_result *result),
			void *context)
{
	while (s->running || (s->started < count && !s->ended)) {
		start_some(s, setup, paths, count, jobs);
		if (s->running)
			wait_some(s, jobs);
		for (; s->told < count && s->done[s->told]; s->told++) {
			int stop = tell(context, s->told, &s->results[s->told]);

			if (stop && !s->ended)
				s->ended = stop;
		}
	}
	for (size_t i = s->told; i < count; i++)
		free(s->results[i].details);	/* behind one that was never started */
	return s->ended;
}

static int run_serial(struct test_setup *setup, char *const *paths, size_t count,
		      int (*tell)(void *context, size_t index, struct test_result *result),
		      void *context)
{
	int ended = 0;

	for (size_t i = 0; i < count && !ended; i++) {
		struct test_result result = { .details = NULL };

		run_here(setup, paths[i], &result);
		if (result.verdict.outcome == TEST_ABORTED)
			ended = result.verdict.exit_status;
		if (tell(context, i, &result) && !ended)
			ended = CTL_ERROR;
	}
	return ended;
}

int test_jobs_run(struct test_setup *setup, char *const *paths, size_t count, unsigned int jobs,
		  int (*tell)(void *context, size_t index, struct test_result *result),
		  void *context)
{
	struct schedule *s;
	int ended = CTL_ERROR;

	if (jobs < 2 || count < 2)
		return run_serial(setup, paths, count, tell, context);
	s = calloc(1, sizeof(*s));
	if (s) {
		s->results = calloc(count, sizeof(*s->results));
		s->done = calloc(count, sizeof(*s->done));
	}
	if (s && s->results && s->done)
		ended = run_parallel(s, setup, paths, count, jobs < MAX_JOBS ? jobs : MAX_JOBS, tell,
				     context);
	else
		ctl_say("out of memory");
	if (s) {
		free(s->results);
		free(s->done);
	}
	free(s);
	return ended;
}
