# SPDX-License-Identifier: MIT
# What an installation needs beside the programs.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = packaging/completion/_svmkit
EXTRA_DIST += packaging/completion/svmkit.bash
SCRIPT_TESTS += tests/cli/completion.bats

# bash looks for a file of the program's name.
install-data-hook:
	$(MKDIR_P) "$(DESTDIR)$(bashcompletiondir)"
	for program in svmc svmctl svmlab; do \
		$(INSTALL_DATA) $(srcdir)/packaging/completion/svmkit.bash \
			"$(DESTDIR)$(bashcompletiondir)/$$program" || exit; \
	done

uninstall-hook:
	for program in svmc svmctl svmlab; do rm -f "$(DESTDIR)$(bashcompletiondir)/$$program"; done
