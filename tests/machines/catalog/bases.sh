#!/bin/bash
# bases.sh DIR: the file trees of the images that the catalogue's Dockerfiles start from, made from Debian's packages because no registry is asked:
# DIR/NAME.tar, once. What each stands for is in bases.tsv.
set -eu
dir=${1:?usage: bases.sh DIR}
mkdir -p "$dir"

# Names that the images of the languages have, whatever Debian calls the program.
names='cd "$1/usr/local/bin"; for name in python3 pip3 node npm go cargo rustc nginx redis-server; do
    for place in bin sbin; do [ ! -e "$1/usr/$place/$name" ] || ln -sf "/usr/$place/$name" .; done; done;
    [ ! -e python3 ] || ln -s python3 python; [ ! -e pip3 ] || ln -s pip3 pip; rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED'
# Authorities that this machine trusts besides Debian's, such as a company's proxy.
trust='[ ! -e "$1/usr/sbin/update-ca-certificates" ] || { mkdir -p "$1/usr/local/share/ca-certificates";
    cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true; chroot "$1" update-ca-certificates >/dev/null; }'

make() {
    local name=$1 release=$2 packages=$3
    [ ! -e "$dir/$name.tar" ] || return 0
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' ${packages:+--include="$packages"} \
        --customize-hook="$names" --customize-hook="$trust" "$release" "$dir/$name.new.tar"
    mv "$dir/$name.new.tar" "$dir/$name.tar"
}

make toolchains trixie ca-certificates,gcc,libc6-dev,golang-go,rustc,cargo,nodejs,npm,python3,python3-pip,nginx-light,redis-server &
toolchains=$!
make debian-12 bookworm ""
make python-slim trixie ca-certificates,python3,python3-pip
make node-slim trixie ca-certificates,nodejs
wait $toolchains
