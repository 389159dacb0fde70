/* SPDX-License-Identifier: MIT */
/*
 * The engine `replay`: VMs are those of an event log, RUN puts their recorded events into the ring
 * at full speed. There is no guest behind them: no registers, no memory, no console.
 */
#ifndef SVMRUND_ENGINE_REPLAY_H
#define SVMRUND_ENGINE_REPLAY_H

#include "engine.h"

/* Maps and indexes the log; `path` is kept by pointer. -1: `error` is filled. */
int engine_replay_init(struct engine *engine, const char *path, struct engine_error *error);
/* After the last of its vCPUs is unmapped and closed. */
void engine_replay_free(struct engine *engine);

#endif
