# SPDX-License-Identifier: MIT
# libFuzzer targets. They need clang whatever CC is, so they are built by `make fuzz` only, each in
# one go from the libraries' sources; `make fuzz-check` runs them for a bounded number of inputs.
FUZZ_CC = clang
FUZZ_CFLAGS = -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_RUNS = 20000
FUZZ_SECONDS = 60
FUZZ_FILES = $(libsvmc_a_SOURCES) $(libsvmkit_common_a_SOURCES)
FUZZ_LINK = $(FUZZ_CC) $(FUZZ_CFLAGS) -I. $(AM_CPPFLAGS) $(CPPFLAGS) -o $@ $(filter %.c,$^) \
	$(YAML_LIBS) $(CJSON_LIBS) $(MD_LIBS)

EXTRA_DIST += tests/fuzz/fuzz_firmware.c tests/fuzz/fuzz_igvm.c tests/fuzz/fuzz_image.c
CLEANFILES += fuzz_firmware fuzz_igvm fuzz_image
FUZZ_DECOMPILE_FILES = $(filter compiler/decompile%.c compiler/dump_rule.c compiler/dump_vmcb.c,$(svmc_more_SOURCES))
EXTRA_DIST += tests/fuzz/fuzz_decompile.c tests/fuzz/fuzz_spec.c tests/fuzz/fuzz_svmt.c tests/fuzz/corpus
CLEANFILES += fuzz_decompile fuzz_spec fuzz_svmt
CLEAN_DIRS += fuzz-corpus

.PHONY: fuzz fuzz-check
fuzz: fuzz_decompile fuzz_firmware fuzz_igvm fuzz_image fuzz_spec fuzz_svmt fuzz_rpc fuzz_devices fuzz_svmlog fuzz_gdb fuzz_emu fuzz_virtio

# What talks to strangers: the daemon's clients, recordings, and svmctl's debugger.
EXTRA_DIST += tests/fuzz/fuzz_emu.c tests/fuzz/fuzz_devices.c tests/fuzz/fuzz_rpc.c tests/fuzz/fuzz_svmlog.c tests/fuzz/fuzz_gdb.c
CLEANFILES += fuzz_emu fuzz_devices fuzz_rpc fuzz_svmlog fuzz_gdb
FUZZ_EMU_FILES = runtimed/emu_alu.c runtimed/emu_exchange.c runtimed/emu_execute.c \
	runtimed/emu_operand.c runtimed/emu_shift.c runtimed/emu_string.c runtimed/emu_vector.c
FUZZ_RPC_FILES = $(libsvmrund_a_SOURCES) $(libsvmkit_common_a_SOURCES) tests/unit/fake_engine.c
FUZZ_GDB_FILES = ctl/gdb_packet.c ctl/gdb_regs.c ctl/gdb_server.c lib/json_out.c

fuzz_rpc: tests/fuzz/fuzz_rpc.c $(FUZZ_RPC_FILES)
	$(AM_V_CCLD)$(FUZZ_CC) $(FUZZ_CFLAGS) -I. $(libsvmrund_a_CPPFLAGS) -I$(top_srcdir)/tests/unit \
		$(CPPFLAGS) -o $@ $(filter %.c,$^) $(UV_LIBS) $(CJSON_LIBS) $(MD_LIBS) $(ZYDIS_LIBS) \
		$(SYSTEMD_LIBS) -lpthread

fuzz_devices: tests/fuzz/fuzz_devices.c $(FUZZ_RPC_FILES)
	$(AM_V_CCLD)$(FUZZ_CC) $(FUZZ_CFLAGS) -I. $(libsvmrund_a_CPPFLAGS) -I$(top_srcdir)/tests/unit \
		$(CPPFLAGS) -o $@ $(filter %.c,$^) $(UV_LIBS) $(CJSON_LIBS) $(MD_LIBS) $(ZYDIS_LIBS) \
		$(SYSTEMD_LIBS) -lpthread

fuzz_emu: tests/fuzz/fuzz_emu.c $(FUZZ_EMU_FILES)
	$(AM_V_CCLD)$(FUZZ_CC) $(FUZZ_CFLAGS) -I. $(libsvmrund_a_CPPFLAGS) $(CPPFLAGS) -o $@ \
		$(filter %.c,$^) $(ZYDIS_LIBS)

EXTRA_DIST += tests/fuzz/fuzz_virtio.c
CLEANFILES += fuzz_virtio
FUZZ_VIRTIO_FILES = $(libsvmrund_a_SOURCES) $(libsvmkit_common_a_SOURCES) tests/unit/virtio_bench.c

fuzz_virtio: tests/fuzz/fuzz_virtio.c $(FUZZ_VIRTIO_FILES)
	$(AM_V_CCLD)$(FUZZ_CC) $(FUZZ_CFLAGS) -I. $(libsvmrund_a_CPPFLAGS) -I$(top_srcdir)/tests/unit \
		$(CPPFLAGS) -o $@ $(filter %.c,$^) $(UV_LIBS) $(CJSON_LIBS) $(MD_LIBS) $(ZYDIS_LIBS) \
		$(SYSTEMD_LIBS) -lpthread

fuzz_svmlog: tests/fuzz/fuzz_svmlog.c $(libsvmkit_common_a_SOURCES)
	$(AM_V_CCLD)$(FUZZ_LINK)

fuzz_gdb: tests/fuzz/fuzz_gdb.c $(FUZZ_GDB_FILES)
	$(AM_V_CCLD)$(FUZZ_CC) $(FUZZ_CFLAGS) -I. $(AM_CPPFLAGS) -I$(top_srcdir)/ctl $(CPPFLAGS) -o $@ \
		$(filter %.c,$^)

fuzz_firmware: tests/fuzz/fuzz_firmware.c $(FUZZ_FILES)
	$(AM_V_CCLD)$(FUZZ_LINK)

fuzz_igvm: tests/fuzz/fuzz_igvm.c $(FUZZ_FILES)
	$(AM_V_CCLD)$(FUZZ_LINK)

fuzz_image: tests/fuzz/fuzz_image.c $(FUZZ_FILES)
	$(AM_V_CCLD)$(FUZZ_LINK)

fuzz_spec: tests/fuzz/fuzz_spec.c $(FUZZ_FILES)
	$(AM_V_CCLD)$(FUZZ_LINK)

fuzz_decompile: tests/fuzz/fuzz_decompile.c $(FUZZ_DECOMPILE_FILES) $(FUZZ_FILES)
	$(AM_V_CCLD)$(FUZZ_LINK)

fuzz_svmt: tests/fuzz/fuzz_svmt.c $(FUZZ_FILES)
	$(AM_V_CCLD)$(FUZZ_LINK)

# New inputs go to the build directory; the corpus and the goldens are only read. Templates as seeds
# are compiled here, since they are larger than what they are compiled from.
fuzz-check: fuzz svmc
	rm -rf fuzz-corpus && mkdir -p fuzz-corpus/spec fuzz-corpus/svmt fuzz-corpus/firmware \
		fuzz-corpus/igvm fuzz-corpus/decompile fuzz-corpus/templates
	for file in $(srcdir)/tests/fuzz/corpus/decompile/*.gz; do \
		gzip -dc $$file >fuzz-corpus/templates/$$(basename $$file .gz) || exit 1; \
	done
	cp $(srcdir)/tests/golden/parts/*.fd fuzz-corpus/firmware/
	cp $(srcdir)/tests/golden/igvm/*.igvm fuzz-corpus/igvm/
	for name in real16 everything vcpus confidential confidential-raw; do \
		./svmc compile -o fuzz-corpus/svmt/$$name $(srcdir)/tests/golden/good/$$name.yaml \
			|| exit 1; \
	done
	./fuzz_spec -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=4096 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 \
		-dict=$(srcdir)/tests/fuzz/corpus/spec.dict fuzz-corpus/spec \
		$(srcdir)/tests/fuzz/corpus/spec $(srcdir)/tests/golden/good \
		$(srcdir)/tests/golden/bad
	./fuzz_svmt -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=131072 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 fuzz-corpus/svmt \
		fuzz-corpus/templates
	./fuzz_firmware -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=8192 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 \
		fuzz-corpus/firmware
	./fuzz_igvm -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=65536 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 fuzz-corpus/igvm
	for kind in elf linux multiboot pvh; do \
		mkdir -p fuzz-corpus/image/$$kind && FUZZ_KIND=$$kind \
		./fuzz_image -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 \
			-max_len=8192 -timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 \
			-print_final_stats=1 fuzz-corpus/image/$$kind \
			$(srcdir)/tests/fuzz/corpus/image/$$kind || exit 1; \
	done
	./fuzz_decompile -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=131072 \
		-timeout=10 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 \
		fuzz-corpus/decompile fuzz-corpus/svmt fuzz-corpus/templates
	mkdir -p fuzz-corpus/rpc fuzz-corpus/svmlog fuzz-corpus/gdb
	./fuzz_rpc -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=4096 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=3 -print_final_stats=1 fuzz-corpus/rpc \
		$(srcdir)/tests/fuzz/corpus/rpc
	mkdir -p fuzz-corpus/devices
	./fuzz_devices -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=4096 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 fuzz-corpus/devices
	./fuzz_svmlog -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=8192 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 fuzz-corpus/svmlog
	./fuzz_gdb -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=4096 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 fuzz-corpus/gdb \
		$(srcdir)/tests/fuzz/corpus/gdb
	mkdir -p fuzz-corpus/emu
	./fuzz_emu -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=256 \
		-timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 fuzz-corpus/emu \
		$(srcdir)/tests/fuzz/corpus/emu

	mkdir -p fuzz-corpus/virtio
	./fuzz_virtio -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -seed=1 -max_len=2048 \
		-timeout=10 -rss_limit_mb=1024 -close_fd_mask=3 -print_final_stats=1 \
		fuzz-corpus/virtio $(srcdir)/tests/fuzz/corpus/virtio
