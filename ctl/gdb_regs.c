/* SPDX-License-Identifier: MIT */
/*
 * Names, order and types are those that GDB demands of the features org.gnu.gdb.i386.core and .sse. Where
 * they lie in the area: APM volume 2, 11.4.4 (FXSAVE, 64-bit format).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gdb_regs.h"

#define GPR(name) { #name, "int64", 8, GDB_REGS, #name, 0, 0 }
#define SEGMENT(name) { #name, "int32", 4, GDB_VMCB, #name ".selector", 0, 0 }
#define ST(n) { "st" #n, "i387_ext", 10, GDB_FXSAVE, NULL, 32 + 16 * (n), 10 }
#define X87(name, offset, width) { #name, "int", 4, GDB_FXSAVE, NULL, offset, width }
#define XMM(n) { "xmm" #n, "vec128", 16, GDB_FXSAVE, NULL, 160 + 16 * (n), 16 }
#define SYSTEM(name) { #name, "int64", 8, GDB_VMCB, #name, 0, 0 }

const struct gdb_register gdb_registers[GDB_REGISTERS] = {
	GPR(rax), GPR(rbx), GPR(rcx), GPR(rdx), GPR(rsi), GPR(rdi),
	{ "rbp", "data_ptr", 8, GDB_REGS, "rbp", 0, 0 },
	{ "rsp", "data_ptr", 8, GDB_REGS, "rsp", 0, 0 },
	GPR(r8), GPR(r9), GPR(r10), GPR(r11), GPR(r12), GPR(r13), GPR(r14), GPR(r15),
	{ "rip", "code_ptr", 8, GDB_REGS, "rip", 0, 0 },
	{ "eflags", "int", 4, GDB_REGS, "rflags", 0, 0 },
	SEGMENT(cs), SEGMENT(ss), SEGMENT(ds), SEGMENT(es), SEGMENT(fs), SEGMENT(gs),
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
	X87(fctrl, 0, 2), X87(fstat, 2, 2), { "ftag", "int", 4, GDB_FTAG, NULL, 4, 1 },
	X87(fiseg, 12, 2), X87(fioff, 8, 4), X87(foseg, 20, 2), X87(fooff, 16, 4), X87(fop, 6, 2),
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7), XMM(8), XMM(9), XMM(10),
	XMM(11), XMM(12), XMM(13), XMM(14), XMM(15), X87(mxcsr, 24, 4),
	{ "fs_base", "int64", 8, GDB_VMCB, "fs.base", 0, 0 },
	{ "gs_base", "int64", 8, GDB_VMCB, "gs.base", 0, 0 },
	SYSTEM(cr0), SYSTEM(cr2), SYSTEM(cr3), SYSTEM(cr4), SYSTEM(efer),
};

/* Where features begin. */
#define FIRST_SSE 40
#define FIRST_SEGMENT_BASE 57
#define FIRST_SYSTEM 59

#define TAG_VALID 0u
#define TAG_ZERO 1u
#define TAG_SPECIAL 2u
#define TAG_EMPTY 3u

/* Two bits for each physical register, of which the area keeps one: whether it is in use. */
static unsigned int full_tag(const uint8_t area[GDB_FXSAVE_BYTES], unsigned int physical)
{
	unsigned int top = (area[3] >> 3) & 7;
	const uint8_t *st = area + 32 + 16 * ((physical - top) & 7);
	uint64_t mantissa;
	uint16_t exponent;

	if (!(area[4] >> physical & 1))
		return TAG_EMPTY;
	memcpy(&mantissa, st, sizeof(mantissa));
	memcpy(&exponent, st + 8, sizeof(exponent));
	exponent &= 0x7fff;
	if (!exponent && !mantissa)
		return TAG_ZERO;
	return exponent && exponent != 0x7fff && mantissa >> 63 ? TAG_VALID : TAG_SPECIAL;
}

void gdb_fxsave_get(const struct gdb_register *reg, const uint8_t area[GDB_FXSAVE_BYTES],
		    struct gdb_value *value)
{
	memset(value, 0, sizeof(*value));
	if (reg->source == GDB_FXSAVE)
		memcpy(value->bytes, area + reg->offset, reg->width);
	else
		for (unsigned int i = 0; i < 8; i++)
			value->bytes[i / 4] |= (uint8_t)(full_tag(area, i) << 2 * (i % 4));
}

void gdb_fxsave_put(const struct gdb_register *reg, uint8_t area[GDB_FXSAVE_BYTES],
		    const struct gdb_value *value)
{
	if (reg->source == GDB_FXSAVE) {
		memcpy(area + reg->offset, value->bytes, reg->width);
		return;
	}
	area[4] = 0;
	for (unsigned int i = 0; i < 8; i++)
		if ((value->bytes[i / 4] >> 2 * (i % 4) & 3) != TAG_EMPTY)
			area[4] |= (uint8_t)(1u << i);
}

/* What an XMM register can be looked at as. */
static const char sse_types[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
	"<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
	"<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
	"<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>";

char *gdb_target_xml(void)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	fputs("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	      "<target version=\"1.0\"><architecture>i386:x86-64</architecture>"
	      "<feature name=\"org.gnu.gdb.i386.core\">", out);
	for (unsigned int i = 0; i < GDB_REGISTERS; i++) {
		if (i == FIRST_SSE)
			fprintf(out, "</feature><feature name=\"org.gnu.gdb.i386.sse\">%s", sse_types);
		if (i == FIRST_SEGMENT_BASE)
			fputs("</feature><feature name=\"org.gnu.gdb.i386.segments\">", out);
		if (i == FIRST_SYSTEM)
			fputs("</feature><feature name=\"svmkit.system\">", out);
		fprintf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>",
			gdb_registers[i].name, gdb_registers[i].bytes * 8, gdb_registers[i].type, i);
	}
	fputs("</feature></target>", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
