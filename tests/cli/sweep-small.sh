# SPDX-License-Identifier: GPL-3.0-or-later
# A sweep: one row per deployment, load and class; its charts; the rows as JSON.
cp "$SRC/tests/data/small.yaml" .
"$HEADROOM" sweep -q -j "$HEADROOM_JOBS" -o swept small.yaml | tail -n +3 | sed 's/  */ /g' | cut -d ' ' -f 1-4
ls swept
"$HEADROOM" sweep -q --no-plots -j "$HEADROOM_JOBS" --json -o swept small.yaml | grep -E '^ *"(schema|command|scenario|seed|class|rate_rps)"'
