# SPDX-License-Identifier: MIT
# svmrund. Everything but main.c is a library, so that tests can run the daemon on their own engine.
libsvmkit_common_a_SOURCES += \
	lib/event_frame.h \
	lib/json_b64.c lib/json_b64.h \
	lib/json_check.c lib/json_check.h \
	lib/json_out.c lib/json_out.h \
	lib/svmlog.c lib/svmlog.h

noinst_LIBRARIES += libsvmrund.a
libsvmrund_a_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS) -I$(top_srcdir)/runtimed
libsvmrund_a_SOURCES = \
	runtimed/allowed_file.c runtimed/allowed_file.h \
	runtimed/bus.c runtimed/bus.h \
	runtimed/port_cells.c runtimed/port_cells.h \
	runtimed/client.c runtimed/client.h \
	runtimed/client_input.c runtimed/client_input.h \
	runtimed/config.c runtimed/config.h \
	runtimed/config_value.c runtimed/config_value.h \
	runtimed/console.c runtimed/console.h \
	runtimed/daemon.c runtimed/daemon.h \
	runtimed/device.c runtimed/device.h \
	runtimed/device_thread.c runtimed/device_thread.h \
	runtimed/devices/acpi_pm.c runtimed/devices/acpi_pm.h \
	runtimed/devices/chipset_pc.c runtimed/devices/chipset_pc.h \
	runtimed/devices/debug_console.c runtimed/devices/debug_console.h \
	runtimed/devices/debug_exit.c runtimed/devices/debug_exit.h \
	runtimed/devices/i8042.c runtimed/devices/i8042.h \
	runtimed/devices/i8254.c runtimed/devices/i8254.h \
	runtimed/devices/i8259.c runtimed/devices/i8259.h \
	runtimed/devices/ioapic.c runtimed/devices/ioapic.h \
	runtimed/devices/mc146818.c runtimed/devices/mc146818.h \
	runtimed/devices/pci_host.c runtimed/devices/pci_host.h \
	runtimed/devices/pit_counter.c runtimed/devices/pit_counter.h \
	runtimed/devices/system_ports.c runtimed/devices/system_ports.h \
	runtimed/device_watch.c runtimed/device_watch.h \
	runtimed/devices/blk_worker.c runtimed/devices/blk_worker.h \
	runtimed/devices/fw_cfg.c runtimed/devices/fw_cfg.h \
	runtimed/devices/fw_cfg_items.c runtimed/devices/fw_cfg_items.h \
	runtimed/devices/uart.c runtimed/devices/uart.h \
	runtimed/devices/virtio_blk.c runtimed/devices/virtio_blk.h \
	runtimed/devices/virtio_console.c runtimed/devices/virtio_console.h \
	runtimed/devices/virtio_mmio.c runtimed/devices/virtio_mmio.h \
	runtimed/devices/virtio_net.c runtimed/devices/virtio_net.h \
	runtimed/devices/virtio_queue.c runtimed/devices/virtio_queue.h \
	runtimed/devices/virtio_rng.c runtimed/devices/virtio_rng.h \
	runtimed/drive.c runtimed/drive.h \
	runtimed/emu.h runtimed/emu_alu.c runtimed/emu_exchange.c runtimed/emu_execute.c \
	runtimed/emu_guest.c runtimed/emu_guest.h runtimed/emu_operand.c runtimed/emu_place.c \
	runtimed/emu_place.h runtimed/emu_shift.c runtimed/emu_string.c runtimed/emu_vector.c \
	runtimed/engine.h runtimed/engine_replay.c runtimed/engine_replay.h \
	runtimed/engine_svmrt.c \
	runtimed/event_filter.c runtimed/event_filter.h \
	runtimed/event_json.c runtimed/event_json.h \
	runtimed/events.c runtimed/events.h \
	runtimed/guest_memory.c runtimed/guest_memory.h \
	runtimed/guest_walk.c runtimed/guest_walk.h \
	runtimed/io.c runtimed/io.h \
	runtimed/irq.c runtimed/irq.h \
	runtimed/limits.h runtimed/link.c runtimed/link.h runtimed/list.h \
	runtimed/log.c runtimed/log.h \
	runtimed/metrics.c runtimed/metrics.h runtimed/metrics_server.c \
	runtimed/mmio.c runtimed/mmio.h \
	runtimed/output_queue.c runtimed/output_queue.h \
	runtimed/recorder.c runtimed/recorder.h \
	runtimed/roles.c runtimed/roles.h \
	runtimed/rpc.c runtimed/rpc.h \
	runtimed/rpc_answer.c runtimed/rpc_answer.h \
	runtimed/rpc_args.c \
	runtimed/rpc_console.c runtimed/rpc_debug.c runtimed/rpc_events.c runtimed/rpc_handlers.h \
	runtimed/rpc_memory.c runtimed/rpc_system.c runtimed/rpc_table.c runtimed/rpc_template.c \
	runtimed/rpc_types.c runtimed/rpc_vcpu.c runtimed/rpc_vcpu_set.c runtimed/rpc_vm.c \
	runtimed/rpc_vm_backings.c runtimed/rpc_vm_nmi.c \
	runtimed/server.c runtimed/server.h \
	runtimed/service.c runtimed/service.h \
	runtimed/subscription.c runtimed/subscription.h runtimed/subscription_send.c \
	runtimed/template.c runtimed/template.h \
	runtimed/template_file.c runtimed/template_file.h \
	runtimed/vcpu.c runtimed/vcpu.h runtimed/vcpu_debug.c runtimed/vcpu_debug.h \
	runtimed/vcpu_state.c runtimed/vcpu_state.h runtimed/vcpu_thread.c \
	runtimed/vm.c runtimed/vm.h runtimed/vm_backing.c runtimed/vm_backing.h \
	runtimed/vm_build.c runtimed/vm_clock.c runtimed/vm_clock.h runtimed/vm_end.h \
	runtimed/vm_limit.c runtimed/vm_limit.h runtimed/vm_moves.c runtimed/vm_moves.h \
	runtimed/vm_place.c runtimed/vm_place.h runtimed/vm_wait.c

svmrund_libs = libsvmrund.a libsvmkit-common.a \
	$(UV_LIBS) $(CJSON_LIBS) $(MD_LIBS) $(ZYDIS_LIBS) $(SYSTEMD_LIBS) -lpthread

sbin_PROGRAMS += svmrund
svmrund_CPPFLAGS = $(libsvmrund_a_CPPFLAGS) -DSVMRUND_CONF='"$(sysconfdir)/svmkit/svmrund.conf"'
svmrund_SOURCES = runtimed/main.c
svmrund_LDADD = $(svmrund_libs)

dist_man_MANS += man/svmrund.8 man/svmrund.conf.5 man/svmrund-rpc.7
EXTRA_DIST += schemas/openrpc.json \
	tests/e2e/control.py tests/e2e/rpc_control.py tests/e2e/rpc_drives.py tests/e2e/rpc_filters.py tests/e2e/rpc_replay.py \
	tests/e2e/rpc_crowd.py tests/e2e/rpc_metrics.py tests/e2e/rpc_roles.py tests/e2e/rpc_schema.py tests/e2e/rpc_service.py \
	tests/e2e/rpc_lib.py tests/e2e/rpc_robustness.py \
	tests/e2e/rpc_streaming.py
SCRIPT_TESTS += tests/cli/svmrund.bats

EXTRA_DIST += tests/e2e/gdb_session.py tests/e2e/stream_guests.py

# The whole daemon on an engine without hardware; svmrund.bats runs it.
check_PROGRAMS += tests/unit/svmrund_fake
tests_unit_svmrund_fake_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_svmrund_fake_SOURCES = tests/unit/svmrund_fake.c tests/unit/fake_engine.c \
	tests/unit/fake_engine.h
tests_unit_svmrund_fake_LDADD = $(svmrund_libs)

if HAVE_CMOCKA
DEVICE_TESTS = tests/unit/test_fw_cfg \
	tests/unit/test_virtio \
	tests/unit/test_virtio_blk \
	tests/unit/test_virtio_console \
	tests/unit/test_virtio_net
tests_unit_test_fw_cfg_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_fw_cfg_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_fw_cfg_SOURCES = tests/unit/test_fw_cfg.c tests/unit/virtio_bench.c tests/unit/virtio_bench.h
tests_unit_test_fw_cfg_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)
tests_unit_test_virtio_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_virtio_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_virtio_SOURCES = tests/unit/test_virtio.c tests/unit/virtio_bench.c tests/unit/virtio_bench.h
tests_unit_test_virtio_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)
tests_unit_test_virtio_blk_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_virtio_blk_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_virtio_blk_SOURCES = tests/unit/test_virtio_blk.c tests/unit/virtio_bench.c tests/unit/virtio_bench.h
tests_unit_test_virtio_blk_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)
tests_unit_test_virtio_console_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_virtio_console_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_virtio_console_SOURCES = tests/unit/test_virtio_console.c tests/unit/virtio_bench.c tests/unit/virtio_bench.h
tests_unit_test_virtio_console_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)
tests_unit_test_virtio_net_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_virtio_net_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_virtio_net_SOURCES = tests/unit/test_virtio_net.c tests/unit/virtio_bench.c tests/unit/virtio_bench.h
tests_unit_test_virtio_net_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)
check_PROGRAMS += $(DEVICE_TESTS)
UNIT_TESTS += $(DEVICE_TESTS)
check_PROGRAMS += tests/unit/test_rpc tests/unit/test_devices tests/unit/test_exits tests/unit/test_svmlog \
	tests/unit/test_config
UNIT_TESTS += tests/unit/test_rpc tests/unit/test_devices tests/unit/test_exits tests/unit/test_svmlog \
	tests/unit/test_config
tests_unit_test_svmlog_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_svmlog_SOURCES = tests/unit/test_svmlog.c
tests_unit_test_svmlog_LDADD = libsvmkit-common.a $(MD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rpc_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_rpc_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_rpc_SOURCES = tests/unit/test_rpc.c
tests_unit_test_rpc_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)
tests_unit_test_config_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)

tests_unit_test_devices_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_devices_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_devices_SOURCES = tests/unit/test_devices.c
tests_unit_test_devices_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)

# Against the processor that runs it.
check_PROGRAMS += tests/unit/test_emu
UNIT_TESTS += tests/unit/test_emu
tests_unit_test_emu_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_emu_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_emu_SOURCES = tests/unit/test_emu.c tests/unit/emu_native.c tests/unit/emu_native.h
tests_unit_test_emu_LDADD = libsvmrund.a $(ZYDIS_LIBS) $(CMOCKA_LIBS)

tests_unit_test_exits_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
tests_unit_test_exits_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_exits_SOURCES = tests/unit/test_exits.c
tests_unit_test_exits_LDADD = $(svmrund_libs) $(CMOCKA_LIBS)
endif
