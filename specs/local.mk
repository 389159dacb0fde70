# SPDX-License-Identifier: MIT
# The conformance specs are installed, so that `svmctl test` can run them where svmkit's source is not.
EXTRA_DIST += specs docs/conformance.md tools/conformance-table.py
conformancedir = $(datadir)/svmkit/conformance

install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(conformancedir)/deviations"
	$(INSTALL_DATA) $(srcdir)/specs/conformance/*.yaml "$(DESTDIR)$(conformancedir)"
	$(INSTALL_DATA) $(srcdir)/specs/conformance/deviations/* "$(DESTDIR)$(conformancedir)/deviations"

uninstall-local:
	rm -rf "$(DESTDIR)$(conformancedir)"

# What the specs of kernels boot, from Debian's packages; ../build/guest for specs in the source tree.
guest-images:
	$(srcdir)/tools/guest-images guest

.PHONY: guest-images
CLEAN_DIRS += guest
EXTRA_DIST += tools/guest-images
