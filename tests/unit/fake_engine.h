/* SPDX-License-Identifier: MIT */
/*
 * An engine without hardware for the daemon's tests: a vCPU's registers in the template say what it
 * "does". RSI: characters written to port 0x3f8. RBX: events put into the ring meanwhile. RDI: how
 * the run ends (enum fake_end). RBP: value for the debug exit port, or first byte of text.
 * RDX: 0: events are RDTSC; else RDTSC, IOIO, NPF, CPUID, MSR in turn, of event N the port
 * 0x3f8 + N / 5 % 8, the address 0xfee00000 + N / 5 % 16 * 0x1000, the MSR 0xc0000080 + N / 5 % 7,
 * the RIP 0x1000 + N % 10.
 */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include "engine.h"

enum fake_end {
	FAKE_STOP, FAKE_SHUTDOWN, FAKE_INVALID, FAKE_BROKEN, FAKE_SPIN, FAKE_DEBUG_EXIT,
	FAKE_NO_HANDLER, FAKE_STRING_IO, FAKE_MOV, FAKE_PUSH, FAKE_ENDLESS,
};

void fake_engine_init(struct engine *engine);

#endif
