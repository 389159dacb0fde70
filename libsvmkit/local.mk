# SPDX-License-Identifier: MIT
# libsvmkit, the client library. svmctl is built on the same messages, without the public face.
noinst_LTLIBRARIES = libsvmkit-rpc.la
libsvmkit_rpc_la_CPPFLAGS = $(AM_CPPFLAGS) -fvisibility=hidden
libsvmkit_rpc_la_SOURCES = \
	lib/escape.c lib/escape.h \
	lib/json_b64.c lib/json_b64.h \
	lib/json_check.c lib/json_check.h \
	lib/json_get.c lib/json_get.h \
	libsvmkit/rpc.c libsvmkit/rpc.h \
	libsvmkit/wire.c libsvmkit/wire.h

lib_LTLIBRARIES = libsvmkit.la
libsvmkit_la_CPPFLAGS = $(libsvmkit_rpc_la_CPPFLAGS)
libsvmkit_la_SOURCES = \
	libsvmkit/svmkit.c libsvmkit/svmkit_event.c libsvmkit/svmkit_priv.h
libsvmkit_la_LIBADD = libsvmkit-rpc.la $(CJSON_LIBS)
# CURRENT:REVISION:AGE; CURRENT goes up with every released change of the interface.
libsvmkit_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 \
	-Wl,--version-script=$(srcdir)/libsvmkit/libsvmkit.map
EXTRA_libsvmkit_la_DEPENDENCIES = libsvmkit/libsvmkit.map
svmkitinclude_HEADERS += include/svmkit/svmkit.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = libsvmkit/libsvmkit.pc
EXTRA_DIST += libsvmkit/libsvmkit.map

SCRIPT_TESTS += tests/cli/clients.bats
EXTRA_DIST += tests/e2e/with_daemon.py
check_PROGRAMS += tests/unit/svmkit_probe
tests_unit_svmkit_probe_SOURCES = tests/unit/svmkit_probe.c
tests_unit_svmkit_probe_LDADD = libsvmkit.la
tests_unit_svmkit_probe_LDFLAGS = -no-install
