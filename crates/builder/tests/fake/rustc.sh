#!/bin/sh
case $1 in -vV) printf 'rustc\nrelease: %s\n' "$(cat "$(dirname "$0")/release")" ;; *) cat "$(dirname "$0")/libdir" ;; esac
