#!/usr/bin/env bash
# Runs every fuzz target for SECONDS each (default 12), from its corpus: run.sh [SECONDS] [TARGET...]
# Stable Rust: coverage counters come from LLVM's own pass, libFuzzer from its crate.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-12}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=($(basename -s .rs src/bin/*.rs))
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --quiet --release --target "$host"
passed=0
for target in "${targets[@]}"; do
  corpus=corpus/$target
  work=$(mktemp -d)
  mkdir -p "$corpus"
  echo "fuzz $target: $seconds s"
  if ! "target/$host/release/$target" "$work" "$corpus" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=10 -max_len=65536 -print_final_stats=1 -artifact_prefix="$work/" >"$work/log" 2>&1; then
    tail -40 "$work/log" >&2
    echo "fuzz $target: failed; the input is in $work" >&2
    exit 1
  fi
  grep -E 'number_of_executed_units|new_units_added' "$work/log" | sed 's/^/  /'
  rm -rf "$work"
  passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
