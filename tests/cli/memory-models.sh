# SPDX-License-Identifier: GPL-3.0-or-later
# The memory budget of one GPU for each kind of attention, experts, number format and layout: every
# byte, so that a changed formula shows.
cat >models.yaml <<'END'
model:
  - {name: llama-3.1-8b, weights: [bf16, fp8]}
  - {name: gemma-3-27b}
  - {name: gpt-oss-20b}
  - {name: llama-4-scout, weights: fp8}
  - {name: mixtral-8x7b}
  - {name: qwen3.5-397b-a17b, weights: fp8}
  - {name: deepseek-v3.2, weights: [fp8, nvfp4]}
  - {name: deepseek-v4-flash}
  - {name: kimi-k3}
  - {name: minimax-m3}
workload: [{arrivals: {rate: 1/s}, prompt: 512, output: 64}]
engine: {kind: [vllm, sglang, trtllm], max_model_len: 8k}
deployments:
  - {hardware: [h200-sxm, mi300x], tp: 8}
  - {hardware: [b200], tp: 1, dp: 8, ep: 8}
END
"$HEADROOM" memory models.yaml -q --no-plots -o out >/dev/null
echo "exit $?"
cat out/memory.csv
