#!/bin/bash
# build.sh OUTDIR: builds the benchmark's programs, all static and stripped: its own, and hello and the HTTP server of tests/fixtures.
# With musl where it is installed, so that a large C library is not what is measured; ours and control run the same files.
set -eu
here=$(cd "$(dirname "$0")" && pwd); fixtures=$here/../../tests/fixtures; out=${1:?usage: build.sh OUTDIR}; mkdir -p "$out"
if command -v musl-gcc >/dev/null; then cc=musl-gcc; else cc=gcc; fi
c() { [ "$out/$1" -nt "$2" ] || $cc -static -O2 -Wall -Wextra -pthread -s -o "$out/$1" "$2"; }
for program in init entry readall micro; do c $program "$here/$program.c"; done
c hello "$fixtures/hello.c"
c server "$fixtures/epoll-http.c"
# Linked where it is not in the way of the firmware; the note's segment comes last.
[ "$out/floor" -nt "$here/floor.S" ] ||
    gcc -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,norelro -Wl,-Ttext=0x100000 -Wl,-e,start -o "$out/floor" "$here/floor.S"
