/* SPDX-License-Identifier: MIT */
/*
 * svmctl regs: the registers of a vCPU that is not running, by the names and groups that a debugger
 * shows them in; and setting those that vcpu.set takes.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "ctl.h"
#include "flags.h"
#include "text.h"

static struct {
	bool json, all;
	uint64_t vcpu;
} o;

static const struct ctl_option options[] = {
	{ 'c', "vcpu", CTL_NUMBER, "N", &o.vcpu, "the vCPU (default 0)" },
	{ 'a', "all", CTL_FLAG, NULL, &o.all, "every control and save field of the VMCB, too" },
	{ 'j', "json", CTL_FLAG, NULL, &o.json, "the daemon's answer as JSON" },
	{ 0 },
};

static const char help[] =
	"Show the registers of a vCPU of VM (a number or a name), which must not be running: before its\n"
	"start, paused, or after its end. With NAME=VALUE, set registers first: the general registers\n"
	"and rip, of a VM that has not started or is paused; a value is decimal or 0x.\n";

static void print_grid(const cJSON *regs, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0;

		json_hex(regs, names[i], &value);
		printf("%-6s %016" PRIx64 "%s", names[i], value,
		       i % 4 == 3 || i + 1 == count ? "\n" : "  ");
	}
}

static void print_flags(const cJSON *object, const char *member, const char *name)
{
	char text[300];
	uint64_t value;

	if (!json_hex(object, member, &value))
		return;
	flags_text(name, value, text, sizeof(text));
	printf("%-6s %016" PRIx64 "  %s\n", name, value, text);
}

static void print_segments(const cJSON *vmcb)
{
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr",
					     "idtr", "tr" };
	static const char *const parts[] = { "selector", "base", "limit", "attrib" };
	struct table table;

	table_begin(&table, "SEGMENT|>SELECTOR|>BASE|>LIMIT|>ATTRIB");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *cells[4];

		for (size_t part = 0; part < 4; part++) {
			char member[20];

			snprintf(member, sizeof(member), "%s_%s", names[i], parts[part]);
			cells[part] = json_text(vmcb, member, "?");
		}
		table_row(&table, names[i], cells[0], cells[1], cells[2], cells[3]);
	}
	table_end(&table, stdout);
}

static void print_all(const cJSON *vmcb)
{
	struct table table;
	const cJSON *field;

	table_begin(&table, "FIELD|>VALUE");
	cJSON_ArrayForEach(field, vmcb)
		table_row(&table, field->string, cJSON_IsString(field) ? field->valuestring : "?");
	table_end(&table, stdout);
}

static void print_registers(const cJSON *answer)
{
	static const char *const general[] = {
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	static const char *const control[] = { "cr2", "cr3", "dr6", "dr7" };
	static const char *const debug[] = { "dr0", "dr1", "dr2", "dr3" };
	const cJSON *regs = json_member(answer, "regs"), *vmcb = json_member(answer, "vmcb");

	if (cJSON_IsTrue(json_member(answer, "inputs")))
		printf("(as they were before the VMRUN that failed)\n");
	print_grid(regs, general, 16);
	print_grid(regs, (const char *const[]){ "rip" }, 1);
	print_flags(regs, "rflags", "rflags");
	print_flags(vmcb, "cr0", "cr0");
	print_flags(vmcb, "cr4", "cr4");
	print_flags(vmcb, "efer", "efer");
	print_grid(vmcb, control, 4);
	print_grid(regs, debug, 4);
	print_grid(regs, (const char *const[]){ "xcr0" }, 1);
	print_segments(vmcb);
	if (o.all)
		print_all(vmcb);
}

/* NAME=VALUE into `regs`; which names there are is the daemon's to say. */
static bool add_assignment(cJSON *regs, const char *text)
{
	const char *value = strchr(text, '=');
	char name[16], hex[20];
	uint64_t number;
	size_t length;

	length = value ? (size_t)(value - text) : 0;
	if (!length || length >= sizeof(name) || !ctl_parse_number(value + 1, &number)) {
		ctl_say("'%s' is not NAME=VALUE with a decimal or 0x number", text);
		return false;
	}
	for (size_t i = 0; i < length; i++)
		name[i] = (char)tolower((unsigned char)text[i]);
	name[length] = 0;
	snprintf(hex, sizeof(hex), "%#" PRIx64, number);
	if (!number)
		strcpy(hex, "0x0");
	cJSON_DeleteItemFromObjectCaseSensitive(regs, name);
	return cJSON_AddStringToObject(regs, name, hex);
}

static cJSON *vcpu_params(long vm)
{
	cJSON *params = ctl_vm_params(vm);

	cJSON_AddNumberToObject(params, "vcpu", (double)o.vcpu);
	return params;
}

static int set_and_show(struct rpc *rpc, long vm, cJSON *regs)
{
	enum rpc_status status = RPC_OK;
	cJSON *params, *answer = NULL;
	int exit_status = CTL_OK;

	if (regs) {
		params = vcpu_params(vm);
		cJSON_AddItemToObject(params, "regs", regs);
		status = rpc_call(rpc, "vcpu.set", params, NULL);
	}
	if (status == RPC_OK)
		status = rpc_call(rpc, "vcpu.get", vcpu_params(vm), &answer);
	if (status != RPC_OK)
		exit_status = ctl_fail(rpc, status);
	else if (o.json)
		exit_status = ctl_print_json(answer);
	else
		print_registers(answer);
	cJSON_Delete(answer);
	return exit_status == CTL_OK ? ctl_flush() : exit_status;
}

static int command_regs(int count, char **operands)
{
	cJSON *regs = count > 1 ? cJSON_CreateObject() : NULL;
	int exit_status = CTL_ERROR;
	struct rpc *rpc;
	long vm;

	for (int i = 1; i < count; i++) {
		if (!add_assignment(regs, operands[i])) {
			cJSON_Delete(regs);
			return CTL_USAGE;
		}
	}
	rpc = ctl_connect();
	vm = rpc ? ctl_find_vm(rpc, operands[0], &exit_status) : -1;
	if (vm >= 0)
		exit_status = set_and_show(rpc, vm, regs);
	else
		cJSON_Delete(regs);
	rpc_close(rpc);
	return exit_status;
}

const struct ctl_command ctl_regs = {
	"regs", "VM [NAME=VALUE...]", 1, 17, "show or set the registers of a vCPU", help, options,
	command_regs,
};
