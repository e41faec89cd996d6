# SPDX-License-Identifier: GPL-3.0-or-later
# Every figure of a plan's tables: two models with scores, machines that are rented and bought, offers
# by the token and by the hour, an operator that the policy excludes, half a year of growth. The many
# rows of the curves are summed up. A changed formula shows.
cat >tables.yaml <<'END_YAML'
name: tables
model:
  - {name: llama-3.1-8b, weights: fp8, quality: 60}
  - {name: gpt-oss-20b, quality: 70}
workload:
  - class: chat
    share: 0.7
    prompt: {dist: uniform, min: 100, max: 300}
    output: {dist: uniform, min: 4, max: 20}
    prefix: {shared: 50, groups: 2}
    slo: {tpot_p95: 30 ms, ttft_p95: 400 ms}
  - class: batch
    share: 0.3
    prompt: {dist: uniform, min: 100, max: 500}
    output: {dist: uniform, min: 2, max: 6}
    slo: {e2e_p99: 2 s}
demand: {requests_per_day: 20M, growth_per_month: 5%, horizon: 6 months}
engine: {max_model_len: 2k, max_num_seqs: 64}
deployments:
  - {hardware: [mi300x, a100-sxm-80gb], tp: 1}
economics: {pricing: [on-demand, purchase]}
managed: [{provider: databricks}, {provider: fireworks}, {provider: cerebras}, {provider: acme, input: 0.3, output: 0.5}]
policy: {jurisdiction: [US], weights: open}
simulation: {requests: 100, replications: 2}
END_YAML
"$HEADROOM" plan -q --no-plots -j "$HEADROOM_JOBS" tables.yaml >/dev/null
echo "exit $?"
cd out/tables || exit
cat plan.csv models.csv forecast.csv
cut -d , -f 1-10 sensitivity.csv
grep -v '^note\|,text,' decision.csv
awk -F , -v OFS=, '{ print $1, $2, $3, $4, $5, $6, $7, $8, $(NF - 2), $(NF - 1), $NF }' costs.csv # without sources
grep ',smooth,\|,step,' breakeven.csv
awk -F , '/,curve,|,option,[0-9]/ {
        key = $2 "," $3 "," $4; n[key]++; requests[key] += $5; tokens[key] += $6; usd[key] += $7; gpus[key] += $8
    }
    END { for (k in n) { printf "%s,%d,%.9g,%.9g,%.9g,%d\n", k, n[k], requests[k], tokens[k], usd[k], gpus[k] } }' breakeven.csv | sort
