# SPDX-License-Identifier: MIT
# `make check` runs what needs neither the lab nor root: unit tests and command-line tests, as TAP.
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
BATS_LOG_DRIVER = $(TEST_LOG_DRIVER)
LOG_DRIVER = $(TEST_LOG_DRIVER)
BATS_LOG_COMPILER = $(BATS) --tap
LOG_DRIVER_FLAGS =
TEST_EXTENSIONS = .bats
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; SVMKIT_BUILD='$(abs_builddir)'; \
	SVMKIT_SRC='$(abs_srcdir)'; SVMKIT_CC='$(CC)'; SVMKIT_CFLAGS='$(SAN_CFLAGS)'; KDIR='$(KDIR)'; \
	export CMOCKA_MESSAGE_OUTPUT SVMKIT_BUILD SVMKIT_SRC SVMKIT_CC SVMKIT_CFLAGS KDIR;
TESTS = $(UNIT_TESTS)
if HAVE_BATS
TESTS += $(SCRIPT_TESTS)
endif
EXTRA_DIST += $(SCRIPT_TESTS)
EXTRA_DIST += tests/e2e/run-lab tests/e2e/run-lab-kvm tests/e2e/run-lab-la57 tests/e2e/run-lab-bochs tests/e2e/run-lab-conformance tests/e2e/run-lab-fidelity tests/e2e/module-cycles tools/setup.sh tools/stages.sh tools/kernel-headers tests/run-npm tests/npm tests/run-tsan tests/tsan.supp

SCRIPT_TESTS += tests/cli/readme.bats tests/cli/tables.bats tests/cli/kmod_symbols.bats
EXTRA_DIST += tests/kmod-symbols tests/cli/kmod-symbols.allow

# Tests below the daemon: built here, run in the lab by ./check.
check_PROGRAMS += tests/e2e/abi_test tests/e2e/abi_host tests/e2e/abi_kvm
tests_e2e_abi_test_SOURCES = tests/e2e/abi_test.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_test_LDADD = -lpthread
tests_e2e_abi_host_SOURCES = tests/e2e/abi_host.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_host_LDADD = -lpthread
check_PROGRAMS += tests/e2e/abi_debug
tests_e2e_abi_debug_SOURCES = tests/e2e/abi_debug.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
check_PROGRAMS += tests/e2e/abi_irq tests/e2e/abi_evfd
tests_e2e_abi_irq_SOURCES = tests/e2e/abi_irq.c tests/e2e/abi_irq_guest.c tests/e2e/abi_irq_guest.h \
	tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_irq_LDADD = -lpthread
check_PROGRAMS += tests/e2e/abi_apic tests/e2e/abi_time tests/e2e/abi_ports
tests_e2e_abi_time_SOURCES = tests/e2e/abi_time.c tests/e2e/abi_irq_guest.c tests/e2e/abi_irq_guest.h \
	tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_time_LDADD = -lpthread
tests_e2e_abi_ports_SOURCES = tests/e2e/abi_ports.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_ports_LDADD = -lpthread
tests_e2e_abi_apic_SOURCES = tests/e2e/abi_apic.c tests/e2e/abi_irq_guest.c tests/e2e/abi_irq_guest.h \
	tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_evfd_SOURCES = tests/e2e/abi_evfd.c tests/e2e/abi_irq_guest.c tests/e2e/abi_irq_guest.h \
	tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_evfd_LDADD = -lpthread
tests_e2e_abi_kvm_SOURCES = tests/e2e/abi_kvm.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
check_PROGRAMS += tests/e2e/abi_hostile tests/e2e/abi_scale
tests_e2e_abi_hostile_SOURCES = tests/e2e/abi_hostile.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_hostile_LDADD = -lpthread
tests_e2e_abi_scale_SOURCES = tests/e2e/abi_scale.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h \
	tests/e2e/kernel_memory.c tests/e2e/kernel_memory.h
tests_e2e_abi_scale_LDADD = -lpthread
check_PROGRAMS += tests/e2e/abi_fidelity
tests_e2e_abi_fidelity_SOURCES = tests/e2e/abi_fidelity.c tests/e2e/fidelity_guest.S \
	tests/e2e/fidelity_guest.h tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_fidelity_LDADD = -lpthread
check_PROGRAMS += tests/e2e/abi_failing tests/e2e/abi_fuzz
tests_e2e_abi_failing_SOURCES = tests/e2e/abi_failing.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_fuzz_SOURCES = tests/e2e/abi_fuzz.c tests/e2e/abi_fuzz_calls.c \
	tests/e2e/abi_fuzz_guest.c tests/e2e/abi_fuzz.h tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_fuzz_LDADD = -lpthread
EXTRA_DIST += tests/e2e/run-lab-debug tests/e2e/run-lab-scale tests/e2e/daemon-kills \
	tests/e2e/lab/loop.yaml tests/e2e/lab/pages-5level.yaml tests/e2e/run-lab-kdump tests/e2e/run-lab-612 \
	tests/e2e/run-lab-linux tests/e2e/linux_guest.py tests/e2e/linux_time.py tests/e2e/guest_time.py tests/e2e/linux.bats tests/e2e/console_login.exp tests/e2e/linux_ports.txt \
	tests/run-mutants \
	tests/mutant-in-lab tests/mutants

SCRIPT_TESTS += tests/cli/bench.bats tests/cli/stages.bats
SCRIPT_TESTS += tests/cli/svmrt_abi.bats
# The bare ABI in depth, each with both of the module's TLB modes: tests/e2e/run-lab-abi.
ABI_FLAT = tests/e2e/abi_flat.c tests/e2e/abi_flat.h tests/e2e/abi_guest.c tests/e2e/abi_guest.h
check_PROGRAMS += tests/e2e/abi_mem tests/e2e/abi_mem_race tests/e2e/abi_mem_limit
check_PROGRAMS += tests/e2e/abi_rules tests/e2e/abi_ring
tests_e2e_abi_ring_SOURCES = tests/e2e/abi_ring.c tests/e2e/abi_flat.h tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_ring_LDADD = -lpthread
tests_e2e_abi_rules_SOURCES = tests/e2e/abi_rules.c tests/e2e/abi_guest.c tests/e2e/abi_guest.h
tests_e2e_abi_mem_SOURCES = tests/e2e/abi_mem.c $(ABI_FLAT)
tests_e2e_abi_mem_race_SOURCES = tests/e2e/abi_mem_race.c $(ABI_FLAT)
tests_e2e_abi_mem_race_LDADD = -lpthread
tests_e2e_abi_mem_limit_SOURCES = tests/e2e/abi_mem_limit.c $(ABI_FLAT)
EXTRA_DIST += tests/e2e/run-lab-abi

# The same registers bare on QEMU's PC and under svmkit: tests/e2e/run-lab-exerciser.
EXTRA_DIST += tests/e2e/run-lab-exerciser tests/e2e/lab/exerciser.yaml tests/e2e/exerciser

# Guests with every virtio device, and guests that misuse them: tests/e2e/run-lab-virtio.
EXTRA_DIST += tests/e2e/run-lab-virtio tests/e2e/lab/virtio-guest tests/e2e/lab/virtio-initrd tests/e2e/lab/virtio.yaml \
	tests/e2e/lab/hammer.yaml
