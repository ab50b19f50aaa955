#!/usr/bin/env bash
# Builds one bootable image: build.sh PRESET [OUT_DIR]. Leaves OUT_DIR/PRESET-x86_64 (stripped), PRESET-x86_64.dbg and PRESET-x86_64.sym
# (sorted "address name" lines for backtraces).
set -euo pipefail
cd "$(dirname "$0")"
preset=${1:?preset: runtime or minimal}
out=${2:-target/images}
target=x86_64-unknown-linux-gnu
flags=(-Crelocation-model=static -Ccode-model=kernel)
# What the optimiser does for size beyond opt-level "z", each worth some kilobytes: blocks are placed for few jumps, loops are not aligned, live ranges are
# split for few instructions, a switch is comparisons (a jump table has eight bytes an entry), and copying or clearing more than two registers' worth is a
# call; functions that differ in constants alone become one that is told them, equal ends of blocks become one, and nothing is computed ahead of where it is
# needed. Not the machine outliner: it would save 17 KB more, and costs an emulated machine two thirds of its requests, because each return is looked up.
for option in apply-ext-tsp-for-size align-loops=1 split-spill-mode=size min-jump-table-entries=1000 max-store-memcpy=2 max-store-memset=2 max-store-memmove=2 \
  enable-global-merge-func tail-merge-size=1 enable-pre=false disable-lsr bonus-inst-threshold=0 disable-licm-promotion; do
  flags+=("-Cllvm-args=-$option")
done
# File names in panic messages without where a crate was unpacked: that says nothing and would be in the image.
for unpacked in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
  flags+=("--remap-path-prefix=$unpacked=")
done
export RUSTFLAGS="${flags[*]}"
cargo build --release --quiet -p image --target "$target" --no-default-features --features "$preset"
mkdir -p "$out"
built=$out/$preset-x86_64.dbg
cp "${CARGO_TARGET_DIR:-target}/$target/release/pith-kernel" "$built"
vectors=$(./vector-registers.sh "$built")
[ "$vectors" -le 6 ] || echo "note: compiled code uses $vectors vector registers; with at most 6, system calls would be cheaper" >&2
nm -C --defined-only "$built" | awk '$2 ~ /^[tTwW]$/ { a = $1; $1 = $2 = ""; print a $0 }' | sort > "$out/$preset-x86_64.sym"
strip --strip-all -o "$out/$preset-x86_64.tmp" "$built"
# A machine boots by the program headers alone: the section headers, which come last, go too.
sections=$(od -An -t u8 -j 40 -N 8 "$out/$preset-x86_64.tmp" | tr -d ' ')
for field in 40:8 58:2 60:2 62:2; do
  head -c "${field#*:}" /dev/zero | dd of="$out/$preset-x86_64.tmp" bs=1 seek="${field%:*}" conv=notrunc status=none
done
truncate -s "$sections" "$out/$preset-x86_64.tmp"
mv "$out/$preset-x86_64.tmp" "$out/$preset-x86_64"
