#!/bin/bash
# fetch-control.sh DIR: the control's kernel, Debian's cloud kernel, downloaded and unpacked (never installed): DIR/vmlinuz, DIR/modules/NN-*.ko,
# DIR/release. Without network or apt it says so and leaves DIR without a kernel; the benchmark then has no control.
set -eu
dir=${1:?usage: fetch-control.sh DIR}; mkdir -p "$dir"
[ ! -e "$dir/release" ] || exit 0
package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
if [ -z "$package" ]; then echo "no control: apt knows no linux-image-cloud-amd64" >&2; exit 0; fi
(cd "$dir" && apt-get -qq -o APT::Sandbox::User=root download "$package") || { echo "no control: $package cannot be downloaded" >&2; exit 0; }
dpkg-deb -x "$dir/$package"_*.deb "$dir/unpacked"
rm "$dir/$package"_*.deb
mkdir -p "$dir/modules"
n=10
# What the network card needs, in the order of dependence.
for module in drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci_modern_dev \
    drivers/virtio/virtio_pci net/core/failover drivers/net/net_failover drivers/net/virtio_net; do
    cp "$dir/unpacked/lib/modules/"*/kernel/$module.ko "$dir/modules/$n-${module##*/}.ko"
    n=$((n + 1))
done
mv "$dir/unpacked/boot/"vmlinuz-* "$dir/vmlinuz"
rm -r "$dir/unpacked"
echo "${package#linux-image-}" >"$dir/release"
