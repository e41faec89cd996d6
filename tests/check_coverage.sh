#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_coverage.sh BUILD_DIR MIN_PERCENT - runs every test of a --coverage build and prints the
# share of lines run, per folder and in total. Fails below MIN_PERCENT or when a test fails.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
min=$2
find "$build" -name '*.gcda' -delete
tests/run.sh "$build"

# gcov -n prints, for each source file: File 'x', then Lines executed:P% of N.
find "$build" -name '*.gcno' -not -path '*/tests/*' -print0 | LC_ALL=C sort -z |
    xargs -0 gcov -n 2>/dev/null | awk -v min="$min" '
/^File / {
    split($0, quoted, "\x27")
    file = quoted[2]
    next
}
/^Lines executed:/ && file ~ /^(sim|models|hardware|scenarios|plots)\/.*\.c$/ {
    split($0, field, /[:% ]+/)
    lines = field[5]
    run = field[3] * lines / 100
    folder = file
    sub(/\/[^\/]*$/, "", folder)
    n[folder] += lines
    hit[folder] += run
    total += lines
    total_hit += run
    printf "%6.1f %%  %5d lines  %s\n", field[3], lines, file | "sort -n"
    file = ""
}
END {
    close("sort -n")
    for (f in n) printf "%6.1f %%  %5d lines  %s/\n", 100 * hit[f] / n[f], n[f], f | "sort -k 5"
    close("sort -k 5")
    percent = total ? 100 * total_hit / total : 0
    printf "coverage: %.1f %% of %d lines (at least %g %% wanted)\n", percent, total, min
    exit percent < min
}'
