#!/usr/bin/env bash
# Style, lints, layers, features, licences: all that needs no machine. `check.sh [STEP...]` runs the named steps, else all of them:
# fmt lint clippy image features licences
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
image_flags="-Crelocation-model=static -Ccode-model=kernel -Cforce-frame-pointers=yes -Dwarnings"
triple=x86_64-unknown-linux-gnu
# `check` where nothing but the compiler is there.
checker=${CHECKER:-clippy}
# Workspaces apart from the two main ones: small, but in the same style.
small=(tests/machines tests/fuzz tests/fixtures/tokio-http bench tools/lint)

step() { printf '== %s\n' "$1"; }

# A workspace's lock file and artefacts lie side by side; the small ones share one target directory, which lies in the host's.
in_small() { CARGO_TARGET_DIR=$target/check cargo "$1" --manifest-path "$2/Cargo.toml" "${@:3}"; }

fmt() {
  step "rustfmt"
  cargo fmt --check
  (cd kernel && cargo fmt --check)
  for dir in "${small[@]}"; do cargo fmt --manifest-path "$dir/Cargo.toml" --check; done
}

lint() {
  step "layers, unsafe, README and Kconfig, licences, texts"
  in_small test tools/lint --quiet >/dev/null || { echo 'check: the tests of tools/lint fail' >&2; exit 1; }
  in_small run tools/lint --quiet
}

clippy() {
  step "clippy: host"
  cargo clippy --quiet --workspace --all-targets -- -D warnings
  step "clippy: kernel libraries and their tests"
  (cd kernel && CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target} cargo clippy --quiet --workspace --exclude machine --exclude pith-app --exclude image --all-targets -- -D warnings)
  (cd kernel && CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target} cargo clippy --quiet -p pith-app --no-default-features --all-targets -- -D warnings)
  for dir in "${small[@]}"; do
    step "clippy: $dir"
    in_small clippy "$dir" --quiet --all-targets -- -D warnings
  done
}

image() {
  for preset in runtime runtime-volumes runtime-smp minimal native; do
    step "clippy: image, preset $preset"
    (cd kernel && RUSTFLAGS=$image_flags cargo clippy --quiet -p image --target $triple --no-default-features --features "$preset")
  done
}

features() {
  step "each library without features, with each feature alone; the image with each library alone"
  local package feature list
  list=$(in_small run tools/lint --quiet -- features)
  while read -r package feature; do
    (cd kernel && RUSTFLAGS=$image_flags cargo "$checker" --quiet -p "$package" --target $triple --no-default-features --features "$feature") \
      || { echo "check: $package with ${feature:-no feature} does not build" >&2; exit 1; }
  done <<< "$list"
}

licences() {
  # lint has judged the licences; cargo-deny, where it is installed, also looks for advisories and doubled versions.
  command -v cargo-deny >/dev/null || return 0
  step "cargo deny"
  cargo deny --log-level error check bans licenses sources
  (cd kernel && cargo deny --log-level error --config ../deny.toml check bans licenses sources)
}

[ $# -gt 0 ] || set -- fmt lint clippy image features licences
for name in "$@"; do
  case $name in
    fmt | lint | clippy | image | features | licences) "$name" ;;
    *) echo "check: no step $name" >&2; exit 2 ;;
  esac
done
echo "check: passed"
