#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_memory.sh PROGRAM - a sweep of 10,000 points holds less than 200 MB, with few deployments and
# with many; --max-memory is obeyed, and what it stops goes on with more.
set -euo pipefail

headroom=$(realpath "${1:?usage: tests/check_memory.sh PROGRAM}")
cd "$(dirname "$0")/.."
source=$PWD
# in memory where that is possible: 20,000 files forced to disk test the disk
scratch=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export SOURCE_DATE_EPOCH=1795305600
cd "$scratch"

fail() {
    echo "memory: $*" >&2
    exit 1
}

# scenario LOADS REPLICAS > FILE - five kinds of hardware, so many loads and numbers of replicas each
scenario() {
    sed -e "s/^sweep:.*/sweep: {points: $1, from: 1, to: 40}/" \
        -e "s/hardware: .*/hardware: [h100-sxm, l40s, h200-sxm, b200, a100-sxm-80gb], tp: 1, replicas: [$(seq -s, 1 "$2")]}/" \
        -e 's/^simulation:.*/simulation: {requests: 10, replications: 1}/' "$source/tests/data/small.yaml"
}

# peak_of COMMAND... - peak of its resident memory in MB, from its footer
peak_of() {
    "$@" 2>err >/dev/null || fail "$* failed: $(cat err)"
    sed -n 's/.* peak \([0-9.]*\) MiB$/\1/p' err | awk '{ printf "%d", $1 * 1.048576 + 1 }'
}

scenario 1000 2 >loads.yaml
scenario 2 1000 >deployments.yaml
for kind in loads deployments; do
    peak=$(peak_of "$headroom" sweep "$kind.yaml" --no-plots -o "$kind" --max-memory 200MB)
    [ "$(wc -l <"$kind/curves.csv")" -eq 30001 ] || fail "$kind: not 10,000 points"
    [ "$peak" -le 200 ] || fail "10,000 points, most of them $kind, hold $peak MB"
    echo "memory: 10,000 points, most of them $kind, hold $peak MB"
done

# a load whose requests wait needs more than there is
run=(run "$source/tests/data/small.yaml" --no-plots -j 1 --requests 1000000 --replications 1)
run+=(--set workload.0.arrivals.rate=100000 --set workload.1.arrivals.rate=100000 --set 'deployments.0.hardware=[b200]')
code=0
"$headroom" "${run[@]}" -o limited --max-memory 40MiB >out 2>err || code=$?
if [ $code -ne 70 ] || ! grep -q 'beyond the memory limit of 40 MiB' err; then
    fail "40 MiB ended with code $code: $(cat err)"
fi
peak=$(peak_of "$headroom" "${run[@]}" -o limited --resume)
[ "$peak" -gt 42 ] || fail "without a limit it holds $peak MB only: the test proves nothing"
echo "memory: what a limit of 40 MiB stops holds $peak MB"
