/* SPDX-License-Identifier: MIT */
/* Learns a peer's user and groups once, when it connects; the role can be asked again later. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "log.h"
#include "roles.h"

static bool learn_groups(struct peer *peer, int fd, gid_t primary)
{
	socklen_t bytes = 0;

	/* The first call only asks how long the list is. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) && errno != ERANGE)
		bytes = 0;
	peer->groups = need_memory(sizeof(primary) + bytes);
	peer->groups[0] = primary;
	peer->group_count = 1;
	if (!bytes || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups + 1, &bytes))
		return !bytes;
	peer->group_count += bytes / sizeof(peer->groups[0]);
	return true;
}

bool peer_learn(struct peer *peer, int fd)
{
	struct ucred cred;
	socklen_t length = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length))
		return false;
	peer->pid = cred.pid;
	peer->uid = cred.uid;
	return learn_groups(peer, fd, cred.gid);
}

void peer_free(struct peer *peer)
{
	free(peer->groups);
	peer->groups = NULL;
	peer->group_count = 0;
}

static bool fits(const struct peer *peer, const struct role_rule *rule)
{
	if (!rule->group)
		return rule->id == peer->uid;
	for (size_t i = 0; i < peer->group_count; i++)
		if (rule->id == peer->groups[i])
			return true;
	return false;
}

enum role peer_role(const struct peer *peer, const struct config *config)
{
	enum role role = config->default_role;

	if (!peer->uid || peer->uid == geteuid())
		return ROLE_OPERATOR;
	for (size_t i = 0; i < config->rule_count; i++)
		if (config->rules[i].role > role && fits(peer, &config->rules[i]))
			role = config->rules[i].role;
	return role;
}
