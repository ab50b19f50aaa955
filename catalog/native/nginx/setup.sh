#!/bin/sh
# setup.sh: fetches the source of Debian's nginx into `nginx`, beside this file, and configures it for this project.
# apt checks the signatures; the machine's own package sources stay as they are.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
[ ! -e nginx/objs/Makefile ] || exit 0
. /etc/os-release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main" >"$work/sources.list"
apt() { apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists" -o APT::Sandbox::User= "$@"; }
apt update
(cd "$work" && apt source --download-only nginx && tar xf nginx_*.orig.tar.gz)
rm -rf nginx
mv "$work"/nginx-* nginx
cd nginx
# What nginx asks of the C library is asked of musl; the compiler of the project is the builder's choice, not this one's.
./configure --prefix=/nginx --with-cc=musl-gcc --with-cc-opt="-I$here/include" --with-ld-opt=-static \
    --without-pcre --without-http_rewrite_module --without-http_gzip_module --without-http_auth_basic_module >configure.log
