# SPDX-License-Identifier: GPL-3.0-or-later
# A deployment's own results become a correction, a scenario uses it, and says where it does not fit.
mkdir results
for point in 4:24:95:7.52 16:96:268:8.61 64:384:540:15.4; do
    IFS=: read -r clients n ttft tpot <<<"$point"
    cat >"results/c$clients.json" <<JSON
{"date": "20260901-101502", "backend": "openai", "model_id": "meta-llama/Llama-3.1-8B-Instruct",
 "num_prompts": $n, "request_rate": "inf", "burstiness": 1.0, "max_concurrency": $clients,
 "duration": 30.5, "completed": $n, "failed": 0, "total_input_tokens": $((n * 1000)),
 "total_output_tokens": $((n * 200)), "request_goodput": null, "mean_ttft_ms": $ttft,
 "mean_tpot_ms": $tpot, "engine_version": "0.11.0", "weight_dtype": "bf16", "kv_dtype": "bf16"}
JSON
done
cat >chat.yaml <<'YAML'
schema: 1
model: llama-3.1-8b
workload:
  - arrivals: {process: closed, concurrency: 16}
    prompt: 1000
    output: 200
engine: {version: 0.11.0, calibration: own.yaml}
deployments: [{hardware: h100-sxm, tp: [1, 2]}]
simulation: {requests: 200, replications: 1}
YAML
try() {
    echo "\$ headroom $*"
    "$HEADROOM" "$@" 2>&1
    echo "exit $?"
}
# What is fitted follows the constants of the day: its digits are left out.
try calibrate results -o own.yaml -j "$HEADROOM_JOBS" --quiet --set hardware=h100-sxm --set tp=1 |
    sed -e 's/ -j [12]//' -e 's/\(  3 \).*/\1/' -e 's/  *scale.*//' -e 's/-----  .*/-----/'
grep -v '^#' own.yaml | sed 's/\(step_scale\|step_offset\|ttft_offset\|error_[a-z]*\): .*/\1: N/'
"$HEADROOM" run chat.yaml --no-plots -o out 2>&1 >/dev/null | grep corrected | sed 's/x [0-9.]* .* ms, from/x S + A, from/'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "evidence") e = i } { print $1, $e }' out/summary.csv |
    sort -u
try calibrate results -o own.yaml
try calibrate results
try calibrate results -o own.yaml --set hardware=h100-sxm --set tq=1
try calibrate results/c4.json -o own.yaml --quiet --set hardware=h100-sxm --set tp=1
try calibrate nowhere.csv -o own.yaml
mkdir empty
try calibrate empty -o own.yaml
cat >kernels.csv <<'CSV'
system,framework,version,kernel_source,gemm_dtype,m,n,k,latency
h100_sxm,VLLM,0.24.0,x,bfloat16,1,4096,4096,0.02
CSV
try calibrate results kernels.csv -o own.yaml
try calibrate kernels.csv -o fitted
cat >micro.csv <<'CSV'
kind,m,n,k,bytes,n_gpus,latency_us,dtype
gemm,8192,8192,8192,,,2000,bf16
gemm,1,16384,16384,,,160,bf16
all_reduce,,,,8192,8,40,
all_reduce,,,,268435456,8,2500,
CSV
try calibrate micro.csv -o mi300x
"$HEADROOM" calibrate micro.csv --gpu mi300x -o mi300x 2>&1 >/dev/null | sed 's/[0-9][0-9]* \(constants\|of\|points\)/N \1/g'
find mi300x -type f | sort
