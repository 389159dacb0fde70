/* SPDX-License-Identifier: MIT */
/* The daemon on the fake engine, for tests of RPC and streaming; options as those of svmrund. */
#include <stdio.h>
#include <string.h>
#include "daemon.h"
#include "fake_engine.h"

int main(int argc, char **argv)
{
	struct daemon_options options = { 0 };
	struct engine engine;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--socket"))
			options.socket_path = argv[i + 1];
		else if (!strcmp(argv[i], "--record"))
			options.record_path = argv[i + 1];
		else if (!strcmp(argv[i], "--config"))
			options.config_path = argv[i + 1];
	}
	if (!options.socket_path) {
		fputs("usage: svmrund_fake --socket PATH [--record FILE] [--config FILE]\n", stderr);
		return 2;
	}
	fake_engine_init(&engine);
	return daemon_run(&options, &engine);
}
