/* SPDX-License-Identifier: MIT */
/*
 * Pinning and priority of vCPU threads. Both are tried when they are asked for, so that vm.start
 * does not meet a refusal that vm.create could have told.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "vm_place.h"

/* Only a thread that may run on these CPUs now can be pinned to them (cpusets, offline CPUs). */
static bool take_cpus(struct vm_place *place, const cJSON *array, char text[VM_PLACE_ERROR_BYTES])
{
	cpu_set_t allowed;
	const cJSON *item;

	place->pinned = true;
	CPU_ZERO(&place->cpus);
	if (sched_getaffinity(0, sizeof(allowed), &allowed)) {
		snprintf(text, VM_PLACE_ERROR_BYTES, "sched_getaffinity: %s", strerror(errno));
		return false;
	}
	cJSON_ArrayForEach(item, array) {
		unsigned int cpu = (unsigned int)item->valuedouble;

		if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed)) {
			snprintf(text, VM_PLACE_ERROR_BYTES, "svmrund may not use CPU %u of the host; "
				 "it has %d that it may use", cpu, CPU_COUNT(&allowed));
			return false;
		}
		CPU_SET(cpu, &place->cpus);
	}
	return true;
}

/* Nice values are of threads on Linux: trying it on this one harms nobody, going back is allowed. */
static bool take_nice(struct vm_place *place, const cJSON *item, char text[VM_PLACE_ERROR_BYTES])
{
	int nice = (int)item->valuedouble, before = getpriority(PRIO_PROCESS, 0);

	place->nice = nice;
	if (nice >= before)
		return true;
	if (setpriority(PRIO_PROCESS, 0, nice)) {
		snprintf(text, VM_PLACE_ERROR_BYTES, "svmrund may not raise a priority to %d: %s; it "
			 "needs CAP_SYS_NICE or a higher RLIMIT_NICE", nice, strerror(errno));
		return false;
	}
	setpriority(PRIO_PROCESS, 0, before);
	return true;
}

const char *vm_place_take(struct vm_place *place, const cJSON *cpus, const cJSON *nice,
			  char text[VM_PLACE_ERROR_BYTES])
{
	*place = (struct vm_place){ .nice = getpriority(PRIO_PROCESS, 0) };
	if (cpus && !take_cpus(place, cpus, text))
		return "cpus";
	if (nice && !take_nice(place, nice, text))
		return "nice";
	return NULL;
}

int vm_place_attributes(const struct vm_place *place, pthread_attr_t *attributes)
{
	if (!place->pinned)
		return 0;
	return pthread_attr_setaffinity_np(attributes, sizeof(place->cpus), &place->cpus);
}

void vm_place_self(const struct vm_place *place)
{
	/* It was possible when the VM was made; a limit that has shrunk since costs urgency only. */
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), place->nice);
}

void vm_place_add_json(const struct vm_place *place, cJSON *json)
{
	cJSON *array;

	cJSON_AddNumberToObject(json, "nice", place->nice);
	if (!place->pinned) {
		cJSON_AddNullToObject(json, "cpus");
		return;
	}
	array = cJSON_AddArrayToObject(json, "cpus");
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &place->cpus))
			cJSON_AddItemToArray(array, cJSON_CreateNumber(cpu));
}
