/* SPDX-License-Identifier: MIT */
/*
 * svmrund: reads its options and runs the daemon on the engine of svmrt.ko. Everything else is
 * elsewhere, so that tests can run the same daemon on an engine of their own.
 */
#include <config.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "daemon.h"
#include "engine_replay.h"
#include "rpc.h"

enum {
	OPTION_SOCKET = 256, OPTION_DEVICE, OPTION_ENGINE, OPTION_RECORD, OPTION_GROUP,
	OPTION_OPENRPC, OPTION_VERSION, OPTION_CONFIG, OPTION_CHECK,
	OPTION_REQUIRE_DEVICE,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "check-config", no_argument, NULL, OPTION_CHECK },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "device", required_argument, NULL, OPTION_DEVICE },
	{ "require-device", no_argument, NULL, OPTION_REQUIRE_DEVICE },
	{ "engine", required_argument, NULL, OPTION_ENGINE },
	{ "record", required_argument, NULL, OPTION_RECORD },
	{ "socket-group", required_argument, NULL, OPTION_GROUP },
	{ "openrpc", no_argument, NULL, OPTION_OPENRPC },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
	"Usage: svmrund [OPTION]...\n"
	"Run virtual machines on /dev/svmrt and serve JSON-RPC 2.0 on a Unix socket.\n"
	"\n"
	"  --socket PATH         control socket (/run/svmrund/control.sock)\n"
	"  --socket-group GROUP  let members of GROUP connect; else only the owner may\n"
	"  --device PATH         device of svmrt.ko (/dev/svmrt); may appear later\n"
	"  --require-device      end with status 69 if the device is not usable at the start\n"
	"  --engine ENGINE       svmrt (default), or replay:FILE: the VMs of a recording\n"
	"  --record FILE         write all events of all VMs to FILE, which must not exist\n"
	"  --config FILE         roles, limits and more (" SVMRUND_CONF ", if it exists)\n"
	"  --check-config        check the configuration file and leave\n"
	"  --openrpc             print the OpenRPC document of the socket and leave\n"
	"  -h, --help            print this help and leave\n"
	"  --version             print the version and leave\n"
	"\n"
	"SIGTERM and SIGINT stop the VMs, tell the clients and end the daemon with status 0.\n"
	"SIGHUP reads the configuration file again.\n"
	"See svmrund(8), svmrund.conf(5) and svmrund-rpc(7).\n";

static int print_openrpc(void)
{
	cJSON *document = rpc_openrpc_document();
	char *text = cJSON_Print(document);

	puts(text);
	cJSON_free(text);
	cJSON_Delete(document);
	return fflush(stdout) ? 1 : 0;
}

static int check_config(const char *path)
{
	struct config_error error;
	struct config *config = config_read(path, &error);

	if (!config) {
		fprintf(stderr, "svmrund: %s\n", error.text);
		return 1;
	}
	printf("%s: good\n", path);
	config_free(config);
	return fflush(stdout) ? 1 : 0;
}

static int run(const struct daemon_options *options, const char *name, const char *device)
{
	static const char replay[] = "replay:";
	struct engine_error error;
	struct engine engine;
	int status;

	if (!strcmp(name, "svmrt")) {
		engine_svmrt_init(&engine, device);
		return daemon_run(options, &engine);
	}
	if (strncmp(name, replay, sizeof(replay) - 1)) {
		fprintf(stderr, "svmrund: --engine is svmrt or replay:FILE, not '%s'\n", name);
		return 2;
	}
	if (engine_replay_init(&engine, name + sizeof(replay) - 1, &error)) {
		fprintf(stderr, "svmrund: %s\n", error.text);
		return 1;
	}
	status = daemon_run(options, &engine);
	engine_replay_free(&engine);
	return status;
}

int main(int argc, char **argv)
{
	struct daemon_options options = {
		.socket_path = "/run/svmrund/control.sock", .config_path = SVMRUND_CONF,
	};
	const char *device = "/dev/svmrt", *engine_name = "svmrt";
	bool only_check = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case OPTION_SOCKET: options.socket_path = optarg; break;
		case OPTION_DEVICE: device = optarg; break;
		case OPTION_REQUIRE_DEVICE: options.device_required = true; break;
		case OPTION_ENGINE: engine_name = optarg; break;
		case OPTION_RECORD: options.record_path = optarg; break;
		case OPTION_GROUP: options.socket_group = optarg; break;
		case OPTION_CONFIG:
			options.config_path = optarg;
			options.config_required = true;
			break;
		case OPTION_CHECK: only_check = true; break;
		case OPTION_OPENRPC: return print_openrpc();
		case OPTION_VERSION: puts("svmrund " PACKAGE_VERSION); return 0;
		case 'h': fputs(help, stdout); return 0;
		default: fputs("Try 'svmrund --help'.\n", stderr); return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "svmrund: unexpected argument '%s'\nTry 'svmrund --help'.\n",
			argv[optind]);
		return 2;
	}
	if (only_check)
		return check_config(options.config_path);
	return run(&options, engine_name, device);
}
