# SPDX-License-Identifier: MIT
# The probe: VMRUN on VMCBs that break svmc's rules, in the lab (tests/e2e/run-lab-probe). The module is
# built on request, never by `make all`, and never installed.
PROBE_FILES = Kbuild svmprobe.h svmprobe_enter.S svmprobe_main.c
EXTRA_DIST += $(PROBE_FILES:%=tests/probe/%) tests/probe/cases.py tests/e2e/run-lab-probe tests/builds-agree
CLEAN_DIRS += tests/probe/build
CLEANFILES += tests/probe/svmprobe.ko

check_PROGRAMS += tests/probe/probe_run
tests_probe_probe_run_SOURCES = tests/probe/probe_run.c tests/probe/svmprobe.h

if BUILD_KMOD
tests/probe/svmprobe.ko: $(PROBE_FILES:%=$(srcdir)/tests/probe/%)
	$(AM_V_GEN)$(MKDIR_P) tests/probe/build && \
	for f in $(PROBE_FILES); do cp -pu $(srcdir)/tests/probe/$$f tests/probe/build/ || exit 1; done
	+$(MAKE) -s -C $(KDIR) M=$(abs_builddir)/tests/probe/build W=1 KCFLAGS=-Werror modules
	cp tests/probe/build/svmprobe.ko $@
endif
