/* SPDX-License-Identifier: MIT */
/*
 * Checks of the event that a vCPU begins with (EVENTINJ; APM volume 2, 15.20): rows C16 to C19, W17
 * and W18 of facts/consistency_checks.csv.
 */
#include <inttypes.h>
#include "../events.h"
#include "../memory.h"
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_VCPUS | PART_CONTROL | PART_INJECT | EACH_VCPU_SET)
#define CODED 0x60227d00u	/* vectors that push an error code: 8, 10 to 14, 17, 21, 29, 30 */

static const struct range *place(const struct comp *c)
{
	const struct vcpu_set *set = &c->spec.sets[c->spec.selected];

	if (set->event_range.source)
		return &set->event_range;
	return control_field_range(c, "EVENTINJ");
}

static uint64_t event_of(const struct comp *c)
{
	const uint64_t event = vmcb_get_EVENTINJ(c->spec.vmcb);

	return event & EVENT_V ? event : 0;
}

static bool is_exception(uint64_t event)
{
	return event && EVENT_TYPE(event) == EVENT_EXCEPTION;
}

static void type(struct comp *c, const struct check *check)
{
	const uint64_t event = event_of(c);

	if (event && !event_type_name(EVENT_TYPE(event)))
		check_found(c, check, place(c), "the event has the type %u, which is reserved: "
			    "VMRUN refuses it; the types are 0 (interrupt), 2 (NMI), 3 (exception) "
			    "and 4 (software interrupt)", EVENT_TYPE(event));
}
CHECK(type, "C16", "APM 15.20", NEEDS);

/* QEMU takes reserved vectors below 31; the manual's rule is the stricter one. */
static void vector(struct comp *c, const struct check *check)
{
	const uint64_t event = event_of(c);
	const unsigned int v = EVENT_VECTOR(event);

	if (is_exception(event) && (v > 31 || !(0x702f7dfbu >> v & 1)))
		check_found(c, check, place(c), "the event is an exception with vector %u, which is "
			    "no exception: VMRUN refuses it; the exceptions are 0, 1, 3 to 8, 10 to "
			    "14, 16 to 19, 21 and 28 to 30%s", v, v == 2 ? ", and an NMI has a type "
			    "of its own" : "");
}
CHECK(vector, "C17", "APM 15.20", NEEDS);

static void impossible(struct comp *c, const struct check *check)
{
	const uint64_t event = event_of(c);

	if (is_exception(event) && EVENT_VECTOR(event) == 5 && memory_is_64bit_code(&c->spec))
		check_found(c, check, place(c), "the event is a #BR (vector 5), but BOUND does not "
			    "exist in 64-bit mode, in which the vCPU begins: VMRUN refuses it; use "
			    "another vector or another mode");
}
CHECK(impossible, "C18", "APM 15.20", NEEDS);

static void reserved(struct comp *c, const struct check *check)
{
	const uint64_t event = event_of(c);

	if (event & EVENT_RESERVED)
		check_found(c, check, place(c), "the event is 0x%" PRIx64 ": bits 30:12 are "
			    "reserved; clear 0x%" PRIx64, event, event & (uint64_t)EVENT_RESERVED);
}
CHECK(reserved, "C19", "APM 15.20", NEEDS);

static void software(struct comp *c, const struct check *check)
{
	const uint64_t event = event_of(c);

	if (event && EVENT_TYPE(event) == EVENT_SOFTWARE && !vmcb_get_NRIP(c->spec.vmcb))
		check_found(c, check, place(c), "a software interrupt returns to `nrip` of control, "
			    "which is 0; set it to the address behind the INT instruction, or use "
			    "the type interrupt");
}
CHECK_WARNING(software, "W17", "APM 15.20", NEEDS);

static void error_code(struct comp *c, const struct check *check)
{
	const uint64_t event = event_of(c);
	const unsigned int v = EVENT_VECTOR(event);
	const bool coded = v < 32 && CODED >> v & 1;

	if (!is_exception(event) || coded == !!(event & EVENT_EV))
		return;
	check_found(c, check, place(c), coded ?
		    "the exception %u pushes an error code, but the event has none, so the handler "
		    "finds a wrong stack; add `error`" :
		    "the exception %u pushes no error code, but the event has one, so the handler "
		    "finds a wrong stack; leave `error` out", v);
}
CHECK_WARNING(error_code, "W18", "APM 15.20", NEEDS);

const struct check *const event_checks[] = {
	&check_type, &check_vector, &check_impossible, &check_reserved, &check_software,
	&check_error_code, NULL,
};
