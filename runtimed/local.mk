# SPDX-License-Identifier: MIT
# svmrund. Everything but main.c is a library, so that tests can run the daemon on their own engine.
libsvmkit_common_a_SOURCES += \
	lib/json_b64.c lib/json_b64.h \
	lib/json_check.c lib/json_check.h \
	lib/json_out.c lib/json_out.h

noinst_LIBRARIES += libsvmrund.a
libsvmrund_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/runtimed
libsvmrund_a_SOURCES = \
	runtimed/client.c runtimed/client.h \
	runtimed/client_input.c runtimed/client_input.h \
	runtimed/console.c runtimed/console.h \
	runtimed/daemon.c runtimed/daemon.h \
	runtimed/devices/debug_exit.c runtimed/devices/debug_exit.h \
	runtimed/devices/uart.c runtimed/devices/uart.h \
	runtimed/engine.h runtimed/engine_svmrt.c \
	runtimed/event_json.c runtimed/event_json.h \
	runtimed/events.c runtimed/events.h \
	runtimed/io.c runtimed/io.h \
	runtimed/limits.h runtimed/list.h \
	runtimed/log.c runtimed/log.h \
	runtimed/mmio.c runtimed/mmio.h \
	runtimed/rpc.c runtimed/rpc.h \
	runtimed/rpc_answer.c runtimed/rpc_answer.h \
	runtimed/rpc_args.c \
	runtimed/rpc_console.c runtimed/rpc_events.c runtimed/rpc_handlers.h \
	runtimed/rpc_system.c runtimed/rpc_table.c runtimed/rpc_template.c \
	runtimed/rpc_vcpu.c runtimed/rpc_vm.c \
	runtimed/server.c runtimed/server.h \
	runtimed/subscription.c runtimed/subscription.h \
	runtimed/template.c runtimed/template.h \
	runtimed/vcpu.c runtimed/vcpu.h runtimed/vcpu_thread.c \
	runtimed/vm.c runtimed/vm.h runtimed/vm_build.c runtimed/vm_end.h runtimed/vm_wait.c

svmrund_libs = libsvmrund.a libsvmkit-common.a \
	$(UV_LIBS) $(CJSON_LIBS) $(MD_LIBS) $(ZYDIS_LIBS) -lpthread

sbin_PROGRAMS += svmrund
svmrund_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
svmrund_SOURCES = runtimed/main.c
svmrund_LDADD = $(svmrund_libs)
