#!/bin/bash
# bases.sh DIR ENGINE: the images that the catalogue's Dockerfiles start from, made from Debian's packages because no registry of images is asked. Each becomes
# an OCI layout DIR/NAME, ready to be pushed; DIR/NAME.key says that it was, and one whose key is still right is not made again. Which names of Docker Hub's each
# stands for is in bases.tsv. ENGINE is pith-dockerfile; packages stay in its cache mounts between runs.
set -eu
dir=${1:?usage: bases.sh DIR ENGINE} engine=${2:?usage: bases.sh DIR ENGINE}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
cache=$dir/cache
release=trixie

# Packages of each image, layer by layer: images that begin alike share those layers.
declare -A layers=(
    [debian]=""
    [golang]="ca-certificates gcc libc6-dev/golang-go"
    [rust]="ca-certificates gcc libc6-dev/rustc cargo"
    [python-slim]="ca-certificates/python3"
    [python]="ca-certificates/python3/python3-pip"
    [node-slim]="ca-certificates/nodejs"
    [node]="ca-certificates/nodejs/npm"
    [nginx]="nginx-light"
    [redis]="redis-server"
    [memcached]="memcached"
    [haproxy]="haproxy"
    [caddy]="ca-certificates/caddy"
    [ruby]="ca-certificates/ruby"
    [php]="ca-certificates/php-cli"
    [perl]="perl"
    [jre]="ca-certificates/openjdk-21-jre-headless"
    [jdk]="ca-certificates/openjdk-21-jre-headless/openjdk-21-jdk-headless"
)
# Names and places that Docker Hub's images have and Debian's packages do not; pip installs where it is told to.
declare -A commands=(
    [python-slim]="ln -s /usr/bin/python3 /usr/local/bin/; ln -s python3 /usr/local/bin/python"
    [python]="ln -s /usr/bin/python3 /usr/bin/pip3 /usr/local/bin/; ln -s python3 /usr/local/bin/python; ln -s pip3 /usr/local/bin/pip; rm /usr/lib/python3*/EXTERNALLY-MANAGED"
    [node-slim]="ln -s /usr/bin/node /usr/local/bin/"
    [node]="ln -s /usr/bin/node /usr/bin/npm /usr/local/bin/"
    [ruby]="ln -s /usr/bin/ruby /usr/local/bin/"
    [php]="ln -s /usr/bin/php /usr/local/bin/"
    [perl]="ln -s /usr/bin/perl /usr/local/bin/"
    [jre]="mkdir /opt/java; ln -s /usr/lib/jvm/java-21-openjdk-amd64 /opt/java/openjdk"
    [jdk]="mkdir /opt/java; ln -s /usr/lib/jvm/java-21-openjdk-amd64 /opt/java/openjdk"
)
mounts='--mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt/lists'
# Images are made side by side, and everything is downloaded before: nobody needs apt's lock.
install='DEBIAN_FRONTEND=noninteractive apt-get -qq -o Debug::NoLocking=1 -o Dpkg::Use-Pty=0 install -y --no-install-recommends'

dockerfile() {
    local packages=()
    echo 'FROM debian'
    IFS=/ read -ra packages <<<"${layers[$1]}"
    for layer in "${packages[@]}"; do echo "RUN $mounts $install $layer >/dev/null"; done
    [ -z "${commands[$1]:-}" ] || echo "RUN ${commands[$1]}"
}

key() { { echo "2 $release"; dockerfile "$1"; cat /usr/local/share/ca-certificates/*.crt 2>/dev/null || true; } | sha256sum | cut -d' ' -f1; }

missing=()
for name in "${!layers[@]}"; do
    key=$(key "$name")
    [ "$(cat "$dir/$name.key" 2>/dev/null)" = "$key" ] || [ "$(cat "$dir/$name/key" 2>/dev/null)" = "$key" ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0
mkdir -p "$cache"

# Debian alone, with the authorities that this machine trusts besides Debian's, such as a company's proxy.
trust='mkdir -p "$1/usr/local/share/ca-certificates"; cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true;
    mkdir -p "$1/usr/share/man/man1"; rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin'
rm -f "$cache"/debian.*
SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --variant=apt --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io --customize-hook="$trust" "$release" "$cache/debian.tar"

run() {
    local context=$cache/context-$1
    mkdir -p "$context"
    cat >"$context/Dockerfile"
    SOURCE_DATE_EPOCH=0 "$engine" "$cache" "$context" "debian=$cache/debian.tar" 2>"$context/log" || { cat "$context/log" >&2; return 1; }
}

# An image as the OCI's image layout has it, from lines of layers' digests and archives.
layout() {
    local new=$dir/$1.new ids="" parts="" history="" digest size blob
    local blobs=$new/blobs/sha256
    rm -rf "$new"
    mkdir -p "$blobs"
    while read -r digest blob; do
        ln "$blob" "$blobs/${digest#sha256:}" 2>/dev/null || cp "$blob" "$blobs/${digest#sha256:}"
        ids+=",\"$digest\""
        history+=',{"created_by":"bases.sh"}'
        parts+=",{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"$digest\",\"size\":$(stat -c %s "$blob")}"
    done
    put() { digest=$(sha256sum <"$new/json" | cut -d' ' -f1); size=$(stat -c %s "$new/json"); mv "$new/json" "$blobs/$digest"; }
    printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
        "${ids#,}" "${history#,}" >"$new/json"
    put
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
        "$digest" "$size" "${parts#,}" >"$new/json"
    put
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$digest" "$size" >"$new/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$new/oci-layout"
    key "$1" >"$new/key"
    rm -rf "${dir:?}/$1"
    mv "$new" "$dir/$1"
}

make() { dockerfile "$1" | run "$1" >"$cache/$1.layers" && layout "$1" <"$cache/$1.layers"; }

all=$(printf '%s ' "${layers[@]//\// }")
run download >/dev/null <<END
FROM debian
RUN $mounts apt-get -qq update && ${install/ install/ install --download-only} $all >/dev/null
END
# Those that others begin with come first.
order=(debian golang jre python-slim node-slim rust jdk python node nginx redis memcached haproxy caddy ruby php perl)
printf '%s\n' "${order[@]}" | grep -Fxf <(printf '%s\n' "${missing[@]}") >"$cache/order"
worker() { local at=0 name; while read -r name; do [ $((at++ % 2)) -ne "$1" ] || make "$name"; done <"$cache/order"; }
worker 0 &
other=$!
worker 1
wait $other
# Layers are in the layouts now; packages stay.
rm -rf "$cache"/layers "$cache"/steps "$cache"/unpacked "$cache"/debian.*
