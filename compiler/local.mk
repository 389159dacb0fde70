# SPDX-License-Identifier: MIT
# The compiler: a library that svmctl links too, and svmc around it.
noinst_LIBRARIES += libsvmc.a
libsvmc_a_SOURCES = \
	compiler/cpuid_base.c compiler/platform.c compiler/platform.h \
	compiler/acpi.c compiler/acpi.h \
	compiler/acpi_dsdt.c \
	compiler/aml.c compiler/aml.h \
	compiler/arena.c compiler/arena.h \
	compiler/asm.c \
	compiler/checks/checks.c compiler/checks/checks.h \
	compiler/checks/control.c \
	compiler/checks/cpuid.c \
	compiler/checks/devices.c \
	compiler/checks/events.c \
	compiler/checks/exits.c \
	compiler/checks/intercepts.c \
	compiler/checks/launch.c \
	compiler/checks/memory.c \
	compiler/checks/payload.c \
	compiler/checks/save.c \
	compiler/checks/shadow.c \
	compiler/checks/tables.c \
	compiler/checks/vmsa.c \
	compiler/checks/warn.c \
	compiler/checks/warnings.c \
	compiler/build_descriptors.c \
	compiler/build_pages.c \
	compiler/comp.h \
	compiler/compile.c \
	compiler/depfile.c compiler/depfile.h \
	compiler/diag.c compiler/diag.h \
	compiler/emit.c compiler/emit.h compiler/emit_parts.h \
	compiler/emit_memory.c \
	compiler/emit_msrpm.c \
	compiler/emit_tables.c \
	compiler/events.h \
	compiler/exit_defaults.c \
	compiler/firmware.c compiler/firmware.h \
	compiler/flags.c compiler/flags.h \
	compiler/guest_tables.h \
	compiler/igvm.c compiler/igvm.h \
	compiler/igvm_convert.h \
	compiler/igvm_export.c \
	compiler/igvm_import.c \
	compiler/igvm_import_vcpus.c \
	compiler/igvm_reader.h \
	compiler/image.c compiler/image.h \
	compiler/image_elf.c \
	compiler/image_linux.c \
	compiler/image_multiboot.c \
	compiler/image_pvh.c \
	compiler/include.c compiler/include.h \
	compiler/launch.c compiler/launch.h \
	compiler/launch_names.c \
	compiler/launch_profile.c \
	compiler/memory.c compiler/memory.h \
	compiler/memory_map.c compiler/memory_map.h \
	compiler/node.c compiler/node.h \
	compiler/number.c compiler/number.h \
	compiler/payload.c compiler/payload.h \
	compiler/pool.c compiler/pool.h \
	compiler/profile.c compiler/profile.h \
	compiler/profile_tables.c \
	compiler/read.c compiler/read.h \
	compiler/source.c \
	compiler/spec.c compiler/spec_read.h compiler/spec_tables.h \
	compiler/spec_allow.c \
	compiler/spec_confidential.c \
	compiler/spec_control.c \
	compiler/spec_cpuid.c \
	compiler/spec_descriptors.c \
	compiler/spec_devices.c \
	compiler/spec_exits.c compiler/spec_exits.h compiler/spec_exit_rules.c \
	compiler/spec_expect.c \
	compiler/spec_inject.c \
	compiler/spec_memory.c \
	compiler/spec_msrs.c \
	compiler/spec_pages.c \
	compiler/spec_payload.c \
	compiler/spec_segments.c compiler/segments.h \
	compiler/spec_vcpus.c \
	compiler/svmfeatures.c compiler/svmfeatures.h \
	compiler/svmc.h \
	compiler/tool.c compiler/tool.h \
	compiler/vars.c compiler/vars.h \
	compiler/walk.c \
	compiler/wide.c compiler/wide.h \
	lib/json_b64.c lib/json_b64.h \
	compiler/write_all.c compiler/write_all.h \
	compiler/yaml.c

bin_PROGRAMS += svmc
SVMC_BUILDS = \
	compiler/beside.c compiler/beside.h \
	compiler/cmd.c compiler/cmd.h \
	compiler/cmd_check.c \
	compiler/cmd_compile.c \
	compiler/compile_job.c compiler/compile_job.h \
	compiler/output.c compiler/output.h \
	compiler/workers.c compiler/workers.h
svmc_SOURCES = compiler/main.c $(SVMC_BUILDS)
svmc_LDADD = libsvmc.a libsvmkit-common.a $(SVMC_LIBS)
svmc_LDFLAGS = $(AM_LDFLAGS) $(SVMC_LDFLAGS)

# Every subcommand; svmc runs it for those that it is without, and starts in half the time.
pkglibexec_PROGRAMS += svmc-more
svmc_more_SOURCES = $(SVMC_BUILDS) \
	compiler/cmd_decompile.c \
	compiler/cmd_diff.c \
	compiler/cmd_dump.c \
	compiler/cmd_explain.c \
	compiler/cmd_export.c \
	compiler/cmd_golden.c \
	compiler/cmd_graph.c \
	compiler/cmd_import.c \
	compiler/cmd_init.c \
	compiler/cmd_measure.c \
	compiler/cmd_profile.c \
	compiler/cmd_schema.c \
	compiler/decompile_acpi.c \
	compiler/decompile.c compiler/decompile.h \
	compiler/decompile_descriptors.c \
	compiler/decompile_launch.c \
	compiler/decompile_memory.c \
	compiler/decompile_pages.c \
	compiler/decompile_tables.c \
	compiler/decompile_vcpus.c \
	compiler/diff.c compiler/diff.h \
	compiler/diff_contents.c \
	compiler/dump.h \
	compiler/dump_bytes.c compiler/dump_bytes.h \
	compiler/dump_bytes_vmcb.c \
	compiler/dump_bytes_vmsa.c \
	compiler/dump_launch.c \
	compiler/dump_json.c \
	compiler/dump_rule.c \
	compiler/dump_text.c \
	compiler/dump_vmcb.c \
	compiler/explain.c compiler/explain.h \
	compiler/facts.c compiler/facts.h \
	compiler/facts_launch.c \
	compiler/facts_vcpu.c \
	compiler/fast_sha256.c compiler/fast_sha256.h \
	compiler/golden.h \
	compiler/graph.c compiler/graph.h \
	compiler/graph_memory.c \
	compiler/graph_policy.c \
	compiler/graph_vcpus.c \
	compiler/golden_report.c \
	compiler/id_block.c compiler/id_block.h \
	compiler/load.c compiler/load.h \
	compiler/main_more.c \
	compiler/measure.c compiler/measure.h \
	compiler/measure_source.c \
	compiler/page_fit.c compiler/page_fit.h \
	compiler/schema.c compiler/schema.h \
	compiler/schema_names.c \
	compiler/schema_types.c
svmc_more_LDADD = libsvmc.a libsvmkit-common.a $(YAML_LIBS) $(MD_LIBS) $(CJSON_LIBS)

# Signs ID blocks. A program of its own: a private key has no business in the compiler's memory, nor
# libcrypto's start-up in its time.
if HAVE_CRYPTO
pkglibexec_PROGRAMS += svmc-sign
endif
svmc_sign_SOURCES = compiler/sign.c compiler/id_block.h
svmc_sign_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
svmc_sign_LDADD = $(CRYPTO_LIBS)

SCRIPT_TESTS += tests/cli/svmc.bats tests/cli/svmc_commands.bats tests/cli/svmc_images.bats
SCRIPT_TESTS += tests/cli/svmc_compile.bats tests/cli/svmc_graph.bats tests/cli/svmc_schema.bats
SCRIPT_TESTS += tests/cli/svmc_rows.bats tests/cli/acpi.bats
EXTRA_DIST += tests/cli/acpi_tables.py tests/cli/svmt_file.py
SCRIPT_TESTS += tests/cli/confidential.bats tests/cli/igvm.bats tests/cli/svmc_pages.bats
EXTRA_DIST += tests/cli/confidential.py tests/cli/igvm.py
EXTRA_DIST += tools/gen-fields.py tests/cli/row_specs.py tests/cli/svmt_page.py
EXTRA_DIST += tests/cli/hostile_images.py tests/cli/schema_check.py tests/cli/spec_generator.py \
	tests/cli/generate_images.py tests/cli/generate_tables.py tests/round-trips
EXTRA_DIST += tests/golden tests/e2e/specs tests/e2e/images.bats tests/images schemas/svmspec.schema.json
dist_man_MANS += man/svmc.1 man/svmspec.5 man/svmt.5

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_svmc
UNIT_TESTS += tests/unit/test_svmc

tests_unit_test_svmc_SOURCES = tests/unit/test_svmc.c
tests_unit_test_svmc_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_svmc_LDADD = libsvmc.a libsvmkit-common.a $(YAML_LIBS) $(CJSON_LIBS) $(MD_LIBS) \
	$(CMOCKA_LIBS)
endif
