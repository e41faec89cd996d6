# SPDX-License-Identifier: GPL-3.0-or-later
# Prefill and decode on different GPUs in a plan: pairs of machines, each kind packed and priced by
# itself.
cat >mixed.yaml <<'END'
name: mixed
model: {name: llama-3.1-8b, weights: fp8}
workload:
  - class: chat
    prompt: {dist: uniform, min: 500, max: 1500}
    output: {dist: uniform, min: 10, max: 60}
    slo: {tpot_p95: 30 ms, ttft_p95: 500 ms}
demand: {requests_per_day: 20M, horizon: 12 months}
engine: {max_model_len: 2k, max_num_seqs: 64, max_num_batched_tokens: 4096}
deployments:
  - {hardware: h200-sxm, tp: 1, replicas: 1, prefill_replicas: [0, 2], prefill: {hardware: [h100-sxm, auto]}}
economics: {pricing: [on-demand, purchase]}
managed: [{provider: databricks}]
simulation: {requests: 300}
END
columns() { # FILE NAME...
    awk -F , -v names="${*:2}" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(names, name, " "); next }
        { line = $at[name[1]]; for (i = 2; i <= n; i++) line = line "," $at[name[i]]; print line }' "$1"
}
"$HEADROOM" plan -q --no-plots -j "$HEADROOM_JOBS" mixed.yaml >/dev/null
columns out/mixed/plan.csv state hardware decode_replicas prefill_replicas prefill_hardware prefill_tp hosting node prefill_node \
    evidence | grep '^ranked,h200'
# the machines are those of both kinds, GPUs in no instance are counted
columns out/mixed/plan.csv state prefill_node n_gpus n_gpus_stranded replicas spares nodes prefill_nodes n_gpus_default |
    awk -F , '$1 == "ranked" && $2 != "" {
        print ($3 == 8 * $7 && $3 - $4 == $9 && $9 == 3 * ($5 + $6) && $8 < $7 ? "adds up" : $0) }' | sort | uniq -c | sed 's/^ *//'
columns out/mixed/costs.csv option section item unit | grep 'h100-sxm prefill.*\(own-site\|p5en\).*,node' | cut -d , -f 2-
# ten units of two prefill and one decode replica, and a spare one
"$HEADROOM" export -q out/mixed --for vllm --option "$(columns out/mixed/plan.csv option prefill_node | grep dgx-h100 | head -n 1 | cut -d , -f 1)" >launch.sh
echo "exit $?"
grep -E "^# vllm|^# tp|_(0|10|21):" launch.sh
sh -n launch.sh
