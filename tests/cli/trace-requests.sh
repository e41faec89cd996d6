# SPDX-License-Identifier: GPL-3.0-or-later
# A trace is played whole, --requests cuts it, more than it has changes nothing.
completed() {
    "$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" -o out "$SRC/scenarios/trace-replay.yaml" "$@" >/dev/null
    cut -d , -f 15,17 out/summary.csv | tail -n 1
}
completed
completed --requests 50
completed --requests 3000
