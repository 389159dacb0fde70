/* SPDX-License-Identifier: MIT */
/*
 * Which daemon to talk to. -s, then $SVMRUND_SOCKET, then this machine's own daemon; where there is
 * neither /dev/svmrt nor a daemon, the lab: svmlab boots an appliance in QEMU and offers its socket.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ctl.h"

#define SYSTEM_SOCKET "/run/svmrund/control.sock"
#define DEVICE "/dev/svmrt"

extern char **environ;

/* svmlab beside this program (installed) or in lab/ under it (build tree), else from PATH. */
static const char *find_svmlab(char *path, size_t size)
{
	static const char *const places[] = { "svmlab", "lab/svmlab" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		slash[1] = 0;
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, size, "%s%s", self, places[i]) < (int)size &&
		    !access(path, X_OK))
			return path;
	}
	return "svmlab";
}

/* svmlab's exit status, or -1 after a message; its standard output goes to `out_fd`. */
static int run_svmlab(const char *verb, const char *argument, int out_fd)
{
	char path[PATH_MAX];
	const char *program = find_svmlab(path, sizeof(path));
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)verb,
			 (char *)(uintptr_t)argument, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t pipe_only;
	int error, status;
	pid_t pid;

	/* main() ignores SIGPIPE, and what is ignored stays ignored in a child. */
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &pipe_only);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	error = posix_spawnp(&pid, program, &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (error) {
		ctl_say("no %s on this machine, and the lab cannot start: %s: %s", DEVICE, program,
			strerror(error));
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* What `svmlab status --socket` prints while the lab is up. 0: there is a path; 1: it is down. */
static int ask_lab_socket(char *path, size_t size)
{
	FILE *answer = tmpfile();
	int status;

	if (!answer) {
		ctl_say("temporary file: %s", strerror(errno));
		return -1;
	}
	status = run_svmlab("status", "--socket", fileno(answer));
	if (!status) {
		rewind(answer);
		if (!fgets(path, (int)size, answer))
			path[0] = 0;
		path[strcspn(path, "\n")] = 0;
		status = path[0] == '/' ? 0 : 1;
	}
	fclose(answer);
	return status;
}

/* A lab that is up is used as it is; one that is down is started. */
static int use_lab(char *path, size_t size)
{
	int status;

	ctl_say("no %s on this machine: using the lab (QEMU emulates SVM)", DEVICE);
	status = ask_lab_socket(path, size);
	if (status <= 0)
		return status;
	/* What svmlab says is about starting up; standard output belongs to the guest's console. */
	status = run_svmlab("up", NULL, STDERR_FILENO);
	if (status > 0)
		ctl_say("the lab did not come up: `svmlab up` ended with status %d", status);
	if (status)
		return -1;
	if (!ask_lab_socket(path, size))
		return 0;
	ctl_say("`svmlab status --socket` did not print the socket of the lab");
	return -1;
}

static int choose_socket(char *path, size_t size)
{
	const char *named = ctl_common.socket ? ctl_common.socket : getenv("SVMRUND_SOCKET");

	if (named && *named) {
		if (named != path)
			snprintf(path, size, "%s", named);
		return 0;
	}
	if (!access(DEVICE, F_OK) || !access(SYSTEM_SOCKET, F_OK)) {
		snprintf(path, size, "%s", SYSTEM_SOCKET);
		return 0;
	}
	return use_lab(path, size);
}

struct rpc *ctl_connect(void)
{
	static char path[PATH_MAX];
	enum rpc_status status;
	struct rpc *rpc;

	if (choose_socket(path, sizeof(path)))
		return NULL;
	ctl_common.socket = path;	/* further connections go to the same one */
	rpc = rpc_connect(path, ctl_common.timeout_ns, &status);
	if (!rpc) {
		ctl_say("out of memory");
	} else if (status != RPC_OK) {
		ctl_fail(rpc, status);
		rpc_close(rpc);
		rpc = NULL;
	}
	return rpc;
}
