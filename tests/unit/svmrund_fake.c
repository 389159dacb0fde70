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

	if ((argc != 3 && argc != 5) || strcmp(argv[1], "--socket") ||
	    (argc == 5 && strcmp(argv[3], "--record"))) {
		fprintf(stderr, "usage: svmrund_fake --socket PATH [--record FILE]\n");
		return 2;
	}
	options.record_path = argc == 5 ? argv[4] : NULL;
	options.socket_path = argv[2];
	fake_engine_init(&engine);
	return daemon_run(&options, &engine);
}
