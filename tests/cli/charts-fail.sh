# SPDX-License-Identifier: GPL-3.0-or-later
# Without gnuplot the tables are written, the failure is said once and the exit code is 4.
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
PATH=/nonexistent "$HEADROOM" sweep -q -o none small.yaml 2>&1 >/dev/null
echo "exit $?"
ls none
# A sweep without a stable load has nothing to draw: no failure.
"$HEADROOM" sweep -o over small.yaml --set 'sweep.loads=[2000]' 2>&1 >/dev/null | grep '^note: no'
echo "exit ${PIPESTATUS[0]}"
