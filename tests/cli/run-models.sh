# SPDX-License-Identifier: GPL-3.0-or-later
# A few requests on each kind of attention and experts, with tensor, expert and data parallelism:
# every digit of time and its parts, so that a changed formula shows.
cat >models.yaml <<'END'
model:
  - {name: gemma-3-27b}
  - {name: gpt-oss-20b}
  - {name: llama-4-scout, weights: fp8}
  - {name: qwen3.5-397b-a17b, weights: fp8}
  - {name: deepseek-v3.2, weights: fp8}
  - {name: deepseek-v4-flash}
  - {name: minimax-m3}
workload:
  - class: chat
    arrivals: {process: poisson, rate: 4/s}
    prompt: {dist: lognormal, mean: 1000, p95: 3000, max: 6000}
    output: {dist: lognormal, mean: 40, p95: 100, max: 200}
    prefix: {shared: 200, groups: 3}
engine: {kind: vllm, max_model_len: 8k}
deployments:
  - {hardware: [h200-sxm, b200], tp: 8, replicas: 1}
  - {hardware: [h200-sxm], tp: 1, dp: 16, ep: 16, replicas: 1}
moe: {skew: 1}
simulation: {requests: 40, replications: 1, warmup: off, seed: 1}
END
"$HEADROOM" run models.yaml -q --no-plots -j "$HEADROOM_JOBS" -o out >/dev/null
echo "exit $?"
cat out/breakdown.csv
awk -F, -v names="deployment class ttft_s_mean ttft_s_p99 tpot_s_mean e2e_s_p99 kv_used_frac_max mfu_frac mbu_frac moe_imbalance_mean power_w_mean" '
    NR == 1 { n = split(names, want, " "); for (i = 1; i <= NF; i++) { at[$i] = i } }
    { for (i = 1; i <= n; i++) { printf "%s%s", $at[want[i]], i < n ? "," : "\n" } }' out/summary.csv
