/* SPDX-License-Identifier: MIT */
/* cmocka needs its includes in this order; the insn tests live in a file of their own. */
#ifndef SVMKIT_TEST_KMOD_H
#define SVMKIT_TEST_KMOD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

void every_intercepted_instruction_has_the_length_that_zydis_gives(void **state);
void prefixes_and_operands_agree_with_zydis(void **state);
void truncated_bytes_have_no_length(void **state);
void other_instructions_have_no_length(void **state);
void a_step_knows_what_zydis_knows(void **state);

#endif
