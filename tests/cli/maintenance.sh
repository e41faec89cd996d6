# SPDX-License-Identifier: GPL-3.0-or-later
# Replicas are taken out in turn: the share of time is that of the scenario, no request is lost.
cat >small.yaml <<'YAML'
name: small
model: {name: llama-3.1-8b, weights: bf16, kv_cache: bf16}
workload: [{class: chat, arrivals: {process: constant, rate: 10/s}, prompt: 300, output: 40}]
engine: {max_model_len: 8k}
deployments: [{hardware: h100-sxm, tp: 1, replicas: 4}]
simulation: {requests: 4000, replications: 1}
reliability: {restart: 5 s, maintenance: {every: 200 s, first: 0 s, drain: 10 s, duration: 20 s}}
YAML
run() {
    "$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" small.yaml -o "$@" 2>&1
}
columns() { # FILE NAME...
    awk -F , -v names="${*:2}" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(names, name, " "); next }
        { line = $at[name[1]]; for (i = 2; i <= n; i++) line = line "," $at[name[i]]; print line }' "$1"
}
# 25 of every 200 s, and less than a second of draining each
run even >/dev/null
columns even/summary.csv class completed rejected failed retries availability_frac maintenance_frac | tail -n 1
columns even/timeline.csv replicas_up | sort -n | uniq | sed -n '1p;$p'
# without time to drain, beside failures, on both sides of a disaggregated deployment
run apart --set deployments.0.prefill_replicas=2 --set deployments.0.prefill.tp=1 --set reliability.maintenance.drain=0s \
    --set reliability.failures=on --set reliability.gpu_mtbf=1h >/dev/null
columns apart/summary.csv class completed rejected failed | tail -n 1
columns apart/timeline.csv prefill_up | sort -n | uniq | sed -n '1p;$p'
# what it cannot be combined with, and turns that do not fit
run bad --set autoscale.metric=requests
run bad --set reliability.maintenance.every=100s
"$HEADROOM" plan -q small.yaml -o bad 2>&1
