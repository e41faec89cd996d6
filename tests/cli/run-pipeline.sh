# SPDX-License-Identifier: GPL-3.0-or-later
# Pipeline stages: the same GPUs as tensor and as pipeline parallelism, in each engine; a model that
# needs two nodes; what is refused; how it is launched.
scenario() { # engine, layouts
    cat <<YAML
name: stages
model: {name: llama-3.3-70b, weights: bf16, kv_cache: bf16}
workload: [{class: chat, arrivals: {process: closed, concurrency: 24}, prompt: 1000, output: 60}]
engine: {kind: $1, max_model_len: 8k}
deployments: [$2]
simulation: {requests: 120, replications: 2}
YAML
}
for engine in vllm sglang trtllm; do
    scenario $engine '{hardware: h100-sxm, tp: 8, replicas: 1}, {hardware: h100-sxm, tp: [2, 4], pp: [2, 4], replicas: 1}' >stages.yaml
    "$HEADROOM" run -q --no-plots -j "$HEADROOM_JOBS" stages.yaml -o $engine >/dev/null
    echo "$engine: exit $?"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) { at[$i] = i } }
        $at["class"] != "chat" { print $1 "," $at["n_gpus"] "," $at["ttft_s_mean"] "," $at["tpot_s_mean"] "," $at["output_tok_s"] "," $at["evidence"] }' $engine/summary.csv
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) { at[$i] = i } }
        { print $1 "," $at["dense_frac"] "," $at["allreduce_frac"] "," $at["bubble_frac"] "," $at["host_frac"] "," $at["idle_frac"] }' $engine/breakdown.csv
done
cat >nodes.yaml <<'YAML'
name: nodes
model: {name: deepseek-v3.2, weights: bf16}
workload: [{class: code, arrivals: {rate: 1/s}, prompt: 4000, output: 400}]
engine: {kind: vllm, max_model_len: 16k}
deployments: [{hardware: h200-sxm, tp: 8, pp: [1, 2], replicas: 1}]
YAML
"$HEADROOM" memory -q --no-plots nodes.yaml -o nodes
for engine in vllm sglang trtllm; do
    "$HEADROOM" export -q nodes.yaml --set model.weights=fp8 --set model.kv_cache=fp8 --set deployments.0.hardware=h100-sxm \
        --set deployments.0.pp=2 --set engine.kind=$engine --for $engine
done
"$HEADROOM" run --no-plots nodes.yaml --set deployments.0.pp=2 --set engine.speculative_tokens=2 2>&1 | grep error
"$HEADROOM" run --no-plots stages.yaml --set deployments.1.pp=128 2>&1 | grep error
"$HEADROOM" run --no-plots stages.yaml --set deployments.1.network=token-ring 2>&1 | grep error
"$HEADROOM" plan --no-plots nodes.yaml --set deployments.0.network=token-ring 2>&1 | grep error
