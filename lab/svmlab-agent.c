/* SPDX-License-Identifier: MIT */
/*
 * The guest's end of the lab's multiplexer: it connects channels to svmrund's control socket and
 * runs commands for svmlab-exec. It is process 1 of the appliance once the init script has finished
 * its setup, so it also reaps orphans, and its death ends the lab visibly. This file has its
 * options, its loop and its end; what it holds in memory is bounded by the credit that it grants.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "exec.h"
#include "fd.h"

struct agent agent = { .port = -1, .control_path = "/run/svmrund/control.sock" };

_Noreturn void power_off(void)
{
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (agent.channels[i].session)
			session_free(agent.channels[i].session);
	}
	if (getpid() != 1)
		exit(0);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

_Noreturn void die(const char *what)
{
	fprintf(stderr, "svmlab-agent: %s\n", what);
	exit(EXEC_STATUS_LAB);
}

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		sessions_reaped(pid, status);
}

static void serve(int signals)
{
	static struct pollfd polls[2 + 3 * MUX_CHANNELS];
	struct signalfd_siginfo info;
	nfds_t count;

	for (;;) {
		count = 0;
		want(polls, &count, agent.port,
		     (short)(POLLIN | (agent.wire.size_bytes ? POLLOUT : 0)));
		want(polls, &count, signals, POLLIN);
		for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
			if (agent.channels[i].service)
				channel_wants(&agent.channels[i], polls, &count);
		}
		if (poll(polls, count, -1) < 0 && errno != EINTR)
			die("poll failed");
		while (read(signals, &info, sizeof(info)) > 0)
			;
		reap();
		if (polls[0].revents & (POLLIN | POLLHUP | POLLERR))
			port_input();
		agent.first++;
		for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
			const uint16_t number = (uint16_t)((agent.first + i) % MUX_CHANNELS);

			if (agent.channels[number].service)
				channel_pump(number);
		}
		if (drain_to(agent.port, &agent.wire) < 0)
			die("the port does not take output any more");
	}
}

static void usage(FILE *out)
{
	fputs("Usage: svmlab-agent [--fd N] [--control SOCKET]\n"
	      "Serves the lab's multiplexer inside the appliance.\n"
	      "  --fd N            talk over this descriptor, not the virtio port (for tests)\n"
	      "  --control SOCKET  where svmrund listens\n", out);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "control", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'f') {
			agent.port = atoi(optarg);
		} else if (c == 'c') {
			agent.control_path = optarg;
		} else {
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : EXEC_STATUS_USAGE);
		}
	}
}

int main(int argc, char **argv)
{
	sigset_t mask;
	int signals;

	parse_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0)
		die("signalfd failed");
	if (agent.port < 0)
		agent.port = wait_for_port();
	set_nonblocking(agent.port);
	mux_init(&agent.mux, MUX_GUEST);
	mux_reader_init(&agent.reader);
	say_hello();
	serve(signals);
}
