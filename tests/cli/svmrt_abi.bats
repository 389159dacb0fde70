#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The header of the kernel ABI, alone and against its manual page.

setup() {
	header=$SVMKIT_SRC/include/svmkit/svmrt.h
	page=$SVMKIT_SRC/man/svmrt.4
}

# Needs no other header before it, and gives the same sizes to both languages.
@test "the header compiles alone in C and C++, with gcc and clang" {
	sizes='int f(void); int f(void) { return (int)(sizeof(struct svmrt_run_page) - 0 * SVMRT_VCPU_RUN); }'
	printf '#include <svmkit/svmrt.h>\n%s\n' "$sizes" >"$BATS_TEST_TMPDIR/t.c"
	cp "$BATS_TEST_TMPDIR/t.c" "$BATS_TEST_TMPDIR/t.cc"
	tried=0
	for compiler in "gcc -std=c11" "gcc -std=c99" "clang -std=c11" "g++ -std=c++11" "clang++ -std=c++17"; do
		command -v "${compiler%% *}" >/dev/null || { echo "# no ${compiler%% *}"; continue; }
		case $compiler in *++*) file=t.cc ;; *) file=t.c ;; esac
		$compiler -Wall -Wextra -Werror -Wshadow -Wconversion -I "$SVMKIT_SRC/include" -c \
			-o "$BATS_TEST_TMPDIR/t.o" "$BATS_TEST_TMPDIR/$file"
		tried=$((tried + 1))
	done
	[ "$tried" -gt 0 ]
}

@test "svmrt(4) names every call, struct, reason, action, class and mode of the header" {
	names=$(grep -oE '^#define SVMRT_[A-Z_]+[[:space:]]+_IO[WR]*\(' "$header" | grep -oE 'SVMRT_[A-Z_]+')
	[ "$(echo "$names" | wc -l)" -ge 14 ]
	constants=$(grep -oE '^	SVMRT_(RUN|DO|EVENT|RING|DIRTY)_[A-Z_]+ = ' "$header" | tr -d '	 =')
	bits=$(grep -oE '^#define SVMRT_(DIRTY|MEM)_[A-Z0-9_]+' "$header" | grep -oE 'SVMRT_[A-Z0-9_]+')
	structs=$(grep -oE '^struct svmrt_[a-z_]+ \{' "$header" | grep -oE 'svmrt_[a-z_]+')
	[ -n "$constants" ] && [ -n "$bits" ] && [ -n "$structs" ]
	for name in $names $constants $bits $structs; do
		grep -qw -- "$name" "$page" || { echo "svmrt(4) does not name $name"; false; }
	done
}

@test "no two calls of the header have one number" {
	numbers=$(grep -oE '_IO[WR]*\(SVMRT_IOC, 0x[0-9a-f]+' "$header" | grep -oE '0x[0-9a-f]+$' | sort)
	[ -n "$numbers" ]
	[ "$numbers" = "$(echo "$numbers" | sort -u)" ]
}
