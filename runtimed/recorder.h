/* SPDX-License-Identifier: MIT */
/*
 * svmrund --record: every event of every VM into one event log (lib/svmlog.h). While there is a
 * recorder, full rings stop the vCPUs, so that the log has no gaps. Loop thread only.
 */
#ifndef SVMRUND_RECORDER_H
#define SVMRUND_RECORDER_H

#include "vcpu.h"

struct recorder;

/* Makes the file, which must not exist. NULL: it was logged why not. */
struct recorder *recorder_open(const char *path);
/* The functions below do nothing if `recorder` is NULL. */
void recorder_vm(struct recorder *recorder, struct vm *vm);
void recorder_event(struct recorder *recorder, const struct vcpu *vcpu,
		    const struct svmrt_event *event);
void recorder_flush(struct recorder *recorder);
/* Writes the index and frees. False: the log is not whole (it was logged). */
bool recorder_close(struct recorder *recorder);

#endif
