#!/bin/bash
# fetch.sh DIR: Debian's kernel with KVM, downloaded and unpacked (never installed): DIR/vmlinuz, DIR/modules/N-*.ko in the order in which
# they load. Done once.
set -eu
dir=${1:?usage: fetch.sh DIR}
[ ! -e "$dir/vmlinuz" ] || exit 0
mkdir -p "$dir/modules"
package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -1)
[ -n "$package" ] || { echo "fetch.sh: apt knows no linux-image-amd64: its sources must include a Debian release" >&2; exit 1; }
cd "$dir"
apt-get -qq -o APT::Sandbox::User=root download "$package"
dpkg-deb -x "$package"_*.deb unpacked
rm "$package"_*.deb
n=1
for module in virt/lib/irqbypass drivers/crypto/ccp/ccp arch/x86/kvm/kvm arch/x86/kvm/kvm-amd; do
    # Later releases compress them, which the kernel reads too.
    for file in unpacked/lib/modules/*/kernel/$module.ko*; do cp "$file" "modules/$n-${file##*/}"; done
    n=$((n + 1))
done
mv unpacked/boot/vmlinuz-* vmlinuz.new
rm -r unpacked
mv vmlinuz.new vmlinuz
