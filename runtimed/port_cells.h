/* SPDX-License-Identifier: MIT */
/*
 * Registers that the module answers at ports so that an access costs no return to the daemon (svmrt.h,
 * SVMRT_VM_PORTS): a device that keeps a register in a cell says in the cell's mode what may be done with
 * it there now. Engines without that leave the cells alone; then every access comes to the bus. With the
 * bus's lock, or while the VM is built.
 */
#ifndef SVMRUND_PORT_CELLS_H
#define SVMRUND_PORT_CELLS_H

#include <stdbool.h>
#include <stdint.h>
#include <svmkit/svmrt.h>
#include "device_watch.h"

struct engine_error;
struct vm;

struct port_cells {
	struct svmrt_port_page *page;	/* NULL until a device asks */
	bool shared;			/* with the module */
	uint32_t used;
	struct svmrt_port_cell spare;	/* of all who came when there were no more */
	struct device_watch posted;
};

/* While the VM is built, for a port with its bytes and conditions: its cell, which has mode 0, or NULL. */
struct svmrt_port_cell *port_cell_add(struct vm *vm, struct svmrt_port *port,
				      struct engine_error *error);
/* When the devices are gone, before the device thread. */
void port_cells_free(struct vm *vm);

/* The number of a cell, for the condition of another. */
static inline uint32_t port_cell_number(const struct port_cells *cells,
					const struct svmrt_port_cell *cell)
{
	return (uint32_t)(cell - cells->page->cells);
}

static inline void port_cell_mode(struct svmrt_port_cell *cell, uint32_t mode)
{
	__atomic_store_n(&cell->mode, mode, __ATOMIC_RELEASE);
}

/* A read has no effect and gives `value`; or it has one, and must come to the device. */
static inline void port_cell_offer(struct svmrt_port_cell *cell, bool is_plain, uint32_t value)
{
	if (is_plain)
		__atomic_store_n(&cell->value, value, __ATOMIC_RELAXED);
	port_cell_mode(cell, is_plain ? SVMRT_PORT_READ : 0);
}

static inline uint32_t port_cell_value(const struct svmrt_port_cell *cell)
{
	return __atomic_load_n(&cell->value, __ATOMIC_RELAXED);
}

#endif
