# SPDX-License-Identifier: MIT
# Shared by svmc, svmctl and svmrund: tables, template reader and writer.
noinst_LIBRARIES += libsvmkit-common.a
libsvmkit_common_a_SOURCES = \
	lib/crc32c.c lib/crc32c.h \
	lib/junit.c lib/junit.h \
	lib/suggest.c lib/suggest.h \
	lib/svmt_check.c lib/svmt_check.h \
	lib/pc.h \
	lib/svmt_check_devices.c \
	lib/svmt_check_launch.c \
	lib/svmt_device.c lib/svmt_device.h \
	lib/sha256_blocks.c lib/sha256_blocks.h \
	lib/svmt_digest.c lib/svmt_digest.h \
	lib/svmt_read.c lib/svmt_read.h \
	lib/svmt_write.c lib/svmt_write.h \
	lib/tables.c lib/tables.h \
	lib/vmsa.c lib/vmsa.h

svmkitincludedir = $(includedir)/svmkit
svmkitinclude_HEADERS = \
	include/svmkit/consistency.def include/svmkit/exitcodes.def include/svmkit/intercepts.def \
	include/svmkit/msrs.def \
	include/svmkit/svmrt.h include/svmkit/svmt.h include/svmkit/vmcb.h \
	include/svmkit/igvm.def include/svmkit/snp_launch.def include/svmkit/snp_profiles.def \
	include/svmkit/vmcb_control.def include/svmkit/vmcb_layout.h include/svmkit/vmcb_save.def \
	include/svmkit/vmsa.def
EXTRA_DIST += tools/gen-tables.py \
	include/svmkit/facts/consistency_checks.csv include/svmkit/facts/exitcodes.csv \
	include/svmkit/facts/intercepts.csv include/svmkit/facts/msrs.csv \
	include/svmkit/facts/vmcb_control.csv \
	include/svmkit/facts/vmcb_save.csv include/svmkit/facts/vmsa.csv \
	include/svmkit/facts/snp_profiles.csv include/svmkit/facts/snp_launch.csv \
	include/svmkit/facts/igvm.csv \
	include/svmkit/features.def include/svmkit/name_slots.def

SCRIPT_TESTS += tests/cli/kernel_header.bats
EXTRA_DIST += tests/unit/kernel_header.py

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_svmt tests/unit/test_svmt_launch tests/unit/test_tables
UNIT_TESTS += tests/unit/test_svmt tests/unit/test_svmt_launch tests/unit/test_tables

tests_unit_test_svmt_SOURCES = tests/unit/test_svmt.c
tests_unit_test_svmt_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_svmt_LDADD = libsvmkit-common.a $(CMOCKA_LIBS) $(MD_LIBS)

tests_unit_test_svmt_launch_SOURCES = tests/unit/test_svmt_launch.c
tests_unit_test_svmt_launch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_svmt_launch_LDADD = libsvmkit-common.a $(CMOCKA_LIBS) $(MD_LIBS)

tests_unit_test_tables_SOURCES = tests/unit/test_tables.c
tests_unit_test_tables_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tables_LDADD = libsvmkit-common.a $(CMOCKA_LIBS) $(MD_LIBS)
endif
