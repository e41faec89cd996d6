#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_tsan.sh BUILD_DIR - a sweep on two threads, and the thread pool's own suite, under the
# thread sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HEADROOM_PATH=$PWD TSAN_OPTIONS=halt_on_error=1:exitcode=66

# Kernels that randomise more address bits than the sanitizer knows stop it at once; without
# randomisation it runs.
prefix=()
if ! "$build/headroom" --version >"$scratch/version" 2>&1 && grep -q 'unexpected memory mapping' "$scratch/version"; then
    prefix=(setarch -R)
fi
"${prefix[@]}" "$build/headroom" sweep scenarios/quickstart.yaml --requests 200 --no-plots -j 2 -o "$scratch/out"
if [ -x "$build/tests/test_pool" ]; then
    "${prefix[@]}" "$build/tests/test_pool"
fi
