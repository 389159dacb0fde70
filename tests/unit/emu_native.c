/* SPDX-License-Identifier: MIT */
/* See emu_native.h. The way back is a jump behind the instruction, or the signal handler. */
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "emu_native.h"

#define CS64 0x33
#define CS32 0x23
#define DS_FLAT 0x2b

uint8_t *native_memory, *native_code;

void native_enter(struct native *state, const void *far_target);
void native_return(void);
void native_abort(void);

struct far_pointer {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed));

extern uint64_t native_stack;

/* Registers of the C side are on its stack; the instruction's are all that there are, RSP included. */
__asm__(
".text\n.globl native_enter, native_return, native_abort\n"
"native_enter:\n"
"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
"	mov %rdi, native_state(%rip)\n"
"	mov (%rsi), %rax; mov %rax, native_far(%rip)\n"
"	mov %rsp, native_stack(%rip)\n"
"	movups 160(%rdi), %xmm0; movups 176(%rdi), %xmm1\n"
"	movups 192(%rdi), %xmm2; movups 208(%rdi), %xmm3\n"
"	movups 224(%rdi), %xmm4; movups 240(%rdi), %xmm5\n"
"	movups 256(%rdi), %xmm6; movups 272(%rdi), %xmm7\n"
"	movups 288(%rdi), %xmm8; movups 304(%rdi), %xmm9\n"
"	movups 320(%rdi), %xmm10; movups 336(%rdi), %xmm11\n"
"	movups 352(%rdi), %xmm12; movups 368(%rdi), %xmm13\n"
"	movups 384(%rdi), %xmm14; movups 400(%rdi), %xmm15\n"
"	pushq 128(%rdi); popfq\n"
"	mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
"	mov 32(%rdi), %rsp; mov 40(%rdi), %rbp; mov 48(%rdi), %rsi\n"
"	mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
"	mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14; mov 120(%rdi), %r15\n"
"	mov 56(%rdi), %rdi\n"
"	ljmpl *native_far(%rip)\n"
"native_return:\n"
"	mov %rdi, native_scratch(%rip)\n"
"	mov native_state(%rip), %rdi\n"
"	mov %rax, 0(%rdi); mov %rcx, 8(%rdi); mov %rdx, 16(%rdi); mov %rbx, 24(%rdi)\n"
"	mov %rsp, 32(%rdi); mov %rbp, 40(%rdi); mov %rsi, 48(%rdi)\n"
"	mov %r8, 64(%rdi); mov %r9, 72(%rdi); mov %r10, 80(%rdi); mov %r11, 88(%rdi)\n"
"	mov %r12, 96(%rdi); mov %r13, 104(%rdi); mov %r14, 112(%rdi); mov %r15, 120(%rdi)\n"
"	mov native_scratch(%rip), %rax; mov %rax, 56(%rdi)\n"
"	movups %xmm0, 160(%rdi); movups %xmm1, 176(%rdi)\n"
"	movups %xmm2, 192(%rdi); movups %xmm3, 208(%rdi)\n"
"	movups %xmm4, 224(%rdi); movups %xmm5, 240(%rdi)\n"
"	movups %xmm6, 256(%rdi); movups %xmm7, 272(%rdi)\n"
"	movups %xmm8, 288(%rdi); movups %xmm9, 304(%rdi)\n"
"	movups %xmm10, 320(%rdi); movups %xmm11, 336(%rdi)\n"
"	movups %xmm12, 352(%rdi); movups %xmm13, 368(%rdi)\n"
"	movups %xmm14, 384(%rdi); movups %xmm15, 400(%rdi)\n"
"	mov native_stack(%rip), %rsp\n"
"	pushfq; popq 128(%rdi)\n"
"native_abort:\n"
"	mov native_stack(%rip), %rsp\n"
"	pushq $0x202; popfq\n"
"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
"	ret\n"
".bss\n.balign 8\n"
".globl native_stack\n"
"native_state: .skip 8\nnative_stack: .skip 8\nnative_scratch: .skip 8\nnative_far: .skip 8\n"
".text\n");

static struct native *current;

static const int gregs[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

#define EFLAGS_AC (1u << 18)

static void on_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	greg_t *regs = user->uc_mcontext.gregs;

	(void)info;
	/* A signal leaves AC as the instruction had it, and this code is not all aligned. */
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(uint64_t)EFLAGS_AC);
	if (!current)
		_exit(128 + signal);
	for (unsigned int i = 0; i < 16; i++)
		current->gpr[i] = (uint64_t)regs[gregs[i]];
	memcpy(current->xmm, user->uc_mcontext.fpregs->_xmm, sizeof(current->xmm));
	current->rflags = (uint64_t)regs[REG_EFL];
	current->vector = (uint64_t)regs[REG_TRAPNO];
	current->error = (uint64_t)regs[REG_ERR];
	current->cr2 = (uint64_t)regs[REG_CR2];
	regs[REG_RIP] = (greg_t)native_abort;
	regs[REG_RSP] = (greg_t)native_stack;
	regs[REG_CSGSFS] = (regs[REG_CSGSFS] & ~0xffffLL) | CS64;
	regs[REG_EFL] = 0x202;
	current = NULL;
}

static bool add_segment(enum native_segment number, const void *base, unsigned int limit,
			unsigned int contents, bool read_only, bool big)
{
	struct user_desc desc = {
		.entry_number = number, .base_addr = (uint32_t)(uintptr_t)base, .limit = limit,
		.seg_32bit = big, .contents = contents & 3u, .read_exec_only = read_only, .useable = 1,
	};

	return !syscall(SYS_modify_ldt, 1, &desc, sizeof(desc));
}

uint16_t native_selector(enum native_segment segment)
{
	return (uint16_t)(segment << 3 | 7);
}

void native_set_gs(uint64_t base)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, base);
}

void native_catch(void)
{
	static uint8_t signal_stack[65536];
	const stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };

	sigaltstack(&stack, NULL);
	sigemptyset(&action.sa_mask);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

bool native_init(void)
{
	uint8_t *memory = mmap(NULL, (NATIVE_PAGES + 1) * NATIVE_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (memory == MAP_FAILED)
		return false;	/* native_memory stays NULL: no address of it is followed then */
	native_code = memory;
	native_memory = memory + NATIVE_PAGE;
	return !mprotect(native_memory + 3 * NATIVE_PAGE, NATIVE_PAGE, PROT_NONE) &&
		add_segment(NATIVE_CODE16, native_code, 0xfff, 2, false, false) &&
		add_segment(NATIVE_WRITABLE, native_memory, NATIVE_LIMIT, 0, false, true) &&
		add_segment(NATIVE_READ_ONLY, native_memory, 0xffff, 0, true, true) &&
		add_segment(NATIVE_DOWN, native_memory, 0x7ff, 1, false, false);
}

/* jmp *offset(%rip); the address is aligned, since AC may be set. */
static void put_jump64(uint8_t *at, void (*target)(void))
{
	uint8_t *slot = native_code + 1024;
	uint64_t address = (uint64_t)(uintptr_t)target;
	int32_t offset = (int32_t)(slot - (at + 6));

	at[0] = 0xff;
	at[1] = 0x25;
	memcpy(at + 2, &offset, sizeof(offset));
	memcpy(slot, &address, sizeof(address));
}

/* jmp far back to 64-bit code at the end of the page */
static void put_way_back(uint8_t *at, unsigned int bits)
{
	uint8_t *tail = native_code + 2048;
	struct far_pointer target = { (uint32_t)(uintptr_t)tail, CS64 };

	if (bits == 64) {
		put_jump64(at, native_return);
		return;
	}
	put_jump64(tail, native_return);
	if (bits == 16)
		*at++ = 0x66;
	*at++ = 0xea;
	memcpy(at, &target, sizeof(target));
}

static void set_segments(uint16_t selector)
{
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r" ((unsigned int)selector));
}

void native_run(struct native *state, const uint8_t *insn, unsigned int bytes, unsigned int bits,
		uint16_t ds)
{
	/* Eight bytes are read of it. */
	union { struct far_pointer at; uint64_t whole; } target = { .whole = 0 };

	memcpy(native_code, insn, bytes);
	put_way_back(native_code + bytes, bits);
	target.at.offset = bits == 16 ? 0 : (uint32_t)(uintptr_t)native_code;
	target.at.selector = bits == 64 ? CS64 : bits == 32 ? CS32 : native_selector(NATIVE_CODE16);
	mprotect(native_memory + 2 * NATIVE_PAGE, NATIVE_PAGE, PROT_READ);
	state->vector = NATIVE_NONE;
	current = state;
	if (bits != 64)
		set_segments(ds ? ds : DS_FLAT);
	native_enter(state, &target);
	if (bits != 64)
		set_segments(0);
	current = NULL;
	mprotect(native_memory + 2 * NATIVE_PAGE, NATIVE_PAGE, PROT_READ | PROT_WRITE);
}
