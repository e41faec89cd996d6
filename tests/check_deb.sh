#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_deb.sh PACKAGE.deb - the Debian package installs into an empty system directory, its program
# runs there from another folder, and removing it leaves no file. Its dependencies are in Debian.
set -euo pipefail

deb=$(realpath "${1:?usage: tests/check_deb.sh PACKAGE.deb}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
unset HEADROOM_PATH

# dpkg with a database of its own; what the package depends on is not in it.
own_dpkg() {
    dpkg --force-not-root --force-depends --force-bad-path --log="$scratch/log" \
        --root="$root" "$@" >"$scratch/dpkg.out" 2>&1 || { cat "$scratch/dpkg.out"; exit 1; }
}

mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info"
touch "$root/var/lib/dpkg/status"
dpkg-deb --info "$deb" | grep -E '^ (Package|Version|Architecture|Depends):'
own_dpkg --install "$deb"
mkdir "$scratch/work"
cd "$scratch/work"
"$root/usr/bin/headroom" --version
"$root/usr/bin/headroom" catalog models | grep llama-4-scout >/dev/null
"$root/usr/bin/headroom" run "$root/usr/share/headroom/scenarios/trace-replay.yaml" --requests 200 --no-plots -q >/dev/null
test -s out/trace-replay/summary.csv
test -e "$root/usr/share/man/man1/headroom.1.gz"
(cd "$root" && md5sum --quiet -c "$root/var/lib/dpkg/info/headroom.md5sums")
own_dpkg --remove headroom
left=$(find "$root" -path "$root/var" -prune -o -type f -print)
if [ -n "$left" ]; then
    echo "removal left: $left"
    exit 1
fi
dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/ *(.*//; s/^ *//' | while read -r package; do
    dpkg-query -W "$package" >/dev/null
done
echo "deb: installed, run and removed"
