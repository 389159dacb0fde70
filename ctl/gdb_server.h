/* SPDX-License-Identifier: MIT */
/*
 * What GDB's packets mean, on a target that is a table of functions: the VM behind an RPC connection,
 * or memory in a test. All-stop mode; a vCPU is a thread, whose number is the vCPU's plus one.
 */
#ifndef SVMKIT_CTL_GDB_SERVER_H
#define SVMKIT_CTL_GDB_SERVER_H

#include "gdb_packet.h"
#include "gdb_regs.h"

enum gdb_break { GDB_BREAK_SOFT, GDB_BREAK_EXECUTE, GDB_BREAK_WRITE, GDB_BREAK_ACCESS = 4 };

enum gdb_stop_kind {
	GDB_STOP_NONE,		/* it runs */
	GDB_STOP_SIGNAL, GDB_STOP_SOFT, GDB_STOP_EXECUTE, GDB_STOP_DATA,
	GDB_STOP_EXITED, GDB_STOP_KILLED
};

struct gdb_stop {
	enum gdb_stop_kind kind;
	unsigned int vcpu;
	unsigned int number;	/* of the signal; of EXITED the status */
	uint64_t address;	/* DATA */
};

/* `data` is the target's own. Functions that return bool: false, it cannot be done. */
struct gdb_target {
	unsigned int vcpus;
	bool (*read_registers)(void *data, unsigned int vcpu,
			       struct gdb_value values[GDB_REGISTERS]);
	bool (*write_register)(void *data, unsigned int vcpu, unsigned int number,
			       const struct gdb_value *value);
	/* Linear addresses of that vCPU; the number of bytes from the first one on that could be. */
	size_t (*read_memory)(void *data, unsigned int vcpu, uint64_t at, void *to, size_t bytes);
	size_t (*write_memory)(void *data, unsigned int vcpu, uint64_t at, const void *from,
			       size_t bytes);
	bool (*set_break)(void *data, unsigned int vcpu, enum gdb_break kind, uint64_t at,
			  uint64_t bytes);
	bool (*clear_break)(void *data, enum gdb_break kind, uint64_t at, uint64_t bytes);
	/* `step` -1: nobody steps; `only` -1: all run. */
	bool (*resume)(void *data, int step, int only);
	void (*interrupt)(void *data);
	void (*kill)(void *data);
	void (*detach)(void *data);
};

struct gdb_server {
	const struct gdb_target *target;
	void *data;
	struct json_out out;		/* to be sent */
	struct json_out reply;		/* payload that is being made */
	bool no_ack, running, finished;
	unsigned int vcpu;		/* that registers and memory are of (Hg) */
	int step_vcpu;			/* Hc: -1 all */
	struct gdb_stop stop;		/* why it stands still */
	char *xml;
};

void gdb_server_init(struct gdb_server *server, const struct gdb_target *target, void *data);
void gdb_server_free(struct gdb_server *server);
/* What came: packets are done, and answers appended to `out`. */
void gdb_server_take(struct gdb_server *server, struct gdb_input *input);
/* The target has stopped after a resume. */
void gdb_server_stopped(struct gdb_server *server, const struct gdb_stop *stop);

#endif
