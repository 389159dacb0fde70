# SPDX-License-Identifier: MIT
# Completion of svmc, svmctl and svmlab for bash. Commands and options are what --help prints, so this
# file knows no names that could become wrong. VMs are asked for only where a daemon is there already:
# pressing Tab never starts a lab.

# The words before the two spaces of "  word  what it does".
_svmkit_commands()
{
	"$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'
}

_svmkit_options()
{
	"$@" --help 2>/dev/null | grep -oE -- '^ +(-[A-Za-z], )?--[a-z-]+|^  -[A-Za-z]\b' |
		grep -oE -- '--?[A-Za-z][a-z-]*' | sort -u
}

_svmkit_vms()
{
	[ -S "${SVMRUND_SOCKET:-/run/svmrund/control.sock}" ] || return
	"$1" --timeout 2s list 2>/dev/null | sed -n '/^VM /,$s/^ *\([0-9][0-9]*\)  *\([^ ]*\).*/\1 \2/p'
}

_svmkit()
{
	local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} command="" i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket | --timeout | -n | --name) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_svmkit_options "$program" ${command:+"$command"})" -- "$word")
	elif [ -z "$command" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_svmkit_commands "$program")" -- "$word")
	elif "$program" "$command" --help 2>/dev/null | grep -qE '^Usage: .*\bVM\b'; then
		mapfile -t COMPREPLY < <(compgen -W "$(_svmkit_vms "$program")" -- "$word")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}

complete -F _svmkit svmc svmctl svmlab
