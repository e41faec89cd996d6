#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_archive.sh - the committed files alone, unpacked without .git, build and run.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/headroom"
if [ -e .git ] && command -v git >/dev/null; then
    git -c safe.directory='*' archive HEAD | tar -x -C "$scratch/headroom"
else # unpacked from an archive, or no git to ask
    tar -c --exclude=./.git --exclude=./build --exclude=./out --exclude=./headroom . | tar -x -C "$scratch/headroom"
fi
cd "$scratch/headroom"
"${MAKE:-make}" all
./headroom --version
./headroom check scenarios/quickstart.yaml >/dev/null
