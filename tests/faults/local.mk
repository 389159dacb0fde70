# SPDX-License-Identifier: MIT
# The fault matrix, docs/faults.md. svmc itself has no shared libraries, so that nothing can be preloaded
# into it: here it is the same program with them.
EXTRA_DIST += tests/faults/faults.py tests/faults/inject.c tests/faults/run-lab-faults docs/faults.md
SCRIPT_TESTS += tests/cli/faults.bats
CLEANFILES += tests/faults/inject.so

check_PROGRAMS += tests/faults/svmc
tests_faults_svmc_SOURCES = $(svmc_SOURCES)
tests_faults_svmc_LDADD = libsvmc.a libsvmkit-common.a $(YAML_LIBS) $(MD_LIBS) $(CJSON_LIBS)

check_DATA = tests/faults/inject.so
tests/faults/inject.so: tests/faults/inject.c
	$(AM_V_CCLD)$(MKDIR_P) tests/faults && $(CC) $(AM_CFLAGS) $(CFLAGS) -D_GNU_SOURCE -fPIC -shared -o $@ $(srcdir)/tests/faults/inject.c
