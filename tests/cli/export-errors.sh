# SPDX-License-Identifier: GPL-3.0-or-later
# What cannot be exported is said, with the exit code that fits; no file is left behind.
try() {
    echo "\$ headroom export $*"
    "$HEADROOM" export "$@" 2>&1
    echo "exit $?"
}
scenario() { # model, engine, deployment
    printf 'name: errors\nmodel: {%s}\n' "$1"
    printf 'workload: [{class: chat, arrivals: {rate: 1/s}, prompt: 500, output: 100}]\n'
    printf 'engine: {%s, max_model_len: 8k}\ndeployments: [{%s}]\n' "$2" "$3"
}
scenario 'name: llama-3.1-8b' 'kind: vllm' 'hardware: [h100-sxm, b200], tp: 1' >two.yaml
try two.yaml
try two.yaml --for vlm
try two.yaml --for vllm
try two.yaml --for vllm --option nothing
scenario 'name: qwen3-30b-a3b' 'kind: vllm' 'hardware: h100-sxm, tp: 4, ep: 2' >ep.yaml
try ep.yaml --for vllm -o ep.sh
ls ep.sh 2>/dev/null
scenario 'name: llama-3.1-8b' 'kind: static' 'hardware: h100-sxm, tp: 1' >static.yaml
try static.yaml --for kubernetes
scenario 'name: llama-3.1-8b' 'kind: vllm' 'hardware: mi300x, tp: 1' >amd.yaml
try amd.yaml --for kubernetes
scenario 'name: deepseek-v3.2' 'kind: trtllm' 'hardware: h100-sxm, tp: 1, dp: 16, ep: 16' >mpi.yaml
try mpi.yaml --for kubernetes
scenario 'name: mixtral-8x22b, weights: nvfp4' 'kind: vllm' 'hardware: b200, tp: 4' >nvfp4.yaml
try nvfp4.yaml --for vllm
scenario 'name: deepseek-v3.2' 'kind: vllm, version: 0.10.2' 'hardware: h100-sxm, tp: 1, dp: 16, ep: 16' >old.yaml
try old.yaml --for vllm
scenario 'name: llama-3.1-8b' 'kind: vllm' 'hardware: h100-sxm, tp: 1, kv_host: 64 GiB' >tier.yaml
try tier.yaml --for vllm | grep -E 'exit|tiers'
mkdir plan
try plan --for vllm
echo 'rank,side,option,model,hardware,tp,pp,ep,dp,weights,kv_cache,engine,replicas,spares,node' >plan/plan.csv
try plan --for vllm
try plan --for vllm --set engine.kind=sglang
scenario 'name: llama-3.1-70b' 'kind: vllm, speculative_tokens: 2' 'hardware: h200-sxm, tp: 8' >draft.yaml
try draft.yaml --for vllm
try draft.yaml --for vllm --set engine.draft_model=llama-3.1-8b
try draft.yaml --for vllm --set engine.draft_model=llama-3.1-9b
try draft.yaml --for vllm --set engine.draft_model=qwen3-8b
