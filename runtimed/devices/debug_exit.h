/* SPDX-License-Identifier: MIT */
/* A port whose write ends the run with the written value as status; reads give 0. */
#ifndef SVMRUND_DEBUG_EXIT_H
#define SVMRUND_DEBUG_EXIT_H

#include "../io.h"

struct io_device *debug_exit_new(uint16_t port);	/* for io_bus_add() */

#endif
