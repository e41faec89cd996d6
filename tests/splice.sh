#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# splice.sh FILE DIR - puts DIR/NAME.md between the lines <!-- NAME:begin --> and <!-- NAME:end -->
# of FILE. Markers without a file in DIR keep what they hold.
set -euo pipefail
file=${1:?usage: tests/splice.sh FILE DIR}
dir=${2:?usage: tests/splice.sh FILE DIR}
awk -v dir="$dir" '
/^<!-- [a-z-]+:begin -->$/ {
    print
    part = dir "/" substr($2, 1, index($2, ":") - 1) ".md"
    if ((getline line < part) > 0) {
        skipping = 1
        do print line; while ((getline line < part) > 0)
    }
    next
}
/^<!-- [a-z-]+:end -->$/ { skipping = 0 }
!skipping' "$file" >"$file.tmp"
mv "$file.tmp" "$file"
