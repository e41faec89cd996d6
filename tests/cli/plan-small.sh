# SPDX-License-Identifier: GPL-3.0-or-later
# A plan writes the same nine tables whatever the number of threads; without an answer it exits 1
# and still says why in them.
cat >small.yaml <<'END'
name: small
model: {name: llama-3.1-8b, weights: fp8}
workload:
  - class: chat
    prompt: {dist: uniform, min: 100, max: 300}
    output: {dist: uniform, min: 4, max: 20}
    slo: {tpot_p95: 15 ms, ttft_p95: 200 ms}
demand: {requests_per_day: 5M, horizon: 12 months}
engine: {max_model_len: 2k, max_num_seqs: 64}
deployments:
  - {hardware: [h100-sxm, l4], tp: [1, 2]}
managed: [{provider: databricks}]
simulation: {requests: 300}
END
"$HEADROOM" plan -q -j "$HEADROOM_JOBS" --set economics.eur_per_usd=0.92 small.yaml | sed 's/  */ /g' | grep -o '^Decision: [a-z-]*\|^rank .*\|at .* EUR a month'
(cd out/small && for table in plan costs breakeven crossings forecast sensitivity decision models pareto; do
    head -n 1 "$table.csv"
done)
echo "--- nothing left"
"$HEADROOM" plan -q -j "$HEADROOM_JOBS" -o none --set policy.managed_allowed=off --set 'workload.0.slo.tpot_p95=0.1 ms' small.yaml 2>&1 >/dev/null
echo "exit $?"
cut -d , -f 2 none/plan.csv | LC_ALL=C sort | uniq -c | sed 's/  */ /g'
echo "--- a plan needs a demand"
"$HEADROOM" plan -q -o no-demand "$SRC/scenarios/trace-replay.yaml" 2>&1
echo "exit $?"
