#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# deb.sh ROOT VERSION OUT.deb - a Debian package of the files installed below ROOT (make install
# PREFIX=/usr DESTDIR=ROOT). Depends on the packages whose libraries the program is linked with, as
# dpkg knows them on this machine. The same files and SOURCE_DATE_EPOCH give the same bytes.
set -euo pipefail

root=${1:?usage: packaging/deb.sh ROOT VERSION OUT.deb}
version=$2
out=$3
here=$(cd "$(dirname "$0")/.." && pwd)
doc=$root/usr/share/doc/headroom
export LC_ALL=C SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || echo 0)}

# "libc6 (>= 2.36), libgsl27 (>= 2.7.1), ...": the installed upstream version is known to do.
depends() {
    local lib package
    ldd "$1" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r lib; do
        package=$(dpkg -S "$(realpath "$lib")" "$lib" 2>/dev/null | sed -n '1s/:.*//p')
        [ -n "$package" ] || { echo "deb: no package has $lib" >&2; exit 1; }
        dpkg-query -W -f='${Package} (>= ${source:Upstream-Version})\n' "$package"
    done | sort -u | paste -sd, | sed 's/,/, /g'
}

install -d "$root/DEBIAN"
gzip -9nf "$root/usr/share/man/man1/headroom.1"
rm -f "$doc/LICENSE"
cat >"$doc/copyright" <<'END'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: headroom

Files: *
Copyright: the authors of headroom
License: GPL-3.0-or-later
 On Debian systems the whole text is in /usr/share/common-licenses/GPL-3.
 The file NOTICE names where the figures of the catalogue come from.
END
printf 'headroom (%s) stable; urgency=medium\n\n  * See README.md.\n\n -- headroom <headroom@localhost>  %s\n' \
    "$version" "$(date -uR -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
strip --strip-unneeded "$root/usr/bin/headroom"
libraries=$(depends "$root/usr/bin/headroom")
cat >"$root/DEBIAN/control" <<END
Package: headroom
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: headroom <headroom@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $libraries
Recommends: gnuplot-nox, fonts-dejavu-core
Section: science
Priority: optional
Description: capacity planner and simulator for serving language models on GPUs
 headroom says which GPUs, how many, at what throughput, latency and cost, an
 open-weight language model needs for a workload and its service levels. It is
 built around a discrete-event simulator of LLM serving.
END
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
chmod -R u=rwX,go=rX "$root"
dpkg-deb --root-owner-group --build "$root" "$out" >/dev/null
echo "$out"
