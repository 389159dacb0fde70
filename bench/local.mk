# SPDX-License-Identifier: MIT
# Measured on request, never by `make check`: make bench, or make bench BENCH="svmc stream".
EXTRA_PROGRAMS += bench/exit_cost bench/linux_boot bench/stream_tool bench/vm_cost
bench_exit_cost_SOURCES = bench/exit_cost.c bench/kvm_guest.c bench/kvm_guest.h \
	tests/e2e/abi_guest.c tests/e2e/abi_guest.h
bench_vm_cost_SOURCES = bench/vm_cost.c bench/kvm_guest.c bench/kvm_guest.h \
	tests/e2e/abi_guest.c tests/e2e/abi_guest.h tests/e2e/kernel_memory.c tests/e2e/kernel_memory.h
bench_stream_tool_CPPFLAGS = $(libsvmrund_a_CPPFLAGS)
bench_stream_tool_SOURCES = bench/stream_tool.c
bench_stream_tool_LDADD = libsvmrund.a libsvmkit-common.a $(MD_LIBS)
CLEANFILES += bench/exit_cost bench/linux_boot bench/stream_tool bench/vm_cost
EXTRA_DIST += bench/README bench/run bench/rows.py bench/replay.py bench/slope.py bench/page.py bench/chart.py bench/wins.json \
	bench/clients bench/exit-cost bench/exit-ops bench/linux-boot bench/load bench/measure bench/stream bench/svmc \
	bench/vms bench/soak bench/soak-look bench/soak-victim docs/benchmarks.md \
	docs/benchmarks-clients-of-a-stream.svg docs/benchmarks-events-to-one-client.svg \
	docs/benchmarks-memory-of-vms.svg docs/benchmarks-vcpus-of-one-vm.svg docs/benchmarks-vms-created.svg

BENCH =
bench: all
	$(PYTHON3) $(srcdir)/bench/run --docs --build $(abs_builddir) $(BENCH)
.PHONY: bench
