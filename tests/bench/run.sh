#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh BENCH [RUNS] - how fast the simulator is on the fixed loads of this folder: user time of one
# thread, least and median of RUNS runs (default 5), reading the catalogue included, and what each
# run answered. BENCH_TRACE names the Mooncake conversation trace; without it, the prefix-heavy case
# is left out. BENCH_REQUESTS replaces the numbers of requests.
set -euo pipefail

bench=$(realpath "${1:?usage: tests/bench/run.sh BENCH [RUNS]}")
runs=${2:-5}
cd "$(dirname "$0")/../.."
read -ra requests <<<"${BENCH_REQUESTS:-10000 100000 1000000}"
trace=${BENCH_TRACE:-../shared/data/traces/mooncake_conversation_trace.jsonl}

grep -m 1 '^model name' /proc/cpuinfo | sed 's/.*: /CPU: /' || true
echo "compiler: $(${CC:-cc} --version | head -n 1)"
echo "commit: $(git describe --always --dirty 2>/dev/null || echo archive)"
printf '%-14s %9s %9s %9s %11s %11s %9s %9s %9s %9s %12s %6s\n' load requests user_s user_s \
    requests/s requests/s Miter/s peak_MiB TTFT_ms TPOT_ms output_tok/s prefix
printf '%-14s %9s %9s %9s %11s %11s %9s %9s %9s %9s %12s %6s\n' '' '' least median \
    least median least '' p50 p50 '' hits
"$bench" -n "$runs" tests/bench/dense-8b.yaml "${requests[@]}"
"$bench" -n "$runs" tests/bench/moe-30b.yaml "${requests[@]}"
"$bench" -n "$runs" tests/bench/replicas-1000.yaml 100000 1000000
"$bench" -n "$runs" tests/bench/wide-ep.yaml 100000
"$bench" -n "$runs" tests/bench/wide-ep-64.yaml 20000
"$bench" -n "$runs" tests/bench/disaggregated.yaml 100000
if [ -r "$trace" ]; then
    "$bench" -n "$runs" -s "workload.0.arrivals.file=$(realpath "$trace")" tests/bench/prefix-70b.yaml 0
else
    echo "prefix-70b: left out, no trace at $trace (BENCH_TRACE)"
fi
"$bench" -e
