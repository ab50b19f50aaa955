#!/usr/bin/env bash
# Installs what is missing on a Debian or Ubuntu machine that has only Rust: setup.sh GROUP...
# Groups: run (QEMU), demo (a real server to boot), test (programs under test and their clients), bench (whom we are compared with).
set -euo pipefail
declare -A groups=(
  [run]="gcc libc6-dev binutils qemu-system-x86"
  [demo]="nginx curl"
  # Programs that run in machines, what builds them, who asks them, who watches, whom we are compared with.
  [test]="nginx redis-server sqlite3 python3 python3-minimal
    g++ musl-tools golang-go
    redis-tools wrk curl iproute2 iputils-ping dnsmasq-base nftables
    make patch git diffutils
    strace findutils procps cpio attr libcap2-bin zstd xz-utils erofs-utils python3-kconfiglib python3-jsonschema python3-yaml
    mmdebstrap docker.io crun runc uidmap bzip2
    containerd docker-registry skopeo apache2-utils openssl busybox-static"
  [bench]="buildah"
)
packages=()
for group in "$@"; do
  for package in ${groups[$group]:?unknown group $group}; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || packages+=("$package")
  done
done
[ ${#packages[@]} -gt 0 ] || exit 0
echo "installing: ${packages[*]}"
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
command -v apt-get >/dev/null || { echo "setup: no apt-get here; install these yourself: ${packages[*]}" >&2; exit 1; }
# A package that starts a service must not: only its files are wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null
  "${sudo[@]}" chmod +x $policy
  trap '"${sudo[@]}" rm -f $policy' EXIT
fi
"${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
