// SPDX-License-Identifier: MIT
/* VMs with local APICs for the interrupt tests; see abi_irq_guest.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi_irq_guest.h"

#define SHARED (2 * 4096 + ABI_RING * sizeof(struct svmrt_event))

struct abi_guest ig, ap;
uint64_t irq_tsc_offset, irq_event;
int irq_on_bochs;

void irq_options(int argc, char **argv)
{
	irq_on_bochs = argc == 2 && !strcmp(argv[1], "-b");
	if (argc == 1 + irq_on_bochs)
		return;
	fprintf(stderr, "usage: %s [-b]\n-b: leave out what Bochs cannot do\n", argv[0]);
	exit(2);
}

static void need(int result, const char *what)
{
	if (result >= 0)
		return;
	printf("Bail out! %s: %s %s\n", what, strerror(-result), ig.error);
	exit(1);
}

static void add_vcpu(struct abi_guest *guest, uint32_t index)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;
	struct svmrt_create_vcpu vcpu = {
		.size = sizeof(vcpu), .index = index, .ring_entries = ABI_RING,
		.flags = index ? SVMRT_VCPU_WAIT_SIPI : 0,
		.vmcb = (uintptr_t)&vmcb, .state = (uintptr_t)&state,
	};

	abi_real_mode(&vmcb, &state);
	vmcb_set_FS_LIMIT(&vmcb, 0xffffffff);
	vmcb_set_RFLAGS(&vmcb, 2);		/* interrupts off */
	vmcb_set_TSC_OFFSET(&vmcb, irq_tsc_offset);
	vmcb_set_EVENTINJ(&vmcb, index ? 0 : irq_event);
	guest->vcpu = abi_call(&ig, ig.vm, SVMRT_VM_CREATE_VCPU, &vcpu, vcpu.error);
	need(guest->vcpu, "CREATE_VCPU");
	guest->run = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, guest->vcpu, 0);
	need(guest->run == MAP_FAILED ? -errno : 0, "mmap of the vCPU");
	guest->vm = ig.vm;
	guest->ram = ig.ram;
}

static void populate(uint64_t gpa)
{
	uint8_t byte;
	struct svmrt_access access = {
		.size = sizeof(access), .flags = SVMRT_ACCESS_WRITE, .gpa = gpa, .bytes = 1,
		.buffer = (uintptr_t)&byte,
	};

	byte = ig.ram[gpa];
	need(abi_call(&ig, ig.vm, SVMRT_VM_ACCESS, &access, access.error), "VM_ACCESS");
}

void irq_start(int dev, unsigned int apics, int vcpus, const uint8_t *code, const uint8_t *end)
{
	static const struct svmrt_exit_rule rules[] = {
		{ .code = 0x78, .action = SVMRT_DO_WAIT }, { .code = 0x7b, .action = SVMRT_DO_USER },
		{ .code = 0x81, .action = SVMRT_DO_STOP },
	};
	struct svmrt_irqchip chip = { .size = sizeof(chip), .flags = apics };
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = ABI_RAM_BYTES };

	alarm(60);			/* for each guest: one that hangs ends the test */
	memset(&ig, 0, sizeof(ig));
	memset(&ap, 0, sizeof(ap));
	ap.vcpu = -1;
	need(abi_create_vm(&ig, dev), "CREATE_VM");
	ig.mem = abi_call(&ig, dev, SVMRT_CREATE_MEM, &mem, mem.error);
	need(ig.mem, "CREATE_MEM");
	ig.ram = mmap(NULL, ABI_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ig.mem, 0);
	memcpy(ig.ram + ABI_CODE_GPA, code, (size_t)(end - code));
	need(abi_map(&ig, ig.mem, 0, ABI_RAM_BYTES, SVMRT_MAP_SHARED), "VM_MAP");
	need(abi_policy(&ig, rules, 3), "VM_POLICY");
	if (apics)
		need(abi_call(&ig, ig.vm, SVMRT_VM_IRQCHIP, &chip, chip.error), "VM_IRQCHIP");
	if (irq_on_bochs) {
		populate(0);		/* vectors */
		populate(0x7ff0);	/* stack */
	}
	add_vcpu(&ig, 0);
	if (vcpus > 1)
		add_vcpu(&ap, 1);
}

void irq_vector(unsigned int vector, const uint8_t *code, const uint8_t *label)
{
	uint16_t entry[2] = { (uint16_t)(ABI_CODE_GPA + (label - code)), 0 };

	memcpy(ig.ram + vector * 4, entry, 4);
}

void irq_stop(void)
{
	if (ap.vcpu >= 0) {
		munmap(ap.run, SHARED);
		close(ap.vcpu);
	}
	munmap(ig.run, SHARED);
	munmap(ig.ram, ABI_RAM_BYTES);
	close(ig.vcpu);
	close(ig.mem);
	close(ig.vm);
}

void irq_stats(struct svmrt_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	need(ioctl(ig.vcpu, SVMRT_VCPU_STATS, stats) ? -errno : 0, "VCPU_STATS");
}

int irq_msi(uint64_t address, uint32_t data)
{
	struct svmrt_msi msi = { .size = sizeof(msi), .address = address, .data = data };

	return abi_call(&ig, ig.vm, SVMRT_VM_MSI, &msi, msi.error);
}
