/* SPDX-License-Identifier: MIT */
/*
 * Where the register-fidelity guest keeps what; for its assembler code and for abi_fidelity.c, which
 * fills the tables in. All of it is identity mapped.
 */
#ifndef SVMKIT_TESTS_FIDELITY_GUEST_H
#define SVMKIT_TESTS_FIDELITY_GUEST_H

#define FG_CODE		0x1000		/* up to 0x6000 */
#define FG_STACK	0x7000
#define FG_WANT		0x8000		/* what every register must hold */
#define FG_GOT		0x9000		/* what it held after the last exit */
#define FG_ROUNDS	0xa000		/* rounds still to go */
#define FG_AVX		0xa008		/* 1: YMM, else XMM only */
#define FG_XSAVE	0xa010		/* 1: XCR0 can be read */
#define FG_NO_CR2	0xa018		/* 1: VMRUN does not load CR2 here (run-lab-bochs) */
#define FG_PKU		0xa020		/* 1: PKRU exists */
#define FG_SPIN		0xa028		/* the guest waits until it is 0 */
#define FG_NMIS		0xa030		/* NMIs that came */
#define FG_PML4		0xb000		/* and two pages more: 1 GiB in pages of 2 MiB */
#define FG_GDT		0xe000
#define FG_IDT		0xf000
/* A page of it is touched first in each round; not as aligned as its object: no 2 MiB pages. */
#define FG_FRESH	0x201000

/* Offsets in both tables. */
#define FG_GPR		0x000		/* 16, numbered as the processor does */
#define FG_FX		0x080		/* FXSAVE64 */
#define FG_YMM		0x280		/* 16 of 32 bytes */
#define FG_SLOW		0x480		/* looked at once a round */
#define FG_DR		0x480		/* DR0-3, DR6, DR7 */
#define FG_CR2		0x4b0
#define FG_XCR0		0x4b8
#define FG_MSRS		0x4c0		/* FG_MSR_COUNT values */
#define FG_MSR_COUNT	10
#define FG_PKRU		0x510
#define FG_END		0x518

/* Ports: what the guest asks of user space. */
#define FG_PORT_STEP	0x80		/* nothing: go on */
#define FG_PORT_INJECT	0x81		/* an exception */
#define FG_PORT_SPIN	0x82		/* a host interrupt, then 0 in FG_SPIN */
#define FG_PORT_NMI	0x83		/* an NMI */
#define FG_PORT_TRAP	0x84		/* a single step */
#define FG_PORT_DONE	0xf4
#define FG_PORT_FAILED	0xf5		/* FG_GOT differs; AL: which exit, 0 for the slow registers */

#define FG_MSR_IGNORED	0x4b4d0001	/* in RCX: a WRMSR of it exits and is dropped */

/* Offsets in struct fidelity_host, which the host's registers come from and go to. */
#define FH_OWN		0x000
#define FH_WANT		0x200
#define FH_GOT		0x400
#define FH_WANT_YMM	0x600
#define FH_GOT_YMM	0x800
#define FH_WANT_GPR	0xa00
#define FH_GOT_GPR	0xa48
#define FH_GPRS		9
#define FH_AVX		0xa90

#endif
