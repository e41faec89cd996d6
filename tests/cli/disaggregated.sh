# SPDX-License-Identifier: GPL-3.0-or-later
# Prefill and decode apart: what is counted, the links between, and what cannot be built.
cp "$SRC/tests/data/small.yaml" .
run() {
    "$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" -o "$1" small.yaml --set deployments.0.hardware=h100-sxm \
        --set deployments.0.prefill_replicas=1 "${@:2}"
}
columns() { # FILE NAME...
    awk -F , -v names="${*:2}" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(names, name, " "); next }
        { line = $at[name[1]]; for (i = 2; i <= n; i++) line = line "," $at[name[i]]; print line }' "$1"
}
run same | tail -n +3 | sed 's/  */ /g' | cut -d ' ' -f 1-4
columns same/summary.csv class n_gpus replicas prefill_replicas prefill_hardware prefill_tp network completed evidence
columns same/memory.csv deployment role n_gpus fits
columns same/links.csv role traffic network direction replica rank links bytes_per_s
# another SKU for prefill, one cheap link for both ways, a network that is oversubscribed
run mixed --set deployments.0.prefill.hardware=l40s --set deployments.0.prefill.tp=2 --set deployments.0.network=eth-25g \
    --set deployments.0.oversubscription=4 --set deployments.0.kv_transfer=layered >/dev/null
columns mixed/summary.csv class n_gpus prefill_hardware prefill_tp network completed | head -n 1
columns mixed/links.csv role traffic network direction replica rank links bytes_per_s
# pipelines on both sides, that of the prefill side over two nodes: each stage has its own network cards
cat >staged.yaml <<'YAML'
name: staged
model: {name: llama-3.3-70b, weights: bf16, kv_cache: bf16}
workload: [{class: chat, arrivals: {rate: 4/s}, prompt: 1000, output: 60}]
engine: {max_model_len: 8k}
deployments: [{hardware: h100-sxm, tp: 2, pp: 2, replicas: 2, prefill_replicas: 1, prefill: {tp: 4, pp: 4}, kv_transfer: layered}]
simulation: {requests: 300, replications: 1}
YAML
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" staged.yaml -o staged >/dev/null
columns staged/summary.csv deployment n_gpus tp pp prefill_tp prefill_pp completed | head -n 1
columns staged/memory.csv deployment role n_gpus fits
columns staged/links.csv role traffic network direction replica rank links bytes_per_s
# together again: no links are left of the run before
"$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" -o same small.yaml >/dev/null
[ -e same/links.csv ] && echo "links.csv is of another run"
run bad --set deployments.0.network=token-ring
run bad --set deployments.0.prefill.hardware=rtx-4090
# each pool by its own signal: GPU hours of a role are at most those of its replicas all the time
run scaled --set deployments.0.prefill_replicas=2 --set autoscale.metric=requests --set autoscale.target=4 --set autoscale.interval=1s \
    --set autoscale.cold_start=1s --set autoscale.prefill.metric=queue --set autoscale.prefill.target=1 --set autoscale.prefill.cold_start=1s >/dev/null
columns scaled/summary.csv class completed gpu_hours prefill_gpu_hours provisioned_frac | tail -n 1
columns scaled/timeline.csv replicas_up prefill_up | head -n 3
# network links that fail: counted, on the timeline, and nothing is lost
run failing --set reliability.failures=on --set reliability.gpu_mtbf=1000d --set reliability.link_mtbf=1h --set reliability.repair=20s \
    --set deployments.0.network=eth-25g --set simulation.requests=12000 >/dev/null
columns failing/summary.csv class completed rejected failed link_failures availability_frac | tail -n 1
columns failing/timeline.csv links_down | sort -n | sed -n '1p;$p'
run bad --set autoscale.prefill.metric=kv --set autoscale.prefill.target=70
"$HEADROOM" check small.yaml --set autoscale.prefill.metric=requests
