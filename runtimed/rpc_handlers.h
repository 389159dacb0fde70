/* SPDX-License-Identifier: MIT */
/* The handlers that the method table (rpc_table.c) names; one file per family. */
#ifndef SVMRUND_RPC_HANDLERS_H
#define SVMRUND_RPC_HANDLERS_H

#include "rpc.h"
#include "vm.h"

void rpc_discover(struct rpc_request *request);
void rpc_system_info(struct rpc_request *request);
void rpc_system_shutdown(struct rpc_request *request);
void rpc_template_load(struct rpc_request *request);
void rpc_template_list(struct rpc_request *request);
void rpc_template_unload(struct rpc_request *request);
void rpc_vm_create(struct rpc_request *request);
void rpc_vm_start(struct rpc_request *request);
void rpc_vm_pause(struct rpc_request *request);
void rpc_vm_resume(struct rpc_request *request);
void rpc_vm_nmi(struct rpc_request *request);
void rpc_vm_stop(struct rpc_request *request);
void rpc_vm_destroy(struct rpc_request *request);
void rpc_vm_list(struct rpc_request *request);
void rpc_vm_info(struct rpc_request *request);
void rpc_vm_wait(struct rpc_request *request);
void rpc_vcpu_get(struct rpc_request *request);
void rpc_vcpu_set(struct rpc_request *request);
void rpc_vcpu_debug(struct rpc_request *request);
void rpc_memory_translate(struct rpc_request *request);
void rpc_memory_read(struct rpc_request *request);
void rpc_memory_write(struct rpc_request *request);
void rpc_events_subscribe(struct rpc_request *request);
void rpc_events_unsubscribe(struct rpc_request *request);
void rpc_console_attach(struct rpc_request *request);
void rpc_console_detach(struct rpc_request *request);
void rpc_console_write(struct rpc_request *request);
void rpc_stats_get(struct rpc_request *request);

/* The VM that args[0] numbers; or NULL, and the request is answered and freed. */
struct vm *rpc_vm_of(struct rpc_request *request);
/* The vCPU that args[1] numbers, of that VM; or NULL as above. */
struct vcpu *rpc_vcpu_of(struct rpc_request *request);
/* True: the client may have no more subscriptions and consoles, and the request is answered. */
bool rpc_has_all_subscriptions(struct rpc_request *request);
/* The parameters of vm.create; false: the request is answered, and nothing is open. */
bool rpc_take_backings(struct rpc_request *request, const struct template *template,
		       const cJSON *drives, const cJSON *links, struct vm_backings *backings);
/* The array of vm.info and stats.get. */
cJSON *rpc_vcpu_stats(const struct vm *vm);
cJSON *rpc_missed_ticks(struct vm *vm);

#endif
