/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer of /dev/svmrt in parts: abi_fuzz.c drives and judges, abi_fuzz_calls.c makes one call,
 * abi_fuzz_guest.c makes what a guest is made of. All random choices come from one generator, which
 * each call seeds anew from the run's seed and its own number.
 */
#ifndef SVMKIT_TESTS_ABI_FUZZ_H
#define SVMKIT_TESTS_ABI_FUZZ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmrt.h>
#include <svmkit/vmcb.h>

#define FUZZ_FDS 64
#define FUZZ_MAPS 48
#define FUZZ_RAM_BYTES (256u << 10)
#define FUZZ_CODE_GPA 0x1000u

enum fuzz_kind { FUZZ_FREE, FUZZ_SYSTEM, FUZZ_VM, FUZZ_MEM, FUZZ_VCPU, FUZZ_OTHER };

struct fuzz_map {
	uint8_t *at;		/* NULL: free */
	size_t bytes;
	int fd;			/* mapped descriptor; it may be closed by now */
	enum fuzz_kind kind;
	int writable;
};

struct fuzz {
	uint64_t random;
	int dev;
	struct {
		_Atomic int fd;
		_Atomic int kind;
	} fds[FUZZ_FDS];
	pthread_mutex_t maps_lock;	/* held while a mapping changes or another thread writes to it */
	struct fuzz_map maps[FUZZ_MAPS];
	uint8_t *hole;			/* a readable page followed by one that is not */
	struct svmrt_stats seen;	/* sums of all vCPUs, taken when they are closed */
	unsigned long ioctls, refused, vcpus;
};

/* ---- Choices ---- */
uint64_t fuzz_next(uint64_t *state);
uint64_t fuzz_random(struct fuzz *f);
unsigned int fuzz_below(struct fuzz *f, unsigned int n);	/* 0 .. n - 1 */
int fuzz_chance(struct fuzz *f, unsigned int percent);
uint64_t fuzz_value(struct fuzz *f);	/* edge cases of addresses, sizes and masks */
void *fuzz_pointer(struct fuzz *f, void *good);	/* mostly good */

/* ---- Descriptors and mappings ---- */
int fuzz_pick(struct fuzz *f, enum fuzz_kind kind);	/* a descriptor, mostly of that kind, or -1 */
void fuzz_keep(struct fuzz *f, int fd, enum fuzz_kind kind);
struct fuzz_map *fuzz_find_map(struct fuzz *f, int fd, enum fuzz_kind kind);
int fuzz_map(struct fuzz *f, int fd, enum fuzz_kind kind, size_t bytes);
void fuzz_close_slot(struct fuzz *f, unsigned int slot);
void fuzz_unmap_slot(struct fuzz *f, unsigned int slot);

/* `write` on a mapping, if there is one; a SIGBUS (the user's pages are used up) ends it in silence. */
typedef void fuzz_write(struct fuzz *f, uint8_t *at, size_t bytes);
void fuzz_touch(struct fuzz *f, const struct fuzz_map *map, fuzz_write *write);
void fuzz_scribble(struct fuzz *f, uint8_t *at, size_t bytes);

/* ---- Guests ---- */
void fuzz_write_guest(struct fuzz *f, uint8_t *ram, size_t bytes);
void fuzz_vmcb(struct fuzz *f, struct svmk_vmcb *vmcb, struct svmrt_vcpu_state *state);
unsigned int fuzz_rules(struct fuzz *f, struct svmrt_exit_rule *rules, unsigned int room);

/* ---- One call: 0 or more, or -errno. ---- */
int fuzz_call(struct fuzz *f, const char **name);

#endif
