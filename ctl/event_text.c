/* SPDX-License-Identifier: MIT */
/*
 * Renders exits as text. The decoding trusts nothing but the numbers: a missing member prints as "?",
 * an unknown exit prints without an explanation.
 */
#include <inttypes.h>
#include <string.h>
#include <svmkit/vmcb.h>
#include "event_text.h"
#include "tables.h"
#include "text.h"

#define IOIO_IN		(1u << 0)
#define IOIO_STR	(1u << 2)
#define IOIO_REP	(1u << 3)

static void explain_ioio(char *text, size_t size, uint64_t info1, uint64_t rax)
{
	unsigned int bits = info1 & 0x10 ? 8 : info1 & 0x20 ? 16 : info1 & 0x40 ? 32 : 0;
	bool in = info1 & IOIO_IN, string = info1 & IOIO_STR;
	int n = snprintf(text, size, "%s%s%s %#x %u bit", info1 & IOIO_REP ? "rep " : "",
			 in ? "in" : "out", string ? "s" : "", (unsigned int)(info1 >> 16 & 0xffff),
			 bits);

	if (!in && !string && bits && n > 0 && (size_t)n < size)
		snprintf(text + n, size - (size_t)n, " <- %#" PRIx64,
			 rax & (UINT64_MAX >> (64 - bits)));
}

/* Bits of a nested page fault, APM volume 2, 15.25.6. */
static void explain_npf(char *text, size_t size, uint64_t info1, uint64_t info2)
{
	const char *access = info1 & 0x10 ? "fetch" : info1 & 2 ? "write" : "read";
	const char *where = info1 >> 33 & 1 ? ", page walk" : "";

	snprintf(text, size, "%s gpa %#" PRIx64 "%s%s", access, info2,
		 info1 & 1 ? ", protected" : ", absent", where);
}

static void explain_exception(char *text, size_t size, uint64_t code, uint64_t info1, uint64_t info2)
{
	bool has_error = code == SVM_EXIT_CODE_EXC_TS || code == SVM_EXIT_CODE_EXC_NP ||
			 code == SVM_EXIT_CODE_EXC_SS || code == SVM_EXIT_CODE_EXC_GP ||
			 code == SVM_EXIT_CODE_EXC_AC;

	if (code == SVM_EXIT_CODE_EXC_PF)
		snprintf(text, size, "%s %#" PRIx64 "%s", info1 & 0x10 ? "fetch" : info1 & 2 ?
			 "write" : "read", info2, info1 & 1 ? ", protected" : ", absent");
	else if (has_error)
		snprintf(text, size, "error code %#" PRIx64, info1);
}

static void explain(char *text, size_t size, const cJSON *params)
{
	uint64_t code, info1, info2, rax;

	*text = 0;
	if (!json_hex(params, "code", &code) || !json_hex(params, "info1", &info1) ||
	    !json_hex(params, "info2", &info2) || !json_hex(params, "rax", &rax))
		return;
	if (code == SVM_EXIT_CODE_IOIO)
		explain_ioio(text, size, info1, rax);
	else if (code == SVM_EXIT_CODE_MSR)
		snprintf(text, size, "%s", info1 & 1 ? "wrmsr" : "rdmsr");
	else if (code == SVM_EXIT_CODE_NPF)
		explain_npf(text, size, info1, info2);
	else if (code == SVM_EXIT_CODE_CPUID)
		snprintf(text, size, "leaf %#x", (unsigned int)(rax & 0xffffffff));
	else if (code >= SVM_EXIT_CODE_EXC_DE && code <= SVM_EXIT_CODE_EXC_31_RESERVED)
		explain_exception(text, size, code, info1, info2);
}

static enum text_colour colour_of(const char *action)
{
	return !strcmp(action, "stop") ? TEXT_RED : !strcmp(action, "user") ? TEXT_CYAN : TEXT_PLAIN;
}

void event_print(FILE *out, bool colour, const cJSON *params)
{
	const char *action = json_text(params, "action", "?"), *intinfo = json_text(params, "intinfo",
										    "0x0");
	char what[64], raw[512], line[1024], name[40], head[64];
	uint64_t pending = 0;

	explain(what, sizeof(what), params);
	snprintf(head, sizeof(head), "vm%.0f/%.0f #%.0f", json_number(params, "vm", 0),
		 json_number(params, "vcpu", 0), json_number(params, "seq", 0));
	text_escape(name, sizeof(name), json_text(params, "exit", "?"),
		    strlen(json_text(params, "exit", "?")), 24);
	json_hex(params, "intinfo", &pending);
	/* EXITINTINFO says something only while its V bit (31) is set. */
	snprintf(raw, sizeof(raw), "%-30s rip=%-10.20s info1=%-12.20s info2=%-10.20s rax=%-12.20s "
		 "%.10s cpl%.0f%s %.10s%s%.20s", what, json_text(params, "rip", "?"),
		 json_text(params, "info1", "?"), json_text(params, "info2", "?"),
		 json_text(params, "rax", "?"), json_text(params, "mode", "?"),
		 json_number(params, "cpl", 0),
		 cJSON_IsTrue(json_member(params, "shadow")) ? " shadow" : "",
		 action, pending >> 31 & 1 ? " intinfo=" : "", pending >> 31 & 1 ? intinfo : "");
	text_escape(line, sizeof(line), raw, strlen(raw), sizeof(raw));
	fprintf(out, "%-12s %s%-14s%s %s\n", head, text_colour(colour, colour_of(action)), name,
		text_colour_end(colour), line);
}
