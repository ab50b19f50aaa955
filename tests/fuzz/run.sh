#!/usr/bin/env bash
# Runs fuzz targets, as many at a time as there are processors, from their corpus: run.sh [SECONDS] [TARGET...]
# Each runs for SECONDS; those whose bytes come straight from strangers (programs, archives, command lines) four times as long.
# Stable Rust: coverage counters come from LLVM's own pass, libFuzzer from its crate.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-15}
shift || true
targets=("$@")
longer=(elf initrd newc_check cmdline)
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(printf '%s\n' "${longer[@]}" && basename -s .rs src/bin/*.rs | grep -vxF "$(printf '%s\n' "${longer[@]}")")
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --quiet --release --target "$host"
binaries=${CARGO_TARGET_DIR:-target}/$host/release
export binaries seconds
export four_times=" ${longer[*]} "

one() {
  local target=$1 work time=$seconds
  [[ $four_times != *" $target "* ]] || time=$((seconds * 4))
  work=$(mktemp -d)
  mkdir -p "$work/found"
  if "$binaries/$target" "$work/found" $([ -d "corpus/$target" ] && echo "corpus/$target") -max_total_time="$time" -rss_limit_mb=4096 -timeout=10 -max_len=16384 \
    -print_final_stats=1 -artifact_prefix="$work/" >"$work/log" 2>&1; then
    echo "fuzz $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") inputs in $time s, $(sed -n 's/^stat::new_units_added: *//p' "$work/log") of them new"
    rm -rf "$work"
  else
    tail -40 "$work/log"
    echo "fuzz $target: failed; the input is in $work"
    return 1
  fi
}
export -f one
printf '%s\0' "${targets[@]}" | xargs -0 -n1 -P "$(nproc)" bash -c 'one "$0"' || { echo "fuzz: failed" >&2; exit 1; }
echo "${#targets[@]} passed, 0 failed"
