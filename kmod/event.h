/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events on their way into the guest, in EVENTINJ format (APM volume 2, 15.20): what to do with
 * EXITINTINFO (C3), and what two exceptions become. Pure; also builds in user space.
 */
#ifndef SVMRT_EVENT_H
#define SVMRT_EVENT_H

#include <linux/types.h>

#define SVMRT_EV_V		(1ULL << 31)
#define SVMRT_EV_ERROR_VALID	(1ULL << 11)
#define SVMRT_EV_INTR		(0ULL << 8)
#define SVMRT_EV_NMI		(2ULL << 8)
#define SVMRT_EV_EXCEPTION	(3ULL << 8)
#define SVMRT_EV_SOFT		(4ULL << 8)
#define SVMRT_EV_TYPE		(7ULL << 8)

/* What svmrt_event_merge() answers for the third fault in a row. */
#define SVMRT_EV_SHUTDOWN	(~0ULL)

/* Exception with the error code that its vector has (APM volume 2, 8.4), if it has one. */
__u64 svmrt_event_exception(unsigned int vector, __u32 error);

/*
 * Whether VMRUN takes the event (C16, C17, C19) and it can be delivered without next_rip: an
 * interrupt, an NMI or an exception that the architecture defines. 0 is no event and legal.
 */
_Bool svmrt_event_is_legal(__u64 event);

/*
 * EXITINTINFO as an event to inject again, or 0; `injected` is what EVENTINJ held at that VMRUN: RIP
 * is already where its handler shall return to, so it is injected again whatever it is. A type 3 with a vector of 32 or more is an
 * interrupt that QEMU reports wrongly. Software interrupts (type 4) are not injected again: RIP
 * is still at the INT instruction, which the guest executes again.
 */
__u64 svmrt_event_reinject(__u64 exitintinfo, __u64 injected);

/* `second` happened while `first` was being delivered (APM volume 2, 8.2.9 table 8-5). */
__u64 svmrt_event_merge(__u64 first, __u64 second);

#endif
