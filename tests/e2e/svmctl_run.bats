#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2094,SC2154
# svmctl with real guests: every way in which one can end and its exit status, and what a person sees
# on the way. Needs a daemon with the module at SVMRUND_SOCKET; tests/e2e/run-all provides the lab's.

bats_require_minimum_version 1.5.0

setup() {
	: "${SVMKIT_BUILD:?the build directory}" "${SVMKIT_SRC:?the source directory}"
	: "${SVMRUND_SOCKET:?a daemon with the module}"
	svmctl=$SVMKIT_BUILD/svmctl
	before=$("$svmctl" list --json)
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	# Whatever a test does, nothing of it may be left in the daemon.
	[ "$("$svmctl" list --json)" = "$before" ]
}

# guest CODE [LINES...]: guest.yaml, 64-bit code with a serial port and a debug-exit port.
guest() {
	printf '%s\n' 'svmspec: 1' 'name: guest' 'extends: long64' \
		'memory: [ { at: 0, size: 2MiB, kind: ram } ]' 'payload:' '  asm: |' >guest.yaml
	printf '    %s\n' "$1" >>guest.yaml
	printf '%s\n' 'devices: [ { uart: com1, at: 0x3f8, irq: 4 }, { debug_exit: 0xf4 } ]' \
		'exits:' '  IOIO: { do: user, event: stream }' \
		'  VMMCALL: { do: stop, event: stream }' "${@:2}" >>guest.yaml
}

# ends_with STATUS PROCESS: wait for a background svmctl.
ends_with() {
	local status=0
	wait "$2" || status=$?
	[ "$status" -eq "$1" ]
}

say_x='mov $0x3f8, %edx; mov $120, %al; out %al, %dx'

@test "the exit policy's stop is status 0, and the console is standard output" {
	run --separate-stderr -0 timeout 60 "$svmctl" run "$SVMKIT_SRC/specs/hello.yaml"
	[ "$output" = "hello from a guest on real VMRUN" ]
	[[ $stderr == "svmctl: vm"*": the guest ended by exit policy \`stop\`: vCPU 0, exit VMMCALL at rip=0x"* ]]
}

@test "the debug-exit port gives status 0 for 0 and 13 for anything else" {
	guest 'xor %eax, %eax; out %al, $0xf4; hlt'
	run -0 timeout 60 "$svmctl" run guest.yaml
	guest 'mov $7, %eax; out %al, $0xf4; hlt'
	run --separate-stderr -13 timeout 60 "$svmctl" run guest.yaml
	[[ $stderr == *"status 7"* ]]
}

@test "a triple fault is status 10" {
	run --separate-stderr -10 timeout 60 "$svmctl" run "$SVMKIT_SRC/specs/tour.yaml"
	[[ $stderr == *"the guest shut down (triple fault)"* ]]
}

@test "a state that VMRUN refuses is status 11" {
	# CR0.NW without CD (15.5.1) in a template that is otherwise right: svmc would not write it.
	PYTHONPATH=$SVMKIT_SRC/tests/e2e PYTHONDONTWRITEBYTECODE=1 python3 - >guest.svmt <<-'PATCH'
	import sys
	from e2e_lib import compile_spec, patch_vmcb
	hello = compile_spec("specs/hello.yaml")
	sys.stdout.buffer.write(patch_vmcb(hello, 0x558, "<Q", lambda cr0: cr0 | 1 << 29))
	PATCH
	run --separate-stderr -11 timeout 60 "$svmctl" run guest.svmt
	[[ $stderr == *"VMEXIT_INVALID"* ]]
}

@test "an exit that the daemon cannot finish is status 12, with the reason" {
	guest 'vmmcall' 'control: { intercepts: [ +RDTSC ] }'
	sed -i 's/^    vmmcall$/    rdtsc/; s/^exits:$/exits:\n  RDTSC: { do: user, event: count }/' guest.yaml
	run --separate-stderr -12 timeout 60 "$svmctl" run guest.yaml
	[[ $stderr == *"could not finish an exit"*"RDTSC"* ]]
}

@test "a guest without end is stopped by --time-limit with status 124" {
	guest "$say_x; stay: jmp stay"
	run --separate-stderr -124 timeout 60 "$svmctl" run --time-limit 300ms guest.yaml
	[ "$output" = x ]
}

@test "SIGINT stops a guest without end, with status 130" {
	guest "$say_x; mov \$10, %al; out %al, %dx; stay: jmp stay"
	# The guest's first line says that it runs.
	mkfifo out
	"$svmctl" run guest.yaml >out 2>err &
	read -r line <out
	[ "$line" = x ]
	kill -INT $!
	ends_with 130 $!
	grep -q 'interrupted: stopping the guest' err
}

@test "a VM that another client stops ends with status 14" {
	guest "$say_x; mov \$10, %al; out %al, %dx; stay: jmp stay"
	mkfifo out
	"$svmctl" run --name=victim guest.yaml >out 2>err &
	read -r line <out
	"$svmctl" stop victim
	ends_with 14 $!
}

@test "events and counters of a run agree" {
	guest "$say_x; out %al, %dx; vmmcall"
	timeout 60 "$svmctl" run -q --lossless --stats --events=events guest.yaml >out 2>stats
	[ "$(cat out)" = xx ]
	[ "$(wc -l <events)" -eq 3 ]
	[ "$(grep -c ' IOIO .* out 0x3f8 8 bit <- 0x78 ' events)" -eq 2 ]
	grep -Eq '^guest +IOIO +2$' stats
	grep -Eq '^guest +VMMCALL +1$' stats
	grep -Eq '^total +dropped +0$' stats
}

@test "bytes of every value come out of the console unchanged" {
	guest 'mov $0x3f8, %edx; xor %eax, %eax; next: out %al, %dx; inc %al; jnz next; vmmcall'
	timeout 60 "$svmctl" run -q guest.yaml >out
	python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' | cmp - out
}

@test "a template from svmc runs like its spec" {
	"$SVMKIT_BUILD/svmc" compile -o hello.svmt "$SVMKIT_SRC/specs/hello.yaml"
	run -0 timeout 60 "$svmctl" run -q hello.svmt
	[ "$output" = "hello from a guest on real VMRUN" ]
}

@test "each step of a VM's life works by itself, by number and by name" {
	id=$("$svmctl" load "$SVMKIT_SRC/specs/hello.yaml")
	vm=$("$svmctl" create --name="steps-$$" "$id")
	run -0 "$svmctl" info "steps-$$"
	[[ $output == *"state     defined"* ]]
	mkfifo watching
	"$svmctl" events --json "steps-$$" >events 2>watching &
	watcher=$!
	read -r line <watching
	[ "$line" = "svmctl: watching vm$vm" ]
	"$svmctl" start "$vm"
	run -0 timeout 60 "$svmctl" wait "steps-$$"
	ends_with 0 $watcher
	[ "$(grep -c '"method":"exit"' events)" -eq 34 ]
	run -0 "$svmctl" info "$vm"
	[[ $output == *"guest  VMMCALL            1  0"* ]]
	"$svmctl" destroy "$vm"
	"$svmctl" unload "$id"
}

@test "an NMI reaches a guest whose interrupts are off, and a VM that does not run takes none" {
	cat >nmi.yaml <<-'SPEC'
	svmspec: 1
	name: nmi
	extends: real16
	memory: [ { at: 0, size: 64KiB, kind: ram } ]
	payload:
	  asm: |
	    cli
	    movw $0x3f8, %dx
	    movw $handler, 8            # vector 2 of the real-mode table
	    movw $0, 10
	    movb $'>', %al
	    outb %al, %dx
	    spin: jmp spin
	    handler:
	    movb $'n', %al
	    outb %al, %dx
	    vmmcall
	vcpus: { state: { rip: 0x1000, rsp: 0x8000 } }
	devices: [ { uart: com1, at: 0x3f8, irq: 4 } ]
	exits: { VMMCALL: { do: stop } }
	SPEC
	id=$("$svmctl" load nmi.yaml)
	"$svmctl" create --name="nmi-$$" "$id"
	run --separate-stderr -1 "$svmctl" nmi "nmi-$$"
	[[ $stderr == *"an NMI is for a VM that runs or is paused"* ]]
	mkfifo console
	"$svmctl" console --read-only "nmi-$$" >console 2>/dev/null </dev/null &
	watcher=$!
	exec 9<console
	"$svmctl" start "nmi-$$"
	read -r -n 1 -u 9 shown
	[ "$shown" = '>' ]
	"$svmctl" nmi "nmi-$$"
	run -0 timeout 60 "$svmctl" wait "nmi-$$"
	[ "$(cat <&9)" = n ]
	ends_with 0 $watcher
	"$svmctl" destroy "nmi-$$"
	"$svmctl" unload "$id"
}

@test "stat tells exits by reason and by port, of a VM that has ended" {
	id=$("$svmctl" load "$SVMKIT_SRC/specs/hello.yaml")
	"$svmctl" create --name="stat-$$" "$id"
	"$svmctl" start "stat-$$"
	run -0 timeout 60 "$svmctl" wait "stat-$$"
	run -0 "$svmctl" stat "stat-$$"
	echo "$output"
	outs=$(sed -nE 's/^IOIO +([0-9]+) .*/\1/p' <<<"$output")
	[ "$outs" -ge 6 ]
	[ "$(sed -nE 's/^  port 0x3f8 +([0-9]+) .*/\1/p' <<<"$output")" = "$outs" ]
	run -0 "$svmctl" destroy "stat-$$"
	run -0 "$svmctl" unload "$id"
}

@test "test compares real guests, and shows what differs" {
	run -0 timeout 60 "$svmctl" test "$SVMKIT_SRC/specs/hello.yaml" "$SVMKIT_SRC/specs/tour.yaml"
	guest "$say_x; mov \$0x43, %eax; vmmcall" 'expect: { exit: VMMCALL, regs: { rax: 0x42 }, serial: "y" }'
	run -1 timeout 60 "$svmctl" test guest.yaml
	[[ $output == *'what: "regs.rax"'*'expected: "0x42"'*'actual: "0x43"'*'console_tail: "x"'* ]]
}
