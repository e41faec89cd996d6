#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_same.sh PROGRAM... - the tables and the manifest of one sweep must be the same bytes from
# every program (compilers, optimisation levels), with one job and with two.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HEADROOM_PATH=$PWD SOURCE_DATE_EPOCH=1795305600

tables() {
    (cd "$1" && find . \( -name '*.csv' -o -name manifest.json \) -type f -exec sha256sum {} + | LC_ALL=C sort -k 2)
}

runs=0
for program in "$@"; do
    for jobs in 1 2; do
        runs=$((runs + 1))
        "$program" sweep scenarios/quickstart.yaml --requests 200 --no-plots -q -j "$jobs" -o "$scratch/$runs" >/dev/null
        tables "$scratch/$runs" >"$scratch/$runs.sums"
        if [ ! -s "$scratch/$runs.sums" ]; then
            echo "$program wrote no tables"
            exit 1
        fi
        if ! diff "$scratch/1.sums" "$scratch/$runs.sums"; then
            echo "$program with -j $jobs differs from $1 with -j 1"
            exit 1
        fi
    done
done
echo "$runs runs gave the same $(wc -l <"$scratch/1.sums") files"
