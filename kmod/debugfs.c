// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/svmrt/vmN (E4): exits by code and what the host causes, one column for each vCPU,
 * and the memory of the VM. Read-only and for people; programs use SVMRT_VCPU_STATS.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "npt.h"

static struct dentry *root;

static const struct {
	u64 code;
	const char *name, *kind;
} names[] = {
#define SVM_EXIT(code, NAME, kind, nrip, info1, info2, note) { code, #NAME, #kind },
#include <svmkit/exitcodes.def>
#undef SVM_EXIT
};

/* Codes of the GHCB protocol and of #VC are in the same table, but never in a VMCB. */
static const char *exit_name(int slot)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (svmrt_exit_slot(names[i].code) == slot && strcmp(names[i].kind, "SVM_KIND_GHCB") &&
		    strcmp(names[i].kind, "SVM_KIND_VC_CODE"))
			return names[i].name;
	return NULL;
}

/* One line: the name, then this counter of each vCPU. Under vm->lock, so no vCPU goes. */
static void show_counter(struct seq_file *file, const struct svmrt_vm *vm, const char *name,
			 size_t offset)
{
	unsigned int i;

	seq_printf(file, "%-20s", name);
	for (i = 0; i < SVMRT_MAX_VCPUS; i++)
		if (vm->vcpus[i])
			seq_printf(file, " %llu",
				   READ_ONCE(*(const u64 *)((const char *)&vm->vcpus[i]->stats +
							    offset)));
	seq_putc(file, '\n');
}

static bool any_exit(const struct svmrt_vm *vm, int slot)
{
	unsigned int i;

	for (i = 0; i < SVMRT_MAX_VCPUS; i++)
		if (vm->vcpus[i] && READ_ONCE(vm->vcpus[i]->stats.exits[slot]))
			return true;
	return false;
}

static int exits_show(struct seq_file *file, void *unused)
{
	struct svmrt_vm *vm = file->private;
	char number[16];
	int slot;

	mutex_lock(&vm->lock);
	for (slot = 0; slot < SVMRT_SLOTS; slot++) {
		const char *name;

		if (!any_exit(vm, slot))
			continue;
		name = exit_name(slot);
		if (!name) {
			snprintf(number, sizeof(number), "slot %#x", slot);
			name = number;
		}
		show_counter(file, vm, name, offsetof(struct svmrt_stats, exits[slot]));
	}
	mutex_unlock(&vm->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(exits);

static int vcpus_show(struct seq_file *file, void *unused)
{
	static const struct { const char *name; size_t offset; } counters[] = {
#define COUNTER(member) { #member, offsetof(struct svmrt_stats, member) }
		COUNTER(entries), COUNTER(slices), COUNTER(host_intr), COUNTER(host_nmi),
		COUNTER(host_smi), COUNTER(host_init), COUNTER(host_mce), COUNTER(host_npf),
		COUNTER(xcr0_restored), COUNTER(events), COUNTER(events_dropped),
		COUNTER(interrupts), COUNTER(interrupt_windows), COUNTER(halts), COUNTER(wakes),
		COUNTER(timer_missed), COUNTER(flushes),
#undef COUNTER
	};
	struct svmrt_vm *vm = file->private;
	unsigned int i;

	mutex_lock(&vm->lock);
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		show_counter(file, vm, counters[i].name, counters[i].offset);
	mutex_unlock(&vm->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vcpus);

static int memory_show(struct seq_file *file, void *unused)
{
	static const char *const modes[] = { "shared", "ro", "cow" };
	struct svmrt_vm *vm = file->private;
	u64 small, huge, owned;
	u32 i;

	mutex_lock(&vm->lock);
	for (i = 0; i < vm->region_count; i++) {
		const struct svmrt_region *r = &vm->regions[i];

		svmrt_npt_count(vm, r->gpa, r->bytes, &small, &huge, &owned);
		seq_printf(file, "%#llx-%#llx %s%s: 4KiB %llu, 2MiB %llu, private pages %llu\n", r->gpa,
			   r->gpa + r->bytes - 1, modes[r->mode], r->dirty ? " tracked" : "", small,
			   huge, owned);
	}
	mutex_unlock(&vm->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

/* Files keep running readers in the VM until debugfs_remove() has returned. */
void svmrt_debugfs_add(struct svmrt_vm *vm)
{
	char name[24];

	snprintf(name, sizeof(name), "vm%llu", vm->id);
	vm->debugfs = debugfs_create_dir(name, root);
	debugfs_create_file("exits", 0400, vm->debugfs, vm, &exits_fops);
	debugfs_create_file("vcpus", 0400, vm->debugfs, vm, &vcpus_fops);
	debugfs_create_file("memory", 0400, vm->debugfs, vm, &memory_fops);
}

void svmrt_debugfs_remove(struct svmrt_vm *vm)
{
	debugfs_remove(vm->debugfs);
	vm->debugfs = NULL;
}

void svmrt_debugfs_init(void)
{
	root = debugfs_create_dir("svmrt", NULL);
}

void svmrt_debugfs_exit(void)
{
	debugfs_remove(root);
}
