#!/bin/bash
# bases.sh DIR: the images that the catalogue's Dockerfiles start from, made from Debian's packages because no registry of images is asked: an OCI layout
# DIR/NAME for each, once. Which names of Docker Hub's each stands for is in bases.tsv.
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

# An image of one layer, as the OCI's image layout has it: image NAME, from NAME.tar.
image() {
    local blobs=$dir/$1.new/blobs/sha256 layer config manifest size
    mkdir -p "$blobs"
    blob() { digest=$(sha256sum <"$1" | cut -d' ' -f1); size=$(stat -c %s "$1"); mv "$1" "$blobs/$digest"; }
    blob "$dir/$1.tar"; layer=$digest layer_size=$size
    printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"mmdebstrap"}]}' \
        "$layer" >"$dir/$1.json"
    blob "$dir/$1.json"; config=$digest config_size=$size
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
        "$config" "$config_size" "$layer" "$layer_size" >"$dir/$1.json"
    blob "$dir/$1.json"; manifest=$digest
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$manifest" "$size" >"$dir/$1.new/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/$1.new/oci-layout"
    mv "$dir/$1.new" "$dir/$1"
}

make() {
    local name=$1 release=$2 packages=$3
    [ ! -e "$dir/$name" ] || return 0
    rm -rf "$dir/$name.new"
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' ${packages:+--include="$packages"} \
        --customize-hook="$names" --customize-hook="$trust" "$release" "$dir/$name.tar"
    image "$name"
}

make toolchains trixie ca-certificates,gcc,libc6-dev,golang-go,rustc,cargo,nodejs,npm,python3,python3-pip,nginx-light,redis-server &
toolchains=$!
make debian-12 bookworm ""
make python-slim trixie ca-certificates,python3,python3-pip
make node-slim trixie ca-certificates,nodejs
wait $toolchains
