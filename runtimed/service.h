/* SPDX-License-Identifier: MIT */
/*
 * Being a service of systemd: readiness, watchdog, a socket that is handed over. Built without
 * libsystemd these do nothing, and there is never such a socket.
 */
#ifndef SVMRUND_SERVICE_H
#define SVMRUND_SERVICE_H

#include "daemon.h"

/* The listening socket that the service manager hands over; -1: none; -2: unfit, it was logged. */
int service_socket(void);
/* The socket listens. Pings the watchdog from the loop from now on, if there is one. */
void service_ready(struct daemon *daemon);
void service_reloading(void);	/* until service_ready() is called again */
void service_stopping(void);

#endif
