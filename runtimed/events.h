/* SPDX-License-Identifier: MIT */
/*
 * Event records from the rings to the subscribers. Rings are drained even when nobody listens;
 * while a lossless subscriber is full the rings of its VM are left alone, so the vCPUs wait.
 */
#ifndef SVMRUND_EVENTS_H
#define SVMRUND_EVENTS_H

#include <stdbool.h>
#include "vcpu.h"

struct subscription;

/* Watch the ring / stop watching it. */
void events_resume(struct vcpu *vcpu);
void events_pause(struct vcpu *vcpu);

/* Takes up to DRAIN_BATCH records. True: there are more. */
bool events_drain(struct vcpu *vcpu);

/* After the last record of a run: report records that the ring dropped at its end. */
/*
 * To one subscription, what the ring still has of the events from `from_seq` on that were consumed;
 * what is missing among them is counted as dropped.
 */
void events_tell_again(struct vcpu *vcpu, struct subscription *subscription, uint64_t from_seq);
void events_finish(struct vcpu *vcpu);

#endif
