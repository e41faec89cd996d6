#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_install.sh - the installed program works from another folder with the installed catalogue
# alone, and uninstall leaves no file behind.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make=${MAKE:-make}
unset HEADROOM_PATH

# The real place, not a DESTDIR: the program finds its catalogue below the PREFIX it was built for.
"$make" B=build/install PREFIX="$scratch/usr" install
(
    cd "$scratch"
    usr/bin/headroom --version
    usr/bin/headroom catalog models | grep llama-4-scout >/dev/null
    usr/bin/headroom memory usr/share/headroom/scenarios/quickstart.yaml -o "$scratch/out" >/dev/null
)
tests/check_docs.sh "$scratch/usr"
"$make" B=build/install PREFIX="$scratch/usr" uninstall

"$make" B=build/install PREFIX=/usr DESTDIR="$scratch/dest" install
"$scratch/dest/usr/bin/headroom" --version
"$make" B=build/install PREFIX=/usr DESTDIR="$scratch/dest" uninstall
left=$(find "$scratch/usr" "$scratch/dest" -type f)
if [ -n "$left" ]; then
    echo "uninstall left: $left"
    exit 1
fi
