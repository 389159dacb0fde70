/* SPDX-License-Identifier: MIT */
/*
 * The loop's frame: handles that belong to the daemon itself, deadlines, and the orderly end (VMs
 * stopped, clients told and flushed, everything freed, so that leak checkers see a clean exit).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>
#include "client.h"
#include "config.h"
#include "daemon.h"
#include "limits.h"
#include "log.h"
#include "recorder.h"
#include "rpc.h"
#include "server.h"
#include "service.h"
#include "subscription.h"
#include "template.h"
#include "vm.h"

uint64_t daemon_now_ms(const struct daemon *daemon)
{
	return uv_now(&daemon->loop);
}

void daemon_wake(struct daemon *daemon)
{
	uv_async_send(&daemon->wake);
}

static void on_wake(uv_async_t *async)
{
	struct daemon *daemon = async->data;

	list_each(link, &daemon->vms)
		vm_advance(list_object(link, struct vm, link));
}

static void on_flush(uv_prepare_t *prepare)
{
	struct daemon *daemon = prepare->data;

	struct list now;

	/* What is queued by flushing, such as answers to lines that waited, is written next time. */
	list_take(&now, &daemon->to_flush);
	while (!list_empty(&now))
		client_flush(list_object(now.next, struct client, flush_link));
	/* The loop must not sleep over it. */
	if (!list_empty(&daemon->to_flush))
		daemon_wake(daemon);
}

static void on_sighup(uv_signal_t *signal, int number)
{
	(void)number;
	daemon_reload(signal->data);
}

static void on_signal(uv_signal_t *signal, int number)
{
	daemon_shutdown(signal->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static bool any_vm_runs(const struct daemon *daemon)
{
	list_each(link, &daemon->vms)
		if (vm_is_running(list_object(link, struct vm, link)))
			return true;
	return false;
}

static void tell_clients(struct daemon *daemon)
{
	daemon->told = true;
	list_each(link, &daemon->clients) {
		struct client *client = list_object(link, struct client, link);
		cJSON *params = cJSON_CreateObject();

		cJSON_AddStringToObject(params, "reason", daemon->closing_reason);
		rpc_notify(client, "system.shutdown", params);
		client->close_when_flushed = true;
		client_want_flush(client);
	}
}

static void close_handles(struct daemon *daemon)
{
	list_each(link, &daemon->vms)
		vm_destroy(list_object(link, struct vm, link));
	list_each(link, &daemon->templates)
		template_unload(list_object(link, struct template, link));
	server_close(daemon);
	metrics_close(daemon);
	uv_close((uv_handle_t *)&daemon->flush, NULL);
	uv_close((uv_handle_t *)&daemon->wake, NULL);
	uv_close((uv_handle_t *)&daemon->tick, NULL);
	uv_close((uv_handle_t *)&daemon->watchdog, NULL);
	uv_close((uv_handle_t *)&daemon->sigterm, NULL);
	uv_close((uv_handle_t *)&daemon->sigint, NULL);
	uv_close((uv_handle_t *)&daemon->sighup, NULL);
}

/* Readers that stand still may not delay the end; a vCPU that stays in RUN ends it by force. */
static void wait_for_vms(struct daemon *daemon, uint64_t elapsed_ms)
{
	if (elapsed_ms > SHUTDOWN_FLUSH_MS)
		list_each(link, &daemon->clients)
			subscription_client_stalled(list_object(link, struct client, link));
	if (elapsed_ms > SHUTDOWN_STOP_MS) {
		log_line(LOG_ERR, "a vCPU did not leave RUN within %u ms: giving up",
			 SHUTDOWN_STOP_MS);
		server_close(daemon);
		_exit(1);
	}
}

static bool continue_shutdown(struct daemon *daemon)
{
	uint64_t elapsed_ms = daemon_now_ms(daemon) - daemon->closing_since_ms;

	if (any_vm_runs(daemon)) {
		wait_for_vms(daemon, elapsed_ms);
		return true;
	}
	if (!daemon->told) {
		tell_clients(daemon);
		daemon->closing_since_ms = daemon_now_ms(daemon);
		return true;
	}
	if (daemon->client_count && elapsed_ms < SHUTDOWN_FLUSH_MS)
		return true;
	list_each(link, &daemon->clients)
		client_close(list_object(link, struct client, link));
	close_handles(daemon);
	return false;
}

static void on_tick(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	bool more = false;

	list_each(link, &daemon->clients)
		more |= client_tick(list_object(link, struct client, link));
	list_each(link, &daemon->vms)
		more |= vm_tick(list_object(link, struct vm, link));
	more |= server_tick(daemon);
	if (daemon->closing)
		more |= continue_shutdown(daemon);
	if (!more)
		uv_timer_stop(timer);
}

void daemon_need_tick(struct daemon *daemon)
{
	if (!uv_is_active((uv_handle_t *)&daemon->tick))
		uv_timer_start(&daemon->tick, on_tick, TICK_MS, TICK_MS);
}

/* NULL: it was logged why not. */
static struct config *read_config(const struct daemon_options *options)
{
	const char *path = options->config_path;
	struct config_error error;
	struct config *config;

	if (!path || (!options->config_required && access(path, F_OK) && errno == ENOENT))
		return config_default();
	config = config_read(path, &error);
	if (!config)
		log_line(LOG_ERR, "%s", error.text);
	return config;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

void daemon_reload(struct daemon *daemon)
{
	struct config *config, *before = daemon->config;

	service_reloading();
	config = read_config(daemon->options);
	if (config) {
		if (!is_same_text(config->metrics_socket, before->metrics_socket) ||
		    config->metrics_port != before->metrics_port)
			log_line(LOG_WARNING, "[metrics] has changed: that needs a restart");
		daemon->config = config;
		config_free(before);
		list_each(link, &daemon->clients)
			client_update_role(list_object(link, struct client, link));
		log_line(LOG_NOTICE, "the configuration was read again");
	} else {
		log_line(LOG_ERR, "the configuration stays as it was");
	}
	service_ready(daemon);
}

void daemon_shutdown(struct daemon *daemon, const char *reason)
{
	if (daemon->closing)
		return;
	log_line(LOG_INFO, "%s: stopping the VMs and leaving", reason);
	daemon->closing = true;
	daemon->closing_reason = reason;
	daemon->closing_since_ms = daemon_now_ms(daemon);
	service_stopping();
	server_close(daemon);
	list_each(link, &daemon->vms) {
		struct vm *vm = list_object(link, struct vm, link);

		if (vm_is_running(vm) && vm->state < VM_STOPPING)
			vm_request_stop(vm);
	}
	daemon_need_tick(daemon);
}

/* VMs with many vCPUs need many descriptors: take all that we may have. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void init_handles(struct daemon *daemon)
{
	uv_prepare_init(&daemon->loop, &daemon->flush);
	uv_async_init(&daemon->loop, &daemon->wake, on_wake);
	uv_timer_init(&daemon->loop, &daemon->tick);
	uv_timer_init(&daemon->loop, &daemon->watchdog);
	uv_signal_init(&daemon->loop, &daemon->sigterm);
	uv_signal_init(&daemon->loop, &daemon->sigint);
	daemon->flush.data = daemon->wake.data = daemon->tick.data = daemon;
	uv_signal_init(&daemon->loop, &daemon->sighup);
	daemon->sigterm.data = daemon->sigint.data = daemon->sighup.data = daemon;
	uv_prepare_start(&daemon->flush, on_flush);
	uv_signal_start(&daemon->sigterm, on_signal, SIGTERM);
	uv_signal_start(&daemon->sigint, on_signal, SIGINT);
	uv_signal_start(&daemon->sighup, on_sighup, SIGHUP);
}

/*
 * A service is better not there than there without its device: the reason is then the last line that
 * its manager shows. A device that is there for others at the moment is worth a warning only.
 */
static bool device_answers(struct daemon *daemon)
{
	const struct engine *engine = daemon->engine;
	struct engine_error error;
	struct svmrt_info info;

	if (!engine->info(engine, &info, &error)) {
		if (info.unusable[0])
			log_line(LOG_WARNING, "no VM can be created now: %s", info.unusable);
		return true;
	}
	log_line(LOG_ERR, "%s%s", error.text, error.number != ENOENT ? "" :
		 "; the module svmrt is not loaded: `modprobe svmrt` says why, `dkms status` "
		 "whether it was built for this kernel");
	daemon->status = EX_UNAVAILABLE;
	return false;
}

/* What the engine has by itself, and the log of what the VMs do. False: it was logged why not. */
static bool prepare(struct daemon *daemon, const struct daemon_options *options)
{
	const struct engine *engine = daemon->engine;
	const struct engine_vm *recorded;
	struct engine_error error;

	if (options->device_required && !device_answers(daemon))
		return false;
	if (options->record_path) {
		daemon->recorder = recorder_open(options->record_path);
		if (!daemon->recorder)
			return false;
	}
	if (!engine->recorded)
		return true;
	for (unsigned int i = 0; (recorded = engine->recorded(engine, i)); i++) {
		if (vm_create_recorded(daemon, i, recorded, &error))
			continue;
		log_line(LOG_ERR, "VM %u of the recording: %s", i + 1, error.text);
		return false;
	}
	return true;
}

int daemon_run(const struct daemon_options *options, const struct engine *engine)
{
	struct daemon daemon = { .engine = engine, .options = options };
	/* Else a request would be "not JSON" for want of memory. */
	cJSON_Hooks hooks = { .malloc_fn = need_bytes, .free_fn = free };

	cJSON_InitHooks(&hooks);
	daemon.config = read_config(options);
	if (!daemon.config)
		return EX_CONFIG;

	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	list_init(&daemon.clients);
	list_init(&daemon.templates);
	list_init(&daemon.vms);
	list_init(&daemon.to_flush);
	uv_loop_init(&daemon.loop);
	init_handles(&daemon);
	metrics_init(&daemon.metrics);
	if (prepare(&daemon, options) && metrics_listen(&daemon) &&
	    server_listen(&daemon, options)) {
		log_line(LOG_INFO, "listening on %s, engine %s (%s)", daemon.socket_path,
			 engine->name, engine->device);
		service_ready(&daemon);
	} else {
		daemon.status = daemon.status ? daemon.status : 1;
		close_handles(&daemon);
	}
	uv_run(&daemon.loop, UV_RUN_DEFAULT);
	if (!recorder_close(daemon.recorder))
		daemon.status = 1;
	if (uv_loop_close(&daemon.loop))
		log_line(LOG_WARNING, "handles were still open at the end");
	metrics_free(&daemon.metrics);
	config_free(daemon.config);
	return daemon.status;
}
