#!/bin/sh
here=$(dirname "$0")
for word in "$@"; do
  case $word in
    metadata) echo '{"packages":[{"id":"a","name":"vfs","version":"0.1.0","license":"MIT","source":null}]}'; exit 0 ;;
    --version) echo 'cargo 1.95.0'; exit 0 ;;
  esac
done
echo "$@" >>"$here/calls"
if [ -p "$here/gate" ]; then cat "$here/gate" >/dev/null; fi
if [ -f "$here/error" ]; then cat "$here/error" >&2; exit 101; fi
echo '   Compiling vfs v0.1.0' >&2
mkdir -p "$CARGO_TARGET_DIR"
cat "$here/linked" >"$CARGO_TARGET_DIR/pith-kernel"
echo '{"reason":"compiler-artifact","package_id":"a","target":{"name":"vfs","kind":["lib"]}}'
echo '{"reason":"compiler-artifact","package_id":"b","target":{"name":"pith-kernel","kind":["bin"]},"executable":"'"$CARGO_TARGET_DIR"'/pith-kernel"}'
