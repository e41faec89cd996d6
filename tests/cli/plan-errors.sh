# SPDX-License-Identifier: GPL-3.0-or-later
# A slip in the name of a provider or a country would leave one side out and turn the decision:
# both are refused. What a known provider does not offer is reported with the nearest.
cat >plan.yaml <<'END'
name: slips
model: {name: llama-3.1-8b, weights: fp8}
workload:
  - class: chat
    prompt: 200
    output: 10
    slo: {tpot_p95: 15 ms, ttft_p95: 200 ms}
demand: {requests_per_day: 5M, horizon: 1 months}
engine: {max_model_len: 2k, max_num_seqs: 64}
deployments:
  - {hardware: [h100-sxm], tp: 1}
managed: [{provider: databrick}]
policy: {jurisdiction: [EU, Mars]}
simulation: {requests: 200, replications: 2}
END
refuse() {
    "$HEADROOM" plan -q --no-plots -o refused "$@" plan.yaml 2>&1
    echo "exit $?"
}
refuse
refuse --set 'managed.0.provider=databricks'
refuse --set 'managed.0.provider=acme' --set 'managed.0.input=1'
"$HEADROOM" plan -q --no-plots -j "$HEADROOM_JOBS" -o gap --set 'policy.jurisdiction=[US]' \
    --set managed.0.provider=groq --set managed.0.model=llama-9 plan.yaml >/dev/null 2>&1
echo "exit $?"
grep '^gap,' gap/decision.csv
grep -o 'nearest provider: none' gap/report.html | head -n 1
