#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# steps.sh TARGET... - makes each target, goes on after a failure, and prints one line with the
# time of each; the output of one that fails follows. The last line counts them.
# STEPS_LIMIT_S: seconds for all of them; a target that gets no time has failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

limit_s=${STEPS_LIMIT_S:-7200}
logs=build/steps
mkdir -p "$logs"
passed=0
failed=0
for target in "$@"; do
    start=$SECONDS
    code=0
    if [ "$SECONDS" -lt "$limit_s" ]; then
        timeout -k 10 $((limit_s - SECONDS)) "${MAKE:-make}" "$target" >"$logs/$target.log" 2>&1 </dev/null || code=$?
    else
        echo "no time left: not run" >"$logs/$target.log"
        code=124
    fi
    if [ "$code" -eq 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %-16s %4d s\n' "$target" $((SECONDS - start))
    else
        failed=$((failed + 1))
        printf 'FAILED  %-16s %4d s  (exit code %d)\n' "$target" $((SECONDS - start)) "$code"
        tail -n 40 "$logs/$target.log" | sed 's/^/    /'
    fi
done
echo "steps: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
