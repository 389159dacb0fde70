/* SPDX-License-Identifier: MIT */
/* svmrund on the fake engine: the whole daemon, for tests on machines without /dev/svmrt. */
#include <stdio.h>
#include <string.h>
#include "daemon.h"
#include "fake_engine.h"

int main(int argc, char **argv)
{
	struct daemon_options options = { 0 };
	struct engine engine;

	if (argc != 3 || strcmp(argv[1], "--socket")) {
		fprintf(stderr, "usage: svmrund_fake --socket PATH\n");
		return 2;
	}
	options.socket_path = argv[2];
	fake_engine_init(&engine);
	return daemon_run(&options, &engine);
}
