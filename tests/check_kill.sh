#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_kill.sh PROGRAM [KILLS] - a sweep is killed (SIGKILL) at 50 moments uniform over its wall time,
# resumed, and must leave the bytes of an undisturbed one, each time, with no point simulated twice. So
# is a plan at 10 moments. Then the sweep is interrupted (SIGINT) at 5, which must say how to go on.
set -euo pipefail

headroom=$(realpath "${1:?usage: tests/check_kill.sh PROGRAM [KILLS]}")
kills=${2:-50}
cd "$(dirname "$0")/.."
source=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export SOURCE_DATE_EPOCH=1795305600
cd "$scratch"

# 20 points, many small ones: most of the time something is being written or renamed
points=20
requests=$((points * 2 * 100))
sed 's/^sweep:.*/sweep: {points: 10}/' "$source/tests/data/small.yaml" >kill.yaml

fail() {
    echo "kill: $*" >&2
    exit 1
}

cat >plan.yaml <<END
name: kill
model: {name: llama-3.1-8b, weights: fp8}
workload:
  - class: chat
    prompt: {dist: uniform, min: 100, max: 300}
    output: {dist: uniform, min: 4, max: 20}
    slo: {tpot_p95: 15 ms, ttft_p95: 200 ms}
demand: {requests_per_day: 5M, horizon: 12 months}
engine: {max_model_len: 2k, max_num_seqs: 64}
deployments:
  - {hardware: [h100-sxm, l4], tp: [1, 2]}
simulation: {requests: 300}
END

# go OUT OPTION... - stderr goes to OUT.err, stdout to OUT.txt
go() {
    local out=$1
    shift
    "$headroom" "${options[@]}" -o "$out" "$@" >"$out.txt" 2>"$out.err"
}

now_us() {
    echo "${EPOCHREALTIME/[.,]/}"
}

# The middle of five, in microseconds; leaves the undisturbed run in the folder whole.
measure() {
    local start i
    for i in 1 2 3 4 5; do
        start=$(now_us)
        rm -rf whole
        go whole
        echo $(($(now_us) - start))
    done | sort -n | sed -n 3p
}

# stop SIGNAL MICROSECONDS - a run in the folder out, stopped then; fails when it ended before
stop() {
    local code=0
    rm -rf out out.*
    # not the function: the signal must reach the program
    "$headroom" "${options[@]}" -o out >out.txt 2>out.err &
    local pid=$!
    sleep "$(printf '0.%06d' "$2")"
    kill -"$1" "$pid" 2>/dev/null || true
    { wait "$pid" || code=$?; } 2>/dev/null
    echo "$code" >code
    [ "$code" -ne 0 ]
}

# A kill that came too late is tried again a little earlier.
stop_before_the_end() {
    local at=$2 tries=0
    until stop "$1" "$at"; do
        at=$((at * 95 / 100))
        tries=$((tries + 1))
        [ $tries -lt 20 ] || fail "$1 at $2 us never came in time"
    done
}

# Compares with the undisturbed run; kept: how many pieces the stopped run had finished.
resume_and_compare() {
    kept=$(find . -path './out/parts/point-*.csv' -o -path './out/parts/candidate-*.csv' | wc -l)
    total_kept=$((total_kept + kept))
    go out --resume || fail "resuming $1 failed: $(cat out.err)"
    diff -r whole out >differences || fail "$1 left other files: $(head -n 5 differences)"
    cmp -s whole.txt out.txt || fail "$1 printed another table"
}

# Of a sweep: what was simulated after the stop is what was not kept.
check_nothing_twice() {
    local left
    left=$(sed -n 's/.*, \([0-9]*\) simulated requests.*/\1/p' out.err)
    [ "$left" -eq $((requests - kept * 2 * 100)) ] ||
        fail "$1 kept $kept of $points points, yet $left of $requests requests were simulated"
}

# kill_at_moments N CHECK - the command in `options`, killed so often over its wall time
kill_at_moments() {
    local n=$1 i wall_us
    wall_us=$(measure)
    [ "$wall_us" -lt 900000 ] || wall_us=900000
    total_kept=0
    for ((i = 0; i < n; i++)); do
        stop_before_the_end KILL $((wall_us * (2 * i + 1) / (2 * n)))
        [ "$(cat code)" -eq 137 ] || fail "kill $i ended with code $(cat code): $(cat out.err)"
        resume_and_compare "kill $i"
        "$2" "kill $i"
    done
    echo "kill: $n of $n kills of a ${options[0]} over $((wall_us / 1000)) ms resumed to the same bytes, $total_kept pieces kept"
}

options=(plan plan.yaml --no-plots -j 2)
kill_at_moments 10 true
options=(sweep kill.yaml --requests 100 --replications 2 --no-plots -j 2)
kill_at_moments "$kills" check_nothing_twice

wall_us=$(measure)
for ((i = 0; i < 5; i++)); do
    stop_before_the_end INT $((wall_us * (2 * i + 3) / 15))
    [ "$(cat code)" -eq 130 ] || fail "interrupt $i ended with code $(cat code): $(cat out.err)"
    grep -q -- '--resume goes on' out.err || fail "interrupt $i does not say how to go on: $(cat out.err)"
    resume_and_compare "interrupt $i"
    check_nothing_twice "interrupt $i"
done
echo "kill: 5 of 5 interrupts"
