/* SPDX-License-Identifier: MIT */
/*
 * Making the control socket. Two daemons that start at the same moment must not both win, so the
 * test for a live one, the removal of a stale file and the bind happen under a lock on the
 * directory, which leaves no lock file behind.
 */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"
#include "limits.h"
#include "log.h"
#include "server.h"
#include "service.h"

/* The socket's directory, made if its parent exists, locked. -1: logged. */
static int lock_directory(const char *path)
{
	char *copy = need_copy(path, strlen(path));
	const char *directory = dirname(copy);
	int fd;

	if (mkdir(directory, 0755) && errno != EEXIST)
		log_line(LOG_WARNING, "mkdir %s: %s", directory, strerror(errno));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		log_line(LOG_ERR, "%s: %s; make it, or name another socket with --socket",
			 directory, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(copy);
	return fd;
}

/* A daemon that answers is left alone; a socket file without one is removed. False: logged. */
static bool clear_path(const struct sockaddr_un *address)
{
	const char *path = address->sun_path;
	struct stat status;
	int fd, error;

	if (lstat(path, &status))
		return true;
	if (!S_ISSOCK(status.st_mode)) {
		log_line(LOG_ERR, "%s exists and is not a socket: name another with --socket",
			 path);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (error == ECONNREFUSED) {
		log_line(LOG_NOTICE, "%s was left behind by a daemon that is gone: replaced", path);
		return !unlink(path);
	}
	if (error && error != EAGAIN) {
		log_line(LOG_ERR, "%s: %s", path, strerror(error));
		return false;
	}
	log_line(LOG_ERR, "another svmrund listens on %s: stop it, or name another socket with "
		 "--socket", path);
	return false;
}

static bool give_to_group(const char *path, const char *name)
{
	const struct group *group;

	if (!name)
		return true;
	group = getgrnam(name);
	if (!group) {
		log_line(LOG_ERR, "--socket-group: there is no group %s", name);
		return false;
	}
	if (chown(path, (uid_t)-1, group->gr_gid) || chmod(path, 0660)) {
		log_line(LOG_ERR, "%s: cannot give it to group %s: %s", path, name,
			 strerror(errno));
		return false;
	}
	return true;
}

static int bind_socket(const struct sockaddr_un *address, const char *group)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0177);
	int failed = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	umask(before);
	/* Listening before the lock is gone: else the next daemon would think that it is stale. */
	if (failed || listen(fd, 64)) {
		log_line(LOG_ERR, "%s: %s", address->sun_path, strerror(errno));
		close(fd);
		return -1;
	}
	if (!give_to_group(address->sun_path, group)) {
		unlink(address->sun_path);
		close(fd);
		return -1;
	}
	return fd;
}

static int make_socket(const struct daemon_options *options)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int directory, fd = -1;

	if (strlen(options->socket_path) >= sizeof(address.sun_path)) {
		log_line(LOG_ERR, "%s: a socket's path has at most %zu bytes", options->socket_path,
			 sizeof(address.sun_path) - 1);
		return -1;
	}
	strcpy(address.sun_path, options->socket_path);
	directory = lock_directory(options->socket_path);
	if (directory < 0)
		return -1;
	if (clear_path(&address))
		fd = bind_socket(&address, options->socket_group);
	close(directory);
	return fd;
}

/*
 * Without a free descriptor a connection stays in the queue, and the socket stays readable: to look
 * at it again at once would keep the loop busy for nothing.
 */
static void accept_later(struct daemon *daemon)
{
	if (!daemon->accept_later)
		log_line(LOG_WARNING, "a connection has to wait: %s", strerror(errno));
	daemon->accept_later = true;
	uv_poll_stop(&daemon->listener);
	daemon_need_tick(daemon);
}

static void on_connection(uv_poll_t *listener, int status, int events)
{
	struct daemon *daemon = listener->data;

	(void)events;
	if (status < 0) {
		log_line(LOG_WARNING, "the socket: %s", uv_strerror(status));
		return;
	}
	if (!client_accept(daemon, daemon->listener_fd) &&
	    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
		accept_later(daemon);
	else
		daemon->accept_later = false;
}

bool server_tick(struct daemon *daemon)
{
	if (!daemon->listening || !daemon->accept_later)
		return false;
	uv_poll_start(&daemon->listener, UV_READABLE, on_connection);
	return true;
}

/* A socket of our own, or the service manager's, whose file is not ours to remove. -1: logged. */
static int get_socket(struct daemon *daemon, const struct daemon_options *options)
{
	struct stat status;
	int fd = service_socket();

	daemon->socket_path = fd == -1 ? options->socket_path : "the service manager's socket";
	if (fd != -1)
		return fd < 0 ? -1 : fd;
	fd = make_socket(options);
	if (fd >= 0 && !stat(options->socket_path, &status)) {
		daemon->socket_device = status.st_dev;
		daemon->socket_inode = status.st_ino;
	}
	return fd;
}

bool server_listen(struct daemon *daemon, const struct daemon_options *options)
{
	int fd = get_socket(daemon, options), failed;

	if (fd < 0)
		return false;
	failed = uv_poll_init(&daemon->loop, &daemon->listener, fd);
	if (failed) {
		log_line(LOG_ERR, "%s: %s", daemon->socket_path, uv_strerror(failed));
		close(fd);
		return false;
	}
	daemon->listener.data = daemon;
	daemon->listener_fd = fd;
	daemon->listening = true;
	uv_poll_start(&daemon->listener, UV_READABLE, on_connection);
	return true;
}

void server_close(struct daemon *daemon)
{
	struct stat status;

	if (!daemon->listening)
		return;
	daemon->listening = false;
	if (daemon->socket_inode && !stat(daemon->socket_path, &status) &&
	    status.st_dev == daemon->socket_device &&
	    status.st_ino == daemon->socket_inode)
		unlink(daemon->socket_path);
	uv_close((uv_handle_t *)&daemon->listener, NULL);
	close(daemon->listener_fd);
}
