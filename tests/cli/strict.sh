# SPDX-License-Identifier: GPL-3.0-or-later
# A missed service level is exit 0, with --strict exit 1.
cp "$SRC/tests/data/small.yaml" .
run() { "$HEADROOM" run -q --no-plots -o strict small.yaml "$@" >/dev/null; echo "exit $?"; }
run --strict
run --set workload.0.slo.ttft_p95=1ms
run --set workload.0.slo.ttft_p95=1ms --strict
"$HEADROOM" sweep -q --no-plots -o strict small.yaml --set workload.0.slo.ttft_p95=1ms --strict >/dev/null
echo "exit $?"
