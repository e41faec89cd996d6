# SPDX-License-Identifier: GPL-3.0-or-later
# A trace is played whole, --requests cuts it, more than it has changes nothing.
completed() {
    "$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" -o out "$SRC/scenarios/trace-replay.yaml" "$@" >/dev/null
    awk -F , 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "completed") c = i } END { print $c }' out/summary.csv
}
completed
completed --requests 50
completed --requests 3000
