#!/usr/bin/env bash
# Boots Debian's nginx as a unikernel and shows its page: demo.sh PITH [PORT]
set -euo pipefail
pith=${1:?path of the pith command}
port=${2:-8080}
dir=$(mktemp -d)
name=demo-nginx-$$
stop() { "$pith" stop "$name" >/dev/null 2>&1 || true; "$pith" rm -f "$name" >/dev/null 2>&1 || true; rm -rf "$dir"; }
trap stop EXIT
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/tests/fixtures/mkroot.sh" nginx "$dir/root"
echo "\$ pith run -d --name $name -p 127.0.0.1:$port:80 --rootfs ./nginx-root -- /usr/sbin/nginx"
"$pith" run -d --name "$name" -p "127.0.0.1:$port:80" --rootfs "$dir/root" -- /usr/sbin/nginx
echo "\$ curl http://127.0.0.1:$port/"
for _ in $(seq 200); do
  if page=$(curl -sS --fail --max-time 5 "http://127.0.0.1:$port/" 2>/dev/null); then break; fi
  sleep 0.1
done
[ -n "${page:-}" ] || { echo "demo: no answer" >&2; "$pith" logs "$name" >&2; exit 1; }
printf '%s\n' "$page"
echo "\$ pith ps"
"$pith" ps
echo "\$ pith stop $name"
"$pith" stop "$name"
