# SPDX-License-Identifier: GPL-3.0-or-later
# Experts over two servers: a token takes longer the more the network between them is shared.
cat >ep.yaml <<'YAML'
name: ep
model: {name: deepseek-v3, weights: fp8}
workload: [{class: chat, arrivals: {process: constant, rate: 8/s}, prompt: 500, output: 100}]
engine: {kind: sglang, max_model_len: 8k}
deployments: [{hardware: h200-sxm, tp: 1, dp: 16, ep: 16}]
simulation: {requests: 300, replications: 1}
YAML
for n in 1 2 4; do
    "$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" ep.yaml -o "by$n" --set "deployments.0.oversubscription=$n" >/dev/null
    awk -F , 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } $at["class"] == "all" { print $at["completed"], $at["tpot_s_mean"] }' "by$n/summary.csv"
done | awk '{ print $1, (NR == 1 ? "first" : $2 > last ? "slower" : "not slower"); last = $2 }'
