#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh PROGRAM [RUNS] - simulated requests per second of wall time on the fixed loads of this
# folder: the best of RUNS runs (default 5), one thread, start-up and output included.
set -euo pipefail

program=$(realpath "${1:?usage: tests/bench/run.sh PROGRAM [RUNS]}")
runs=${2:-5}
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HEADROOM_PATH=$PWD

grep -m 1 '^model name' /proc/cpuinfo | sed 's/.*: /CPU: /' || true
echo "compiler: $(${CC:-cc} --version | head -n 1)"
"$program" --version
printf '%-12s %10s %10s %14s\n' load requests best_s requests_per_s
for scenario in tests/bench/*.yaml; do
    requests=$(sed -n 's/.*requests: *\([0-9]*\).*/\1/p' "$scenario")
    best_ns=
    for ((i = 0; i < runs; i++)); do
        start_ns=$(date +%s%N)
        "$program" run "$scenario" --no-plots -q -j 1 -o "$scratch/out" >/dev/null
        ns=$(($(date +%s%N) - start_ns))
        if [ -z "$best_ns" ] || [ "$ns" -lt "$best_ns" ]; then
            best_ns=$ns
        fi
    done
    awk -v name="$(basename "$scenario" .yaml)" -v n="$requests" -v ns="$best_ns" \
        'BEGIN { printf "%-12s %10d %10.3f %14.0f\n", name, n, ns / 1e9, n * 1e9 / ns }'
done
