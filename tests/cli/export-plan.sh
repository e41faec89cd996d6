# SPDX-License-Identifier: GPL-3.0-or-later
# A plan's folder becomes a command and manifests: layout, engine settings of the manifest, spares
# and the autoscaler of a growing plan. The script runs as it stands.
mkdir plan
cat >plan/plan.csv <<'CSV'
rank,state,side,option,model,system,hardware,tp,pp,ep,dp,weights,kv_cache,engine,tokens_per_step,node,replicas,spares,peak_rps,fleet_ttft_s_mean,fleet_tpot_s_mean
1,ranked,managed,some api,llama-4-scout,,,,,,,,,,,,,,,,
2,ranked,self-hosted,scout on vllm,llama-4-scout,s1,h100-sxm,4,1,4,1,fp8,fp8,vllm,2048,dgx-h100,2,1,32,0.2,0.02
3,ranked,self-hosted,scout on sglang,llama-4-scout,s2,h100-sxm,4,1,1,1,fp8,bf16,sglang,4096,dgx-h100,3,0,32,0.2,0.02
CSV
cat >plan/forecast.csv <<'CSV'
model,month,self_option,replicas,spares
llama-4-scout,0,scout on vllm,2,1
llama-4-scout,1,scout on vllm,4,1
CSV
cat >plan/decision.csv <<'CSV'
section,model,item,value,unit,text
decision,,chosen,1,USD/month,some api
CSV
cat >plan/manifest.json <<'JSON'
{"scenario": {"values": {
  "workload.0.share": {"value": "1"}, "workload.0.output.mean": {"value": "201"},
  "engine.kind": {"value": "[vllm, sglang]"}, "engine.max_model_len": {"value": "32k"},
  "engine.gpu_mem_util": {"value": "90%"}, "engine.max_num_seqs": {"value": "256"},
  "engine.prefix_cache": {"value": "off"}}}}
JSON
"$HEADROOM" export plan --for vllm 2>/dev/null
echo "--- as the shell reads it"
vllm() { printf '<%s>' "$@" && echo; }
export PORT=8001 # read by what is evaluated next
eval "$("$HEADROOM" export -q plan --for vllm)"
echo "--- sglang"
"$HEADROOM" export -q plan --for sglang
echo "--- kubernetes"
"$HEADROOM" export -q plan --for kubernetes -o k8s.yaml && cat k8s.yaml
echo "--- by name"
"$HEADROOM" export -q plan --for kubernetes --option 'scout on sglang' | grep -E 'image|tp-size|replicas'
