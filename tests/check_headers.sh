#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_headers.sh HEADER... - fails on a header that does not compile alone, or not twice.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

failed=0
for header in "$@"; do
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        "${CC:-gcc}" -std=c17 -I. -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c - ||
        { echo "$header does not compile alone"; failed=$((failed + 1)); }
done
echo "headers: $(($# - failed)) passed, $failed failed"
[ $failed -eq 0 ] && [ $# -gt 0 ]
