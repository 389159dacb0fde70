# SPDX-License-Identifier: MIT
# Shared by svmc, svmctl and svmrund: tables, template reader and writer.
noinst_LIBRARIES += libsvmkit-common.a
libsvmkit_common_a_SOURCES = \
	lib/crc32c.c lib/crc32c.h \
	lib/svmt_check.c lib/svmt_check.h \
	lib/svmt_digest.c lib/svmt_digest.h \
	lib/svmt_read.c lib/svmt_read.h \
	lib/svmt_write.c lib/svmt_write.h \
	lib/tables.c lib/tables.h

svmkitincludedir = $(includedir)/svmkit
svmkitinclude_HEADERS = \
	include/svmkit/exitcodes.def include/svmkit/intercepts.def \
	include/svmkit/svmrt.h include/svmkit/svmt.h include/svmkit/vmcb.h \
	include/svmkit/vmcb_control.def include/svmkit/vmcb_layout.h include/svmkit/vmcb_save.def
EXTRA_DIST += tools/gen-tables.py \
	include/svmkit/facts/consistency_checks.csv include/svmkit/facts/exitcodes.csv \
	include/svmkit/facts/intercepts.csv include/svmkit/facts/vmcb_control.csv \
	include/svmkit/facts/vmcb_save.csv include/svmkit/facts/vmsa.csv
