#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh [--golden] PROGRAM [CASE...] - golden command-line tests.
#
# tests/cli/CASE.sh runs in an empty folder with $HEADROOM (the program), $SRC (the source tree) and
# $HEADROOM_JOBS. Beside it stand CASE.out (expected stdout), CASE.err (expected stderr; not
# compared when absent) and CASE.exit (expected exit code; 0 when absent). Each case runs with one
# job and with two: stdout, and every CSV table and manifest left behind, must be the same bytes.
# With CLI_ONE_JOB set, one job has to do. The tree's path is printed as SRC. --golden rewrites .out and .exit, and .err where there is one.
set -uo pipefail

src=$(cd "$(dirname "$0")/../.." && pwd)
golden=no
if [ "${1:-}" = --golden ]; then
    golden=yes
    shift
fi
HEADROOM=$(realpath "${1:?usage: tests/cli/run.sh [--golden] PROGRAM [CASE...]}")
shift
cases_dir=${CLI_CASES:-$src/tests/cli}
limit_s=${TEST_LIMIT_S:-120}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Nothing of the caller's surroundings may reach the output.
unset HEADROOM_PATH COLUMNS
export HEADROOM SRC=$src LC_ALL=C TZ=UTC TERM=dumb NO_COLOR=1
export SOURCE_DATE_EPOCH=1795305600 # 2026-11-22: ages of prices do not change from day to day

# Runs a case with N jobs; leaves out, err, exit and the folder it ran in under $scratch/CASE/N.
run_case() {
    local name=$1 n_jobs=$2 code=0
    local at=$scratch/$name/$n_jobs
    mkdir -p "$at/files"
    (
        cd "$at/files" || exit 2
        HEADROOM_JOBS=$n_jobs timeout -k 5 "$limit_s" bash "$cases_dir/$name.sh"
    ) >"$at/out" 2>"$at/err" </dev/null || code=$?
    echo "$code" >"$at/exit"
    sed -i "s|$src|SRC|g" "$at/out" "$at/err"
}

# The tables of a run, one line each with a checksum; job.csv has the path of the scenario.
tables() {
    (cd "$1" && find . \( -name '*.csv' -o -name manifest.json \) ! -path '*/parts/job.csv' -type f \
        -exec sha256sum {} + | LC_ALL=C sort -k 2)
}

compare() { # label, expected, actual
    diff -u --label "expected $1" --label "got $1" "$2" "$3" | head -n 40
    cmp -s "$2" "$3"
}

check_case() {
    local name=$1 ok=0
    local want=$cases_dir/$name at=$scratch/$name
    cp "$want.exit" "$at/want-exit" 2>/dev/null || echo 0 >"$at/want-exit"
    [ -e "$want.out" ] || { echo "$name.out is missing: make golden"; return 1; }
    compare "$name exit code" "$at/want-exit" "$at/1/exit" || ok=1
    compare "$name.out" "$want.out" "$at/1/out" || ok=1
    if [ -e "$want.err" ]; then
        compare "$name.err" "$want.err" "$at/1/err" || ok=1
    elif [ $ok -ne 0 ]; then
        head -n 20 "$at/1/err"
    fi
    [ -z "${CLI_ONE_JOB:-}" ] || return $ok
    compare "$name exit code with 2 jobs" "$at/1/exit" "$at/2/exit" || ok=1
    compare "$name stdout with 2 jobs" "$at/1/out" "$at/2/out" || ok=1
    tables "$at/1/files" >"$at/1/tables"
    tables "$at/2/files" >"$at/2/tables"
    compare "$name tables with 2 jobs" "$at/1/tables" "$at/2/tables" || ok=1
    return $ok
}

rewrite_case() {
    local name=$1
    local want=$cases_dir/$name at=$scratch/$name
    cp "$at/1/out" "$want.out"
    if [ -e "$want.err" ]; then
        cp "$at/1/err" "$want.err"
    fi
    rm -f "$want.exit"
    [ "$(cat "$at/1/exit")" -eq 0 ] || cp "$at/1/exit" "$want.exit"
}

if [ $# -gt 0 ]; then
    cases=("$@")
else
    cases=()
    for script in "$cases_dir"/*.sh; do
        name=$(basename "$script" .sh)
        [ "$name" = run ] || cases+=("$name")
    done
fi

n_procs=$(nproc)
for name in "${cases[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$n_procs" ]; do
        wait -n
    done
    { run_case "$name" 1; [ -n "${CLI_ONE_JOB:-}" ] || run_case "$name" 2; } &
done
wait

passed=0
failed=0
for name in "${cases[@]}"; do
    [ $golden = no ] || rewrite_case "$name"
    if check_case "$name"; then
        passed=$((passed + 1))
    else
        echo "cli: $name failed"
        failed=$((failed + 1))
    fi
done
echo "cli: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
