# SPDX-License-Identifier: GPL-3.0-or-later
# The same layout in each engine's own terms: experts and attention data parallelism on one node,
# and a replica over two nodes as scripts and as a LeaderWorkerSet.
scenario() { # engine, layout
    cat <<YAML
name: layouts
model: {name: deepseek-v3.2, weights: fp8, kv_cache: $3}
workload: [{class: code, arrivals: {rate: 1/s}, prompt: 4000, output: 400}]
engine: {kind: $1, max_model_len: 16k, max_num_seqs: 128, max_num_batched_tokens: 4096, chunked_prefill_size: 4096}
deployments: [{hardware: h200-sxm, $2, replicas: 2}]
YAML
}
for engine in vllm sglang trtllm; do
    scenario $engine 'tp: 1, dp: 8, ep: 8' fp8 >dp.yaml
    "$HEADROOM" export -q dp.yaml --for $engine
    scenario $engine 'tp: 1, dp: 16, ep: 16' bf16 >two-nodes.yaml
    "$HEADROOM" export -q two-nodes.yaml --for $engine
done
for engine in vllm sglang; do
    scenario $engine 'tp: 1, dp: 16, ep: 16' bf16 >two-nodes.yaml
    "$HEADROOM" export -q two-nodes.yaml --for kubernetes
done
scenario trtllm 'tp: 1, dp: 8, ep: 8' fp8 >dp.yaml
"$HEADROOM" export -q dp.yaml --for kubernetes
