/* SPDX-License-Identifier: MIT */
/*
 * State of a debugger's session on a VM. vcpu.debug replaces what was before, so what is wanted is kept
 * here and told again before the VM runs on, if it has changed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl.h"
#include "end.h"
#include "gdb_vm.h"
#include "json_b64.h"
#include "json_get.h"

#define HARDWARE 4
#define SOFT 256
#define INT3 0xcc
#define SIGINT_NUMBER 2
#define SIGTRAP_NUMBER 5
#define SIGABRT_NUMBER 6

struct soft_break {
	uint64_t at, gpa;
	uint8_t original;
};

struct hardware_break {
	enum gdb_break kind;
	uint64_t at, bytes;
};

struct gdb_vm {
	struct rpc *rpc;
	long vm;
	unsigned int vcpus;
	bool defined;			/* not started yet */
	bool ended;
	struct gdb_stop end;
	struct soft_break soft[SOFT];
	unsigned int soft_count;
	struct hardware_break hardware[HARDWARE];
	unsigned int hardware_count;
	int stepping;			/* -1: none */
	bool interrupted;
	cJSON *cached;			/* vcpu.get of cached_vcpu while it stands still */
	unsigned int cached_vcpu;
};

static cJSON *params_of(const struct gdb_vm *vm, unsigned int vcpu)
{
	cJSON *params = ctl_vm_params(vm->vm);

	cJSON_AddNumberToObject(params, "vcpu", vcpu);
	return params;
}

static void forget_registers(struct gdb_vm *vm)
{
	cJSON_Delete(vm->cached);
	vm->cached = NULL;
}

static bool call(struct gdb_vm *vm, const char *method, cJSON *params, cJSON **answer)
{
	return rpc_call(vm->rpc, method, params, answer) == RPC_OK;
}

static void add_hex(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	cJSON_AddStringToObject(object, name, text);
}

static const cJSON *registers_of(struct gdb_vm *vm, unsigned int vcpu)
{
	if (vm->cached && vm->cached_vcpu == vcpu)
		return vm->cached;
	forget_registers(vm);
	if (!call(vm, "vcpu.get", params_of(vm, vcpu), &vm->cached))
		vm->cached = NULL;
	vm->cached_vcpu = vcpu;
	return vm->cached;
}

/* The FXSAVE area of a vcpu.get. */
static bool fxsave_of(const cJSON *state, uint8_t area[GDB_FXSAVE_BYTES + 3])
{
	const char *text = cJSON_GetStringValue(json_member(state, "fxsave"));
	size_t bad;

	return text && strlen(text) == JSON_B64_CHARS(GDB_FXSAVE_BYTES) &&
		json_b64_decode(area, text, strlen(text), &bad) == GDB_FXSAVE_BYTES;
}

static bool is_in_fxsave(const struct gdb_register *reg)
{
	return reg->source == GDB_FXSAVE || reg->source == GDB_FTAG;
}

static const char *group_of(const struct gdb_register *reg)
{
	return reg->source == GDB_REGS ? "regs" : "vmcb";
}

static bool read_registers(void *data, unsigned int vcpu, struct gdb_value values[GDB_REGISTERS])
{
	const cJSON *state = registers_of(data, vcpu);
	uint8_t area[GDB_FXSAVE_BYTES + 3];

	if (!state || !fxsave_of(state, area))
		return false;
	for (unsigned int i = 0; i < GDB_REGISTERS; i++) {
		const struct gdb_register *reg = &gdb_registers[i];
		uint64_t value;

		if (is_in_fxsave(reg)) {
			gdb_fxsave_get(reg, area, &values[i]);
			continue;
		}
		if (!json_hex(json_member(state, group_of(reg)), reg->key, &value))
			return false;
		memset(&values[i], 0, sizeof(values[i]));
		memcpy(values[i].bytes, &value, reg->bytes);	/* little endian, as here */
	}
	return true;
}

/* The whole area with one register changed. */
static bool add_fxsave(struct gdb_vm *vm, unsigned int vcpu, const struct gdb_register *reg,
		       const struct gdb_value *value, cJSON *params)
{
	const cJSON *state = registers_of(vm, vcpu);
	char text[JSON_B64_CHARS(GDB_FXSAVE_BYTES) + 1];
	uint8_t area[GDB_FXSAVE_BYTES + 3];

	if (!state || !fxsave_of(state, area))
		return false;
	gdb_fxsave_put(reg, area, value);
	text[json_b64_encode(text, area, GDB_FXSAVE_BYTES)] = '\0';
	cJSON_AddStringToObject(params, "fxsave", text);
	return true;
}

static bool write_register(void *data, unsigned int vcpu, unsigned int number,
			   const struct gdb_value *value)
{
	const struct gdb_register *reg = &gdb_registers[number];
	struct gdb_vm *vm = data;
	cJSON *params = params_of(vm, vcpu);
	uint64_t word = 0;

	if (is_in_fxsave(reg)) {
		if (!add_fxsave(vm, vcpu, reg, value, params)) {
			cJSON_Delete(params);
			return false;
		}
	} else {
		memcpy(&word, value->bytes, reg->bytes);
		add_hex(cJSON_AddObjectToObject(params, group_of(reg)), reg->key, word);
	}
	forget_registers(vm);
	return call(vm, "vcpu.set", params, NULL);
}

/* Guest physical address, and how many bytes there are up to the end of the page. */
static bool translate(struct gdb_vm *vm, unsigned int vcpu, uint64_t at, uint64_t *gpa,
		      uint64_t *bytes)
{
	cJSON *params = params_of(vm, vcpu), *answer = NULL;
	bool good;

	add_hex(params, "linear", at);
	good = call(vm, "memory.translate", params, &answer) && json_hex(answer, "gpa", gpa);
	cJSON_Delete(answer);
	*bytes = 4096 - at % 4096;
	return good;
}

static bool read_physical(struct gdb_vm *vm, uint64_t gpa, uint8_t *to, size_t bytes)
{
	cJSON *params = ctl_vm_params(vm->vm), *answer = NULL;
	const char *text;
	size_t bad;
	bool good;

	add_hex(params, "gpa", gpa);
	cJSON_AddNumberToObject(params, "bytes", (double)bytes);
	good = call(vm, "memory.read", params, &answer);
	text = json_text(answer, "data", "");
	good = good && strlen(text) == JSON_B64_CHARS(bytes) &&
		json_b64_decode(to, text, strlen(text), &bad) == (ssize_t)bytes;
	cJSON_Delete(answer);
	return good;
}

static bool write_physical(struct gdb_vm *vm, uint64_t gpa, const uint8_t *from, size_t bytes)
{
	cJSON *params = ctl_vm_params(vm->vm);
	char *text = malloc(JSON_B64_CHARS(bytes) + 1);

	if (!text) {
		cJSON_Delete(params);
		return false;
	}
	text[json_b64_encode(text, from, bytes)] = '\0';
	add_hex(params, "gpa", gpa);
	cJSON_AddStringToObject(params, "data", text);
	free(text);
	return call(vm, "memory.write", params, NULL);
}

/* GDB sees and changes what is under our INT3s. */
static void hide_breaks(const struct gdb_vm *vm, uint64_t gpa, uint8_t *bytes, size_t count)
{
	for (unsigned int i = 0; i < vm->soft_count; i++)
		if (vm->soft[i].gpa - gpa < count)
			bytes[vm->soft[i].gpa - gpa] = vm->soft[i].original;
}

static void keep_breaks(struct gdb_vm *vm, uint64_t gpa, uint8_t *bytes, size_t count)
{
	for (unsigned int i = 0; i < vm->soft_count; i++) {
		if (vm->soft[i].gpa - gpa >= count)
			continue;
		vm->soft[i].original = bytes[vm->soft[i].gpa - gpa];
		bytes[vm->soft[i].gpa - gpa] = INT3;
	}
}

static size_t read_memory(void *data, unsigned int vcpu, uint64_t at, void *to, size_t bytes)
{
	struct gdb_vm *vm = data;
	size_t done = 0;

	while (done < bytes) {
		uint64_t gpa, some;

		if (!translate(vm, vcpu, at + done, &gpa, &some))
			break;
		if (some > bytes - done)
			some = bytes - done;
		if (!read_physical(vm, gpa, (uint8_t *)to + done, some))
			break;
		hide_breaks(vm, gpa, (uint8_t *)to + done, some);
		done += some;
	}
	return done;
}

static size_t write_memory(void *data, unsigned int vcpu, uint64_t at, const void *from, size_t bytes)
{
	struct gdb_vm *vm = data;
	uint8_t page[4096];
	size_t done = 0;

	while (done < bytes) {
		uint64_t gpa, some;

		if (!translate(vm, vcpu, at + done, &gpa, &some))
			break;
		if (some > bytes - done)
			some = bytes - done;
		memcpy(page, (const uint8_t *)from + done, some);
		keep_breaks(vm, gpa, page, some);
		if (!write_physical(vm, gpa, page, some))
			break;
		done += some;
	}
	return done;
}

static bool set_soft(struct gdb_vm *vm, unsigned int vcpu, uint64_t at)
{
	static const uint8_t int3 = INT3;
	struct soft_break *soft = &vm->soft[vm->soft_count];
	uint64_t bytes;

	for (unsigned int i = 0; i < vm->soft_count; i++)
		if (vm->soft[i].at == at)
			return true;
	if (vm->soft_count == SOFT || !translate(vm, vcpu, at, &soft->gpa, &bytes) ||
	    !read_physical(vm, soft->gpa, &soft->original, 1) ||
	    !write_physical(vm, soft->gpa, &int3, 1))
		return false;
	soft->at = at;
	vm->soft_count++;
	return true;
}

static bool clear_soft(struct gdb_vm *vm, uint64_t at)
{
	for (unsigned int i = 0; i < vm->soft_count; i++) {
		if (vm->soft[i].at != at)
			continue;
		if (!vm->ended && !write_physical(vm, vm->soft[i].gpa, &vm->soft[i].original, 1))
			return false;
		vm->soft[i] = vm->soft[--vm->soft_count];
		return true;
	}
	return false;
}

static bool is_length(uint64_t bytes)
{
	return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

static bool set_break(void *data, unsigned int vcpu, enum gdb_break kind, uint64_t at, uint64_t bytes)
{
	struct gdb_vm *vm = data;

	if (kind == GDB_BREAK_SOFT)
		return set_soft(vm, vcpu, at);
	if (kind == GDB_BREAK_EXECUTE)
		bytes = 1;
	if (vm->hardware_count == HARDWARE || !is_length(bytes) || at % bytes)
		return false;
	vm->hardware[vm->hardware_count++] = (struct hardware_break){ kind, at, bytes };
	return true;
}

static bool clear_break(void *data, enum gdb_break kind, uint64_t at, uint64_t bytes)
{
	struct gdb_vm *vm = data;

	(void)bytes;
	if (kind == GDB_BREAK_SOFT)
		return clear_soft(vm, at);
	for (unsigned int i = 0; i < vm->hardware_count; i++) {
		if (vm->hardware[i].kind != kind || vm->hardware[i].at != at)
			continue;
		vm->hardware_count--;
		memmove(&vm->hardware[i], &vm->hardware[i + 1],
			(vm->hardware_count - i) * sizeof(vm->hardware[0]));
		return true;
	}
	return false;
}

static bool tell_debugger(struct gdb_vm *vm, unsigned int vcpu, bool any)
{
	cJSON *params = params_of(vm, vcpu), *array, *item;

	if (any && vm->stepping == (int)vcpu)
		cJSON_AddTrueToObject(params, "step");
	if (any && vm->soft_count)
		cJSON_AddTrueToObject(params, "break");
	if (any && vm->hardware_count) {
		array = cJSON_AddArrayToObject(params, "hardware");
		for (unsigned int i = 0; i < vm->hardware_count; i++) {
			const struct hardware_break *hardware = &vm->hardware[i];

			item = cJSON_CreateObject();
			add_hex(item, "at", hardware->at);
			cJSON_AddStringToObject(item, "kind", hardware->kind == GDB_BREAK_EXECUTE ?
						"execute" : hardware->kind == GDB_BREAK_WRITE ?
						"write" : "access");
			cJSON_AddNumberToObject(item, "bytes", (double)hardware->bytes);
			cJSON_AddItemToArray(array, item);
		}
	}
	return call(vm, "vcpu.debug", params, NULL);
}

static bool resume(void *data, int step, int only)
{
	struct gdb_vm *vm = data;
	cJSON *params = ctl_vm_params(vm->vm);
	bool good = true;

	vm->stepping = step;
	vm->interrupted = false;
	forget_registers(vm);
	for (unsigned int i = 0; good && i < vm->vcpus; i++)
		good = tell_debugger(vm, i, true);
	/* The first start is of all vCPUs: what is to stop one of them stops all. */
	if (only >= 0 && !vm->defined)
		cJSON_AddNumberToObject(params, "vcpu", only);
	if (!good) {
		cJSON_Delete(params);
		return false;
	}
	if (!call(vm, vm->defined ? "vm.start" : "vm.resume", params, NULL))
		return false;
	vm->defined = false;
	return true;
}

static void interrupt(void *data)
{
	struct gdb_vm *vm = data;

	/* Refused, if it stops by itself at this moment: its notification is on the way. */
	vm->interrupted = true;
	call(vm, "vm.pause", ctl_vm_params(vm->vm), NULL);
}

static void kill_vm(void *data)
{
	struct gdb_vm *vm = data;

	if (!vm->ended && !vm->defined)
		call(vm, "vm.stop", ctl_vm_params(vm->vm), NULL);
	vm->ended = true;
}

static void take_out(struct gdb_vm *vm)
{
	while (vm->soft_count && clear_soft(vm, vm->soft[0].at))
		;
	for (unsigned int i = 0; !vm->ended && i < vm->vcpus; i++)
		tell_debugger(vm, i, false);
}

static void detach(void *data)
{
	struct gdb_vm *vm = data;

	take_out(vm);
	if (!vm->ended && !vm->defined)
		call(vm, "vm.resume", ctl_vm_params(vm->vm), NULL);
	vm->ended = true;	/* nothing is left to do */
}

void gdb_vm_target(struct gdb_vm *vm, struct gdb_target *target)
{
	*target = (struct gdb_target){
		.vcpus = vm->vcpus,
		.read_registers = read_registers, .write_register = write_register,
		.read_memory = read_memory, .write_memory = write_memory,
		.set_break = set_break, .clear_break = clear_break, .resume = resume,
		.interrupt = interrupt, .kill = kill_vm, .detach = detach,
	};
}

/* Members of `debug` to what GDB is told; INT3 comes before a step that ends at it. */
static void take_debug(const struct gdb_vm *vm, const cJSON *debug, struct gdb_stop *stop)
{
	const cJSON *slot = cJSON_GetArrayItem(json_member(debug, "hardware"), 0);
	unsigned int number = cJSON_IsNumber(slot) ? (unsigned int)slot->valueint : HARDWARE;

	stop->vcpu = (unsigned int)json_number(debug, "vcpu", 0);
	if (cJSON_IsTrue(json_member(debug, "break"))) {
		stop->kind = GDB_STOP_SOFT;
	} else if (number < vm->hardware_count) {
		stop->kind = vm->hardware[number].kind == GDB_BREAK_EXECUTE ? GDB_STOP_EXECUTE :
			GDB_STOP_DATA;
		stop->address = vm->hardware[number].at;
	}
}

static bool take_state(struct gdb_vm *vm, const cJSON *params, struct gdb_stop *stop)
{
	const char *state = json_text(params, "state", "");

	forget_registers(vm);
	*stop = (struct gdb_stop){ .kind = GDB_STOP_SIGNAL, .number = SIGTRAP_NUMBER };
	if (!strcmp(state, "paused")) {
		if (cJSON_IsObject(json_member(params, "debug")))
			take_debug(vm, json_member(params, "debug"), stop);
		else if (vm->interrupted)
			stop->number = SIGINT_NUMBER;
		return true;
	}
	if (strcmp(state, "stopped") && strcmp(state, "failed"))
		return false;
	vm->ended = true;
	stop->kind = !strcmp(state, "stopped") ? GDB_STOP_EXITED : GDB_STOP_KILLED;
	stop->number = stop->kind == GDB_STOP_KILLED ? SIGABRT_NUMBER :
		(unsigned int)json_number(json_member(params, "end"), "status", 0);
	return true;
}

bool gdb_vm_poll(struct gdb_vm *vm, struct gdb_stop *stop, bool *lost)
{
	bool stopped = false;

	while (!stopped) {
		struct rpc_note *note = NULL;
		enum rpc_status status = rpc_next(vm->rpc, rpc_now(), &note);

		if (status != RPC_OK) {
			*lost = status != RPC_TIMEOUT;
			if (*lost && status != RPC_INTERRUPTED)
				ctl_fail(vm->rpc, status);
			return false;
		}
		if (!strcmp(note->method, "vm.state") &&
		    (long)json_number(note->params, "vm", -1) == vm->vm)
			stopped = take_state(vm, note->params, stop);
		rpc_note_free(note);
	}
	return true;
}

/* Attached to the console for vm.state; paused, or not started yet. */
static bool stand_still(struct gdb_vm *vm)
{
	cJSON *info = NULL;
	const char *state;
	enum rpc_status status = rpc_call(vm->rpc, "console.attach", ctl_vm_params(vm->vm), NULL);
	bool good = false;

	if (status == RPC_OK)
		status = rpc_call(vm->rpc, "vm.info", ctl_vm_params(vm->vm), &info);
	if (status != RPC_OK) {
		ctl_fail(vm->rpc, status);
		return false;
	}
	state = json_text(info, "state", "");
	vm->vcpus = (unsigned int)cJSON_GetArraySize(json_member(info, "vcpus"));
	vm->defined = !strcmp(state, "defined");
	if (!strcmp(state, "stopped") || !strcmp(state, "failed")) {
		ctl_say("vm%ld is %s: there is nothing to debug; create it again", vm->vm, state);
	} else if (!strcmp(state, "running")) {
		status = rpc_call(vm->rpc, "vm.pause", ctl_vm_params(vm->vm), NULL);
		good = status == RPC_OK;
		if (!good)
			ctl_fail(vm->rpc, status);
	} else {
		good = true;
	}
	cJSON_Delete(info);
	return good;
}

struct gdb_vm *gdb_vm_new(struct rpc *rpc, long number)
{
	struct gdb_vm *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		ctl_say("out of memory");
		return NULL;
	}
	vm->rpc = rpc;
	vm->vm = number;
	vm->stepping = -1;
	if (!stand_still(vm)) {
		free(vm);
		return NULL;
	}
	/* What the pause told is not a stop that GDB waits for. */
	rpc_drop_notes(rpc);
	return vm;
}

void gdb_vm_free(struct gdb_vm *vm)
{
	if (!vm)
		return;
	/* Left without a word: what runs cannot be rid of the debugger. Refused if it stands still. */
	if (!vm->ended && !vm->defined)
		call(vm, "vm.pause", ctl_vm_params(vm->vm), NULL);
	take_out(vm);
	forget_registers(vm);
	free(vm);
}
