#!/usr/bin/env bash
# Builds one bootable image: build.sh PRESET [OUT_DIR]. Leaves OUT_DIR/PRESET-x86_64 (stripped), PRESET-x86_64.dbg and PRESET-x86_64.sym
# (sorted "address name" lines for backtraces).
set -euo pipefail
cd "$(dirname "$0")"
preset=${1:?preset: runtime or minimal}
out=${2:-target/images}
target=x86_64-unknown-linux-gnu
export RUSTFLAGS="-Crelocation-model=static -Ccode-model=kernel"
cargo build --release --quiet -p image --target "$target" --no-default-features --features "$preset"
mkdir -p "$out"
built=$out/$preset-x86_64.dbg
cp "${CARGO_TARGET_DIR:-target}/$target/release/pith-kernel" "$built"
vectors=$(./vector-registers.sh "$built")
[ "$vectors" -le 6 ] || echo "note: compiled code uses $vectors vector registers; with at most 6, system calls would be cheaper" >&2
nm -C --defined-only "$built" | awk '$2 ~ /^[tTwW]$/ { a = $1; $1 = $2 = ""; print a $0 }' | sort > "$out/$preset-x86_64.sym"
strip --strip-all -o "$out/$preset-x86_64.tmp" "$built"
mv "$out/$preset-x86_64.tmp" "$out/$preset-x86_64"
