# SPDX-License-Identifier: GPL-2.0-only
# svmrt.ko is built by Kbuild in a copy of its sources, so that VPATH builds and read-only source
# trees work; the copy is what DKMS gets, too. The pure parts also build into a user-space library.
KMOD_FILES = Kbuild asid.c asid.h barrier.h compat.h control.c control.h detail.h detect.c detect.h enter.S event.c event.h exit.c exit.h gwalk.c \
	host.c host.h inputs.h insn.c insn.h ioctl.h main.c memory.c mode.h npt.c policy.c ring.c run.c \
	npt.h npt_map.c npt_zap.c dirty.c region.c rules.c policy.h mov.c mov.h \
	consistency.c consistency.h debugfs.c svmrt_trace.h \
	state.c svmrt_priv.h user.c vcpu.c vm.c
KMOD_FILES += time.c pvclock.c pvclock.h
KMOD_FILES += msr.c sysreg.c sysreg.h
KMOD_FILES += debug.c debug.h step.c step.h
KMOD_FILES += apic.c gates.c gates.h ioevent.c irq.c irq.h irqfd.c lapic.c lapic.h lapic_dest.c lapic_timer.c ports.c
KMOD_TABLES = consistency.def exitcodes.def intercepts.def svmrt.h vmcb.h vmcb_control.def vmcb_layout.h \
	vmcb_save.def
KMOD_DEPS = $(KMOD_FILES:%=$(srcdir)/kmod/%) $(KMOD_TABLES:%=$(srcdir)/include/svmkit/%)
dist_man_MANS += man/svmrt.4
EXTRA_DIST += $(KMOD_FILES:%=kmod/%) kmod/README

# Copy into $(1), then let Kbuild build there with the further arguments of make in $(2).
kmod_build = $(MKDIR_P) $(1)/include/svmkit && \
	for f in $(KMOD_FILES); do cp -pu $(srcdir)/kmod/$$f $(1)/ || exit 1; done && \
	for f in $(KMOD_TABLES); do \
		cp -pu $(srcdir)/include/svmkit/$$f $(1)/include/svmkit/ || exit 1; done && \
	$(MAKE) -C $(KDIR) M=$(abs_builddir)/$(1) SVMKIT_VERSION=$(PACKAGE_VERSION) $(2) modules

if BUILD_KMOD
ALL_LOCAL += kmod/svmrt.ko

kmod/svmrt.ko: $(KMOD_DEPS)
	+$(AM_V_GEN)$(call kmod_build,kmod/build,) && cp kmod/build/svmrt.ko $@

# Every warning of the kernel's W=1 and of sparse, as errors: ./check runs this.
kmod-strict: $(KMOD_DEPS)
	rm -rf kmod/strict
	+$(call kmod_build,kmod/strict,W=1 C=2) >kmod-strict.log 2>&1 || { cat kmod-strict.log; exit 1; }
	@if grep -E 'warning|error' kmod-strict.log; then exit 1; fi
	rm -rf kmod/strict

# For another kernel than the configured one: make KDIR=DIR kmod-other -> kmod/other/svmrt.ko.
kmod-other: $(KMOD_DEPS)
	+$(call kmod_build,kmod/other,)

# Where tests/run-mutants breaks the module.
kmod-mutants: $(KMOD_DEPS)
	+$(call kmod_build,mutants/kmod,)

kmodlabdir = $(pkglibexecdir)/lab
kmodlab_DATA = kmod/svmrt.ko
else
kmod-strict kmod-other kmod-mutants:
	@echo "no kernel headers: configure --with-kernel=DIR"; exit 1
endif
.PHONY: kmod-strict kmod-other kmod-mutants
CLEANFILES += kmod/svmrt.ko kmod-strict.log
CLEAN_DIRS += kmod/build kmod/strict kmod/other mutants

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_kmod
UNIT_TESTS += tests/unit/test_kmod
tests_unit_test_kmod_SOURCES = tests/unit/test_kmod.c tests/unit/test_kmod_insn.c \
	tests/unit/test_kmod.h kmod/control.c kmod/event.c kmod/insn.c kmod/step.c
check_PROGRAMS += tests/unit/test_detail
UNIT_TESTS += tests/unit/test_detail
tests_unit_test_detail_SOURCES = tests/unit/test_detail.c kmod/detail.h
tests_unit_test_detail_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_detail_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_detail_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_detect
UNIT_TESTS += tests/unit/test_detect
tests_unit_test_detect_SOURCES = tests/unit/test_detect.c kmod/detect.c kmod/detect.h kmod/barrier.h
tests_unit_test_detect_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_detect_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_detect_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_consistency
UNIT_TESTS += tests/unit/test_consistency
tests_unit_test_consistency_SOURCES = tests/unit/test_consistency.c kmod/consistency.c kmod/consistency.h
tests_unit_test_consistency_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_consistency_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_consistency_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_opcodes
UNIT_TESTS += tests/unit/test_opcodes
tests_unit_test_opcodes_SOURCES = tests/unit/test_opcodes.c kmod/insn.c kmod/insn.h kmod/mov.c kmod/mov.h
tests_unit_test_opcodes_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_opcodes_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_opcodes_LDADD = $(CMOCKA_LIBS) $(ZYDIS_LIBS)
check_PROGRAMS += tests/unit/test_sysreg
UNIT_TESTS += tests/unit/test_sysreg
tests_unit_test_sysreg_SOURCES = tests/unit/test_sysreg.c kmod/sysreg.c kmod/sysreg.h
tests_unit_test_sysreg_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_sysreg_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sysreg_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_lapic
UNIT_TESTS += tests/unit/test_lapic
tests_unit_test_lapic_SOURCES = tests/unit/test_lapic.c kmod/lapic.c kmod/lapic.h kmod/lapic_dest.c \
	kmod/lapic_timer.c
tests_unit_test_lapic_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_lapic_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_lapic_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_gates
UNIT_TESTS += tests/unit/test_gates
tests_unit_test_gates_SOURCES = tests/unit/test_gates.c kmod/gates.c kmod/gates.h kmod/event.c kmod/event.h
tests_unit_test_gates_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_gates_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_gates_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_pvclock
UNIT_TESTS += tests/unit/test_pvclock
tests_unit_test_pvclock_SOURCES = tests/unit/test_pvclock.c kmod/pvclock.h
tests_unit_test_pvclock_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_pvclock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_pvclock_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_asid
UNIT_TESTS += tests/unit/test_asid
tests_unit_test_asid_SOURCES = tests/unit/test_asid.c kmod/asid.c kmod/asid.h
tests_unit_test_asid_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_asid_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_asid_LDADD = $(CMOCKA_LIBS)
tests_unit_test_kmod_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/kmod
tests_unit_test_kmod_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_kmod_LDADD = $(CMOCKA_LIBS) $(ZYDIS_LIBS)
endif
