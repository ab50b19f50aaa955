#!/usr/bin/env bash
# vector-registers.sh IMAGE: finds the highest vector register that the kernel's compiled code uses and writes how many that makes into the image, where
# entry code reads how many of the application's it has to keep (six or all; an image that this was not done to keeps all). IMAGE has its symbols.
# Prints the number. What touches the application's own registers by design is named arch_vectors_*.
set -euo pipefail
image=${1:?image}
used=$(objdump -d --no-show-raw-insn "$image" | awk '
    /^[0-9a-f]+ <.*>:$/ { ours = $2 ~ /^<arch_vectors_/ }
    !ours { while (match($0, /[xyz]mm[0-9]+/)) { n = substr($0, RSTART + 3, RLENGTH - 3) + 1; if (n > most) most = n; $0 = substr($0, RSTART + RLENGTH) } }
    END { print most + 0 }')
address=$(nm "$image" | awk '$3 == "arch_vector_registers" { print $1 }')
# The section that holds it: its address and where it is in the file.
read -r base offset < <(objdump -h -w "$image" | awk '$2 == ".rodata" { print $4, $6 }')
printf "\\x$(printf %x "$used")" | dd of="$image" bs=1 seek=$((0x$offset + 0x$address - 0x$base)) conv=notrunc status=none
echo "$used"
