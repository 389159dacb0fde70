# SPDX-License-Identifier: MIT
# The lab: five small programs, the appliance's init script, a loader and the svmlab command. All of them
# stand at the top of the build tree, where svmlab looks for them beside config.status.

pkglibexec_PROGRAMS += svmlab-muxd svmlab-agent svmlab-exec svmlab-bochs svmlab-serial
pkglibexec_SCRIPTS = svmlab-init
loaderdir = $(pkglibexecdir)
loader_DATA = svmlab-loader
bin_SCRIPTS += svmlab

svmlab_muxd_SOURCES = lab/svmlab-muxd.c lab/muxd_clients.c lab/muxd_console.c lab/muxd_must.c \
	lab/muxd_port.c lab/muxd_qemu.c lab/muxd_stages.c lab/muxd.h \
	lab/child.c lab/child.h lab/mux.c lab/mux.h
svmlab_muxd_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
svmlab_muxd_LDADD = $(UV_LIBS)

svmlab_agent_SOURCES = lab/svmlab-agent.c lab/agent_channel.c lab/agent_control.c \
	lab/agent_exec.c lab/agent_port.c lab/agent_spawn.c lab/agent.h lab/agent_spawn.h \
	lab/buf.c lab/buf.h lab/child.c lab/child.h lab/exec.h lab/fd.c lab/fd.h lab/mux.c lab/mux.h
svmlab_agent_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE

svmlab_exec_SOURCES = lab/svmlab-exec.c lab/buf.c lab/buf.h lab/exec.h lab/mux.c lab/mux.h
svmlab_exec_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE

# The two ends of the serial line that carries the lab on Bochs.
LAB_CARRY = lab/buf.c lab/buf.h lab/carry.c lab/carry.h lab/child.c lab/child.h lab/exec.h \
	lab/fd.c lab/fd.h lab/link.c lab/link.h lab/mux.c lab/mux.h
svmlab_bochs_SOURCES = lab/svmlab-bochs.c $(LAB_CARRY)
svmlab_bochs_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
svmlab_serial_SOURCES = lab/svmlab-serial.c $(LAB_CARRY)
svmlab_serial_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE

# What Bochs boots: 32-bit code of our own, without a library.
LOADER_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -m32 -march=i686 -Os -ffreestanding -fno-pic -fno-pie \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only
svmlab-loader: lab/bochs_boot.S lab/bochs_load.c lab/bochs_load.h
	$(AM_V_GEN)$(CC) $(LOADER_CFLAGS) -c -o svmlab-loader-boot.o $(srcdir)/lab/bochs_boot.S && \
		$(CC) $(LOADER_CFLAGS) -c -o svmlab-loader-load.o $(srcdir)/lab/bochs_load.c && \
		$(LD) -m elf_i386 -Ttext 0x7c00 -e _start --oformat binary -o $@.tmp \
			svmlab-loader-boot.o svmlab-loader-load.o && chmod -x $@.tmp && mv $@.tmp $@

svmlab: lab/svmlab Makefile
	$(AM_V_GEN)$(SED) -e 's|@VERSION[@]|$(PACKAGE_VERSION)|g' -e 's|@KVER[@]|$(KVER)|g' \
		-e 's|@bindir[@]|$(bindir)|g' -e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@pkglibexecdir[@]|$(pkglibexecdir)|g' $(srcdir)/lab/svmlab >$@.tmp && \
		chmod +x $@.tmp && mv $@.tmp $@

svmlab-init: lab/svmlab-init
	$(AM_V_GEN)cp $(srcdir)/lab/svmlab-init $@.tmp && chmod +x $@.tmp && mv $@.tmp $@

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_mux
UNIT_TESTS += tests/unit/test_mux
tests_unit_test_mux_SOURCES = tests/unit/test_mux.c lab/mux.c lab/mux.h
tests_unit_test_mux_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lab
tests_unit_test_mux_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_mux_LDADD = $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_link
UNIT_TESTS += tests/unit/test_link
tests_unit_test_link_SOURCES = tests/unit/test_link.c lab/link.c lab/link.h
tests_unit_test_link_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/lab
tests_unit_test_link_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_link_LDADD = $(CMOCKA_LIBS)
endif

dist_man_MANS += man/svmlab.1
CLEANFILES += svmlab svmlab-init svmlab.tmp svmlab-init.tmp svmlab-loader svmlab-loader.tmp \
	svmlab-loader-boot.o svmlab-loader-load.o
# Without an emulator; lab.bats boots one, so ./check runs it and `make check` does not.
SCRIPT_TESTS += tests/e2e/lab_plain.bats
EXTRA_DIST += lab/svmlab lab/svmlab-init tests/e2e/lab.bats tests/e2e/lab_clients.py
EXTRA_DIST += lab/bochs_boot.S lab/bochs_load.c lab/bochs_load.h
EXTRA_DIST += lab/debug-kernel lab/debug-kernel.config
