/* SPDX-License-Identifier: MIT */
/*
 * Judging records. Ranges of ports speak about IOIO exits only, ranges of guest physical addresses
 * about NPF exits only, ranges of MSRs about MSR exits only; what a kind of exit does not have does
 * not count against it.
 */
#include "event_filter.h"
#include "tables.h"

static int slot_of(uint32_t code)
{
	/* Records have the low half of the code; the negative ones are negative in both sizes. */
	return svmrt_exit_slot((__u64)(__s64)(__s32)code);
}

bool event_filter_add_exit(struct event_filter *filter, const char *name)
{
	const struct svm_exit_info *row = svm_exit_find(name);
	int slot = row ? svmrt_exit_slot(row->code) : -1;

	if (slot < 0)
		return false;
	filter->some_exits = true;
	filter->exits[slot / 8] |= (uint8_t)(1u << slot % 8);
	return true;
}

static bool in_ranges(const struct event_ranges *ranges, uint64_t value)
{
	for (unsigned int i = 0; i < ranges->count; i++)
		if (value >= ranges->range[i].first && value <= ranges->range[i].last)
			return true;
	return !ranges->count;
}

static bool is_wanted_exit(const struct event_filter *filter, uint32_t code)
{
	int slot = slot_of(code);

	return !filter->some_exits || (slot >= 0 && filter->exits[slot / 8] >> slot % 8 & 1);
}

static bool fits(const struct event_filter *filter, const struct svmrt_event *event)
{
	if (!is_wanted_exit(filter, event->code) || !in_ranges(&filter->rips, event->rip))
		return false;
	if (event->code == SVM_EXIT_CODE_IOIO)
		return in_ranges(&filter->ports, event->exitinfo1 >> 16 & 0xffff);
	if (event->code == SVM_EXIT_CODE_NPF)
		return in_ranges(&filter->gpas, event->exitinfo2);
	if (event->code == SVM_EXIT_CODE_MSR)
		return in_ranges(&filter->msrs, event->exitinfo2);
	return true;
}

bool event_filter_passes(struct event_filter *filter, unsigned int vcpu,
			 const struct svmrt_event *event)
{
	if (!event_filter_wants_vcpu(filter, vcpu) || !fits(filter, event))
		return false;
	return filter->sample < 2 || filter->fitting++ % filter->sample == 0;
}

bool event_filter_wants_vcpu(const struct event_filter *filter, unsigned int vcpu)
{
	return !filter->one_vcpu || filter->vcpu == vcpu;
}

bool event_filter_is_partial(const struct event_filter *filter)
{
	return filter->some_exits || filter->sample > 1 || filter->ports.count ||
		filter->gpas.count || filter->rips.count || filter->msrs.count;
}
