# SPDX-License-Identifier: GPL-3.0-or-later
# The shape of a sweep's results; the runner compares the tables of one thread and two.
"$HEADROOM" sweep "$SRC/scenarios/quickstart.yaml" --requests 300 --no-plots -q -j "$HEADROOM_JOBS" -o out >/dev/null || exit
(cd out && wc -l breakdown.csv curves.csv memory.csv)
head -n 1 out/curves.csv | tr ',' '\n'
