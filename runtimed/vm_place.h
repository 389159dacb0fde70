/* SPDX-License-Identifier: MIT */
/* Where the vCPU threads of a VM may run and how urgent they are: the host's scheduler decides the
 * rest. Set when the VM is created, applied when a thread starts. */
#ifndef SVMRUND_VM_PLACE_H
#define SVMRUND_VM_PLACE_H

#include <cjson/cJSON.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

struct vm_place {
	bool pinned;
	cpu_set_t cpus;		/* of the host, if pinned */
	int nice;		/* setpriority(2): -20 .. 19 */
};

#define VM_PLACE_ERROR_BYTES 160

/* Takes parameters of vm.create (NULL: not given). NULL, or the name of the one that cannot be. */
const char *vm_place_take(struct vm_place *place, const cJSON *cpus, const cJSON *nice,
			  char text[VM_PLACE_ERROR_BYTES]);
/* Before the thread is made, and in the thread. 0 or an errno. */
int vm_place_attributes(const struct vm_place *place, pthread_attr_t *attributes);
void vm_place_self(const struct vm_place *place);
/* Adds the members `cpus` (null: not pinned) and `nice`. */
void vm_place_add_json(const struct vm_place *place, cJSON *json);

#endif
