/* SPDX-License-Identifier: MIT */
/* Input of a client: the growing line buffer and its limits, and descriptors that come along. */
#ifndef SVMRUND_CLIENT_INPUT_H
#define SVMRUND_CLIENT_INPUT_H

#include "client.h"

/* The socket has something to read: one read, and the lines that are whole now. */
void client_input_readable(struct client *client);
/* Start or stop reading, so that a client that does not read answers cannot pile up requests. */
void client_input_update(struct client *client);
/* The client is not congested any more: the lines that waited, then new input. */
void client_input_resume(struct client *client);
void client_input_free(struct client *client);

#endif
