/* SPDX-License-Identifier: MIT */
/*
 * Who is at the other end of a connection, as the kernel knows it (unix(7): SO_PEERCRED and
 * SO_PEERGROUPS, both as of connect(2)), and what role the configuration gives to it.
 */
#ifndef SVMRUND_ROLES_H
#define SVMRUND_ROLES_H

#include <sys/types.h>
#include "config.h"

struct peer {
	pid_t pid;		/* 0: unknown */
	uid_t uid;
	gid_t *groups;		/* the primary one first; owned */
	size_t group_count;
};

/* False: the kernel does not tell. */
bool peer_learn(struct peer *peer, int fd);
void peer_free(struct peer *peer);
/* The highest role of a rule that fits; root and the daemon's own user are always operators. */
enum role peer_role(const struct peer *peer, const struct config *config);

#endif
