#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_fuzz.sh BUILD_DIR SECONDS - runs each tests/fuzz/fuzz_NAME.c for so long, starting from the
# inputs in tests/fuzz/corpus/NAME. New inputs stay in the build folder; a crash is a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

build=$1
seconds=$2
export UBSAN_OPTIONS=print_stacktrace=1
passed=0
failed=0
names=
for source in tests/fuzz/fuzz_*.c; do
    [ -e "$source" ] || continue
    program=$(basename "$source" .c)
    name=${program#fuzz_}
    grown=$build/corpus/$name
    seeds=tests/fuzz/corpus/$name
    mkdir -p "$grown"
    dirs=("$grown")
    [ ! -d "$seeds" ] || dirs+=("$seeds")
    if "$build/tests/fuzz/$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -artifact_prefix="$build/$name-" -verbosity=0 "${dirs[@]}"; then
        passed=$((passed + 1))
    else
        echo "fuzz: $name failed; the input is in $build/$name-*"
        failed=$((failed + 1))
        names="$names $name"
    fi
done
[ -z "$names" ] || echo "fuzz: failed:$names; the inputs are in $build"
echo "fuzz: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
