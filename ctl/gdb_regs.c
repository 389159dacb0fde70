/* SPDX-License-Identifier: MIT */
/* Names, order and types are those that GDB demands of the feature org.gnu.gdb.i386.core. */
#include <stdio.h>
#include <stdlib.h>
#include "gdb_regs.h"

#define GPR(name) { #name, "int64", 8, GDB_REGS, #name }
#define SEGMENT(name) { #name, "int32", 4, GDB_VMCB, #name ".selector" }
#define X87(name) { name, "i387_ext", 10, GDB_NOWHERE, NULL }
#define X87_CONTROL(name) { #name, "int", 4, GDB_NOWHERE, NULL }
#define SYSTEM(name) { #name, "int64", 8, GDB_VMCB, #name }

const struct gdb_register gdb_registers[GDB_REGISTERS] = {
	GPR(rax), GPR(rbx), GPR(rcx), GPR(rdx), GPR(rsi), GPR(rdi),
	{ "rbp", "data_ptr", 8, GDB_REGS, "rbp" }, { "rsp", "data_ptr", 8, GDB_REGS, "rsp" },
	GPR(r8), GPR(r9), GPR(r10), GPR(r11), GPR(r12), GPR(r13), GPR(r14), GPR(r15),
	{ "rip", "code_ptr", 8, GDB_REGS, "rip" },
	{ "eflags", "int", 4, GDB_REGS, "rflags" },
	SEGMENT(cs), SEGMENT(ss), SEGMENT(ds), SEGMENT(es), SEGMENT(fs), SEGMENT(gs),
	X87("st0"), X87("st1"), X87("st2"), X87("st3"), X87("st4"), X87("st5"), X87("st6"),
	X87("st7"),
	X87_CONTROL(fctrl), X87_CONTROL(fstat), X87_CONTROL(ftag), X87_CONTROL(fiseg),
	X87_CONTROL(fioff), X87_CONTROL(foseg), X87_CONTROL(fooff), X87_CONTROL(fop),
	{ "fs_base", "int64", 8, GDB_VMCB, "fs.base" },
	{ "gs_base", "int64", 8, GDB_VMCB, "gs.base" },
	SYSTEM(cr0), SYSTEM(cr2), SYSTEM(cr3), SYSTEM(cr4), SYSTEM(efer),
};

/* Where features begin. */
#define FIRST_SEGMENT_BASE 40
#define FIRST_SYSTEM 42

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
