#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ARCHITECTURE.md, CONTRIBUTING.md and docs/: what they name is there. (docs/tutorial.md is executed, by
# tests/e2e/tutorial.py.)

setup() {
	: "${SVMKIT_SRC:?the directory with the sources}"
	cd "$SVMKIT_SRC" || return
	guides="ARCHITECTURE.md CONTRIBUTING.md docs/operate.md docs/tutorial.md"
}

@test "every file and directory that a guide names is in the tree" {
	named=0
	for path in $(grep -ohE '`[a-z][A-Za-z0-9_./*-]*`' $guides | tr -d '`' |
		grep -E '^(bench|compiler|ctl|docs|include|kmod|lab|lib|libsvmkit|man|packaging|python|runtimed|schemas|specs|tests|tools)/'); do
		case $path in */cmd_NAME.c) continue ;; esac
		echo "$path"
		[ -n "$(compgen -G "$path")" ]
		named=$((named + 1))
	done
	[ $named -gt 40 ]
}

@test "every function that a guide names is defined" {
	named=0
	for name in $(grep -ohE '`[a-z_0-9]+\(\)' $guides | tr -d '`()' | sort -u); do
		echo "$name"
		grep -rqE "^[a-z].*\b$name\(|SYM_\w+START\w*\($name\)|ENTRY\($name\)" --include='*.[chS]' \
			compiler ctl kmod lib libsvmkit runtimed
		named=$((named + 1))
	done
	[ $named -gt 20 ]
}

@test "every message of the table of troubles is one that svmkit says" {
	# Other programs' messages, and what systemd makes of svmrund's exit statuses.
	others='Watchdog timeout|status=|apparmor='
	messages=$(sed -n '/^## Troubleshoot/,$ s/^| `\([^`]*\)`.*/\1/p' docs/operate.md | grep -vE "$others")
	[ "$(wc -l <<<"$messages")" -gt 12 ]
	while read -r message; do
		echo "$message"
		case $message in 'cannot connect: Permission denied') message='cannot connect: %s' ;; esac
		# Texts are broken over lines in the sources: first two words, at least, stand together.
		cat runtimed/*.c libsvmkit/*.c kmod/*.c packaging/debian/svmkit-daemon.prerm |
			tr -d '\n\t' | sed 's/" *"//g' | grep -qF "$message"
	done <<<"$messages"
}

@test "the exit statuses that the units and the guide name are the daemon's" {
	grep -q 'RestartPreventExitStatus=CONFIG UNAVAILABLE' packaging/systemd/svmrund.service.in
	grep -q EX_CONFIG runtimed/daemon.c
	grep -q EX_UNAVAILABLE runtimed/daemon.c
}
