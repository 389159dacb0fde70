/* SPDX-License-Identifier: MIT */
/*
 * Independent pieces of work on several threads, their results taken in order: what is printed does
 * not depend on how many threads there are or which of them is fast.
 */
#ifndef SVMC_WORKERS_H
#define SVMC_WORKERS_H

#include <stddef.h>

#define WORKERS_MAX 1024u

/*
 * Call work(argument, i) for every i below `count` on up to `threads` threads, and in the calling
 * thread done(argument, i) in ascending order, each after its work. A thread that cannot be started
 * is done without.
 */
void workers_run(unsigned int threads, size_t count, void (*work)(void *argument, size_t i),
		 void (*done)(void *argument, size_t i), void *argument);

/* Threads for -j 0: as many as there are processors for us. */
unsigned int workers_processors(void);

#endif
