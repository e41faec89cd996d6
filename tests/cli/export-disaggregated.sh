# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC1090,SC1091 # the scripts it sources are written below
# Prefill and decode apart: one script for both roles and the router, in each engine's terms, and
# manifests where the decode replica spans two nodes. The script runs as it stands.
scenario() { # engine, decode layout
    cat <<YAML
name: apart
model: {name: deepseek-v3.2, weights: fp8, kv_cache: fp8}
workload: [{class: code, arrivals: {rate: 1/s}, prompt: 4000, output: 400}]
engine: {kind: $1, max_model_len: 16k, max_num_seqs: 128, max_num_batched_tokens: 4096, chunked_prefill_size: 4096, speculative_tokens: 1}
deployments: [{hardware: h200-sxm, $2, replicas: 1, prefill_replicas: 2, prefill: {hardware: b200, tp: 8, dp: 1, ep: 8}}]
YAML
}
for engine in vllm sglang trtllm; do
    scenario $engine 'tp: 1, dp: 8, ep: 8' >$engine.yaml
    "$HEADROOM" export -q $engine.yaml --for $engine | tee $engine.sh
done
echo "--- as the shell reads it"
python3() { printf '<%s>' "$@" && echo; }
trtllm-serve() { printf '<%s>' "$@" && echo; }
export ROLE=router PREFILL_0=p0:8000 PREFILL_1=p1:8001 DECODE_0=d0:8002
for engine in vllm sglang trtllm; do
    (. ./$engine.sh)
done
cat router.yaml
(unset DECODE_0; . ./vllm.sh) 2>&1 | sed 's/.*DECODE_0: //'
(ROLE=proxy; . ./vllm.sh) 2>&1
echo "--- kubernetes"
scenario vllm 'tp: 1, dp: 16, ep: 16' >two-nodes.yaml
"$HEADROOM" export -q two-nodes.yaml --for kubernetes
for engine in sglang trtllm; do
    "$HEADROOM" export -q $engine.yaml --for kubernetes | grep -E '^(kind|  name):|prefill-1\.'
done
echo "--- what an engine cannot"
"$HEADROOM" export vllm.yaml --for vllm --set deployments.0.prefill.pp=2 2>&1
"$HEADROOM" export two-nodes.yaml --for vllm --set engine.version=0.10.2 --set engine.speculative_tokens=0 2>&1
"$HEADROOM" export trtllm.yaml --for kubernetes --set deployments.0.prefill.tp=16 --set deployments.0.prefill.ep=16 --set deployments.0.prefill.hardware=h100-sxm 2>&1
"$HEADROOM" export vllm.yaml --for vllm --set deployments.0.prefill.hardware=l4 --set deployments.0.prefill.tp=8 --set deployments.0.network=eth-100g 2>&1
