# SPDX-License-Identifier: GPL-3.0-or-later
# Wrong command lines: exit 2, a sentence, and what could have been meant.
try() {
    echo "\$ headroom $*"
    "$HEADROOM" "$@" 2>&1
    echo "exit $?"
}
s=$SRC/scenarios/quickstart.yaml
try
try rnu "$s"
try plann "$s"
try --jobs 2
try help sweeep
try run
try run "$s" "$s"
try run "$s" --replication=3 --reqests 5
try run "$s" --re 5
try run "$s" --json=yes
try run "$s" -o
try run "$s" -x
try run "$s" --seed 8x
try run "$s" --seed -1
try run "$s" -j 0
try run "$s" --requests 1.5
try run "$s" --output=
try run "$s" --as-of 2026-13-01
try run "$s" --max-memory 1MB
try run "$s" --data no-such-directory
try check "$s" --set simulation.seed
try catalog
try catalog gpu
try catalog gpus h100-sx
try catalog gpus h100
try catalog models llama4-scuot
try catalog managed databrick
