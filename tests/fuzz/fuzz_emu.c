/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as an instruction on any registers. Whatever the guest does, the emulator
 * ends, reaches memory only through its operations, asks them only for 1 to 16 bytes, and changes
 * nothing where it refuses or faults.
 */
#include <stdlib.h>
#include <string.h>
#include "emu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct input {
	uint8_t mode, faults_after, leaves_after, alignment;
	uint64_t rflags, rip;
	uint64_t gpr[16];
	uint32_t attrib, limit;
	uint64_t base;
	uint8_t insn[15];
} __attribute__((packed));

struct world {
	const struct input *input;
	unsigned int accesses, writes;
	unsigned int sum;		/* of what was written: all of it is read */
};

#define MOST_ACCESSES (EMU_ITERATIONS * 5u)

static enum emu_status access_memory(struct emu *emu, unsigned int bytes)
{
	struct world *world = emu->data;

	if (!bytes || bytes > 16 || world->accesses++ > MOST_ACCESSES)
		abort();
	if (world->input->faults_after && world->accesses > world->input->faults_after)
		return emu_raise(emu, 14, 2);
	return EMU_DONE;
}

static enum emu_status op_read(struct emu *emu, uint64_t linear, void *to, unsigned int bytes,
			       enum emu_access access)
{
	enum emu_status status = access_memory(emu, bytes);

	(void)access;
	if (!status)
		memset(to, (int)(linear & 0xff), bytes);
	return status;
}

static enum emu_status op_write(struct emu *emu, uint64_t linear, const void *from, unsigned int bytes)
{
	struct world *world = emu->data;
	enum emu_status status = access_memory(emu, bytes);

	(void)linear;
	for (unsigned int i = 0; i < bytes; i++)
		world->sum += ((const uint8_t *)from)[i];
	world->writes += !status;
	return status;
}

static enum emu_status op_probe(struct emu *emu, uint64_t linear, unsigned int bytes, bool write)
{
	(void)linear;
	(void)write;
	return access_memory(emu, bytes);
}

static uint32_t op_in(struct emu *emu, uint16_t port, unsigned int bytes)
{
	access_memory(emu, bytes);
	return port;
}

static void op_out(struct emu *emu, uint16_t port, unsigned int bytes, uint32_t value)
{
	access_memory(emu, bytes);
	if (bytes < 4 && value >> 8 * bytes)
		abort();
	(void)port;
}

static bool op_load_segments(struct emu *emu)
{
	const struct input *input = ((struct world *)emu->data)->input;

	for (unsigned int i = 0; i < EMU_SEGMENTS; i++)
		emu->segments[i] = (struct emu_segment){ input->base, input->limit, input->attrib + i };
	return input->alignment != 0xff;
}

static bool op_xmm(struct emu *emu)
{
	return ((struct world *)emu->data)->input->alignment != 0xfe;
}

static bool op_leave(struct emu *emu)
{
	const struct input *input = ((struct world *)emu->data)->input;

	return input->leaves_after && emu->iterations >= input->leaves_after;
}

static const struct emu_ops ops = {
	.read = op_read, .write = op_write, .probe = op_probe, .in = op_in, .out = op_out,
	.load_segments = op_load_segments, .load_xmm = op_xmm, .store_xmm = op_xmm, .leave = op_leave,
};

static const ZydisMachineMode modes[] = {
	ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_MACHINE_MODE_LONG_COMPAT_32, ZYDIS_MACHINE_MODE_LONG_COMPAT_16,
	ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_REAL_16,
};

static void check(const struct emu *emu, const struct emu *before, const struct world *world,
		  enum emu_status status)
{
	bool changed = memcmp(emu->gpr, before->gpr, sizeof(emu->gpr)) ||
		(emu->rflags ^ before->rflags) & EMU_STATUS_FLAGS;

	if (emu->iterations > EMU_ITERATIONS || (status == EMU_MORE && !emu->iterations))
		abort();
	if (status != EMU_DONE && emu->rip != before->rip)
		abort();
	if ((status == EMU_FAULT || status == EMU_REFUSED) && !emu->iterations && changed)
		abort();
	if (status == EMU_FAULT && emu->fault.vector != 12 && emu->fault.vector != 13 &&
	    emu->fault.vector != 14 && emu->fault.vector != 17)
		abort();
	if (status == EMU_FAULT && !emu->iterations && world->writes)
		abort();
	if ((emu->rflags ^ before->rflags) & ~(uint64_t)EMU_STATUS_FLAGS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { 0 };
	struct world world = { .input = &input };
	struct emu emu = { .ops = &ops, .data = &world }, before;
	enum emu_status status;
	char text[96];

	memcpy(&input, data, bytes < sizeof(input) ? bytes : sizeof(input));
	emu.mode = modes[input.mode % (sizeof(modes) / sizeof(modes[0]))];
	emu.linear_bits = input.mode & 0x80 ? 57 : 48;
	emu.check_alignment = input.alignment & 1;
	memcpy(emu.gpr, input.gpr, sizeof(emu.gpr));
	emu.rip = input.rip;
	emu.rflags = input.rflags;
	if (!emu_decode(&emu, input.insn, sizeof(input.insn)))
		return 0;
	before = emu;
	status = emu_execute(&emu);
	check(&emu, &before, &world, status);
	emu_text(&emu, text, sizeof(text));
	return 0;
}
