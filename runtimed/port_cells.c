/* SPDX-License-Identifier: MIT */
/* The page of cells and posted writes: shared with the module, or without one our own. */
#include <stdlib.h>
#include "bus.h"
#include "engine.h"
#include "log.h"
#include "port_cells.h"
#include "vm.h"

/* Output of a guest that says nothing more is shown this late. */
#define POSTED_DELAY_NS 500000

static void on_posted(struct device_watch *watch)
{
	bus_deliver_posted(watch->vm);
}

static int share(struct vm *vm, struct engine_error *error)
{
	struct port_cells *cells = &vm->port_cells;
	int status = device_watch_init_eventfd(&cells->posted, vm, on_posted);
	struct svmrt_ports ports = { .fd = cells->posted.fd, .delay_ns = POSTED_DELAY_NS };

	if (status)
		return engine_fail(error, status, "eventfd of posted writes", "");
	cells->page = vm->daemon->engine->ports(vm->fd, &ports, error);
	cells->shared = cells->page;
	return cells->page ? 0 : -1;
}

static int make_page(struct vm *vm, struct engine_error *error)
{
	if (vm->daemon->engine->ports)
		return share(vm, error);
	vm->port_cells.page = need_memory(sizeof(*vm->port_cells.page));
	return 0;
}

struct svmrt_port_cell *port_cell_add(struct vm *vm, struct svmrt_port *port,
				      struct engine_error *error)
{
	struct port_cells *cells = &vm->port_cells;

	if (!cells->page && make_page(vm, error))
		return NULL;
	if (cells->used == SVMRT_PORT_CELLS)
		return &cells->spare;
	port->cell = cells->used;
	if (cells->shared && vm->daemon->engine->port(vm->fd, port, error))
		return NULL;
	return &cells->page->cells[cells->used++];
}

void port_cells_free(struct vm *vm)
{
	struct port_cells *cells = &vm->port_cells;

	device_watch_close(&cells->posted);
	if (cells->shared)
		vm->daemon->engine->unmap_ports(cells->page);
	else
		free(cells->page);
	cells->page = NULL;
}
