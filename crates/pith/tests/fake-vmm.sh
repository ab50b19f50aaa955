#!/bin/bash
# Stands in for QEMU in tests: takes the descriptors from the same command line and behaves as the last word of the guest's
# command line says. What it cannot show (real devices) is shown by the machine tests.
for word; do
    case $word in
    socket,id=console,fd=*) console=${word##*=} ;;
    socket,id=stderr,fd=*) errors=${word##*=} ;;
    socket,id=log,fd=*) log=${word##*=} ;;
    socket,id=control,fd=*) control=${word##*=} ;;
    esac
    append=$word
done
trap 'exit 0' TERM
say() { printf '%s\n' "$1" >&"$log"; }
printf '{"QMP": {"version": {}}}\n' >&"$control"
read -r -u "$control" _
[[ ${append##* } == early ]] && { echo "qemu: Could not set up host forwarding rule" >&2; exit 1; }
printf '{"return": {}}\n' >&"$control"
# Takes commands for as long as this process lives: the descriptor's other end closes with it.
while read -r -u "$control" command; do
    printf '{"return": {}}\n' >&"$control"
    case $command in
    *'"stop"'*) printf '{"event": "STOP"}\n' >&"$control" ;;
    *'"cont"'*) printf '{"event": "RESUME"}\n' >&"$control" ;;
    esac
done &
reader=$!
trap 'kill $reader 2>/dev/null' EXIT
say '@ready'
case ${append##* } in
hello)
    printf 'out\n\0\1\r\n' >&"$console"
    printf 'err\n' >&"$errors"
    say 'W 0.000200 careful'
    say 'D 0.000201 detail'
    say '@exit 3'
    ;;
turns)
    for number in {100..299}; do
        printf 'err %s\n' "$number" >&"$errors"
        say "W 0.000200 careful $number"
    done
    say '@exit 0'
    ;;
args) printf '%s\n' "$append" >&"$console"; say '@exit 0' ;;
words) printf '%s\n' "$@" >&"$console"; say '@exit 0' ;;
echo)
    read -r -u "$errors" end
    head -c "${end#E}" <&"$console" >&"$console"
    say '@exit 0'
    ;;
flood) yes | head -c 3000000 >&"$console"; say '@exit 0' ;;
wait)
    printf 'up\n' >&"$console"
    while read -r -n 1 -u "$errors" byte; do
        [[ $byte == T ]] && { printf 'bye\n' >&"$console"; say '@signal 15'; exit 0; }
        [[ $byte == U ]] && printf 'usr1\n' >&"$console"
    done
    ;;
stubborn) printf 'up\n' >&"$console"; while :; do sleep 0.05; done ;;
stuck) printf '{"event": "STOP"}\n' >&"$control"; while :; do sleep 0.05; done ;;
exit[0-9]*) say "@exit ${append##*exit}" ;;
lines) printf 'one\ntwo\nthree\n' >&"$console"; say '@exit 0' ;;
panic) say '@panic index out of bounds'; say '@frame ffffffff80001010'; say '@frame 10' ;;
oom) say '@oom asked for 16 MiB' ;;
fail) say '@fail 127 /bin/x: no such file' ;;
segv) say '@signal 11' ;;
silent) ;;
broken) echo "qemu: no such device" >&2; exit 1 ;;
esac
exit 0
