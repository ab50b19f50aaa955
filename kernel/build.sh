#!/usr/bin/env bash
# build.sh PRESET [OUT_DIR]: builds one bootable image from this checkout, by the same code as `pith build` (crates/builder). Leaves OUT_DIR/PRESET-x86_64,
# PRESET-x86_64.dbg (with symbols) and PRESET-x86_64.sym (sorted "address name" lines for backtraces).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec cargo run --quiet --manifest-path "$here/../Cargo.toml" -p pith-builder --bin pith-kernel -- "${1:?preset: runtime or minimal}" "${2:-$here/target/images}"
