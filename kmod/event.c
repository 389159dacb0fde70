// SPDX-License-Identifier: GPL-2.0-only
/* Rules for events that meet an exit or another event; see event.h. */
#include "event.h"

#define VECTOR(event) ((unsigned int)((event) & 0xff))

enum { EV_DE = 0, EV_DF = 8, EV_TS = 10, EV_NP, EV_SS, EV_GP, EV_PF, EV_AC = 17, EV_CP = 21,
       EV_VC = 29, EV_SX = 30 };

static _Bool has_error_code(unsigned int vector)
{
	switch (vector) {
	case EV_DF: case EV_TS: case EV_NP: case EV_SS: case EV_GP: case EV_PF: case EV_AC:
	case EV_CP: case EV_VC: case EV_SX:
		return 1;
	default:
		return 0;
	}
}

__u64 svmrt_event_exception(unsigned int vector, __u32 error)
{
	__u64 event = SVMRT_EV_V | SVMRT_EV_EXCEPTION | (vector & 0x1f);

	if (has_error_code(vector & 0x1f))
		event |= SVMRT_EV_ERROR_VALID | (__u64)error << 32;
	return event;
}

/* Vectors of APM volume 2, table 8-1, without NMI, which has a type of its own. */
#define EXCEPTIONS 0x702f7dfbu	/* 0, 1, 3 to 8, 10 to 14, 16 to 19, 21, 28 to 30 */
#define RESERVED (0x7ffffULL << 12)

_Bool svmrt_event_is_legal(__u64 event)
{
	const _Bool has_error = event & SVMRT_EV_ERROR_VALID;

	if (!event)
		return 1;
	if (!(event & SVMRT_EV_V) || event & RESERVED || (!has_error && event >> 32))
		return 0;
	switch (event & SVMRT_EV_TYPE) {
	case SVMRT_EV_INTR:
	case SVMRT_EV_NMI:
		return !has_error;
	case SVMRT_EV_EXCEPTION:
		return VECTOR(event) < 32 && EXCEPTIONS >> VECTOR(event) & 1;
	default:
		return 0;
	}
}

__u64 svmrt_event_reinject(__u64 exitintinfo, __u64 injected)
{
	__u64 keep = 0xffULL | SVMRT_EV_TYPE | SVMRT_EV_ERROR_VALID | SVMRT_EV_V | 0xffffffffULL << 32;
	__u64 type = exitintinfo & SVMRT_EV_TYPE;

	if (!(exitintinfo & SVMRT_EV_V))
		return 0;
	if (injected & SVMRT_EV_V && !((injected ^ exitintinfo) & (0xff | SVMRT_EV_TYPE)))
		return injected;
	switch (type) {
	case SVMRT_EV_EXCEPTION:
		if (VECTOR(exitintinfo) >= 32)
			return SVMRT_EV_V | SVMRT_EV_INTR | VECTOR(exitintinfo);
		/* INT3 and INTO are traps of an instruction that runs again, as for type 4. */
		if (VECTOR(exitintinfo) == 3 || VECTOR(exitintinfo) == 4 ||
		    VECTOR(exitintinfo) == EV_VC)
			return 0;
		if (!(exitintinfo & SVMRT_EV_ERROR_VALID))
			keep &= 0xffffffffULL;
		return exitintinfo & keep;
	case SVMRT_EV_INTR:
	case SVMRT_EV_NMI:
		return exitintinfo & (0xffULL | SVMRT_EV_TYPE | SVMRT_EV_V);
	default:
		return 0;
	}
}

static _Bool contributory(unsigned int vector)
{
	return vector == EV_DE || (vector >= EV_TS && vector <= EV_GP) || vector == EV_CP;
}

/*
 * first \ second   | benign | contributory | #PF
 * benign or none   | second | second       | second
 * contributory     | second | #DF          | second
 * #PF              | second | #DF          | #DF
 * #DF              | second | shutdown     | shutdown
 */
__u64 svmrt_event_merge(__u64 first, __u64 second)
{
	unsigned int a = VECTOR(first), b = VECTOR(second);
	_Bool serious = contributory(b) || b == EV_PF;

	if (!(first & SVMRT_EV_V) || (first & SVMRT_EV_TYPE) != SVMRT_EV_EXCEPTION)
		return second;
	if (a == EV_DF && serious)
		return SVMRT_EV_SHUTDOWN;
	if ((contributory(a) && contributory(b)) || (a == EV_PF && serious))
		return svmrt_event_exception(EV_DF, 0);
	return second;
}
