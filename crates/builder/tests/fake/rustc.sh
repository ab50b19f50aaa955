#!/bin/sh
here=$(dirname "$0")
case $1 in -vV) printf 'rustc\nrelease: %s\n' "$(cat "$here/release")"; exit 0 ;; esac
for word in "$@"; do
  case $word in
    -Cllvm-args=-*)
      echo "${word#-Cllvm-args=-}" >>"$here/asked"
      if [ -f "$here/unknown" ] && grep -qxF -- "${word#-Cllvm-args=-}" "$here/unknown"; then
        echo "Unknown command line argument" >&2
        exit 1
      fi ;;
  esac
done
cat "$here/libdir"
