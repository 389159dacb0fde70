/* SPDX-License-Identifier: MIT */
/*
 * The stages of a lab's life, from the boot to the last handle of the event loop. Each stage of the
 * way down has a time limit after which the next, rougher one begins, so that a lab ends within
 * bounds whatever state its guest is in.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "muxd.h"

#define POWEROFF_MS 4000
#define QUIT_MS 2000

void stage_expired(uv_timer_t *timer)
{
	(void)timer;
	if (lab.stage == BOOTING) {
		say("the appliance was not ready within %d s", lab.boot_seconds);
		advance(QUITTING);
	} else {
		advance(lab.stage + 1);
	}
}

void advance(enum stage stage)
{
	static const char quit[] = "{\"execute\":\"quit\"}\n";

	if (stage <= lab.stage)
		return;
	lab.stage = stage;
	if (stage > READY)
		stop_listening();
	switch (stage) {
	case POWERING_OFF:
		send_frame(MUX_POWEROFF, 0, NULL, 0);
		uv_timer_start(&lab.stage_timer, stage_expired, POWEROFF_MS, 0);
		break;
	case QUITTING:
		send_bytes(&lab.monitor, quit, sizeof(quit) - 1, NULL, 0);
		uv_timer_start(&lab.stage_timer, stage_expired, lab.plain ? 1 : QUIT_MS, 0);
		break;
	case KILLING:
		kill(lab.child, SIGKILL);
		uv_timer_stop(&lab.stage_timer);
		break;
	default:
		break;
	}
}

void fail(const char *format, ...)
{
	char reason[512];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	say("%s", reason);
	lab.exit_status = EXIT_LAB;
	advance(QUITTING);
}

void on_stop_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	say("signal %d: the lab goes down", number);
	advance(lab.stage == READY ? POWERING_OFF : QUITTING);
}

static void lifetime_over(uv_timer_t *timer)
{
	(void)timer;
	say("the lab's lifetime of %d s is over", lab.lifetime_seconds);
	advance(POWERING_OFF);
}

void guest_ready(void)
{
	if (lab.stage != BOOTING)
		return;
	lab.stage = READY;
	uv_timer_stop(&lab.stage_timer);
	/* The boot has a limit of its own. */
	uv_timer_start(&lab.lifetime, lifetime_over, (uint64_t)lab.lifetime_seconds * 1000, 0);
	start_listening();
	say("ready");
	tell_parent_ready();
}

static void linger_over(uv_timer_t *timer)
{
	(void)timer;
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			client_close(lab.clients[i]);
	}
}

void end_if_idle(void)
{
	if (lab.stage != ENDED || uv_is_closing((uv_handle_t *)&lab.stage_timer))
		return;
	if (!clients_left())
		uv_close((uv_handle_t *)&lab.stage_timer, NULL);
}

void end_loop(void)
{
	uv_handle_t *const handles[] = {
		(uv_handle_t *)&lab.port, (uv_handle_t *)&lab.monitor, (uv_handle_t *)&lab.console,
		(uv_handle_t *)&lab.on_child, (uv_handle_t *)&lab.on_term,
		(uv_handle_t *)&lab.on_int, (uv_handle_t *)&lab.lifetime,
	};

	lab.stage = ENDED;
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		uv_close(handles[i], NULL);
	parent_close();
	uv_timer_start(&lab.stage_timer, linger_over, LINGER_MS, 0);
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			guest_closed(lab.clients[i]);
	}
	end_if_idle();
}
