#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_fuzz.sh BUILD_DIR SECONDS [NAME...] - runs each tests/fuzz/fuzz_NAME.c (or those named) for so
# long, one on each processor, starting from the inputs in tests/fuzz/corpus/NAME. New inputs stay in
# the build folder; a crash is a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

build=$1
seconds=$2
shift 2
export UBSAN_OPTIONS=print_stacktrace=1
mkdir -p "$build/log"

# One target: its output goes to a log, its exit code beside it.
run_target() {
    local name=$1 code=0 grown=$build/corpus/$1 seeds=tests/fuzz/corpus/$1
    local dirs=("$grown")
    mkdir -p "$grown"
    [ ! -d "$seeds" ] || dirs+=("$seeds")
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="$build/$name-" -verbosity=0 "${dirs[@]}" >"$build/log/$name.log" 2>&1 || code=$?
    echo "$code" >"$build/log/$name.code"
}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        names+=("${name#fuzz_}")
    done
fi
for name in "${names[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
        wait -n
    done
    run_target "$name" &
done
wait

passed=0
failed=()
for name in "${names[@]}"; do
    if [ "$(cat "$build/log/$name.code")" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed+=("$name")
        tail -n 60 "$build/log/$name.log"
        echo "fuzz: $name failed; the input is in $build/$name-*"
    fi
done
[ ${#failed[@]} -eq 0 ] || echo "fuzz: failed: ${failed[*]}; the inputs are in $build"
echo "fuzz: $passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ] && [ "$passed" -gt 0 ]
