# SPDX-License-Identifier: MIT
# What an installation needs beside the programs: completion, and what systemd, udev, modprobe and
# AppArmor look for. Nothing of it works before it is at the places of the system: with --prefix=/usr
# and --sysconfdir=/etc it is.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = packaging/completion/_svmkit
EXTRA_DIST += packaging/completion/svmkit.bash
SCRIPT_TESTS += tests/cli/completion.bats

systemdsystemunitdir = $(prefix)/lib/systemd/system
nodist_systemdsystemunit_DATA = packaging/systemd/svmrund.service packaging/systemd/svmrund-vm@.service
dist_systemdsystemunit_DATA = packaging/systemd/svmrund.socket packaging/systemd/svmkit.slice
udevrulesdir = $(prefix)/lib/udev/rules.d
dist_udevrules_DATA = packaging/60-svmkit.rules
svmkitconfdir = $(sysconfdir)/svmkit
dist_svmkitconf_DATA = packaging/svmrund.conf
apparmordir = $(sysconfdir)/apparmor.d
nodist_apparmor_DATA = packaging/apparmor/svmrund

# These directories want a file by another name than the one that it has here.
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
modprobedir = $(prefix)/lib/modprobe.d
EXTRA_DIST += packaging/build-packages tests/packages/system.sh tests/packages/run-packages \
	tests/packages/run-image tests/packages/run-newcomer tests/packages/in-image tests/packages/wait.yaml tests/e2e/tutorial.py
EXTRA_DIST += packaging/svmkit.sysusers packaging/svmkit.tmpfiles packaging/svmkit.modprobe
EXTRA_DIST += packaging/systemd/svmrund.service.in packaging/systemd/svmrund-vm@.service.in \
	packaging/apparmor/svmrund.in packaging/dkms.conf.in packaging/debian

packaging_paths = $(MKDIR_P) $(@D) && $(SED) -e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g'
packaging/systemd/svmrund.service: packaging/systemd/svmrund.service.in Makefile
	$(AM_V_GEN)$(packaging_paths) $(srcdir)/packaging/systemd/svmrund.service.in >$@.tmp && mv $@.tmp $@
packaging/systemd/svmrund-vm@.service: packaging/systemd/svmrund-vm@.service.in Makefile
	$(AM_V_GEN)$(packaging_paths) $(srcdir)/packaging/systemd/svmrund-vm@.service.in >$@.tmp && mv $@.tmp $@
packaging/apparmor/svmrund: packaging/apparmor/svmrund.in Makefile
	$(AM_V_GEN)$(packaging_paths) $(srcdir)/packaging/apparmor/svmrund.in >$@.tmp && mv $@.tmp $@
packaging/dkms.conf: packaging/dkms.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|@VERSION[@]|$(PACKAGE_VERSION)|g' \
		$(srcdir)/packaging/dkms.conf.in >$@.tmp && mv $@.tmp $@
CLEANFILES += packaging/dkms.conf packaging/systemd/svmrund.service packaging/systemd/svmrund-vm@.service \
	packaging/apparmor/svmrund

# The module's source where DKMS looks for it: `dkms install svmkit/VERSION` does the rest.
dkmsdir = $(prefix)/src/svmkit-$(PACKAGE_VERSION)
dkmstablesdir = $(dkmsdir)/include/svmkit
nodist_dkms_DATA = $(KMOD_FILES:%=kmod/%) packaging/dkms.conf
nodist_dkmstables_DATA = $(KMOD_TABLES:%=include/svmkit/%)

# bash looks for a file of the program's name.

install-data-hook:
	$(MKDIR_P) "$(DESTDIR)$(bashcompletiondir)" "$(DESTDIR)$(sysusersdir)" \
		"$(DESTDIR)$(tmpfilesdir)" "$(DESTDIR)$(modprobedir)" "$(DESTDIR)$(svmkitconfdir)/vms"
	for program in svmc svmctl svmlab; do \
		$(INSTALL_DATA) $(srcdir)/packaging/completion/svmkit.bash \
			"$(DESTDIR)$(bashcompletiondir)/$$program" || exit; \
	done
	$(INSTALL_DATA) $(srcdir)/packaging/svmkit.sysusers "$(DESTDIR)$(sysusersdir)/svmkit.conf"
	$(INSTALL_DATA) $(srcdir)/packaging/svmkit.tmpfiles "$(DESTDIR)$(tmpfilesdir)/svmkit.conf"
	$(INSTALL_DATA) $(srcdir)/packaging/svmkit.modprobe "$(DESTDIR)$(modprobedir)/svmkit.conf"

uninstall-hook:
	for program in svmc svmctl svmlab; do rm -f "$(DESTDIR)$(bashcompletiondir)/$$program"; done
	rm -f "$(DESTDIR)$(sysusersdir)/svmkit.conf" "$(DESTDIR)$(tmpfilesdir)/svmkit.conf" \
		"$(DESTDIR)$(modprobedir)/svmkit.conf"
	-rmdir "$(DESTDIR)$(svmkitconfdir)/vms"

SCRIPT_TESTS += tests/cli/units.bats tests/cli/man.bats tests/cli/docs.bats

check_PROGRAMS += tests/packages/hold_thread
tests_packages_hold_thread_SOURCES = tests/packages/hold_thread.c
