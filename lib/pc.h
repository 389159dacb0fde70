/* SPDX-License-Identifier: MIT */
/*
 * Where the devices of `chipset: pc` are, as far as the guest is told of it: the compiler writes these
 * numbers into the ACPI tables, the daemon puts its devices there.
 */
#ifndef SVMKIT_PC_H
#define SVMKIT_PC_H

enum {
	PC_PIC_MASTER = 0x20, PC_PIC_SLAVE = 0xa0, PC_PIC_ELCR = 0x4d0,
	PC_PIT = 0x40, PC_SYSTEM_CONTROL_B = 0x61,
	PC_KEYBOARD_DATA = 0x60, PC_KEYBOARD_STATUS = 0x64,
	PC_RTC = 0x70, PC_POST = 0x80, PC_SYSTEM_CONTROL_A = 0x92,
	PC_PM1_EVENT = 0x600, PC_PM1_CONTROL = 0x604, PC_PM_TIMER = 0x608,
	PC_PCI_ADDRESS = 0xcf8, PC_PCI_DATA = 0xcfc,
	PC_RESET = 0xcf9, PC_RESET_VALUE = 6,
	PC_S5_TYPE = 5,			/* SLP_TYP of power-off */
};

/* Interrupt lines; the timer's is input 2 of the I/O APIC, every other one its own number. */
enum {
	PC_IRQ_TIMER = 0, PC_IRQ_KEYBOARD = 1, PC_IRQ_CASCADE = 2, PC_IRQ_RTC = 8, PC_IRQ_SCI = 9,
	PC_TIMER_INPUT = 2,
};

#define PC_IOAPIC 0xfec00000u
#define PC_LAPIC 0xfee00000u
#define PC_APIC_BYTES 0x1000u

#endif
