# SPDX-License-Identifier: MIT
# svmctl, the client.
bin_PROGRAMS += svmctl
svmctl_CPPFLAGS = $(AM_CPPFLAGS) $(NCURSES_CFLAGS) -I$(top_srcdir)/libsvmkit
svmctl_SOURCES = \
	ctl/backings.c ctl/backings.h \
	ctl/capture.c ctl/capture.h \
	ctl/cmd_console.c ctl/cmd_events.c ctl/cmd_export.c ctl/cmd_gdb.c ctl/cmd_info.c ctl/cmd_list.c ctl/cmd_load.c ctl/cmd_mem.c \
	ctl/cmd_regs.c ctl/cmd_replay.c ctl/cmd_rpc.c ctl/cmd_run.c ctl/cmd_stat.c ctl/cmd_test.c ctl/cmd_top.c \
	ctl/cmd_vm.c \
	ctl/common.c ctl/ctl.h \
	ctl/counters.c ctl/counters.h \
	ctl/deviations.c ctl/deviations.h \
	ctl/end.c ctl/end.h \
	ctl/event_text.c ctl/event_text.h \
	ctl/expect.c ctl/expect.h \
	ctl/expect_events.c ctl/expect_events.h \
	ctl/gdb_packet.c ctl/gdb_packet.h ctl/gdb_regs.c ctl/gdb_regs.h \
	ctl/gdb_server.c ctl/gdb_server.h ctl/gdb_vm.c ctl/gdb_vm.h \
	ctl/guest.c ctl/guest.h \
	ctl/main.c \
	ctl/options.c ctl/options.h \
	ctl/recording.c ctl/recording.h \
	ctl/progress.c ctl/progress.h \
	ctl/socket.c \
	ctl/spec_list.c ctl/spec_list.h \
	ctl/stats.c ctl/stats.h \
	ctl/table.c \
	ctl/template.c ctl/template.h \
	ctl/test_jobs.c ctl/test_jobs.h \
	ctl/test_one.c ctl/test_one.h \
	ctl/text.c ctl/text.h \
	ctl/top_screen.c ctl/top_screen.h \
	ctl/top_view.c ctl/top_view.h
svmctl_LDADD = libsvmkit-rpc.la libsvmc.a libsvmkit-common.a $(CJSON_LIBS) $(YAML_LIBS) $(MD_LIBS) \
	$(NCURSES_LIBS)
dist_man_MANS += man/svmctl.1

# The e2e scripts are run by tests/e2e/run-all, which boots the lab for them.
SCRIPT_TESTS += tests/cli/svmctl.bats tests/cli/svmctl_terminal.bats
EXTRA_DIST += tests/cli/svmctl.bats tests/cli/fake_daemon.py \
	tests/e2e/run-all tests/e2e/e2e_lib.py tests/e2e/svmctl_run.bats \
	tests/e2e/bad_input.py tests/e2e/kill_daemon.py tests/e2e/memory_limit.py \
	tests/e2e/tour_events.py tests/e2e/two_vms.py

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_ctl_expect tests/unit/test_ctl_text
UNIT_TESTS += tests/unit/test_ctl_expect tests/unit/test_ctl_text

tests_unit_test_ctl_expect_SOURCES = tests/unit/test_ctl_expect.c \
	ctl/expect.c ctl/expect_events.c ctl/text.c
tests_unit_test_ctl_expect_CPPFLAGS = $(svmctl_CPPFLAGS) -I$(top_srcdir)/ctl
tests_unit_test_ctl_expect_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_ctl_expect_LDADD = libsvmkit-rpc.la libsvmkit-common.a $(CJSON_LIBS) $(CMOCKA_LIBS)

tests_unit_test_ctl_text_SOURCES = tests/unit/test_ctl_text.c \
	ctl/common.c ctl/end.c ctl/event_text.c ctl/options.c ctl/socket.c ctl/table.c \
	ctl/text.c
tests_unit_test_ctl_text_CPPFLAGS = $(svmctl_CPPFLAGS) -I$(top_srcdir)/ctl
tests_unit_test_ctl_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_ctl_text_LDADD = libsvmkit-rpc.la libsvmkit-common.a $(CJSON_LIBS) $(CMOCKA_LIBS)
endif
