# SPDX-License-Identifier: GPL-3.0-or-later
# --json prints one document with the rows of the table.
"$HEADROOM" sweep "$SRC/scenarios/quickstart.yaml" --requests 100 --json --no-plots -q -j "$HEADROOM_JOBS" -o out >rows.json
echo "exit $?, documents $(grep -c '^{' rows.json), rows $(grep -c '"deployment"' rows.json)"
