#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_instructions.sh PROGRAM [--record] - instructions per simulated request, counted by callgrind
# on the loads of tests/bench, against tests/bench/instructions.txt: 5 % more is a failure. Start-up
# is left out: two runs of different length are subtracted. Counts hold for one compiler version;
# with another, they are printed only. --record writes the file anew: the diff says what was paid.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

program=${1:?usage: tests/check_instructions.sh PROGRAM [--record]}
record=${2:-}
table=tests/bench/instructions.txt
compiler=$(${CC:-cc} -dumpfullversion -dumpversion)
machine=$(uname -m)
short=1000
long=4000
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HEADROOM_PATH=$PWD SOURCE_DATE_EPOCH=1795305600

# count CASE REQUESTS
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" run "tests/bench/$1.yaml" \
        --requests "$2" -j 1 -q --no-plots -o "$scratch/out" 2>&1 >/dev/null |
        sed -n 's/.*Collected : //p'
}

[ "$record" != --record ] || printf '# compiler machine load instructions_per_request\n' >"$scratch/new"
passed=0
failed=0
for name in dense-8b moe-30b wide-ep; do
    few=$(count "$name" "$short")
    many=$(count "$name" "$long")
    if [ -z "$few" ] || [ -z "$many" ]; then
        echo "$name: no count"
        failed=$((failed + 1))
        continue
    fi
    now=$(((many - few) / (long - short)))
    before=$(awk -v c="$compiler" -v m="$machine" -v n="$name" '$1 == c && $2 == m && $3 == n { print $4 }' "$table")
    if [ "$record" = --record ]; then
        echo "$compiler $machine $name $now" >>"$scratch/new"
    elif [ -z "$before" ]; then
        echo "$name: $now instructions per request; nothing recorded for $compiler on $machine"
    elif [ $((now * 100)) -gt $((before * 105)) ]; then
        echo "$name: $now instructions per request, $before recorded: more than 5 % slower"
        failed=$((failed + 1))
        continue
    else
        echo "$name: $now instructions per request, $before recorded"
    fi
    passed=$((passed + 1))
done
[ "$record" != --record ] || cp "$scratch/new" "$table"
echo "instructions: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
