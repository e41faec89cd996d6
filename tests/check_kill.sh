#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_kill.sh PROGRAM [KILLS] - a sweep is killed (SIGKILL) at 50 moments uniform over its wall time,
# resumed, and must leave the bytes of an undisturbed one, each time, with no point simulated twice.
# Then it is interrupted (SIGINT) at 5 moments, which must say how to go on.
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

options=(sweep kill.yaml --requests 100 --replications 2 --no-plots -j 2)

# sweep OUT OPTION... - stderr goes to OUT.err, stdout to OUT.txt
sweep() {
    local out=$1
    shift
    "$headroom" "${options[@]}" -o "$out" "$@" >"$out.txt" 2>"$out.err"
}

now_us() {
    echo "${EPOCHREALTIME/[.,]/}"
}

# The middle of five, in microseconds.
measure() {
    local start i
    for i in 1 2 3 4 5; do
        start=$(now_us)
        sweep whole
        echo $(($(now_us) - start))
    done | sort -n | sed -n 3p
}

# stop SIGNAL MICROSECONDS - a sweep in the folder out, stopped then; fails when it ended before
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

resume_and_compare() {
    local kept=0 left
    kept=$(find . -path './out/parts/point-*.csv' | wc -l)
    sweep out --resume || fail "resuming $1 failed: $(cat out.err)"
    diff -r whole out >differences || fail "$1 left other files: $(head -n 5 differences)"
    cmp -s whole.txt out.txt || fail "$1 printed another table"
    left=$(sed -n 's/.*, \([0-9]*\) simulated requests.*/\1/p' out.err)
    [ "$left" -eq $((requests - kept * 2 * 100)) ] ||
        fail "$1 kept $kept of $points points, yet $left of $requests requests were simulated"
    total_kept=$((total_kept + kept))
}

wall_us=$(measure)
[ "$wall_us" -lt 900000 ] || wall_us=900000
total_kept=0
for ((i = 0; i < kills; i++)); do
    stop_before_the_end KILL $((wall_us * (2 * i + 1) / (2 * kills)))
    [ "$(cat code)" -eq 137 ] || fail "kill $i ended with code $(cat code): $(cat out.err)"
    resume_and_compare "kill $i"
done
kept_by_kills=$total_kept
for ((i = 0; i < 5; i++)); do
    stop_before_the_end INT $((wall_us * (2 * i + 3) / 15))
    [ "$(cat code)" -eq 130 ] || fail "interrupt $i ended with code $(cat code): $(cat out.err)"
    grep -q -- '--resume goes on' out.err || fail "interrupt $i does not say how to go on: $(cat out.err)"
    resume_and_compare "interrupt $i"
done
echo "kill: $kills of $kills kills over $((wall_us / 1000)) ms resumed to the same bytes, $kept_by_kills points kept; 5 of 5 interrupts"
