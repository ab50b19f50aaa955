#!/bin/bash
# build.sh OUTDIR [-jN]: compiles what list.tsv names into OUTDIR/{static,dynamic,musl}/NAME. Only what is older than its
# source (or t.h, net.h) is built again. C: gcc -O2 -pthread; Rust: plain rustc, no crates; musl: musl-gcc -static.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTDIR [-jN]}; jobs=${2:--j2}
mkdir -p "$out/static" "$out/dynamic" "$out/musl"
one() {
    here=$1 out=$2 flavour=$3 name=$4 to=$2/$3/$4
    src=$here/$name.c; [ -e "$src" ] || src=$here/$name.rs
    if [ "$to" -nt "$src" ] && [ "$to" -nt "$here/t.h" ] && [ "$to" -nt "$here/net.h" ]; then return; fi
    # many programs pass wrong arguments on purpose
    cflags=(-O2 -Wall -Wno-unused-result -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-nonnull -pthread)
    case $src:$flavour in
        *.c:static)   gcc "${cflags[@]}" -static -o "$to" "$src" -lm ;;
        # the library it opens has to be in the image, and what a program needs is what is put there
        */dl_open.c:dynamic) gcc "${cflags[@]}" -Wl,--no-as-needed -o "$to" "$src" -lm -ldl ;;
        *.c:dynamic)  gcc "${cflags[@]}" -o "$to" "$src" -lm -ldl ;;
        *.c:musl)     musl-gcc "${cflags[@]}" -static -o "$to" "$src" -lm ;;
        *.rs:static)  rustc --edition 2021 -O -C debuginfo=0 -C target-feature=+crt-static -o "$to" "$src" ;;
        *.rs:dynamic) rustc --edition 2021 -O -C debuginfo=0 -o "$to" "$src" ;;
        *) echo "$name: no rule for flavour $flavour" >&2; return 1 ;;
    esac
}
export -f one
grep -v '^#' "$here/list.tsv" | cut -f1,3 | sort -u | while IFS=$'\t' read -r name flavours; do
    for flavour in ${flavours//,/ }; do printf '%s\0%s\0' "$flavour" "$name"; done
done | xargs -0 -n2 "-P${jobs#-j}" bash -c 'one "$0" "$1" "$2" "$3" || { echo "build failed: $3 ($2)" >&2; exit 1; }' "$here" "$out"
