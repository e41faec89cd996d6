#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh BUILD_DIR [SUITE...] - runs every test of a build, or only the named suites of unit tests.
# A suite prints "name: N passed, N failed"; one that dies before that counts as one failure. The
# last line sums all of them. RUN_PREFIX is put before each suite (valgrind).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

build=${1:?usage: tests/run.sh BUILD_DIR [SUITE...]}
shift
logs=$build/log
limit_s=${TEST_LIMIT_S:-300}
jobs=$(nproc)
read -ra prefix <<<"${RUN_PREFIX:-}"
mkdir -p "$logs"

# One suite: its output goes to a log, its exit code beside it, its scratch files away.
run_suite() {
    local name=$1 code=0
    # shellcheck disable=SC2016 # the inner shell expands it: its process id becomes the test's
    timeout -k 5 "$limit_s" bash -c 'echo $$ >"$0.pid"; exec "$@"' \
        "$logs/$name" "${prefix[@]}" "$build/tests/$name" >"$logs/$name.log" 2>&1 </dev/null || code=$?
    echo "$code" >"$logs/$name.code"
    rm -rf "build/tmp/$(cat "$logs/$name.pid")" # of a suite that died
}

passed=0
failed=0
# Adds up one log: its result line, and a failure of its own when code and line disagree.
count_log() {
    local name=$1 log=$2 code=$3 line n_pass=0 n_fail=0
    line=$(grep -aE '^[^ ]+: [0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
    if [[ $line =~ :\ ([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        n_pass=${BASH_REMATCH[1]}
        n_fail=${BASH_REMATCH[2]}
    fi
    if [ "$code" -ne 0 ] && [ "$n_fail" -eq 0 ]; then
        n_fail=1
        line="$name: exit code $code after: ${line:-no result}"
    elif [ $((n_pass + n_fail)) -eq 0 ]; then
        n_fail=1
        line="$name: nothing ran"
    fi
    if [ "$n_fail" -gt 0 ]; then
        tail -n 60 "$log" >&2
    fi
    echo "$line"
    passed=$((passed + n_pass))
    failed=$((failed + n_fail))
}

if [ $# -gt 0 ]; then
    suites=("$@")
else
    suites=()
    for source in tests/test_*.c; do
        [ -e "$source" ] && suites+=("$(basename "$source" .c)")
    done
fi
for name in "${suites[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
        wait -n
    done
    run_suite "$name" &
done
wait
for name in "${suites[@]}"; do
    count_log "$name" "$logs/$name.log" "$(cat "$logs/$name.code")"
done

if [ $# -eq 0 ]; then
    for script in tests/check_levels.sh "tests/cli/run.sh $build/headroom"; do
        read -ra words <<<"$script"
        log=$logs/$(basename "$(dirname "${words[0]}")")-$(basename "${words[0]}").log
        code=0
        "${words[@]}" >"$log" 2>&1 </dev/null || code=$?
        count_log "${words[0]}" "$log" "$code"
    done
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
