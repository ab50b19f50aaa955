#!/bin/bash
# oracle.sh OUTDIR [RUNS=20] [NAME...]: runs every row of list.tsv natively RUNS times in each flavour that was built, and says which
# rows are not deterministic (output or status differs between runs or flavours), end in the wrong way, or take over a second.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: oracle.sh OUTDIR [RUNS] [NAME...]}; runs=${2:-20}; shift; [ $# -gt 0 ] && shift
only=" $* "; bad=0; rows=0; work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
while IFS=$'\t' read -r name _ flavours stdin args kind <&3; do
    case $name in '#'*|'') continue ;; esac
    [ "$only" = "  " ] || [[ $only == *" $name "* ]] || continue
    [ "$stdin" = - ] && input=/dev/null || input=$here/$stdin
    [ "$args" = - ] && args=
    rows=$((rows + 1)); rm -f "$work/first"
    for flavour in ${flavours//,/ }; do
        for _ in $(seq "$runs"); do
            start=$(date +%s%N)
            # shellcheck disable=SC2086
            timeout -k 1 30 "$out/$flavour/$name" $args <"$input" >"$work/now" 2>"$work/err"; status=$?
            ms=$((($(date +%s%N) - start) / 1000000))
            echo "status $status" >>"$work/now"
            [ -e "$work/first" ] || cp "$work/now" "$work/first"
            if ! cmp -s "$work/first" "$work/now"; then
                echo "DIFFERS $name ($flavour) $args"; diff "$work/first" "$work/now" | head -6; bad=$((bad + 1)); break
            fi
            if [ $ms -gt 1500 ]; then echo "SLOW $name ($flavour) $args: $ms ms"; fi
            case $kind in
                exit)   if [ $status -ge 99 ] && [ "$name" != exit_code ] && [ "$name" != rs_panic ]; then echo "STATUS $name ($flavour) $args: $status"; tail -2 "$work/now"; bad=$((bad + 1)); break; fi ;;
                signal) if [ $status -le 128 ]; then echo "STATUS $name ($flavour) $args: $status, expected a signal"; bad=$((bad + 1)); break; fi ;;
            esac
        done
    done
done 3<"$here/list.tsv" 2>/dev/null
echo "$rows rows, $bad bad"
[ $bad = 0 ]
