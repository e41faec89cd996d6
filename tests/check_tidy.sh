#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_tidy.sh SOURCE... - clang-tidy with the checks of .clang-tidy, a few sources at a time on
# every processor.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

tidy() {
    clang-tidy --quiet "$@" -- -std=c17 -I. -D_GNU_SOURCE -DHEADROOM_VERSION='""' -DHEADROOM_COMMIT='""' \
        -DHEADROOM_PREFIX='""' 2> >(grep -vE '^[0-9]+ warnings? (and [0-9]+ errors? )?generated' >&2)
}
export -f tidy
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 4 bash -c 'tidy "$@"' tidy
