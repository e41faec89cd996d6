# SPDX-License-Identifier: GPL-3.0-or-later
# A sweep: one row per deployment, load and class; its charts; the rows as JSON.
cat >small.yaml <<'END'
name: small
model: llama-3.1-8b
workload:
  - class: chat
    share: 0.7
    arrivals: {rate: 4/s}
    prompt: {dist: lognormal, mean: 600, p95: 1800, max: 4000}
    output: {dist: lognormal, mean: 120, p95: 300, max: 800}
    slo: {ttft_p95: 2 s}
  - class: batch
    share: 0.3
    arrivals: {process: gamma, rate: 2/s, cv: 2}
    prompt: 900
    output: 50
engine: {max_model_len: 8k}
deployments:
  - {hardware: [h100-sxm, l40s], tp: 1, replicas: 2}
sweep: {loads: [2, 8]}
simulation: {requests: 300, replications: 3}
END
"$HEADROOM" sweep -q -j "$HEADROOM_JOBS" -o swept small.yaml | tail -n +3 | sed 's/  */ /g' | cut -d ' ' -f 1-4
ls swept
"$HEADROOM" sweep -q --no-plots -j "$HEADROOM_JOBS" --json -o swept small.yaml | grep -E '^ *"(schema|command|scenario|seed|class|rate_rps)"'
