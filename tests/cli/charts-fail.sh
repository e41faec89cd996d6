# SPDX-License-Identifier: GPL-3.0-or-later
# Without gnuplot the tables are written, the failure is said once and the exit code is 4.
cp "$SRC/tests/data/small.yaml" .
PATH=/nonexistent "$HEADROOM" sweep -q -o none small.yaml 2>&1 >/dev/null
echo "exit $?"
ls none
# A sweep without a stable load has nothing to draw: no failure.
"$HEADROOM" sweep -o over small.yaml --set 'sweep.loads=[2000]' 2>&1 >/dev/null | grep '^note: no'
echo "exit ${PIPESTATUS[0]}"
