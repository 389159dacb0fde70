/* SPDX-License-Identifier: MIT */
/*
 * The listening socket: made so that a stale socket file of a killed daemon is replaced, a live
 * daemon is left alone, and nobody but the owner (and the group, if asked) can connect.
 */
#ifndef SVMRUND_SERVER_H
#define SVMRUND_SERVER_H

#include "daemon.h"

/* False: it was logged why not. */
bool server_listen(struct daemon *daemon, const struct daemon_options *options);
/* Tries again what had to wait. True: more to watch. */
bool server_tick(struct daemon *daemon);
/* Stops listening and removes our socket file; connections stay. */
void server_close(struct daemon *daemon);

#endif
