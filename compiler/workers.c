/* SPDX-License-Identifier: MIT */
/* Threads take the next piece of work when they have finished one; the caller hands results on. */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include "workers.h"

/* What malloc() keeps between two pieces of work, instead of having it faulted in again. */
#define KEPT_BYTES (64 << 20)

struct shared {
	void (*work)(void *argument, size_t i);
	void *argument;
	size_t count;
	atomic_size_t next;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t changed;
	size_t awaited;			/* whose result is the next to be handed on */
	bool *finished;
};

static void *run_thread(void *argument)
{
	struct shared *shared = argument;
	size_t i;

	while ((i = atomic_fetch_add(&shared->next, 1)) < shared->count) {
		shared->work(shared->argument, i);
		pthread_mutex_lock(&shared->lock);
		shared->finished[i] = true;
		if (i == shared->awaited)
			pthread_cond_signal(&shared->changed);
		pthread_mutex_unlock(&shared->lock);
	}
	return NULL;
}

static void run_alone(size_t count, void (*work)(void *argument, size_t i),
		      void (*done)(void *argument, size_t i), void *argument)
{
	for (size_t i = 0; i < count; i++) {
		work(argument, i);
		done(argument, i);
	}
}

static void hand_on(struct shared *shared, void (*done)(void *argument, size_t i))
{
	for (size_t i = 0; i < shared->count; i++) {
		pthread_mutex_lock(&shared->lock);
		shared->awaited = i;
		while (!shared->finished[i])
			pthread_cond_wait(&shared->changed, &shared->lock);
		pthread_mutex_unlock(&shared->lock);
		done(shared->argument, i);
	}
}

void workers_run(unsigned int threads, size_t count, void (*work)(void *argument, size_t i),
		 void (*done)(void *argument, size_t i), void *argument)
{
	struct shared shared = {
		.work = work, .argument = argument, .count = count,
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER,
	};
	unsigned int wanted = threads < count ? threads : (unsigned int)count, started = 0;
	pthread_t *ids = wanted > 1 ? calloc(wanted, sizeof(*ids)) : NULL;

	shared.finished = ids ? calloc(count, sizeof(*shared.finished)) : NULL;
	while (shared.finished && started < wanted &&
	       !pthread_create(&ids[started], NULL, run_thread, &shared))
		started++;
	if (started || count > 1)
		mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	if (started)
		hand_on(&shared, done);
	else
		run_alone(count, work, done, argument);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	free(shared.finished);
	free(ids);
}

unsigned int workers_processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return count < 1 ? 1 : (unsigned int)count;
}
