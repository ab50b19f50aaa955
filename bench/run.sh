#!/bin/bash
# run.sh [--runs N] [ROW...]: measures the promises (all, or the rows named) and, when all were measured, writes docs/promises.md.
# Needs `make build`. Files go to $BENCH_DIR (default: target/bench of the repository); images come from $IMAGES, the command line from $PITH.
set -eu
here=$(cd "$(dirname "$0")" && pwd); root=$(dirname "$here")
export BENCH_ROOT=$root BENCH_DIR=${BENCH_DIR:-$root/target/bench} IMAGES=${IMAGES:-$root/kernel/target/images} PITH=${PITH:-$root/target/release/pith}
mkdir -p "$BENCH_DIR"
"$here/programs/build.sh" "$BENCH_DIR/programs"
"$here/fetch-control.sh" "$BENCH_DIR/linux"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$BENCH_DIR/build}
cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml"
exec "$CARGO_TARGET_DIR/release/bench" "$@"
