# SPDX-License-Identifier: MIT
# svmctl, the client.
bin_PROGRAMS += svmctl
svmctl_SOURCES = \
	ctl/capture.c ctl/capture.h \
	ctl/cmd_events.c ctl/cmd_info.c ctl/cmd_list.c ctl/cmd_load.c ctl/cmd_rpc.c ctl/cmd_run.c \
	ctl/cmd_test.c ctl/cmd_vm.c \
	ctl/common.c ctl/ctl.h \
	ctl/end.c ctl/end.h \
	ctl/event_text.c ctl/event_text.h \
	ctl/expect.c ctl/expect.h \
	ctl/expect_events.c ctl/expect_events.h \
	ctl/guest.c ctl/guest.h \
	ctl/main.c \
	ctl/options.c ctl/options.h \
	ctl/rpc.c ctl/rpc.h \
	ctl/socket.c \
	ctl/spec_list.c ctl/spec_list.h \
	ctl/stats.c ctl/stats.h \
	ctl/table.c \
	ctl/template.c ctl/template.h \
	ctl/text.c ctl/text.h \
	ctl/wire.c ctl/wire.h
svmctl_LDADD = compiler/libsvmc.a libsvmkit-common.a $(CJSON_LIBS) $(YAML_LIBS) $(MD_LIBS)
